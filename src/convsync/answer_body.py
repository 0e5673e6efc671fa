"""The body of an answer, read within limits, and parsed so that one odd value affects no other.

A body ends at so many bytes, counted after decompression, and so many seconds, however slowly it
drips. A number that no calculation could bear (an exponent of a million, ten thousand digits) is
read as not a number, so that the record it stands in is refused and its neighbours are not.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

import requests

from convsync.pace import Ticks

MOST_BYTES: Final = 64 * 2**20
MOST_S: Final = 300.0
_A_PART: Final = 2**16
_MOST_DIGITS: Final = 400
_NO_NUMBER: Final = Decimal("NaN")


class TooMuchError(Exception):
    """A body goes beyond its bounds: the message says which."""


@dataclass(frozen=True, slots=True)
class NotJson:
    """A body that is no JSON: its kind is shown, its content is not."""

    kind: str
    text: str = field(default="", repr=False)


def content_of(response: requests.Response, ticks: Ticks, *, most_bytes: int = MOST_BYTES) -> bytes:
    """Return a streamed body. Raises TooMuchError, and what urllib3 raises where it is cut off."""
    begun, content = ticks(), bytearray()
    for part in _parts(response):
        content += part
        if len(content) > most_bytes:
            raise TooMuchError(f"more than {most_bytes // 2**20} MB")
        if ticks() - begun > MOST_S:
            raise TooMuchError(f"no end after {MOST_S:.0f} seconds")
    return bytes(content)


def _parts(response: requests.Response) -> Iterator[bytes]:
    """Return what has arrived, part by part: a read of a fixed size would wait for all of it."""
    read = partial(response.raw.read1, _A_PART, decode_content=True)
    return iter(read, b"")


def parsed(content: bytes, media_type: str) -> Any:
    """Return a body as JSON, as text where it is CSV, None where it is empty, else as NotJson.

    Raises TooMuchError where it is nested beyond all sense.
    """
    kind = media_type.partition(";")[0].strip()
    if not content:
        return None
    try:
        if kind == "text/csv":  # a header alone, `"Id"`, would be JSON too
            return content.decode()
        return _json(content)
    except RecursionError:
        raise TooMuchError("nesting too deep to be read") from None
    except ValueError:
        return NotJson(kind or "something", content.decode("utf-8", "replace"))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content, parse_float=_decimal, parse_constant=_not_a_number)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of thousands of digits, or no UTF-8
        return json.loads(
            content, parse_float=_decimal, parse_int=_integer, parse_constant=_not_a_number
        )


def _decimal(written: str) -> Decimal:
    try:
        number = Decimal(written)
    except InvalidOperation:  # its exponent has twenty digits
        return _NO_NUMBER
    is_sound = abs(number.adjusted()) <= _MOST_DIGITS and len(written) <= _MOST_DIGITS
    return number if is_sound else _NO_NUMBER


def _integer(written: str) -> int | Decimal:
    return int(written) if len(written) <= _MOST_DIGITS else _NO_NUMBER


def _not_a_number(_: str) -> Decimal:
    return _NO_NUMBER
