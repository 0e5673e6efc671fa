"""Whether the audit log and the ledger tell the same story: every event replayed, every row read.

Deals are taken a range at a time, in as much memory however long the log is; what one event says
of many entries is kept for the whole comparison.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import convert
from msgspec.json import Decoder

from convsync.model.carried import PLANNED_BY
from convsync.model.common import RANGE, Common, LoggedChange, decoded, place_of
from convsync.model.each import EACH, InColumns, in_columns, told_apart
from convsync.model.event import EventKind
from convsync.model.ledger import record_of
from convsync.model.record import FIELDS, Scalar, numbers_in
from convsync.model.replay import Record, Recorded, Together, after
from convsync.model.seal import close, closed
from convsync.store import audit_log, deals, entry_row, ledger, row_columns, row_record, runs
from convsync.store.audit_log import OfDeal
from convsync.store.column_types import bytes_of_order_id
from convsync.store.database import Connection
from convsync.store.row_sums import RowSums

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


def ledger_differences(
    connection: Connection, common: Common, counted: RowSums
) -> Iterator[Difference]:
    """Yield what the ledger's rows say that a replay of the log does not, and what they miss.

    Once all of it was yielded, every row of the ledger is `counted`.
    """
    seal = audit_log.last(connection).seal
    for first in range(0, deals.next_row(connection), RANGE):
        upto = first + RANGE
        rows = {row[0]: row for row in row_record.rows_of_deals(connection, first, upto)}
        alone = audit_log.of_deals(connection, first, upto)
        events = _telling_of_many(connection, upto, common)
        names = audit_log.names_of_deals(connection, first, upto) if events or rows else {}
        counted.add(rows.values(), names)
        alike = _plainly_alike(events, rows, alone, names, common, seal)
        told = [one for one in _told_apart(events, alike) if first < one.deal <= upto]
        yield from _misnamed(told, names, common)
        # what is told begins an entry's story
        logged = _replayed(chain(told, alone), common, _carried_by(told))
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
    numbers = common.planned.get(place_of(upto), ())
    return [
        _OfMany(number, run_id, kind, source, decoded(detail))
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

    Nothing is told of these but that they were planned, or carried over, and what many did
    together: as of most.
    """
    among = _told_once(events, rows, alone)
    alike: set[int] = set()
    for event in events:
        told = in_columns(event.detail, _TOLD)
        if told is None or event.event not in PLANNING | {EventKind.CARRIED}:
            continue
        for some, effect in told.runs(_effects_on(event, told, among, common)):
            found = [rows[number] for number in some.numbers]
            columns = effect.in_columns(some.columns)
            columns["run_id"] = some.columns.get(PLANNED_BY, [event.run_id] * len(found))
            is_named = _are_named(some, event, names, common)
            if is_named and row_columns.are_as_told(found, columns, seal):
                alike.update(some.numbers)
    return frozenset(alike)


_TOLD = FIELDS | {PLANNED_BY}


def _told_once(
    events: Sequence[_OfMany], rows: Mapping[int, row_record.Row], alone: Iterable[OfDeal]
) -> Set[int]:
    """Return the numbers of entries that one of these events tells of, and no more."""
    order_ids = [one for event in events for one in event.detail[EACH]["order_id"]]
    apart = {one.order_id for one in alone}
    if len({*order_ids}) < len(order_ids):
        apart |= {one for one, told in Counter(order_ids).items() if told > 1}
    if not apart:
        return rows.keys()
    kept_apart = {*map(bytes_of_order_id, apart)}
    return {number for number, row in rows.items() if row[_ORDER_ID] not in kept_apart}


def _effects_on(
    event: _OfMany, told: InColumns, among: Set[int], common: Common
) -> list[Together | None]:
    """Return what later events make of each entry that an event tells of.

    None where that depends on more, for an entry that is not `among` these, and for one that has
    nothing to send.
    """
    is_carried = event.event == EventKind.CARRIED
    values = told.columns.get("value", [None] * len(told.numbers))
    return [
        None
        if value is None or number not in among
        else common.together_after(event.number, number, is_carried=is_carried)
        for number, value in zip(told.numbers, values, strict=True)
    ]


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
    entry = entry_row.as_entry(row)
    found = {**record_of(entry), "run_id": entry.run_id, "order_id": entry.order_id}
    close(found, entry.order_id, seal)
    if found != replayed:
        yield from _between(str(entry.order_id), found, replayed)
    for column in entry_row.strays(row, entry):
        yield Difference(str(entry.order_id), column, str(row[column]), None)


def _carried_by(told: Iterable[_Told]) -> Mapping[tuple[int, str], int]:
    """Return the latest event that carries an entry over, by deal row and order ID."""
    return {(one.deal, one.order_id): one.number for one in told if one.event == EventKind.CARRIED}


def _replayed(
    events: Iterable[OfDeal | _Told], common: Common, carried_by: Mapping[tuple[int, str], int]
) -> dict[tuple[int, int], Recorded]:
    """Return the entries of some deals as the log tells them, by deal row and number.

    Where an entry was carried over, its replay begins there.
    """
    of_entry: dict[tuple[int, str], list[OfDeal | _Told]] = {}
    for event in events:
        of_entry.setdefault((event[0], event[4]), []).append(event)
    entries: dict[tuple[int, int], Recorded] = {}
    for (deal, order_id), own in of_entry.items():
        if carried_by and (since := carried_by.get((deal, order_id))):
            own = [event for event in own if event.number >= since]
        if (entry := _planned_once(own, common) or _moved(own, common)) is not None:
            entries[deal, entry.entry or 0] = entry
    return entries


def _planned_once(own: Sequence[OfDeal | _Told], common: Common) -> Recorded | None:
    """Return an entry that was planned, and from then on did only what many did: as most have.

    None where it has another history. Its one event is read as an entry, not as a mapping.
    """
    _, number, _, kind, order_id, detail = own[0][:6]
    run_id = _planner(own[0])
    if len(own) > 1 or run_id is None:
        return None
    is_carried = kind == EventKind.CARRIED
    entry = _RECORDED(detail) if isinstance(detail, str) else convert(detail, Recorded)
    changes = common.together_after(number, entry.entry, is_carried=is_carried)
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
    of_many = common.of_entry(number)
    if own[0].event == EventKind.CARRIED:
        of_many = [change for change in of_many if change[0] > own[0].number]
    entry = after(sorted((*changes, *of_many), key=itemgetter(0)))
    entry["order_id"] = own[0].order_id
    planned_by = [run for event in own if (run := _planner(event)) is not None]
    entry["run_id"] = planned_by[-1] if planned_by else None
    return Recorded(**entry)


def _planner(event: OfDeal | _Told) -> int | None:
    """Return the run that planned an entry by this event, None where it was no plan."""
    if event.event == EventKind.CARRIED:
        run: int = _said(event)[PLANNED_BY]
        return run
    return event.run_id if event.event in PLANNING else None


def _said(event: OfDeal | _Told) -> Mapping[str, Any]:
    return decoded(event.detail) if isinstance(event, OfDeal) else event.detail


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
            if "audit_digest" in finished:  # its event was sealed, and no chain leads to it
                digest = row["audit_digest"]
                kept = {"audit_digest": None if digest is None else digest.hex()}
                yield from _fields(about, kept, finished, ("audit_digest",))
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
