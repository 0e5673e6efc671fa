"""A ledger row as the record that events give of it, straight from its columns.

`audit verify` compares every row, and building an entry of each is most of what that costs. A row
that an entry would not have been written with has no record here: who compares then looks at the
entry itself, which says what is amiss.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, select, type_coerce

from convsync.model.click import MatchBasis
from convsync.model.record import Scalar, amount_text
from convsync.model.statement import Operation
from convsync.store import dialect
from convsync.store.column_types import Instant, Micros
from convsync.store.ledger import about_in
from convsync.store.schema import ledger

Record = dict[str, Scalar]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_COLUMNS = (
    *("id", "deal", "run_id", "order_id", "rule", "destination", "action_id", "milestone"),
    *("milestone_at", "state", "reason", "code", "due_at", "batch_id", "is_unsure"),
    *("seconds_to_close", "told_value", "told_currency"),
    *("operation", "value", "currency", "event_at", "click_kind", "click_id", "extras"),
    *("basis", "clicked_at", "is_click_estimated"),
)
_BASIS = {basis.value: basis.name.lower() for basis in MatchBasis}


def _as_kept(name: str) -> Any:
    """Return a column as the database keeps it, whole numbers for instants and money."""
    column = ledger.c[name]
    is_number = isinstance(column.type, Instant | Micros)
    return type_coerce(column, BigInteger) if is_number else column


_OF_DEALS = select(*map(_as_kept, _COLUMNS)).where(
    ledger.c.deal > bindparam("after"), ledger.c.deal <= bindparam("upto")
)


def records_of_deals(
    connection: Connection, after: int, upto: int
) -> Iterator[tuple[int, int, Record | None]]:
    """Yield number, deal row and record of the entries of the deals with these rows.

    The record is that of `model.ledger.record_of`, with the run and the order ID; None where the
    row is not one that an entry would have been written with.
    """
    for row in dialect.raw_rows(connection, _OF_DEALS, after=after, upto=upto):
        yield row[0], row[1], _record_of(row)


def _record_of(row: Sequence[Any]) -> Record | None:
    number, _, run_id, order_id, rule, destination, action, milestone, milestone_at = row[:9]
    state, reason, code, due_at, batch, is_unsure, seconds_to_close, told, told_currency = row[9:18]
    record: Record = {
        "entry": number,
        "run_id": run_id,
        "order_id": order_id,
        "rule": rule,
        "destination": destination,
        "action": action,
        "milestone": milestone,
        "milestone_at": _iso(milestone_at),
        "state": state,
    }
    if reason is not None:
        record["reason"] = reason
    if code is not None:
        record["code"] = code
    if due_at is not None:
        record["due_at"] = _iso(due_at)
    if batch is not None:
        record["batch"] = batch
    if is_unsure:
        record["is_unsure"] = True
    if seconds_to_close is not None:
        record["seconds_to_close"] = seconds_to_close
    if told is not None:
        record["told"] = _amount(told)
        record["told_currency"] = told_currency
    is_whole = (
        (told is None) == (told_currency is None)
        and code != ""
        and _add_statement(record, *row[18:25])
        and _add_match(record, *row[25:])
    )
    return record if is_whole else None


def _add_statement(
    record: Record,
    operation: str,
    value: int | None,
    currency: str | None,
    event_at: int | None,
    kind: str | None,
    click_id: str | None,
    extras: str | None,
) -> bool:
    """Add the fields of the statement, if there is one; False for a stray."""
    if value is None or currency is None or event_at is None:
        others = (value, currency, event_at, kind, click_id, extras)
        return others == (None,) * 6 and operation == Operation.COUNT
    record["operation"] = operation
    record["event_at"] = _iso(event_at)
    record["value"] = _amount(value)
    record["currency"] = currency
    if click_id is not None:
        record["click"] = f"{kind}:{click_id}"
    about, is_stray = (None, False) if extras is None else _about(extras)
    if about is not None:
        record["about"] = about
    return not is_stray and (kind is None) == (click_id is None)


def _add_match(
    record: Record, basis: int | None, clicked_at: int | None, is_estimated: bool | None
) -> bool:
    """Add the fields of the match, if there is one; False for a stray."""
    if basis is None:
        return clicked_at is None and is_estimated is None
    record["matched_by"] = _BASIS.get(basis)
    if clicked_at is not None:
        record["clicked_at"] = _iso(clicked_at)
    if is_estimated:
        record["is_click_estimated"] = True
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


@lru_cache(maxsize=65_536)
def _amount(micros: int) -> str:
    return amount_text(Decimal(micros).scaleb(-6))


@lru_cache(maxsize=4_096)
def _about(extras: str) -> tuple[str | None, bool]:
    """Return the digest that events say of a statement's extras, and whether these are a stray."""
    try:
        return about_in(extras), False
    except ValueError:
        return None, True
