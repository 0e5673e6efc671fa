"""A ledger row as the record that events give of it, straight from its columns.

`audit verify` compares every row, and building an entry of each is most of what that costs. A row
that an entry would not have been written with has no record here: who compares then looks at the
entry itself, which says what is amiss.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, LargeBinary, bindparam, select, type_coerce

from convsync.model.click import MatchBasis
from convsync.model.record import amount_text
from convsync.model.replay import Recorded
from convsync.model.statement import Operation
from convsync.store import dialect
from convsync.store.column_types import Instant, Micros, OrderIdBytes, order_id_of_bytes
from convsync.store.entry_row import about_in
from convsync.store.schema import ledger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
COLUMNS = (
    *("id", "deal", "run_id", "order_id", "rule", "destination", "action_id", "milestone"),
    *("milestone_at", "state", "reason", "code", "due_at", "batch_id", "is_unsure"),
    *("seconds_to_close", "told_value", "told_currency"),
    *("operation", "value", "currency", "event_at", "click_kind", "click_id", "extras"),
    *("basis", "clicked_at", "is_click_estimated", "values_version"),
)
_BASIS = {basis.value: basis.name.lower() for basis in MatchBasis}


def _as_kept(name: str) -> Any:
    """Return a column as the database keeps it: numbers for instants and money, bytes for IDs."""
    column = ledger.c[name]
    if isinstance(column.type, OrderIdBytes):
        return type_coerce(column, LargeBinary())
    is_number = isinstance(column.type, Instant | Micros)
    return type_coerce(column, BigInteger) if is_number else column


_OF_DEALS = select(*map(_as_kept, COLUMNS)).where(
    ledger.c.deal > bindparam("after"), ledger.c.deal <= bindparam("upto")
)


Row = tuple[Any, ...]
"""The values of `COLUMNS` as the database keeps them, whole numbers for instants and money."""


def rows_of_deals(connection: Connection, after: int, upto: int) -> list[Row]:
    """Return the rows of the entries of the deals with these rows."""
    return dialect.raw_rows(connection, _OF_DEALS, after=after, upto=upto)


def record_of(row: Row) -> Recorded | None:
    """Return a row as a record, None where it is not one that an entry would be written with."""
    number, _, run_id, order_id, rule, destination, action, milestone, milestone_at = row[:9]
    state, reason, code, due_at, batch, is_unsure, seconds_to_close, told, told_currency = row[9:18]
    operation, value, currency, event_at, kind, click_id, extras = row[18:25]
    basis, clicked_at, is_estimated, values_version = row[25:]
    is_sound = (told is None) == (told_currency is None) and code != ""
    if not (is_sound and _is_whole_statement(row[18:25]) and _is_whole_match(*row[25:28])):
        return None
    about, is_stray = (None, False) if extras is None else about_in_row(extras)
    if is_stray:
        return None
    reached = _iso(milestone_at)
    has_statement = value is not None
    return Recorded(
        number,
        run_id,
        order_id_of_bytes(order_id),
        rule,
        destination,
        action,
        milestone,
        reached,
        state,
        reason,
        code,
        None if due_at is None else _iso(due_at),
        batch,
        is_unsure or None,
        seconds_to_close,
        None if told is None else _amount(told),
        told_currency,
        operation if has_statement else None,
        _amount(value) if has_statement else None,
        currency,
        (reached if event_at == milestone_at else _iso(event_at)) if has_statement else None,
        None if click_id is None else f"{kind}:{click_id}",
        about,
        None if basis is None else _BASIS.get(basis),
        None if clicked_at is None else _iso(clicked_at),
        is_estimated or None,
        values_version,
    )


def _is_whole_statement(cells: Sequence[Any]) -> bool:
    """True where these are the cells of a statement, or of none."""
    operation, value, currency, event_at, kind, click_id, _ = cells
    if value is None or currency is None or event_at is None:
        return cells[1:] == (None,) * 6 and operation == Operation.COUNT
    return (kind is None) == (click_id is None)


def _is_whole_match(basis: int | None, clicked_at: int | None, is_estimated: bool | None) -> bool:
    """True where these are the cells of a match, or of none."""
    if basis is None:
        return clicked_at is None and is_estimated is None
    return is_estimated is not None


def _iso(micros: int) -> str:
    """Return an instant as `isoformat` writes it: days and times of day recur, instants do not."""
    day, time = divmod(micros, _DAY)
    return _day(day) + _time(time)


@lru_cache(maxsize=8_192)
def _day(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


@lru_cache(maxsize=131_072)
def _time(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).isoformat()[10:]


def _amount(micros: int) -> str:
    """Return an amount as `amount_text` writes it; most are whole cents."""
    whole, rest = divmod(micros, 1_000_000)
    cents, finer = divmod(rest, 10_000)
    if finer or micros < 0:
        return amount_text(Decimal(micros).scaleb(-6))
    return f"{whole}.{cents:02}"


@lru_cache(maxsize=4_096)
def about_in_row(extras: str) -> tuple[str | None, bool]:
    """Return the digest that events say of a statement's extras, and whether these are a stray."""
    try:
        return about_in(extras), False
    except ValueError:
        return None, True
