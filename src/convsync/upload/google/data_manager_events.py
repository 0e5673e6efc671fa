"""Events of the Data Manager API written as bytes, straight from what the ledger stores.

The events of a request differ in an order ID, a time, a click ID and a value. What they have in
common is written by the client's own classes, once, and those four are put between: a row costs a
third of a message that is filled in field by field, and no object of ours. Fields stand in the
order of their numbers, as the client writes them: the request is the same to the last byte.

https://protobuf.dev/programming-guides/encoding
"""

from binascii import hexlify
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import repeat
from operator import truediv
from struct import pack
from typing import Any, NamedTuple

from google.ads import datamanager_v1
from msgspec import structs

from convsync.model.statement import Statement
from convsync.model.stored_statements import StatementColumns, StoredStatements

_MICROSECONDS = 1_000_000
_DIGEST = 16
_EARLIEST = (1 << 14) * _MICROSECONDS
"""A time on 1 January 1970, which no conversion has: later ones take three bytes and more."""
_SEVEN_BITS = [bytes([128 | bits]) for bits in range(128)]
"""Seven bits of a number that goes on."""
_CLICK_IDS = datamanager_v1.AdIdentifiers.pb(
    datamanager_v1.AdIdentifiers()
).DESCRIPTOR.fields_by_name
_ITS_OWN = ("transaction_id", "event_timestamp", "ad_identifiers", "conversion_value")
_LAST_BEFORE_CLICK, _LAST_BEFORE_VALUE = 6, 8
_FEW = 32

EventOf = Callable[[Statement], Any]
"""Returns a statement's event as the client's raw message."""


def events_of(said: StoredStatements, event_of: EventOf) -> bytes | None:
    """Return the events of statements as they stand in a request.

    None where some cannot be written so, or hardly any two have much in common. What names a person
    is written by `event_of` alone.
    """
    columns = said.columns
    first_with = dict(zip(reversed(columns.extras), reversed(range(len(said))), strict=True))
    if len(first_with) > len(said) // 4 + _FEW or not _are_ordinary(columns):
        return None
    forms = _Forms(event_of, {extras: said[row] for extras, row in first_with.items()})
    clicks = [b"" if one is None else one.encode() for one in columns.click_ids]
    times = _times_of(columns.times)
    lengths = map(len, clicks), map(len, times)
    shapes = zip(columns.click_kinds, columns.currencies, columns.extras, *lengths, strict=True)
    own = zip(_order_ids_of(columns), times, clicks, _values_of(columns), strict=True)
    return b"".join(
        [
            form % four if form else _alone(event_of(said[row]))
            for row, (form, four) in enumerate(
                zip(map(forms.__getitem__, shapes), own, strict=True)
            )
        ]
    )


def _are_ordinary(columns: StatementColumns) -> bool:
    return {*map(len, columns.order_ids)} == {_DIGEST} and min(columns.times) >= _EARLIEST


class _Shape(NamedTuple):
    """What decides on an event but for the four of its own, and the lengths of two of those."""

    kind: str | None
    currency: str
    extras: str | None
    click: int
    time: int


class _Forms(dict[tuple[Any, ...], bytes | None]):
    """Events by their shapes, to be filled in; None where one is not like others.

    `like` has a statement with each of the extras.
    """

    def __init__(self, event_of: EventOf, like: Mapping[str | None, Statement]) -> None:
        super().__init__()
        self._event_of = event_of
        self._like = like
        self._common = cache(self._common_of)

    def __missing__(self, key: tuple[Any, ...]) -> bytes | None:
        shape = _Shape._make(key)
        statement = self._like[shape.extras]
        is_like_others = not statement.identifiers and not statement.variables
        form = None
        if shape.kind is not None and shape.click and is_like_others:
            form = self._form(shape, self._common(shape.currency, shape.extras))
        self[key] = form
        return form

    def _form(self, shape: _Shape, common: Sequence[bytes]) -> bytes:
        click_id = _varint(_CLICK_IDS[shape.kind].number << 3 | 2) + _varint(shape.click)
        literal = (
            b"\x12\x23cs-",
            b"\x1a" + _varint(shape.time),
            common[0] + b":" + _varint(len(click_id) + shape.click) + click_id,
            common[1] + b"I",
            common[2],
        )
        size = sum(map(len, literal)) + 2 * _DIGEST + shape.time + shape.click + 8
        before, *rest = [part.replace(b"%", b"%%") for part in (b"\x12" + _varint(size), *literal)]
        return before + b"%b".join(rest)

    def _common_of(self, currency: str, extras: str | None) -> Sequence[bytes]:
        """Return what such events say before the click, between it and the value, and after."""
        like = self._like[extras]
        value = structs.replace(like.value, currency=currency)
        common = self._event_of(structs.replace(like, value=value))
        for name in _ITS_OWN:
            common.ClearField(name)
        parts = [b"", b"", b""]
        for field, _ in common.ListFields():
            alone = type(common)()
            alone.CopyFrom(common)
            for other, _ in common.ListFields():
                if other.number != field.number:
                    alone.ClearField(other.name)
            place = (field.number > _LAST_BEFORE_CLICK) + (field.number > _LAST_BEFORE_VALUE)
            parts[place] += alone.SerializeToString()
        return parts


def _alone(event: Any) -> bytes:
    """Return one event as it stands in a request."""
    written: bytes = event.SerializeToString()
    return b"\x12" + _varint(len(written)) + written


def _order_ids_of(columns: StatementColumns) -> Sequence[bytes]:
    """Return the digits of order IDs."""
    digits, each = hexlify(b"".join(columns.order_ids)), 2 * _DIGEST
    return [digits[at : at + each] for at in range(0, len(digits), each)]


def _values_of(columns: StatementColumns) -> Sequence[bytes]:
    """Return values as numbers of eight bytes: the nearest to their millionths, as `float` is."""
    values = map(truediv, columns.values, repeat(1_000_000))
    written = pack(f"<{len(columns.values)}d", *values)
    return [written[at : at + 8] for at in range(0, len(written), 8)]


def _times_of(times: Sequence[int]) -> Sequence[bytes]:
    """Return times as the fields of a Timestamp."""
    high = _Varints()
    return [
        b"\x08%b%b%b"
        % (_SEVEN_BITS[second & 127], _SEVEN_BITS[second >> 7 & 127], high[second >> 14])
        + (b"\x10" + _varint(rest * 1_000) if rest else b"")
        for second, rest in map(divmod, times, repeat(_MICROSECONDS))
    ]


class _Varints(dict[int, bytes]):
    """Numbers as they are written; those that occur often are not written anew."""

    def __missing__(self, number: int) -> bytes:
        self[number] = _varint(number)
        return self[number]


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])
