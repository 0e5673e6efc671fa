"""How instants, money and words are kept: alike in SQLite and PostgreSQL, and quick to compare.

Instants are whole microseconds since 1970 (UTC) and money is millionths of the currency: both
compare, sort and add up alike in both databases. An order ID is the 16 bytes of its digest: a
conversion's row is a tenth shorter without the text, and the index on it less than half.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, String, TypeDecorator
from sqlalchemy.engine import Dialect

from convsync.model.statement import OrderId, is_order_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:
        """Return what returns the microseconds, and calls nothing else: millions are written."""
        return microseconds_of

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC."""
        return instant_of(value)


def microseconds_of(value: datetime | None) -> int | None:
    """Return microseconds since 1970; naive datetimes are refused by their own arithmetic."""
    return None if value is None else (value - _EPOCH) // _MICROSECOND


def instant_of(microseconds: int | None) -> datetime | None:
    """Return the instant in UTC that a column holds."""
    return None if microseconds is None else _EPOCH + microseconds * _MICROSECOND


class Micros(TypeDecorator[Decimal]):
    """An amount of money, stored in millionths; finer parts are rounded by `model.money`."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | None], int | None]:
        """Return what returns the millionths, and calls nothing else."""
        return millionths_of

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the amount with as many places as it needs, at least two."""
        return amount_of(value)


def millionths_of(value: Decimal | None) -> int | None:
    """Return an amount as a column holds it."""
    return None if value is None else int(value.scaleb(6))


def amount_of(millionths: int | None) -> Decimal | None:
    """Return the amount that a column holds, with as many places as it needs, at least two."""
    if millionths is None:
        return None
    cents, rest = divmod(int(millionths), 10_000)
    return Decimal(millionths).scaleb(-6) if rest else Decimal(cents).scaleb(-2)


class Word(TypeDecorator[str]):
    """A word of one of our enums; drivers are handed plain text, not a subclass of it."""

    impl = String
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        """Return what returns the word itself, and calls nothing else."""
        return _plain


def _plain(word: str | None) -> str | None:
    return None if word is None else str(word)


class OrderIdBytes(TypeDecorator[OrderId]):
    """An order ID, stored as the 16 bytes in it; text that is none as its own bytes, so no other's.

    Asked for such text, the ledger has none; where somebody wrote it by hand, it is shown.
    """

    impl = LargeBinary(16)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], bytes | None]:
        """Return what returns the bytes, and calls nothing that a dialect would add."""
        return bytes_of_order_id

    def process_result_value(self, value: Any, dialect: Dialect) -> OrderId | None:
        """Return the order ID."""
        return None if value is None else order_id_of_bytes(value)


def bytes_of_order_id(order_id: str | None) -> bytes | None:
    """Return an order ID as a column holds it."""
    if order_id is None:
        return None
    return bytes.fromhex(order_id[3:]) if is_order_id(order_id) else order_id.encode()


def order_id_of_bytes(stored: bytes | str) -> OrderId:
    """Return the order ID that a column holds."""
    if isinstance(stored, str):  # SQLite takes a text for any column
        return OrderId(stored)
    return OrderId("cs-" + stored.hex() if len(stored) == 16 else stored.decode(errors="replace"))
