"""Ledger rows beside what the log tells of them, column by column: equal, or not plainly so.

Of most entries nothing is told but that a chunk planned them and that batches were sent and
answered. To make a record of each such row and another of what events tell of it, only to find
both alike, is most of what a comparison costs. Here the columns of some hundred rows are compared
with what they must hold. Of rows that differ anywhere nothing is said: they are compared one by one
then, by who called, which finds what differs.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from convsync.model.click import MatchBasis
from convsync.model.seal import closed
from convsync.model.statement import Operation
from convsync.store.column_types import bytes_of_order_id, microseconds_of, millionths_of
from convsync.store.row_record import COLUMNS, Row, about_in_row

Column = Sequence[Any]
Told = Mapping[str, Column]
"""What is told of entries, a column for each field of a record; one that is missing is None."""


def are_as_told(rows: Sequence[Row], told: Told, seal: bytes) -> bool:
    """True where rows, as `row_record.rows_of_deals` gives them, hold what is told of each.

    False says nothing: they may be alike all the same.
    """
    nothing = [None] * len(rows)
    if any(None in told.get(name, nothing) for name in ("value", "currency", "event_at")):
        return False
    found = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    try:
        for name, (field, read) in _READ.items():
            column = told.get(field, nothing)
            if list(found[name]) != (column if read is None else read(column)):
                return False
    except (ArithmeticError, KeyError, TypeError, ValueError):  # not as the log is written
        return False
    is_estimated = zip(found["basis"], told.get("is_click_estimated", nothing), strict=True)
    if list(found["is_click_estimated"]) != [
        None if basis is None else bool(said) for basis, said in is_estimated
    ]:
        return False
    order_ids = told["order_id"]
    clicks = _clicks(found["click_kind"], found["click_id"])
    abouts = [*map(_about_in, found["extras"])]
    return (
        _STRAY not in clicks
        and _STRAY not in abouts
        and _closed("click", clicks, order_ids, seal) == told.get("click", nothing)
        and _closed("about", abouts, order_ids, seal) == told.get("about", nothing)
    )


_STRAY = "\0stray"
"""Stands for cells that no entry would have been written with."""


def _clicks(kinds: Column, click_ids: Column) -> list[str | None]:
    return [
        (None if kind is None else _STRAY)
        if click_id is None
        else (_STRAY if kind is None else f"{kind}:{click_id}")
        for kind, click_id in zip(kinds, click_ids, strict=True)
    ]


def _about_in(extras: str | None) -> str | None:
    digest, is_stray = (None, False) if extras is None else about_in_row(extras)
    return _STRAY if is_stray else digest


def _closed(name: str, values: Column, order_ids: Column, seal: bytes) -> list[str | None]:
    return [
        value and closed(name, value, order_id, seal)
        for value, order_id in zip(values, order_ids, strict=True)
    ]


def _each(read: Callable[[Any], Any]) -> Callable[[Column], list[Any]]:
    """Return what reads a column.

    What it holds throughout is read once, and so is the same column again: as a rule an event is
    told with the very times of its milestone.
    """

    @lru_cache(maxsize=1)
    def read_apart(column: tuple[Any, ...]) -> list[Any]:
        return [None if value is None else read(value) for value in column]

    def read_all(column: Column) -> list[Any]:
        if len(set(column)) == 1:
            return [None if column[0] is None else read(column[0])] * len(column)
        return read_apart(tuple(column))

    return read_all


def _micros(text: str) -> int | None:
    return microseconds_of(datetime.fromisoformat(text))


def _millionths(text: str) -> int | None:
    return millionths_of(Decimal(text))


def _are_true(column: Column) -> list[bool]:
    return [*map(bool, column)]


_BASIS = {basis.name.lower(): basis.value for basis in MatchBasis}
_instants, _amounts = _each(_micros), _each(_millionths)
_READ: Mapping[str, tuple[str, Callable[[Column], list[Any]] | None]] = {
    "id": ("entry", None),
    "deal": ("deal", None),
    "run_id": ("run_id", None),
    "order_id": ("order_id", _each(bytes_of_order_id)),
    "rule": ("rule", None),
    "destination": ("destination", None),
    "action_id": ("action", None),
    "milestone": ("milestone", None),
    "milestone_at": ("milestone_at", _instants),
    "state": ("state", None),
    "reason": ("reason", None),
    "code": ("code", None),
    "due_at": ("due_at", _instants),
    "batch_id": ("batch", None),
    "is_unsure": ("is_unsure", _are_true),
    "seconds_to_close": ("seconds_to_close", None),
    "values_version": ("values_version", None),
    "told_value": ("told", _amounts),
    "told_currency": ("told_currency", None),
    "operation": ("operation", _each(Operation)),
    "value": ("value", _amounts),
    "currency": ("currency", None),
    "event_at": ("event_at", _instants),
    "basis": ("matched_by", _each(_BASIS.__getitem__)),
    "clicked_at": ("clicked_at", _instants),
}
"""By column of the ledger: the field of a record that says it, and how its text is read."""
