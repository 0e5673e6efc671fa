"""Whether the audit log and the ledger tell the same story: every event replayed, every row read.

Deals are taken a range at a time, in as much memory however long the log is. What one event says
of many entries, a reservation or a rule's new name, is kept for the whole comparison: there are few
of these, and an entry finds those that name it in three arrays of whole numbers.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import convert
from msgspec.json import Decoder

from convsync.model.chain import LoggedEvent
from convsync.model.each import EACH, InColumns, deals_in, in_columns, told_apart
from convsync.model.event import EventKind
from convsync.model.ledger import record_of
from convsync.model.record import FIELDS, Scalar, numbers_in
from convsync.model.replay import Record, Recorded, Together, after, together
from convsync.model.seal import close, closed
from convsync.store import audit_log, deals, ledger, row_columns, row_record, runs
from convsync.store.audit_log import OfDeal
from convsync.store.database import Connection

RANGE = 2_000
"""How many deals are looked at together."""

PLANNING = frozenset(
    {
        EventKind.PLANNED,
        EventKind.RESTATED,
        EventKind.RETRACTED,
        EventKind.HELD,
        EventKind.NOT_SENT,
        EventKind.KEPT,
        EventKind.UNCORRECTABLE,
        EventKind.WITHHELD,
        EventKind.RETRIED,
        EventKind.MERGED_IN,
    }
)
"""What makes an entry the plan of the run in which it happened."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the tables say and the log does not, or the other way round.

    `about` is an order ID, or a run. `found` is what stands in the table, `logged` what the log
    says; None for nothing.
    """

    about: str
    field: str
    found: Scalar
    logged: Scalar

    def __str__(self) -> str:
        found, logged = (
            "nothing" if value is None else repr(value) for value in (self.found, self.logged)
        )
        return f"{self.about}: {self.field} is {found}, and the audit log says {logged}"


LoggedChange = tuple[int, str, Mapping[str, Any]]
"""An event's number, its kind, and what it says."""


@dataclass(slots=True)
class Common:
    """Events that are about no one deal, gathered from the log as it is read."""

    runs: dict[int, dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    sources_moved: list[tuple[str, str]] = field(default_factory=list)
    planned: dict[int, list[int]] = field(default_factory=dict)
    """The events that tell of each of their deals, by the ranges in which these are."""
    _of_many: list[LoggedChange] = field(default_factory=list)
    _of_all: list[LoggedChange] = field(default_factory=list)
    _latest: "array[int]" = field(default_factory=lambda: array("q"))
    _earlier: "array[int]" = field(default_factory=lambda: array("q"))
    _event: "array[int]" = field(default_factory=lambda: array("q"))
    _effects: dict[tuple[int, ...], Together | None] = field(default_factory=dict)

    def add(self, logged: LoggedEvent) -> None:
        """Take an event in, if it is one of these."""
        if logged.order_id is not None or logged.deal_id is not None:
            return
        detail = _DECODED(logged.detail)
        if logged.event in {EventKind.RUN_STARTED, EventKind.RUN_FINISHED}:
            of_run = self.runs.setdefault(logged.run_id, {})
            of_run[logged.event] = {**detail, "audit_number": logged.number}
        elif logged.event == EventKind.RULE_MOVED:
            self._of_all.append((logged.number, logged.event, detail))
        elif logged.event == EventKind.SOURCE_MOVED:
            moved = (detail["from"], detail["to"])
            earlier = [(first, moved[1]) for first, then in self.sources_moved if then == moved[0]]
            self.sources_moved += [*earlier, moved]
        elif EACH in detail:
            first, last = deals_in(detail)
            for place in range(_place_of(first), _place_of(last) + 1):
                self.planned.setdefault(place, []).append(logged.number)
        elif "entries" in detail:
            self._name_entries(logged, detail)

    def of_entry(self, number: int) -> Sequence[LoggedChange]:
        """Return what events about many entries say of this one, in no order."""
        at = self._latest[number] if 0 <= number < len(self._latest) else -1
        if at < 0:
            return self._of_all
        found = [*self._of_all]
        while at >= 0:
            found.append(self._of_many[self._event[at]])
            at = self._earlier[at]
        return found

    def together_after(self, number: int, entry: int | None) -> Together | None:
        """Return what events after this one that name many make of an entry, None if it depends.

        Entries of one batch share it.
        """
        if self._of_all or not isinstance(entry, int):
            return None
        named = []
        at = self._latest[entry] if 0 <= entry < len(self._latest) else -1
        while at >= 0:
            named.append(self._event[at])
            at = self._earlier[at]
        events = tuple(reversed(named))
        if events and self._of_many[events[0]][0] < number:
            return None
        if events not in self._effects:
            self._effects[events] = together([self._of_many[one] for one in events])
        return self._effects[events]

    def _name_entries(self, logged: LoggedEvent, detail: Mapping[str, Any]) -> None:
        """Let each entry find the event: the last that names it, and from there the one before."""
        self._of_many.append((logged.number, logged.event, detail))
        for entry in numbers_in(detail["entries"]):
            if (more := entry + 1 - len(self._latest)) > 0:
                self._latest.extend([-1] * (more + entry // 8))
            self._earlier.append(self._latest[entry])
            self._latest[entry] = len(self._event)
            self._event.append(len(self._of_many) - 1)


def _place_of(deal: int) -> int:
    """Return which range of deals one is in: each is of RANGE deals, and the first is of row 1."""
    return (deal - 1) // RANGE


def ledger_differences(connection: Connection, common: Common) -> Iterator[Difference]:
    """Yield what the ledger's rows say that a replay of the log does not, and what they miss."""
    seal = audit_log.last(connection).seal
    for first in range(0, deals.next_row(connection), RANGE):
        upto = first + RANGE
        rows = {row[0]: row for row in row_record.rows_of_deals(connection, first, upto)}
        alone = audit_log.of_deals(connection, first, upto)
        events = _telling_of_many(connection, upto, common)
        names = audit_log.names_of_deals(connection, first, upto) if events else {}
        alike = _plainly_alike(events, rows, alone, names, common, seal)
        told = [one for one in _told_apart(events, alike) if first < one.deal <= upto]
        yield from _misnamed(told, names, common)
        logged = _replayed(chain(told, alone), common)  # what is told begins an entry's story
        for number in rows.keys() - alike:
            replayed = logged.pop((rows[number][1], number), _NOTHING)
            found = row_record.record_of(rows[number])
            if found is not None:
                found.click = closed("click", found.click, found.order_id, seal)
                found.about = closed("about", found.about, found.order_id, seal)
            if found != replayed:
                row = ledger.row_numbered(connection, number)
                yield from _of_row(row, replayed.as_record(), seal)
        for replayed in logged.values():
            yield from _between(str(replayed.order_id), {}, replayed.as_record())


class _OfMany(NamedTuple):
    """An event about many deals that tells of each what is its own."""

    number: int
    run_id: int
    event: str
    source: str
    detail: Mapping[str, Any]


class _Told(NamedTuple):
    """What an event about many deals tells of one of them, beside what `OfDeal` has."""

    deal: int
    number: int
    run_id: int
    event: str
    order_id: str
    detail: Mapping[str, Any]
    source: str
    deal_id: str


Names = Mapping[int, tuple[str, str]]
"""Source and ID of deals, by their rows."""


def _telling_of_many(connection: Connection, upto: int, common: Common) -> list[_OfMany]:
    """Return the events that tell of many deals, some of which are in the range up to this row."""
    numbers = common.planned.get(_place_of(upto), ())
    return [
        _OfMany(number, run_id, kind, source, _DECODED(detail))
        for number, run_id, kind, source, detail in audit_log.numbered(connection, numbers)
    ]


def _told_apart(events: Iterable[_OfMany], alike: frozenset[int]) -> Iterator[_Told]:
    """Yield what events about many deals tell of each, but for the entries found alike."""
    for number, run_id, kind, source, detail in events:
        if alike.issuperset(numbers_in(detail["entries"])):
            continue
        for one in told_apart(detail):
            if one.detail["entry"] not in alike:
                about = one.order_id, one.detail, source, one.deal_id
                yield _Told(one.deal, number, run_id, kind, *about)


def _plainly_alike(
    events: Sequence[_OfMany],
    rows: Mapping[int, row_record.Row],
    alone: Iterable[OfDeal],
    names: Names,
    common: Common,
    seal: bytes,
) -> frozenset[int]:
    """Return the numbers of entries that are as the log tells them, found by comparing columns.

    Nothing is told of these but that they were planned, and what many did together: as of most.
    """
    order_ids = [one for event in events for one in event.detail[EACH]["order_id"]]
    if len(order_ids) > len(set(order_ids)):
        return frozenset()
    numbered = {row[_ORDER_ID]: number for number, row in rows.items()}
    among = rows.keys() - {numbered.get(event.order_id) for event in alone}
    alike: set[int] = set()
    for event in events:
        if event.event not in PLANNING or (told := in_columns(event.detail, FIELDS)) is None:
            continue
        effects = [
            common.together_after(event.number, number) if number in among else None
            for number in told.numbers
        ]
        for some, effect in told.runs(effects):
            found = [rows[number] for number in some.numbers]
            columns = effect.in_columns(some.columns)
            columns["run_id"] = [event.run_id] * len(found)
            if _are_named(some, event, names, common) and row_columns.are_as_told(
                found, columns, seal
            ):
                alike.update(some.numbers)
    return frozenset(alike)


_ORDER_ID = row_record.COLUMNS.index("order_id")


def _are_named(told: InColumns, event: _OfMany, names: Names, common: Common) -> bool:
    """True where deals have the names under which an event tells of their rows."""
    found = [names.get(deal, ("", "")) for deal in told.columns["deal"]]
    known = {event.source, *(now for then, now in common.sources_moved if then == event.source)}
    are_known = known.issuperset(source for source, _ in found)
    return are_known and [name for _, name in found] == told.deal_ids


def _misnamed(told: Sequence[_Told], names: Names, common: Common) -> Iterator[Difference]:
    """Yield the deals whose names are not those under which an event tells of their rows."""
    for one in told:
        source, deal_id = names.get(one.deal, (None, None))
        is_same = source == one.source or (one.source, source) in common.sources_moved
        if deal_id != one.deal_id or not is_same:
            logged = f"{one.source} {one.deal_id}"
            yield Difference(one.order_id, "its deal", f"{source} {deal_id}", logged)


_NOTHING = Recorded()


def _of_row(row: Any, replayed: Record, seal: bytes) -> Iterator[Difference]:
    entry = ledger.as_entry(row)
    found = {**record_of(entry), "run_id": entry.run_id, "order_id": entry.order_id}
    close(found, entry.order_id, seal)
    if found != replayed:
        yield from _between(str(entry.order_id), found, replayed)
    for column in ledger.strays(row, entry):
        yield Difference(str(entry.order_id), column, str(row[column]), None)


def _replayed(events: Iterable[OfDeal | _Told], common: Common) -> dict[tuple[int, int], Recorded]:
    """Return the entries of some deals as the log tells them, by deal row and number."""
    of_entry: dict[tuple[int, str], list[OfDeal | _Told]] = {}
    for event in events:
        of_entry.setdefault((event[0], event[4]), []).append(event)
    entries: dict[tuple[int, int], Recorded] = {}
    for (deal, _), own in of_entry.items():
        if (entry := _planned_once(own, common) or _moved(own, common)) is not None:
            entries[deal, entry.entry or 0] = entry
    return entries


def _planned_once(own: Sequence[OfDeal | _Told], common: Common) -> Recorded | None:
    """Return an entry that was planned, and from then on did only what many did: as most have.

    None where it has another history. Its one event is read as an entry, not as a mapping.
    """
    _, number, run_id, kind, order_id, detail = own[0][:6]
    if len(own) > 1 or kind not in PLANNING:
        return None
    entry = _RECORDED(detail) if isinstance(detail, str) else convert(detail, Recorded)
    changes = common.together_after(number, entry.entry)
    if changes is None:
        return None
    changes.apply(entry)
    entry.order_id, entry.run_id = order_id, run_id
    return entry


def _moved(own: Sequence[OfDeal | _Told], common: Common) -> Recorded | None:
    """Return an entry as the log tells it, None where it is another deal's by now."""
    if any(event.event == EventKind.MERGED_AWAY for event in own):
        return None
    changes: list[LoggedChange] = [(one.number, one.event, _said(one)) for one in own]
    number = changes[0][2].get("entry", 0)
    planned_by = [event.run_id for event in own if event.event in PLANNING]
    entry = after(sorted((*changes, *common.of_entry(number)), key=itemgetter(0)))
    entry["order_id"] = own[0].order_id
    entry["run_id"] = planned_by[-1] if planned_by else None
    return Recorded(**entry)


def _said(event: OfDeal | _Told) -> Mapping[str, Any]:
    return _DECODED(event.detail) if isinstance(event, OfDeal) else event.detail


_DECODED = Decoder().decode
"""Reads an event's JSON, in half the time of the next best."""
_RECORDED = Decoder(Recorded).decode


def _between(about: str, found: Record, logged: Record) -> Iterator[Difference]:
    if not found or not logged:
        where = "the ledger" if found else "the audit log"
        yield Difference(about, f"the entry, which only {where} knows,", *_presence(found, logged))
        return
    for name in sorted(found.keys() | logged.keys()):
        if found.get(name) != logged.get(name):
            yield Difference(about, name, found.get(name), logged.get(name))


def _presence(*records: Record) -> Sequence[Scalar]:
    return ["there" if record else None for record in records]


# Runs

_STOPPED = {"exit_code": 1, "message": runs.KILLED, "uploads": 0}


def run_differences(rows: Iterable[Mapping[str, Any]], common: Common) -> Iterator[Difference]:
    """Yield what the rows of runs say that the log does not.

    A run that wrote no event of its start, an import of clicks, is vouched for by nobody.
    """
    for row in rows:
        logged = common.runs.pop(row["id"], {})
        started, finished = logged.get(EventKind.RUN_STARTED), logged.get(EventKind.RUN_FINISHED)
        about = f"run {row['id']}"
        if started is None:
            if row["lock"] is not None or row["audit_number"] is not None:
                yield Difference(about, "its start", "there", None)
            continue
        yield from _fields(about, row, started, ("command", "as_of"))
        if finished is not None:
            yield from _fields(
                about, row, finished, ("exit_code", "message", "uploads", "audit_number")
            )
        elif row["finished_at"] is not None:
            yield from _fields(about, row, {**_STOPPED, "audit_number": None}, tuple(_STOPPED))
    for run_id in common.runs:
        yield Difference(f"run {run_id}", "its row", None, "there")


def _fields(
    about: str, row: Mapping[str, Any], logged: Mapping[str, Any], names: Iterable[str]
) -> Iterator[Difference]:
    for name in names:
        found = row[name].isoformat() if name == "as_of" else row[name]
        if found != logged.get(name):
            yield Difference(about, name, found, logged.get(name))
