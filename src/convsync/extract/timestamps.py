"""Reads when something happened: an instant, or a bare date in the company's calendar.

ISO 8601 is read first and fast; the declared formats follow. An instant comes back in UTC. A local
time that a clock change skips is shifted forward, one that it repeats is the first of both, so that
the same cell always means the same instant. Ten, 13 or 16 digits are seconds, milli- or
microseconds since 1970; a bare date has its separators, for digits alone may be anything.

In a column that is declared a date, midnight stands for the whole day: midnight as it is written,
or the company's where the system behind it has turned its dates into instants.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache

from convsync.extract.cell_error import CellError, shape_of
from convsync.extract.date_formats import SPREADSHEET, read_by, without_zone
from convsync.extract.zone_names import split_zone, zone_of
from convsync.model.period import day_ends_at, day_starts_at

Moment = datetime | date
"""A datetime is an instant in UTC; a date that is no datetime is a bare date."""

_CACHED = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = _EPOCH.replace(tzinfo=None)
_MIDNIGHT = time()
_EPOCH_DIGITS = re.compile(r"[0-9]{10}(?:[0-9]{3}){0,2}(?:[.,][0-9]+)?\Z")
_UNITS_A_SECOND = {10: 1, 13: 1_000, 16: 1_000_000}
_NEARLY_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]\s*(\d{1,2})(:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*"
    r"(UTC|GMT|Z|[+-]\d\d(?::?\d\d)?)?\Z",
    re.ASCII | re.IGNORECASE,
)
_BEFORE_TIME = frozenset({"T", " "})
_SEPARATED = "--"  # what is fifth and eighth in a date of ISO 8601
_ENDS = frozenset({date.min.year, date.max.year})
_BLANK_WORDS_HINT = "if it means nothing, add it to blank_words"


class TimestampReader:
    """Reads the moments of one source; `zone` is that of local times and of bare dates.

    `has_dates` says that midnight means the whole day.
    """

    def __init__(
        self, zone: tzinfo | None, formats: tuple[str, ...], *, has_dates: bool = False
    ) -> None:
        self._zone = zone
        self._formats = tuple(map(without_zone, formats))
        self._has_dates = has_dates
        self._moment_of = self._day_or_instant if has_dates else self._instant
        self._formatted_cached = lru_cache(_CACHED)(self._formatted)
        self._bounds_cached = lru_cache(_CACHED)(self._bounds)

    def of_text(self, text: str) -> Moment:
        """Return the moment a text states, or raise CellError."""
        try:
            if text[4:8:3] == _SEPARATED:
                if len(text) == 10:
                    return self._day(date.fromisoformat(text))
                if text[10:11] in _BEFORE_TIME:
                    return self._moment_of(datetime.fromisoformat(text))
        except ValueError:
            pass  # not quite ISO 8601
        return self._otherwise(text)

    def of_texts(self, texts: Sequence[str]) -> list[Moment | None]:
        """Return the moment each text states, None for an empty one, or raise CellError."""
        if all(text[10:11] in _BEFORE_TIME and text[4:8:3] == _SEPARATED for text in texts):
            try:
                return [self._moment_of(moment) for moment in map(datetime.fromisoformat, texts)]
            except ValueError:
                pass  # one of them is not quite ISO 8601
        return [self.of_text(text) if text else None for text in texts]

    def of_value(self, value: object) -> Moment:
        """Return the moment a typed value states, or raise CellError."""
        match value:
            case date() if value.year in _ENDS:  # what drivers make of an infinite time
                raise _out_of_calendar()
            case datetime():
                return self._moment_of(value)
            case date():
                return self._day(value)
            case int() | float() | Decimal() if not isinstance(value, bool):
                return self._of_number(Decimal(str(value)))
            case time() | timedelta():
                raise CellError("holds only a time of day: map what holds its date as well")
        raise CellError(
            f"holds a {type(value).__name__} where a time should be: map what holds times"
        )

    def start_of(self, moment: Moment) -> datetime:
        """Return the instant itself, or the first instant of a bare date."""
        return moment if isinstance(moment, datetime) else self._bounds_cached(moment)[0]

    def end_of(self, moment: Moment) -> datetime:
        """Return the instant itself, or the last second of a bare date."""
        return moment if isinstance(moment, datetime) else self._bounds_cached(moment)[1]

    def _otherwise(self, text: str) -> Moment:
        if _EPOCH_DIGITS.match(text):
            return self._moment_of(_since_epoch(Decimal(text.replace(",", "."))))
        try:
            if nearly := _NEARLY_ISO.match(text):
                return self._moment_of(_fixed(nearly))
        except ValueError:
            pass  # no such day or hour
        return self._formatted_cached(text)

    def _of_number(self, number: Decimal) -> Moment:
        if SPREADSHEET in self._formats and (moment := read_by(SPREADSHEET, f"{number:f}")):
            return self._stated(moment)
        return self._moment_of(_since_epoch(number))

    def _formatted(self, text: str) -> Moment:
        for form in self._formats:
            if moment := read_by(form, text):
                return self._stated(moment)
        if found := split_zone(text):
            return self._in_named_zone(*found)
        raise CellError(
            f"is not a time in ISO 8601 or in one of date_formats ({shape_of(text)}):"
            f" add its format, or, {_BLANK_WORDS_HINT}"
        )

    def _in_named_zone(self, text: str, name: str) -> Moment:
        """Read a time that the name of its zone follows; an offset before the name says it all."""
        local = self._local(text)
        if local is None:
            raise CellError(
                f"is not a time before the name of its zone ({shape_of(text)}): add its format"
            )
        if local.tzinfo is None:
            local = local.replace(tzinfo=zone_of(name, local, self._zone))
        return self._moment_of(local)

    def _local(self, text: str) -> datetime | None:
        nearly = _NEARLY_ISO.match(text)
        with suppress(ValueError):
            if nearly:
                return _fixed(nearly)
        read = (read_by(form, text) for form in self._formats)
        return next((moment for moment in read if isinstance(moment, datetime)), None)

    def _stated(self, moment: Moment) -> Moment:
        """Return what a declared format states, a local time where it says no zone."""
        return self._moment_of(moment) if isinstance(moment, datetime) else self._day(moment)

    def _day_or_instant(self, moment: datetime) -> Moment:
        """Return the day that midnight stands for, any other time as it is."""
        if moment.time() == _MIDNIGHT:
            return self._day(moment.date())
        instant = self._instant(moment)
        local = instant.astimezone(self._zone) if self._zone else instant
        return self._day(local.date()) if local.time() == _MIDNIGHT else instant

    def _instant(self, moment: datetime) -> datetime:
        if moment.tzinfo is UTC:
            return moment
        try:
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
            zone = self._zone or self._zone_for("a time without a zone")
            offset = zone.utcoffset(moment) or timedelta(0)
            return _EPOCH + (
                moment - _LOCAL_EPOCH - offset
            )  # as astimezone, at a fifth of its cost
        except OverflowError:
            raise _out_of_calendar() from None

    def _day(self, day: date) -> date:
        self._bounds_cached(day)
        return day

    def _bounds(self, day: date) -> tuple[datetime, datetime]:
        zone = self._zone_for("a bare date")
        try:
            return day_starts_at(day, zone), day_ends_at(day, zone)
        except OverflowError:
            raise _out_of_calendar() from None

    def _zone_for(self, what: str) -> tzinfo:
        if self._zone is None:
            raise CellError(f"holds {what}: set the source's time_zone")
        return self._zone


def _fixed(nearly: re.Match[str]) -> datetime:
    """Read a one-digit hour, ` UTC`, or a space before the offset: what exporters take for ISO."""
    day, hour, rest, zone = nearly.groups(default="")
    offset = "+00:00" if zone.isalpha() else zone
    return datetime.fromisoformat(f"{day}T{hour:0>2}{rest}{offset}")


def _since_epoch(number: Decimal) -> datetime:
    """Read seconds (10 digits), milliseconds (13) or microseconds (16) since 1970."""
    digits = number.adjusted() + 1 if number.is_finite() and number > 0 else 0
    if units := _UNITS_A_SECOND.get(digits):
        return _EPOCH + timedelta(microseconds=int(number * 1_000_000 / units))
    raise CellError(
        "holds a number that is not seconds, milli- or microseconds since 1970; days of a"
        f' spreadsheet need date_formats = ["{SPREADSHEET}"]'
    )


def _out_of_calendar() -> CellError:
    return CellError(f"is a date at the edge of the calendar: {_BLANK_WORDS_HINT}")
