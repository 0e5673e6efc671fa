"""What is about to go out in figures, and what past runs sent: read in few rows, however many go.

Of single values only some are read, by the numbers of their entries: these are handed out in the
order in which deals are read, which has nothing to do with what they are worth.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct, json, to_builtins
from sqlalchemy import BigInteger, Connection, Double, case, cast, func, or_, select, type_coerce

from convsync.model.figures import SOME, Figures, OfRule
from convsync.model.statement import Operation
from convsync.store.column_types import amount_of
from convsync.store.portions import Portion, conditions_of
from convsync.store.schema import ledger, runs

COUNTED_AS_NIGHTS = ("run", "release")
"""The commands that do what a night does. A backfill says nothing of what is usual."""

_FINISHED = (0, 1)
"""The exit codes of runs that have sent what they were to send, or tried to."""
_VALUE = type_coerce(ledger.c.value, BigInteger)
_NOW, _BEFORE = (
    cast(one, Double) for one in (_VALUE, type_coerce(ledger.c.told_value, BigInteger))
)
_IS_SHIFTED = case(
    (
        (_BEFORE > 0)
        & (ledger.c.currency == ledger.c.told_currency)
        & or_(
            *(_BEFORE * times == _NOW for times in (10, 100, 1_000)),
            *(_NOW * times == _BEFORE for times in (10, 100, 1_000)),
        ),
        1,
    ),
    else_=0,
)
"""Whether a value is what it was but for the place of its decimal sign."""


class _Summary(Struct):
    figures: Figures | None = None


_decode = json.Decoder(_Summary).decode


def as_kept(figures: Figures) -> dict[str, Any]:
    """Return figures as the summary of a run keeps them."""
    kept: dict[str, Any] = to_builtins(figures)
    return kept


def recent(
    connection: Connection, now: datetime, within: timedelta
) -> list[tuple[datetime, Figures]]:
    """Return when each night ran within a time before now, and its figures, oldest first.

    One that had something to send and sent nothing, because the platform was away, is left out.
    """
    found = (
        select(runs.c.as_of, runs.c.summary, runs.c.uploads)
        .where(runs.c.command.in_(COUNTED_AS_NIGHTS), runs.c.exit_code.in_(_FINISHED))
        .where(runs.c.as_of > now - within, runs.c.as_of <= now, runs.c.summary.is_not(None))
        .order_by(runs.c.id)
    )
    nights = []
    for as_of, summary, uploads in connection.execute(found):
        figures = _decode(summary).figures
        if figures is not None and (uploads or not figures.total):
            nights.append((as_of, figures))
    return nights


def of_ready(
    connection: Connection, now: datetime, only: Portion, *, looked_at: int, unmatched: int
) -> Figures:
    """Return the figures of what is ready to go out, or of a portion of it."""
    gathered: dict[str, _Gathered] = defaultdict(_Gathered)
    sizes: dict[tuple[str, str], int] = defaultdict(int)
    for conditions in conditions_of(now, only):
        grouped = (
            select(
                *(ledger.c.rule, ledger.c.operation, ledger.c.currency),
                *(func.count(), func.sum(_VALUE), func.max(_VALUE), func.sum(_IS_SHIFTED)),
            )
            .where(*conditions)
            .group_by(ledger.c.rule, ledger.c.operation, ledger.c.currency)
        )
        for rule, operation, currency, rows, *sums in connection.execute(grouped):
            gathered[rule].add(Operation(operation), currency, rows, *map(int, sums))
            if operation == Operation.COUNT:
                sizes[rule, currency] += rows
    some = _some_values(connection, now, only, sizes)
    rules = {rule: one.as_figures(rule, some) for rule, one in gathered.items()}
    return Figures(rules=rules, looked_at=looked_at, unmatched=unmatched)


class _Gathered:
    """The figures of one rule while they are added up, amounts in millionths."""

    def __init__(self) -> None:
        self._counts: dict[Operation, int] = defaultdict(int)
        self._shifted = 0
        self._value: dict[str, int] = defaultdict(int)
        self._highest: dict[str, int] = defaultdict(int)

    def add(
        self,
        operation: Operation,
        currency: str,
        rows: int,
        total: int,
        highest: int,
        shifted: int,
    ) -> None:
        self._counts[operation] += rows
        self._shifted += shifted if operation is Operation.RESTATE else 0
        if operation is not Operation.RETRACT:
            self._value[currency] += total
            self._highest[currency] = max(self._highest[currency], highest)

    def as_figures(self, rule: str, some: Mapping[tuple[str, str], list[int]]) -> OfRule:
        return OfRule(
            new=self._counts[Operation.COUNT],
            restated=self._counts[Operation.RESTATE],
            retracted=self._counts[Operation.RETRACT],
            shifted=self._shifted,
            value={currency: _amount(total) for currency, total in self._value.items()},
            highest={currency: _amount(one) for currency, one in self._highest.items()},
            some={
                currency: tuple(map(_amount, values))
                for (name, currency), values in some.items()
                if name == rule
            },
        )


def _some_values(
    connection: Connection, now: datetime, only: Portion, sizes: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], list[int]]:
    """Return some values of what is newly counted, by rule and currency."""
    some: dict[tuple[str, str], list[int]] = {}
    for (rule, currency), size in sizes.items():
        of_these = (ledger.c.rule == rule, ledger.c.currency == currency)
        each = -(-size // SOME)
        values: list[int] = []
        for conditions in conditions_of(now, only):
            found = select(_VALUE).where(*conditions, *of_these, ledger.c.id % each == 0)
            counts = found.where(ledger.c.operation == Operation.COUNT)
            values += connection.execute(counts.order_by(ledger.c.id).limit(SOME)).scalars()
        some[rule, currency] = values[:SOME]
    return some


def _amount(millionths: int) -> Decimal:
    amount = amount_of(millionths)
    assert amount is not None, "a number is an amount"
    return amount
