"""Deals from Pipedrive's API, version 2 (the changelog is still version 1).

What shapes it: won and lost are statuses and not stages, so they are stages of our own here; the
time a deal was won can be edited, so its truth is the changelog, which has no batch form: a call
for each deal whose own stamps do not tell all that counts, several at a time. Archived deals are
deals like any other, in a list of their own. Custom fields have keys of 40 hex digits that differ
in every account, so they are named by what people call them, or by the key.
https://developers.pipedrive.com/docs/api/v1/Deals
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from convsync.extract.cell_error import CellError
from convsync.extract.crm_adapter import (
    FAR_AHEAD,
    LONG_AGO,
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    batches,
    ever_since,
    instant,
    is_first_read,
)
from convsync.extract.funnel import (
    ANY_PIPELINE,
    Entered,
    MilestoneStages,
    Stage,
    stages_named,
)
from convsync.extract.malformed import OwnCalls, built, left, one_by_one
from convsync.extract.mapping import CONTACT, DEAL, CrmMapping
from convsync.extract.pipedrive_api import A_PAGE, Api, PipedriveRecord
from convsync.extract.pipedrive_fields import PipedriveFields
from convsync.extract.pipedrive_history import CLOSED, PipedriveChange, by_changes, now_in_of
from convsync.extract.source import Departed
from convsync.model.deal import Gone
from convsync.model.period import Period

_LISTS: Final = ("api/v2/deals", "api/v2/deals/archived")
_PERSONS: Final = "api/v2/persons"
_CHANGED, _AMONG_ALL, _OF_EACH = "changed", "among all", "of each"
"""What a bookmark begins with: deals of the window; deals of changed persons, found either way."""
_ALIVE: Final = "open,won,lost"
_STATUSES: Final = frozenset({"open", "won", "lost", "deleted"})
_IDS, _SAMPLE = 100, 100


class Pipedrive:
    """One Pipedrive company. Promises what Crm does."""

    lag = timedelta(0)
    overlap = timedelta(minutes=10)
    names_survivors = False
    has_history = True
    empties_stages = True
    links_unseen = False
    lists_deleted_for: timedelta | None = timedelta(days=30)

    def __init__(self, api: Api, mapping: CrmMapping) -> None:
        self._api = api
        self._names = mapping.names
        self._named_stages = [
            stage
            for how in mapping.milestones.values()
            if isinstance(how, MilestoneStages)
            for stage in how.stages
        ]
        self._stages: Mapping[str, Stage] = {}
        self._first_counting: Mapping[str, int] = {}
        self._knows_all = True

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every pipeline, and the statuses won and lost as two more.

        https://developers.pipedrive.com/docs/api/v1/Stages#getStages
        """
        pipelines = {one["id"]: one["name"] for one in self._api.all("api/v2/pipelines")}
        own = [
            Stage(
                stage_id=str(one["id"]),
                name=one["name"],
                pipeline=pipelines.get(one["pipeline_id"], ""),
                position=int(one["order_nr"]),
            )
            for one in self._api.all("api/v2/stages")
        ]
        stages = [*own, *CLOSED]
        self._stages = {stage.stage_id: stage for stage in stages}
        self._first_counting = _first_positions(self._named_stages, stages)
        self._knows_all = all(stages_named(word, stages) for word in self._named_stages)
        return stages

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of deals and persons, custom ones by name and by key.

        A name that two custom fields share is left out: only their keys tell them apart.
        https://developers.pipedrive.com/docs/api/v1/DealFields
        """
        return [field for kind in (DEAL, CONTACT) for field in self._api.fields_of(kind).listed]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold. There are no leads here."""
        if kind not in (DEAL, CONTACT):
            return []
        known = self._api.fields_of(kind)
        newest = {"sort_by": "add_time", "sort_direction": "desc", "limit": _SAMPLE}
        path = _LISTS[0] if kind == DEAL else _PERSONS
        return [known.values(record, names) for record in self._api.page(path, newest)[0]]

    def field_writer(self) -> PipedriveFields:
        """Return what writes into custom fields of deals."""
        return PipedriveFields(self._api)

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals updated in the window, archived ones too, then those whose persons were.

        https://developers.pipedrive.com/docs/api/v1/Deals#getDeals
        """
        step, _, place = (after or _CHANGED).partition(":")
        if step == _CHANGED:
            for records, following in self._deals(_between(window), place):
                yield self._complete(records, f"{_CHANGED}:{following}")
        if not is_first_read(window):
            yield from self._of_changed_persons(window, step, place)

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal updated since the period began: none can have moved in it otherwise."""
        since_then = ever_since(period)
        for records, _ in self._deals(_between(since_then)):
            yield self._complete(records)

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield deals by their IDs, a hundred a call; archived ones, too.

        https://developers.pipedrive.com/docs/api/v1/Deals#getDeals
        """
        for ids in batches(deal_ids, _IDS):
            for records, _ in self._deals({"ids": ",".join(ids), "status": _ALIVE}):
                yield self._complete(records)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield deals deleted in the window; the loser of a merge is one, and names no winner.

        Pipedrive lists them for 30 days. That deleting moves `update_time`, and that archived ones
        stay in the list of archived deals, is unconfirmed.
        """
        for records, _ in self._deals({**_between(window), "status": "deleted"}):
            yield from left(records, _deleted)

    # Which deals

    def _of_changed_persons(self, window: Period, step: str, place: str) -> Iterator[Page]:
        """Yield the deals of persons who changed, but those updated since the window began.

        These were read, or will be. No call takes several persons: few are asked about one by one,
        for many it takes fewer calls to pass over all deals.
        """
        changed = self._listed(_PERSONS, _between(window, status=None))
        persons = sorted(one["id"] for records, _ in changed for one in records)
        if not persons:
            return
        earlier = {"updated_until": _stamp(window.since), "status": _ALIVE}
        if len(persons) > self._most_pages():
            yield from self._among_all(persons, earlier, place if step == _AMONG_ALL else "")
        else:
            yield from self._of_each(persons, earlier, int(place) if step == _OF_EACH else 0)

    def _most_pages(self) -> int:
        """Return how many pages of deals there are at the most: their IDs count up."""
        newest = {"sort_by": "id", "sort_direction": "desc", "limit": 1}
        records, _ = self._api.page(_LISTS[0], newest)
        return records[0]["id"] // A_PAGE if records else 0

    def _among_all(
        self, persons: Sequence[int], query: Mapping[str, Any], place: str
    ) -> Iterator[Page]:
        wanted = {*persons}
        for records, following in self._deals(query, place):
            theirs = [one for one in records if one.get("person_id") in wanted]
            yield self._complete(theirs, f"{_AMONG_ALL}:{following}")

    def _of_each(
        self, persons: Sequence[int], query: Mapping[str, Any], done: int
    ) -> Iterator[Page]:
        """Yield each person's deals; that they include those only taken part in is unconfirmed."""
        for person in (one for one in persons if one > done):
            for records, _ in self._deals({**query, "person_id": person}):
                yield self._complete(records)
            yield Page(deals=(), place=f"{_OF_EACH}:{person}")

    def _deals(
        self, query: Mapping[str, Any], place: str = ""
    ) -> Iterator[tuple[list[PipedriveRecord], str]]:
        """Yield both lists of deals page by page, with the place after each, from a place on.

        https://developers.pipedrive.com/docs/api/v1/Deals#getArchivedDeals
        """
        first, _, cursor = place.partition(":")
        for number, path in enumerate(_LISTS):
            if number < int(first or 0):
                continue
            for records, following in self._listed(path, query, cursor):
                if records:
                    yield records, f"{number}:{following}" if following else f"{number + 1}:"
            cursor = ""

    def _listed(
        self, path: str, query: Mapping[str, Any], cursor: str = ""
    ) -> Iterator[tuple[list[PipedriveRecord], str]]:
        """Yield pages by ID, each record with the fields that are mapped."""
        kind = CONTACT if path == _PERSONS else DEAL
        whole = {**query, "sort_by": "id", "sort_direction": "asc"}
        whole |= self._api.fields_of(kind).query(self._names[kind])
        if kind == DEAL:
            whole["include_fields"] = "first_won_time,participants_count"
        return self._api.pages(path, whole, cursor)

    # What they are

    def _complete(self, records: Sequence[PipedriveRecord], place: str | None = None) -> Page:
        own = OwnCalls()
        return replace(one_by_one(records, _id_of, partial(self._page, own)), place=place)

    def _page(self, own: OwnCalls, records: Sequence[PipedriveRecord]) -> Page:
        """Return deals with their people and the stages they went through."""
        alone = {one["person_id"] for one in records if one.get("person_id") and not _several(one)}
        people = {person.record_id: person for person in self._persons(sorted(alone))}
        building = [partial(built, _id_of(one), self._deal, one, people, own) for one in records]
        return Page(deals=self._api.together(building))

    def _persons(self, ids: Sequence[int]) -> Iterator[Person]:
        """Return persons, a hundred a call.

        https://developers.pipedrive.com/docs/api/v1/Persons#getPersons
        """
        known = self._api.fields_of(CONTACT).query(self._names[CONTACT])
        asked = [
            {"ids": ",".join(map(str, batch)), "limit": _IDS, **known}
            for batch in batches(ids, _IDS)
        ]
        pages = self._api.together([partial(self._api.page, _PERSONS, query) for query in asked])
        return (self._person(record) for records, _ in pages for record in records)

    def _participants(self, deal_id: int) -> list[Person]:
        """Return everybody behind a deal that has several: the API has no batch for it.

        That `deal_id` finds participants besides the primary person is unconfirmed.
        """
        known = self._api.fields_of(CONTACT).query(self._names[CONTACT])
        query = {"deal_id": deal_id, **known}
        return [self._person(record) for record in self._api.page(_PERSONS, query)[0]]

    def _person(self, record: PipedriveRecord) -> Person:
        return Person(
            kind=CONTACT,
            record_id=str(record["id"]),
            created_at=instant(record.get("add_time")),
            fields=self._api.fields_of(CONTACT).values(record, self._names[CONTACT]),
        )

    def _deal(
        self, record: PipedriveRecord, people: Mapping[str, Person], own: OwnCalls
    ) -> CrmDeal:
        if record["status"] not in _STATUSES:
            raise CellError("has a status that is none of Pipedrive's: look at it there")
        stage = self._stages.get(str(record["stage_id"]))
        if _several(record):
            behind = own.made(partial(self._participants, record["id"]))
        else:
            person = people.get(str(record.get("person_id")))
            behind = [person] if person else []
        value = record.get("value")
        return CrmDeal(
            deal_id=str(record["id"]),
            created_at=instant(record["add_time"]),
            modified_at=instant(record.get("update_time")),
            entered=self._entered(record, own),
            standing=now_in_of(record),
            amount=value,
            currency=record.get("currency"),
            attributes={
                "owner": str(record.get("owner_id") or ""),
                "pipeline": stage.pipeline if stage else str(record.get("pipeline_id") or ""),
                "stage": stage.name if stage else str(record["stage_id"]),
            },
            fields=self._api.fields_of(DEAL).values(record, self._names[DEAL]),
            people=behind,
        )

    def _entered(self, record: PipedriveRecord, own: OwnCalls) -> list[Entered]:
        """Return the stages a deal came into: by its own stamps, or else by the changelog."""
        added_at = instant(record["add_time"])
        if added_at is None:
            return []
        if entered := self._by_stamps(record, added_at):
            return entered
        changes = own.made(lambda: [*self._changes(record["id"])])
        return [*by_changes(record, added_at, changes)]

    def _by_stamps(self, record: PipedriveRecord, added_at: datetime) -> list[Entered]:
        """Return what a deal's own stamps tell of its stages; nothing where that is too little.

        It is enough for a deal that never left its first stage, and for one in a stage before all
        those that count, in the only pipeline that has some: whatever it had reached before no
        longer stands. A win is taken from them where its first and its last time agree: winning
        again, or editing the time, ends that (unconfirmed: that `first_won_time` is not edited
        along).
        """
        has_moved = instant(record.get("stage_change_time")) not in (None, added_at)
        if has_moved and self._counts(str(record["stage_id"])):
            return []
        entered = [Entered(str(record["stage_id"]), added_at)]
        if record["status"] == "open":
            return entered
        won_at, first_won_at = (instant(record.get(n)) for n in ("won_time", "first_won_time"))
        closed_at = won_at if record["status"] == "won" else instant(record.get("lost_time"))
        if closed_at is None or first_won_at != won_at:
            return []
        return [*entered, Entered(f"status:{record['status']}", closed_at)]

    def _counts(self, stage_id: str) -> bool:
        """True where a deal in a stage may have reached what being there does not undo.

        That is in this stage, in one before it, or in another pipeline: as one in a hand-over has.
        """
        stage = self._stages.get(stage_id)
        if stage is None or not self._knows_all:
            return True
        return any(
            pipeline != stage.pipeline or first <= stage.position
            for pipeline, first in self._first_counting.items()
        )

    def _changes(self, deal_id: int) -> Iterator[PipedriveChange]:
        """Yield how a deal's stage and status changed, the newest first.

        Either value may be null: a change to nothing is none.
        https://developers.pipedrive.com/docs/api/v1/Deals#getDealChangelog
        """
        for records, _ in self._api.pages(f"api/v1/deals/{deal_id}/changelog", {}):
            for one in records:
                at, old, new = instant(one["time"]), one["old_value"], one["new_value"]
                if at and new is not None and one["field_key"] in ("stage_id", "status"):
                    was = "" if old is None else str(old)
                    yield PipedriveChange(at, one["field_key"], was, str(new))


def _between(window: Period, status: str | None = _ALIVE) -> dict[str, str]:
    """Return a window in whole seconds: fractions are refused. The overlap covers what they cut."""
    query = {"updated_until": _stamp(window.until)} if window.until < FAR_AHEAD else {}
    if window.since >= LONG_AGO:
        query["updated_since"] = _stamp(window.since)
    return query if status is None else {**query, "status": status}


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _first_positions(words: Sequence[str], stages: Sequence[Stage]) -> dict[str, int]:
    """Return where in each pipeline the first of these stages stands; statuses are in none."""
    named = [stage for word in words for stage in stages_named(word, stages)]
    return {
        stage.pipeline: stage.position
        for stage in sorted(named, key=lambda stage: stage.position, reverse=True)
        if stage.pipeline != ANY_PIPELINE
    }


def _id_of(record: PipedriveRecord) -> str:
    return str(int(record["id"]))


def _deleted(record: PipedriveRecord) -> Iterator[Departed]:
    at = instant(record.get("update_time"))
    yield Departed(deal_id=_id_of(record), gone=Gone.DELETED, at=at)


def _several(record: PipedriveRecord) -> bool:
    return int(record.get("participants_count") or 0) > 1
