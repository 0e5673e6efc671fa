"""Reads when something happened: an instant, or a bare date in the company's calendar.

ISO 8601 is read first and fast; the declared strptime formats follow. An instant comes back in UTC.
A local time that a clock change skips is shifted forward, one that it repeats is the first of both,
so that the same cell always means the same instant.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache

from convsync.extract.cell_error import CellError, shape_of
from convsync.model.period import day_ends_at, day_starts_at

Moment = datetime | date
"""A datetime is an instant in UTC; a date that is no datetime is a bare date."""

_CACHED = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = _EPOCH.replace(tzinfo=None)
_EPOCH_DIGITS = re.compile(r"[0-9]{10}(?:[0-9]{3})?\Z")
_BASIC_DATE = re.compile(r"(?:19|20)[0-9]{6}\Z")
_NEARLY_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]\s*(\d{1,2})(:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*"
    r"(UTC|GMT|Z|[+-]\d\d(?::?\d\d)?)?\Z",
    re.ASCII | re.IGNORECASE,
)
_BEFORE_TIME = frozenset({"T", " "})
_TIME_DIRECTIVE = re.compile(r"%[HIMSfcXp]")
_BLANK_WORDS_HINT = "if it means nothing, add it to blank_words"


class TimestampReader:
    """Reads the moments of one source; `zone` is that of local times and of bare dates."""

    def __init__(self, zone: tzinfo | None, formats: tuple[str, ...]) -> None:
        self._zone = zone
        self._formats = formats
        self._formatted_cached = lru_cache(_CACHED)(self._formatted)
        self._bounds_cached = lru_cache(_CACHED)(self._bounds)

    def of_text(self, text: str) -> Moment:
        """Return the moment a text states, or raise CellError."""
        try:
            if len(text) == 10:
                return self._day(date.fromisoformat(text))
            if text[10:11] in _BEFORE_TIME:
                return self._instant(datetime.fromisoformat(text))
        except ValueError:
            pass  # not quite ISO 8601
        return self._otherwise(text)

    def of_texts(self, texts: Sequence[str]) -> list[Moment | None]:
        """Return the moment each text states, None for an empty one, or raise CellError."""
        if all(text[10:11] in _BEFORE_TIME for text in texts):
            try:
                return [self._instant(moment) for moment in map(datetime.fromisoformat, texts)]
            except ValueError:
                pass  # one of them is not quite ISO 8601
        return [self.of_text(text) if text else None for text in texts]

    def of_value(self, value: object) -> Moment:
        """Return the moment a typed value states, or raise CellError."""
        match value:
            case datetime():
                return self._instant(value)
            case date():
                return self._day(value)
            case int() | float() | Decimal() if not isinstance(value, bool):
                return _since_epoch(Decimal(str(value)))
        raise CellError(f"holds a {type(value).__name__} where a time should be")

    def start_of(self, moment: Moment) -> datetime:
        """Return the instant itself, or the first instant of a bare date."""
        return moment if isinstance(moment, datetime) else self._bounds_cached(moment)[0]

    def end_of(self, moment: Moment) -> datetime:
        """Return the instant itself, or the last second of a bare date."""
        return moment if isinstance(moment, datetime) else self._bounds_cached(moment)[1]

    def _otherwise(self, text: str) -> Moment:
        if _EPOCH_DIGITS.match(text):
            return _since_epoch(Decimal(text))
        try:
            if nearly := _NEARLY_ISO.match(text):
                return self._instant(_fixed(nearly))
            if _BASIC_DATE.match(text):
                return self._day(date.fromisoformat(text))
        except ValueError:
            pass  # no such day or hour
        return self._formatted_cached(text)

    def _formatted(self, text: str) -> Moment:
        for form in self._formats:
            try:
                moment = datetime.strptime(text, form)  # noqa: DTZ007 (the zone is put on below)
            except ValueError:
                continue
            is_instant = _TIME_DIRECTIVE.search(form)
            return self._instant(moment) if is_instant else self._day(moment.date())
        raise CellError(
            f"is not a time in ISO 8601 or in one of date_formats ({shape_of(text)}):"
            f" add its format, or, {_BLANK_WORDS_HINT}"
        )

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
    """Read seconds (10 digits) or milliseconds (13 digits) since 1970."""
    match number.adjusted() + 1 if number.is_finite() and number > 0 else 0:
        case 10:
            return _EPOCH + timedelta(microseconds=int(number * 1_000_000))
        case 13:
            return _EPOCH + timedelta(microseconds=int(number * 1_000))
    raise CellError("holds a number that is not seconds or milliseconds since 1970")


def _out_of_calendar() -> CellError:
    return CellError(f"is a date at the edge of the calendar: {_BLANK_WORDS_HINT}")
