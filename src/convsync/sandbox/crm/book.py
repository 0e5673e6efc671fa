"""What a CRM knows, whatever vendor: deals, the people behind them, and what happened to both.

Vendors' servers read this book and say it in their own words, with their paging, caps and quirks.
Records are replaced, never changed in place. Every edit takes the instant it happens at, and bumps
the record's modified stamp unless it is one that CRMs are known not to bump it for.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from threading import RLock
from typing import Any, Final

CONTACT: Final = "contact"
LEAD: Final = "lead"
PIPELINE: Final = "Sales Pipeline"


class Outcome(StrEnum):
    """What a stage means for a deal."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Telling(StrEnum):
    """How much of what deals went through their histories tell; records always tell the present."""

    ALL = "all"
    LAGS = "lags"
    """All but the last change, which the history does not know yet."""
    PURGED = "purged"
    """Only the last change: what came before was cleaned up."""
    NOTHING = "nothing"
    """Histories were never written, or are switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a pipeline. `key` is the book's word for it; vendors' IDs are made of it."""

    key: str
    name: str
    position: int
    outcome: Outcome = Outcome.OPEN
    pipeline: str = PIPELINE


STAGES: Final = (
    Stage(key="mql", name="MQL", position=1),
    Stage(key="sql", name="SQL", position=2),
    Stage(key="opportunity", name="Opportunity", position=3),
    Stage(key="won", name="Closed Won", position=4, outcome=Outcome.WON),
    Stage(key="lost", name="Closed Lost", position=5, outcome=Outcome.LOST),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierValue:
    """A value and when it was written."""

    value: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact or lead. `fields` are by the book's own names: email, phone, gclid, consent, …

    `earlier` holds values that fields had before, oldest first, for CRMs that keep them.
    """

    person_id: str
    kind: str = CONTACT
    created_at: datetime
    modified_at: datetime
    fields: Mapping[str, str] = field(default_factory=dict)
    earlier: Mapping[str, tuple[EarlierValue, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal. `fields` are by the book's own names: region, vertical, gclid, …

    `entered` are the stages it came into, by key, oldest first; the last is its stage.
    """

    deal_id: str
    name: str = ""
    created_at: datetime
    modified_at: datetime
    entered: tuple[tuple[str, datetime], ...]
    amount: Decimal | None = None
    currency: str | None = None
    owner: str = ""
    lost_reason: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    people: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    """The deals that were merged into this one."""

    @property
    def stage(self) -> str:
        """The key of the stage it is in."""
        return self.entered[-1][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A deal that is no longer there, as it was; `survivor` is the deal it was merged into."""

    deal: Deal
    at: datetime
    survivor: str | None = None


class CrmBook:
    """All records of one CRM. Safe across threads. IDs sort as numbers where they are digits."""

    def __init__(self, stages: Sequence[Stage] = STAGES) -> None:
        self.stages = tuple(stages)
        self.telling = Telling.ALL
        self.departures: dict[str, Departure] = {}
        self.hidden: dict[str, Deal] = {}
        self._deals: dict[str, Deal] = {}
        self._people: dict[str, Person] = {}
        self._deals_of: dict[str, tuple[str, ...]] = {}
        self._modified: list[tuple[datetime, str]] = []
        self._people_modified: list[tuple[datetime, str]] = []
        self._version = 0
        self._windows: dict[tuple[Any, ...], list[str]] = {}
        self.lock = RLock()

    # Reading

    def deal(self, deal_id: str) -> Deal | None:
        """Return a deal that is there."""
        return self._deals.get(deal_id)

    def deals(self, deal_ids: Iterable[str]) -> list[Deal]:
        """Return those of the deals that are there, in the order asked."""
        return [deal for deal_id in deal_ids if (deal := self._deals.get(deal_id))]

    def person(self, person_id: str) -> Person | None:
        """Return a contact or lead."""
        return self._people.get(person_id)

    def people_of(self, deal: Deal, kind: str | None = None) -> list[Person]:
        """Return the people behind a deal, in order, all or of one kind."""
        people = (self._people[person_id] for person_id in deal.people if person_id in self._people)
        return [person for person in people if kind in (None, person.kind)]

    def deals_of(self, person_id: str) -> tuple[str, ...]:
        """Return the deals a person is behind."""
        return tuple(one for one in self._deals_of.get(person_id, ()) if one in self._deals)

    def told(self, deal: Deal) -> tuple[tuple[str, datetime], ...]:
        """Return the stages that a deal's history tells of."""
        match self.telling:
            case Telling.ALL:
                return deal.entered
            case Telling.LAGS:
                return deal.entered[:-1]
            case Telling.PURGED:
                return deal.entered[-1:]
            case Telling.NOTHING:
                return ()

    def stage(self, key: str) -> Stage:
        """Return a stage by the book's word for it."""
        return next(stage for stage in self.stages if stage.key == key)

    def stage_number(self, key: str) -> int:
        """Return a stage's number: its position, and beyond all of those in later pipelines."""
        stage = self.stage(key)
        pipelines = list(dict.fromkeys(one.pipeline for one in self.stages))
        return stage.position + _STAGES_A_PIPELINE * pipelines.index(stage.pipeline)

    def modified(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Deal]:
        """Return deals modified in `[since, until)`, by ID, those after an ID, at most `limit`."""
        ids = self._window("deals", self._modified, since, until)
        return [self._deals[one] for one in _page(ids, after, limit)]

    def people_modified(
        self,
        kind: str,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Person]:
        """Return people of a kind modified in `[since, until)`, by ID, as `modified` does."""
        ids = self._window(kind, self._people_modified, since, until)
        return [self._people[one] for one in _page(ids, after, limit)]

    def departed(self, since: datetime, until: datetime) -> list[Departure]:
        """Return the deals that left in `[since, until)`, by when."""
        gone = (one for one in self.departures.values() if since <= one.at < until)
        return sorted(gone, key=lambda one: (one.at, id_key(one.deal.deal_id)))

    # Writing

    def put(self, deal: Deal) -> Deal:
        """Add a deal, or replace the one of that ID."""
        with self.lock:
            self._forget(deal.deal_id)
            self._deals[deal.deal_id] = deal
            insort(self._modified, (deal.modified_at, deal.deal_id))
            for person_id in deal.people:
                known = self._deals_of.get(person_id, ())
                if deal.deal_id not in known:
                    self._deals_of[person_id] = (*known, deal.deal_id)
            self.departures.pop(deal.deal_id, None)
            self._version += 1
        return deal

    def put_person(self, person: Person) -> Person:
        """Add a person, or replace the one of that ID."""
        with self.lock:
            if before := self._people.get(person.person_id):
                _discard(self._people_modified, (before.modified_at, before.person_id))
            self._people[person.person_id] = person
            insort(self._people_modified, (person.modified_at, person.person_id))
            self._version += 1
        return person

    def edit(self, deal_id: str, at: datetime, **changes: Any) -> Deal:
        """Change a deal; `fields` are added to those it has."""
        with self.lock:
            deal = self._deals[deal_id]
            if fields := changes.pop("fields", None):
                changes["fields"] = {**deal.fields, **fields}
            return self.put(replace(deal, modified_at=at, **changes))

    def move(self, deal_id: str, stage: str, at: datetime) -> Deal:
        """Bring a deal into a stage."""
        return self.edit(deal_id, at, entered=(*self._deals[deal_id].entered, (stage, at)))

    def edit_person(self, person_id: str, at: datetime, **fields: str) -> Person:
        """Change fields of a person; what they held before is remembered. Deals stay untouched."""
        with self.lock:
            person = self._people[person_id]
            earlier = dict(person.earlier)
            for name in fields.keys() & person.fields.keys():
                was = EarlierValue(value=person.fields[name], at=person.modified_at)
                earlier[name] = (*earlier.get(name, ()), was)
            return self.put_person(
                replace(person, modified_at=at, fields={**person.fields, **fields}, earlier=earlier)
            )

    def associate(self, deal_id: str, person_id: str) -> None:
        """Put a person behind a deal, without touching the deal's modified stamp."""
        deal = self._deals[deal_id]
        self.put(replace(deal, people=(*deal.people, person_id)))

    def delete(self, deal_id: str, at: datetime) -> Deal:
        """Take a deal away; return it as it was."""
        with self.lock:
            deal = self._deals[deal_id]
            self._forget(deal_id)
            self.departures[deal_id] = Departure(deal=deal, at=at)
            self._version += 1
        return deal

    def restore(self, deal_id: str, at: datetime) -> Deal:
        """Bring a deleted deal back."""
        return self.put(replace(self.departures[deal_id].deal, modified_at=at))

    def hide(self, deal_id: str) -> Deal:
        """Take away the right to see a deal: it is not gone, and leaves no trace of having been."""
        with self.lock:
            deal = self.hidden[deal_id] = self._deals[deal_id]
            self._forget(deal_id)
            self._version += 1
        return deal

    def show(self, deal_id: str) -> Deal:
        """Give the right back: nobody has touched the deal meanwhile."""
        return self.put(self.hidden.pop(deal_id))

    def merge(self, loser: str, survivor: str, at: datetime, *, new_id: str | None = None) -> Deal:
        """Merge a deal into another; with `new_id` both go, and a new deal stands for them."""
        with self.lock:
            into, lost = self._deals[survivor], self._deals[loser]
            kept_id = new_id or survivor
            gone = {loser, survivor} - {kept_id}
            for one in gone:
                self.delete(one, at)
            both = sorted((*into.entered, *lost.entered), key=lambda stage: stage[1])
            now_in = into.entered[-1]
            merged = self.put(
                replace(
                    into,
                    deal_id=kept_id,
                    modified_at=at,
                    created_at=min(into.created_at, lost.created_at),
                    entered=(*(one for one in both if one != now_in), now_in),
                    people=tuple(dict.fromkeys((*into.people, *lost.people))),
                    merged=(*into.merged, *lost.merged, *sorted(gone, key=id_key)),
                )
            )
            for one in gone:
                self.departures[one] = replace(self.departures[one], survivor=kept_id)
        return merged

    def _forget(self, deal_id: str) -> None:
        if before := self._deals.pop(deal_id, None):
            _discard(self._modified, (before.modified_at, deal_id))

    def _window(
        self,
        what: str,
        stamps: list[tuple[datetime, str]],
        since: datetime | None,
        until: datetime | None,
    ) -> list[str]:
        """Return the IDs stamped in a window, sorted; kept until the next write."""
        key = (self._version, what, since, until)
        if key not in self._windows:
            first = bisect_left(stamps, (since or _FIRST, ""))
            last = bisect_left(stamps, (until, "")) if until else len(stamps)
            ids = (one for _, one in stamps[first:last])
            if what != "deals":
                ids = (one for one in ids if self._people[one].kind == what)
            if len(self._windows) > _WINDOWS:
                self._windows.clear()
            self._windows[key] = sorted(ids, key=id_key)
        return self._windows[key]


_FIRST = datetime.min.replace(tzinfo=UTC)
_WINDOWS = 64
_STAGES_A_PIPELINE: Final = 100


def id_key(record_id: str) -> tuple[int, int, str]:
    """Return what IDs sort by: digits as numbers, anything else as text, case and all."""
    return (0, int(record_id), "") if record_id.isdigit() else (1, 0, record_id)


def _page(ids: list[str], after: str | None, limit: int | None) -> list[str]:
    first = 0 if after is None else bisect_right(ids, id_key(after), key=id_key)
    return ids[first:] if limit is None else ids[first : first + limit]


def _discard(stamps: list[tuple[datetime, str]], stamp: tuple[datetime, str]) -> None:
    at = bisect_left(stamps, stamp)
    if stamps[at : at + 1] == [stamp]:
        del stamps[at]
