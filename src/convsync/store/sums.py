"""What the ledger's rows add up to, kept up to date by whoever changes a row, in the same commit.

`ledger_sums` counts entries by everything the account asks of them, and adds up what the platform
counts for them; `time_sums` counts those sent by the tenths of a day from their click to their
milestone, where the time of the click is no estimate; where that of the milestone is one, it is
taken out when they are read. A question about the whole ledger then costs
a few hundred rows, however long it is. `audit verify` counts the ledger anew and compares.

Moves are added up entry by entry (`apply`), and what many entries do together by what they have in
common (`apply_together`), before they do it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    type_coerce,
)

from convsync.model.ledger import LedgerEntry, Move, MoveTogether, State
from convsync.model.planned import PlannedTogether
from convsync.model.statement import Operation
from convsync.store import dialect, times
from convsync.store.given import numbers_given
from convsync.store.schema import (
    deals,
    ledger,
    ledger_sums,
    time_sums,
)
from convsync.store.times import SENT

_MAY_COUNT = frozenset({State.SENDING, State.ACCEPTED})
_ASKED_OF = frozenset(
    {"rule", "action", "milestone", "milestone_at", "state", "statement", "matched"}
    | {"told", "reason", "code"}
)
"""The parts of an entry that a sum depends on."""

Key = tuple[str | int, ...]
Amounts = Mapping[Key, list[int]]
"""How many rows there are, or are more, by key; then what they add up to, where that is kept."""


class LedgerSum(NamedTuple):
    """How many entries are alike in all that the account asks, and what was told of them.

    Empty text stands for nothing. `told` is in `told_currency`, `is_worth` where it is not zero.
    """

    rule: str
    source: str
    destination: str
    action_id: str
    milestone: str
    state: str
    operation: str
    reason: str
    code: str
    told_currency: str
    is_worth: bool
    rows: int
    told: Decimal

    @property
    def key(self) -> "Key":
        """Return what these are counted under."""
        return self[:-2]

    @property
    def is_sent(self) -> bool:
        """True where the platform has taken these."""
        return bool(self.told_currency) or self.state in SENT

    @property
    def may_count(self) -> bool:
        """True where the platform counts a value for these, or may do so by now."""
        return bool(self.is_worth) or self.state in _MAY_COUNT


_KEY = LedgerSum._fields[:-2]


class Changes:
    """By how much the sums change, gathered before it is written."""

    def __init__(self) -> None:
        self._ledger: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
        self._times: dict[Key, list[int]] = defaultdict(lambda: [0])

    def add(self, entry: LedgerEntry, sign: int) -> None:
        """Count an entry in (1) or out (-1)."""
        told = entry.told
        amounts = self._ledger[key_of(entry)]
        amounts[0] += sign
        if told is not None and told.amount:
            amounts[1] += sign * int(told.amount.scaleb(6))
        if told is not None or entry.state in SENT:
            matched = entry.matched
            if matched and matched.clicked_at is not None and not matched.is_estimated:
                tenths = times.tenths_between(matched.clicked_at, entry.milestone_at)
                self._times[entry.milestone, tenths][0] += sign

    def add_alike(self, alike: LedgerSum, sign: int) -> None:
        """Count entries in (1) or out (-1) that are alike."""
        amounts = self._ledger[alike.key]
        amounts[0] += sign * alike.rows
        amounts[1] += sign * int(alike.told.scaleb(6))

    def add_planned(self, planned: PlannedTogether) -> None:
        """Count in what is planned together: nothing is told of it yet, and all else is alike."""
        rule, action = planned.rule, planned.rule.action
        who = rule.name, planned.source, action.destination, action.action_id, rule.milestone
        said = State.PLANNED.value, Operation.COUNT.value, "", "", "", False
        self._ledger[*who, *said][0] += len(planned)

    def add_times(self, key: Key, rows: int) -> None:
        """Count so many more entries of a milestone and a time to it."""
        self._times[key][0] += rows

    def write(self, connection: Connection) -> None:
        """Write the changes into the tables, one statement for each."""
        more = {key: as_kept(amounts) for key, amounts in self._ledger.items() if any(amounts)}
        dialect.add_to_rows(connection, ledger_sums, _KEY, ("rows", "told"), more)
        dialect.add_to_rows(connection, time_sums, ("milestone", "tenths"), ("rows",), self._times)


def apply(connection: Connection, moves: Iterable[Move]) -> None:
    """Let the sums follow moves of the ledger that are written in the same transaction."""
    changes = Changes()
    for move in moves:
        if move.before is None:
            changes.add(move.after, 1)
        elif not _ASKED_OF.isdisjoint(move.changes):
            changes.add(move.before, -1)
            changes.add(move.after, 1)
    changes.write(connection)


def apply_planned(connection: Connection, planned: Sequence[PlannedTogether]) -> None:
    """Let the sums follow new entries that are written in the same transaction."""
    changes = Changes()
    for together in planned:
        changes.add_planned(together)
    changes.write(connection)


class Alike(NamedTuple):
    """Entries of which the sums know the same, and what their statements add up to."""

    counted: LedgerSum
    currency: str | None
    is_worth: bool
    stated: Decimal


def apply_together(
    connection: Connection, move: MoveTogether, before: Sequence[Alike] | None = None
) -> Sequence[Alike]:
    """Let the sums follow what many entries are about to do alike, in the same transaction.

    Returns what they will add up to then: with that as `before`, their next move is added up
    without another look at them.
    """
    changes = Changes()
    moved = []
    for one in _alike_among(connection, move) if before is None else before:
        after = _changed(one.counted, move.changes)
        if move.counts:
            after = after._replace(
                told_currency=str(one.currency), is_worth=one.is_worth, told=one.stated
            )
        changes.add_alike(one.counted, -1)
        changes.add_alike(after, 1)
        moved.append(one._replace(counted=after))
    _follow_times(connection, changes, move)
    changes.write(connection)
    return moved


def _alike_among(connection: Connection, move: MoveTogether) -> list[Alike]:
    """Return what entries add up to, those together that are alike."""
    if (all_alike := _all_alike(connection, move)) is not None:
        return [all_alike]
    by_key = _by_key(connection.dialect.name)
    rows = dialect.raw_rows(connection, by_key, numbers=move.numbers)
    return [
        Alike(
            LedgerSum._make([*key, count, _amount(told)]),
            currency,
            bool(is_worth),
            _amount(stated),
        )
        for *key, currency, is_worth, count, told, stated in rows
    ]


def _all_alike(connection: Connection, move: MoveTogether) -> Alike | None:
    """Return what entries add up to that follow each other and are all like the first, as most are.

    None where they are not: to compare each with the first costs a third of grouping them.
    """
    if len(move.spans) != 1:
        return None
    ((first, last),) = move.spans
    found = dialect.raw_rows(connection, _KEY_OF_ONE, one=first)
    if not found:
        return None
    rule, source, *key, currency, is_worth = found[0]
    like = dict(zip(_LIKE, (rule, *key, currency, is_worth), strict=True))
    ((count, told, stated, low, high),) = dialect.raw_rows(
        connection, _LIKE_ONE, first=first, last=last, **like
    )
    if count != len(move.numbers) or high - low > _FEW_MORE * count:
        return None
    if dialect.raw_rows(connection, _OF_ANOTHER, low=low, high=high, source=source):
        return None
    counted = LedgerSum._make([rule, source, *key, count, _amount(told)])
    return Alike(counted, currency, bool(is_worth), _amount(stated))


def _changed(alike: LedgerSum, changes: Mapping[str, Any]) -> LedgerSum:
    """Return entries that are alike as the changes of each leave them."""
    reason = changes.get("reason", alike.reason)
    return alike._replace(
        state=str(changes["state"]),
        reason="" if reason is None else str(reason),
        code=str(changes.get("code", alike.code)),
    )


def _follow_times(connection: Connection, changes: Changes, move: MoveTogether) -> None:
    """Count the times in of entries that are sent from now on, or out that no longer are."""
    is_sent = move.counts or move.changes["state"] in SENT
    if not is_sent and SENT.isdisjoint(move.came_from):
        return
    found = times.turning(connection, move.numbers, move.spans, is_sent=is_sent)
    for milestone, tenths, rows in found:
        changes.add_times((milestone, tenths), rows if is_sent else -rows)


def _amount(micros: int) -> Decimal:
    return Decimal(int(micros)).scaleb(-6)


def kept(connection: Connection) -> list[LedgerSum]:
    """Return the sums of the ledger."""
    columns = [ledger_sums.c[name] for name in LedgerSum._fields]
    found = select(*columns).where(ledger_sums.c.rows != 0)
    return [LedgerSum(*row) for row in connection.execute(found)]


def rename_rule(connection: Connection, before: str, now: str) -> None:
    """Carry the sums of a rule over to another name."""
    _carry_over(
        connection,
        {one: one._replace(rule=now) for one in kept(connection) if one.rule == before},
    )


def rename_source(connection: Connection, before: str, now: str) -> None:
    """Carry the sums of a source over to another name."""
    _carry_over(
        connection,
        {one: one._replace(source=now) for one in kept(connection) if one.source == before},
    )


def _carry_over(connection: Connection, renamed: Mapping[LedgerSum, LedgerSum]) -> None:
    changes: dict[Key, list[Any]] = {}
    for before, now in renamed.items():
        changes[before.key] = [-before.rows, -before.told]
        changes[now.key] = [now.rows, now.told]
    dialect.add_to_rows(connection, ledger_sums, _KEY, ("rows", "told"), changes)


def key_of(entry: LedgerEntry) -> Key:
    """Return what an entry is counted under in `ledger_sums`."""
    statement, told, reason, action = entry.statement, entry.told, entry.reason, entry.action
    return (
        entry.rule,
        entry.source,
        action.destination,
        action.action_id,
        entry.milestone,
        entry.state.value,
        (Operation.COUNT if statement is None else statement.operation).value,
        "" if reason is None else reason.value,
        entry.code,
        "" if told is None else told.currency,
        told is not None and bool(told.amount),
    )


def as_kept(amounts: Sequence[int]) -> list[Any]:
    """Return how many rows there are and what was told of them in millionths as it is kept."""
    rows, *told = amounts
    return [rows, *(Decimal(amount).scaleb(-6) for amount in told)]


# Counted anew

_NO_TEXT: ColumnElement[Any] = literal_column("''")  # as text, so that it can be grouped by
_NONE: ColumnElement[Any] = literal_column("0")
_KEY_IN_LEDGER: tuple[ColumnElement[Any], ...] = (
    ledger.c.rule,
    deals.c.source,
    ledger.c.destination,
    ledger.c.action_id,
    ledger.c.milestone,
    ledger.c.state,
    ledger.c.operation,
    func.coalesce(ledger.c.reason, _NO_TEXT),
    func.coalesce(ledger.c.code, _NO_TEXT),
    func.coalesce(ledger.c.told_currency, _NO_TEXT),
    func.coalesce(type_coerce(ledger.c.told_value, BigInteger), _NONE) != _NONE,
)
_TOLD = func.coalesce(type_coerce(ledger.c.told_value, BigInteger), _NONE)
_STATED = func.coalesce(type_coerce(ledger.c.value, BigInteger), _NONE)


_SAME = (*_KEY_IN_LEDGER, ledger.c.currency, _STATED != _NONE)
"""What entries have alike that are added up together."""
_KEY_OF_ONE = (
    select(*_SAME).join(deals, deals.c.id == ledger.c.deal).where(ledger.c.id == bindparam("one"))
)
_IN_THEMSELVES = [column for column in _SAME if column is not deals.c.source]
_LIKE = [f"like_{place}" for place in range(len(_IN_THEMSELVES))]
_LIKE_ONE = select(
    func.count(),
    func.sum(_TOLD),
    func.sum(_STATED),
    func.min(ledger.c.deal),
    func.max(ledger.c.deal),
).where(
    ledger.c.id.between(bindparam("first"), bindparam("last")),
    *(
        column == bindparam(name, type_=column.type)
        for name, column in zip(_LIKE, _IN_THEMSELVES, strict=True)
    ),
)
_OF_ANOTHER = (
    select(deals.c.id)
    .where(deals.c.id.between(bindparam("low"), bindparam("high")))
    .where(deals.c.source != bindparam("source"))
    .limit(1)
)
_FEW_MORE = 4
"""So many deals may lie between those of a batch by each of its rows, for all to be looked at."""


@cache
def _by_key(dialect_name: str) -> Select[Any]:
    """Return a query of the entries with given `numbers`: those alike, and what they add up to.

    It is made once: to build and compile it takes as long as to run it over a batch.
    """
    found: Select[Any] = select(*_SAME, func.count(), func.sum(_TOLD), func.sum(_STATED))
    joined = found.join(deals, deals.c.id == ledger.c.deal)
    return joined.where(_is_given(dialect_name)).group_by(*_SAME)


def _is_given(dialect_name: str) -> ColumnElement[bool]:
    return ledger.c.id.in_(select(numbers_given(dialect_name, "numbers").c.value))


def count_ledger(connection: Connection) -> Amounts:
    """Return what `ledger_sums` has to hold."""
    return dialect.add_up(connection, counted_rows())


def counted_rows() -> Select[Any]:
    """Return a query of all ledger rows: each by its key, and what was told of it."""
    key = (column.label(name) for name, column in zip(_KEY, _KEY_IN_LEDGER, strict=True))
    found: Select[Any] = select(*key, _TOLD.label("told"))
    return found.join(deals, deals.c.id == ledger.c.deal)
