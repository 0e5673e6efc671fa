"""What a platform's code asks for: four classes, whichever platform and spelling it has.

The tables themselves, in each vendor's own spelling, are in the `*_codes` modules. A code that
stands in none is kept as it came, and its row is put off for a day: a vendor adds codes with every
release, and none of them may lose a conversion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from convsync.model.outcome import Confirmed, Deferred, Outcome, Rejected


class Class(IntEnum):
    """What is to be done about a code; of several on one row the highest is what counts."""

    COUNTED = 1
    WAIT = 2
    ROW = 3
    STOP = 4


@dataclass(frozen=True, slots=True)
class Meaning:
    """A class; for WAIT how long, for STOP (and some of ROW) what a person can do about it."""

    what: Class
    wait: timedelta = timedelta(0)
    mend: str = ""
    is_unknown: bool = False


COUNTED = Meaning(Class.COUNTED)
ROW = Meaning(Class.ROW)
ONE_HOUR = Meaning(Class.WAIT, timedelta(hours=1))
SIX_HOURS = Meaning(Class.WAIT, timedelta(hours=6))
NEXT_DAY = Meaning(Class.WAIT, timedelta(hours=24))
UNKNOWN = Meaning(Class.WAIT, timedelta(hours=24), is_unknown=True)
"""Of every code that stands in no table."""


def stop(mend: str) -> Meaning:
    """Return the meaning of a code that every row would get until a person has mended the cause."""
    return Meaning(Class.STOP, mend=mend)


def row(mend: str) -> Meaning:
    """Return the meaning of a code about one row that a person can do something about."""
    return Meaning(Class.ROW, mend=mend)


def outcome_of(code: str, table: Mapping[str, Meaning], now: datetime) -> Outcome:
    """Return what a code on a row means; an unknown one is kept and tried again the next day."""
    return outcome_as(code, table.get(code, UNKNOWN), now)


def outcome_as(code: str, meaning: Meaning, now: datetime) -> Outcome:
    """Return the outcome of a row that was given a code of this meaning."""
    match meaning.what:
        case Class.COUNTED:
            return Confirmed(code=code)
        case Class.WAIT:
            until = now + meaning.wait
            return Deferred(code=code, until=until, is_unknown=meaning.is_unknown)
        case Class.ROW | Class.STOP:
            return Rejected(code=code)
