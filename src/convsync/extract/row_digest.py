"""Digests of rows as they are written, by which an unchanged row is known without being read.

A digest stands for a row and for all that decides how it is read: the mapping, the format of cells,
the header, this version of convsync and of the libraries that read phones, and the rules of time
zones. Where any of these changes, no row is known and all are read again.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers

from convsync import __version__

LENGTH: Final = 16
_YEARS = range(2000, 2041)
"""The years whose offsets stand for a time zone's rules, which governments change."""


def digest_of_reading(*decisive: object) -> bytes:
    """Return what changes whenever one of these values does, or the code that reads."""
    said = _plain([__version__, phonenumbers.__version__, *decisive])
    return blake2b(repr(said).encode(), digest_size=LENGTH).digest()


def digest_of_row(row: str, reading: bytes) -> bytes:
    """Return what stands for a row that is read in that way."""
    written = row.encode("utf-8", "surrogatepass")
    return blake2b(written, digest_size=LENGTH, person=reading).digest()


def _plain(value: object) -> object:
    """Return a value as one whose repr is the same in every process: sets are put in order."""
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    if isinstance(value, ZoneInfo):
        return value.key, _offsets(value)
    if isinstance(value, Mapping):
        return [(_plain(key), _plain(held)) for key, held in value.items()]
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    if is_dataclass(value):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    return value


def _offsets(zone: ZoneInfo) -> list[str]:
    days = (datetime(year, month, 1, tzinfo=zone) for year in _YEARS for month in range(1, 13))
    return [str(day.utcoffset()) for day in days]
