"""What stands where in the audit log, so that a question reads the parts that can answer it.

An index on each thing that people ask for would cost every event of every night. Instead, events
that are appended at once have a row here that says which kinds, rules, codes and amounts occur
among them: ten million events have some thousand such rows, and one is written a transaction. What
is looked for is then read in those blocks alone, the newest first. An event that names many entries
is a block of its own, which also says from which to which entry; and from which deal to which,
where it says of each what is its own (`model.each`).

Blocks help to find, and prove nothing: `audit verify` reads the events themselves.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import inf, nan
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, tuple_

from convsync.model.each import EACH, deals_in, values_in
from convsync.model.event import Event
from convsync.store import dialect
from convsync.store.schema import audit_blocks, batches, ledger_sums

_COLUMNS = tuple(audit_blocks.c.keys())
_PARTED = "\n"


class Block(NamedTuple):
    """Events from `first` to `last`, and what occurs among them; sets as lines of a text."""

    first: int
    last: int
    kinds: str
    rules: str
    codes: str
    batch: int | None
    first_deal: int | None


def add(
    connection: Connection, events: Sequence[Event], *, first: int, run_id: int, at: datetime
) -> None:
    """Note what occurs among events that are appended from number `first` on."""
    rows = [
        (start, start + len(block) - 1, run_id, at, *_described(block))
        for start, block in _blocks_of(events, first)
    ]
    dialect.insert_rows(connection, audit_blocks, _COLUMNS, rows)


def _blocks_of(events: Sequence[Event], first: int) -> Iterator[tuple[int, Sequence[Event]]]:
    """Yield each event that names many entries alone, and those between together."""
    begun = 0
    for place in [place for place, event in enumerate(events) if "entries" in event.detail]:
        if begun < place:
            yield first + begun, events[begun:place]
        yield first + place, events[place : place + 1]
        begun = place + 1
    if begun < len(events):
        yield first + begun, events[begun:]


def _described(block: Sequence[Event]) -> tuple[Any, ...]:
    details = [event.detail for event in block]
    kinds = {event.kind for event in block}
    rules = {detail.get("rule") for detail in details}
    codes = {detail.get("code") for detail in details}
    sets = (_PARTED.join(sorted(filter(None, found))) for found in (kinds, rules, codes))
    return *sets, *_entries_in(details[0]), *_deals_in(details[0]), *_amounts_in(block)


def _entries_in(detail: Mapping[str, Any]) -> tuple[int | None, int | None, int | None]:
    """Return the batch that an event is about, and the first and the last entry that it names."""
    spans = detail.get("entries")
    if not spans:
        return None, None, None
    first = spans.partition(",")[0].partition("-")[0]
    last = spans.rpartition(",")[2].rpartition("-")[2]
    return detail.get("of_batch"), int(first), int(last)


def _deals_in(detail: Mapping[str, Any]) -> tuple[int | None, int | None]:
    return deals_in(detail) if EACH in detail else (None, None)


def _amounts_in(block: Sequence[Event]) -> tuple[float | None, float | None, bytes | None]:
    """Return the least and the largest value of conversions, and each event's own, in short.

    An event that says none has none; a block without any has none of the three. One that is about
    many conversions has an amount for each.
    """
    said: list[str | None]
    if EACH in block[0].detail:
        said = [value for _, _, value in values_in(block[0].detail)]
    else:
        said = [event.detail.get("value") if event.order_id else None for event in block]
    amounts = [float(value) for value in said if value]
    if not amounts:
        return None, None, None
    own = array("f", [float(value) if value else nan for value in said])
    return min(amounts), max(amounts), own.tobytes()


# What is asked of them


class Looked(NamedTuple):
    """Which blocks are asked for; None: whatever they hold. An instant lies in a half-open span."""

    run_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    kinds: frozenset[str] | None = None
    rule: str | None = None
    code: str | None = None

    def may_hold(self, block: Block, batches_of_rule: frozenset[int]) -> bool:
        """True where a block holds each of what is asked for, though perhaps of different events.

        What many entries did at once names no rule: it is one of those of the rule's `batches`.
        """
        if self.kinds is not None and self.kinds.isdisjoint(block.kinds.split(_PARTED)):
            return False
        if self.code is not None and self.code not in block.codes.split(_PARTED):
            return False
        is_of_rule = self.rule is None or self.rule in block.rules.split(_PARTED)
        return is_of_rule or block.batch in batches_of_rule


def found(connection: Connection, looked: Looked, *, is_newest_first: bool) -> list[Block]:
    """Return the blocks that may hold what is asked for."""
    blocks = select(*(audit_blocks.c[name] for name in Block._fields))
    if looked.run_id is not None:
        blocks = blocks.where(audit_blocks.c.run_id == looked.run_id)
    if looked.since is not None:
        blocks = blocks.where(audit_blocks.c.at >= looked.since)
    if looked.until is not None:
        blocks = blocks.where(audit_blocks.c.at < looked.until)
    first = audit_blocks.c.first
    rows = dialect.raw_rows(connection, blocks.order_by(first.desc() if is_newest_first else first))
    of_rule = _batches_of(connection, looked.rule)
    return [block for block in map(Block._make, rows) if looked.may_hold(block, of_rule)]


def _batches_of(connection: Connection, rule: str | None) -> frozenset[int]:
    """Return the batches for an action that a rule counts in, or ever did."""
    if rule is None:
        return frozenset()
    ours = select(ledger_sums.c.destination, ledger_sums.c.action_id).where(
        ledger_sums.c.rule == rule
    )
    of_batch = tuple_(batches.c.destination, batches.c.action_id)
    return frozenset(connection.execute(select(batches.c.id).where(of_batch.in_(ours))).scalars())


def naming(connection: Connection, entries: Sequence[int]) -> list[Block]:
    """Return the blocks that may name some of these entries, given in order, oldest first.

    Events that name deals as well are left out: those are found by their deals.
    """
    if not entries:
        return []
    spans = select(
        *(audit_blocks.c[name] for name in (*Block._fields, "first_entry", "last_entry"))
    ).where(
        audit_blocks.c.first_entry <= entries[-1],
        audit_blocks.c.last_entry >= entries[0],
        audit_blocks.c.first_deal.is_(None),
    )
    return [
        Block._make(block)
        for *block, first, last in dialect.raw_rows(
            connection, spans.order_by(audit_blocks.c.first)
        )
        if bisect_left(entries, first) < bisect_right(entries, last)
    ]


def naming_deals(connection: Connection, deals: Sequence[int]) -> list[int]:
    """Return the numbers of events that may name some of these deals, given in order, as many."""
    if not deals:
        return []
    spans = select(audit_blocks.c.first, audit_blocks.c.first_deal, audit_blocks.c.last_deal).where(
        audit_blocks.c.first_deal <= deals[-1], audit_blocks.c.last_deal >= deals[0]
    )
    return [
        number
        for number, first, last in dialect.raw_rows(connection, spans)
        if bisect_left(deals, first) < bisect_right(deals, last)
    ]


def span_of_run(connection: Connection, run_id: int) -> tuple[int, int] | None:
    """Return the numbers of a run's first and last event, None where it wrote none."""
    found = select(func.min(audit_blocks.c.first), func.max(audit_blocks.c.last)).where(
        audit_blocks.c.run_id == run_id
    )
    first, last = connection.execute(found).one()
    return None if first is None else (first, last)


def of_batches(connection: Connection, numbers: Collection[int]) -> list[int]:
    """Return the numbers of the events that name the entries of these batches."""
    named = select(audit_blocks.c.first).where(audit_blocks.c.batch.in_(list(numbers)))
    return list(connection.execute(named).scalars())


def with_amounts(
    connection: Connection, least: Decimal | None, most: Decimal | None
) -> Iterator[list[int]]:
    """Yield the numbers of events that may say an amount within bounds, the newest first.

    They come from more and more blocks at once: few are read where many have such an amount, and
    few questions are asked where hardly any has. The amounts here are rounded: whoever asks has to
    look at what the events themselves say.
    """
    low = -inf if least is None else float(least) * (1 - _ROUNDED)
    high = inf if most is None else float(most) * (1 + _ROUNDED)
    exact = float(least) if least is not None and least == most else None
    newest = (
        select(audit_blocks.c.first)
        .where(audit_blocks.c.most >= low, audit_blocks.c.least <= high)
        .order_by(audit_blocks.c.first.desc())
    )
    blocks = [first for (first,) in dialect.raw_rows(connection, newest)]
    begun, size = 0, 1
    while some := blocks[begun : begun + size]:
        numbers: list[int] = []
        for first, first_deal, own in connection.execute(_AMOUNTS, {"among": some}):
            places = _between(low, high, own) if exact is None else _equal_to(exact, own)
            if places:
                numbers += [first] if first_deal is not None else [first + one for one in places]
        if numbers:
            yield sorted(numbers, reverse=True)
        begun, size = begun + size, min(2 * size, _MOST_BLOCKS)


_MOST_BLOCKS = 64
_AMOUNTS = select(audit_blocks.c.first, audit_blocks.c.first_deal, audit_blocks.c.amounts).where(
    audit_blocks.c.first.in_(bindparam("among", expanding=True))
)


def _between(low: float, high: float, own: bytes) -> list[int]:
    return [place for place, amount in enumerate(array("f", own)) if low <= amount <= high]


def _equal_to(amount: float, own: bytes) -> list[int]:
    """Return the same of one amount, looked for as the bytes that it is kept in: far quicker."""
    kept = array("f", [amount])
    sought, size = kept.tobytes(), kept.itemsize
    places, at = [], own.find(sought)
    while at >= 0:
        if at % size == 0:
            places.append(at // size)
        at = own.find(sought, at + 1)
    return places


_ROUNDED = 1e-6
"""How far an amount may be off: four bytes keep seven digits of it."""
