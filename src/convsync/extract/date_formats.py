"""The forms in which a source writes times beside ISO 8601: strptime's, and two that have a name.

A form is refused when the configuration is read if it cannot say a whole date, or if a text that
another form reads would mean something else by it: which of them is meant is nothing to guess at.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import permutations
from typing import Final

SPREADSHEET: Final = "spreadsheet"
"""Days since 1899-12-30, as spreadsheets count them: 45981, or 45981.4375 with the time."""
JAVASCRIPT: Final = "javascript"
"""What JavaScript makes of a date: Fri Nov 20 2026 10:00:00 GMT+0100 (Central European …)."""

_SPREADSHEET_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 (local, as spreadsheets are)
_SERIAL: Final = re.compile(r"([2-7][0-9]{4})(?:[.,]([0-9]{1,15}))?\Z")
_JAVASCRIPT: Final = re.compile(
    r"(?:\w{3} )?(\w{3} \d\d? \d{4} \d\d:\d\d:\d\d (?:GMT|UTC)[+-]\d{4})(?: \(.*\))?\Z", re.ASCII
)
_TIME: Final = re.compile(r"%[HIMSfcXp]")
_YEAR: Final = re.compile(r"%[YyGcx]")
_ZONE_BEHIND: Final = re.compile(r"\s*%Z\Z")
_DIGITS: Final = re.compile(r"[0-9]{10}(?:[0-9]{3}){0,2}\Z")
_SAMPLES: Final = tuple(
    datetime(*when)  # noqa: DTZ001
    for when in ((2026, 3, 4, 5, 6, 7), (2011, 12, 10, 9, 8, 11), (2003, 2, 1, 0, 0, 0))
)


def read_by(form: str, text: str) -> datetime | date | None:
    """Return what a text states in a form, a local time if it says no zone; None for another."""
    if form == SPREADSHEET:
        return _of_spreadsheet(text)
    if form == JAVASCRIPT:
        found = _JAVASCRIPT.match(text)
        text, form = (found[1] if found else ""), "%b %d %Y %H:%M:%S GMT%z"
        text = text.replace("UTC", "GMT")
    try:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 (the zone is put on by who calls)
    except ValueError:
        return None
    return moment if _TIME.search(form) else moment.date()


def without_zone(form: str) -> str:
    """Return a form without the `%Z` at its end: names of zones are read behind any form."""
    return _ZONE_BEHIND.sub("", form)


def mistakes_in(forms: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with forms, and with any two of them together."""
    own = [without_zone(form) for form in forms if form not in (SPREADSHEET, JAVASCRIPT)]
    unsound = dict(zip(own, map(_mistake_in, own), strict=True))
    yield from filter(None, unsound.values())
    sound = [form for form, mistake in unsound.items() if mistake is None]
    for one, other in permutations(["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", *sound], 2):
        if other in sound and _differ(one, other):
            yield (
                f"'{one}' and '{other}' read the same text as different dates; keep the one that"
                " the source writes"
            )


def _mistake_in(form: str) -> str | None:
    if ("%p" in form) != ("%I" in form):
        return f"'{form}' must have both %I and %p: without %p no half of the day is known"
    if "%Z" in form:
        return f"'{form}' has %Z within: the name of a zone is read at the end only, or use %z"
    for sample in _SAMPLES:
        try:
            text = sample.strftime(form)
            read = _sample_read(text, form)
        except ValueError:
            return f"'{form}' is not a format of strptime"
        if read.date() != sample.date():
            return f"'{form}' does not say year, month and day"
        if _DIGITS.match(text):
            return f"'{form}' looks like seconds since 1970, for which such digits are taken"
    return None


def _sample_read(text: str, form: str) -> datetime:
    """Return what a text states, in a year of no sample where it says none.

    Python 3.13 warns of a day without a year.
    https://docs.python.org/3/library/datetime.html#datetime.datetime.strptime
    """
    if not _YEAR.search(form):
        text, form = f"1904 {text}", f"%Y {form}"
    return datetime.strptime(text, form)  # noqa: DTZ007


def _differ(one: str, other: str) -> bool:
    for sample in _SAMPLES:
        text = sample.strftime(one)
        mine, theirs = read_by(one, text), read_by(other, text)
        if theirs is not None and mine != theirs:
            return True
    return False


def _of_spreadsheet(text: str) -> datetime | date | None:
    if not (found := _SERIAL.match(text)):
        return None
    days, fraction = found.groups()
    day = _SPREADSHEET_EPOCH + timedelta(days=int(days))
    if fraction is None:
        return day.date()
    return day + timedelta(seconds=round(float(f"0.{fraction}") * 86_400))
