"""Half-open UTC intervals, and a company's calendar days laid onto them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """All instants from `since` up to, not including, `until`; both aware UTC, `since <= until`."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise ValueError(f"a period cannot end ({self.until}) before it starts ({self.since})")

    def __contains__(self, instant: datetime) -> bool:
        return self.since <= instant < self.until

    @classmethod
    def of_days(cls, first: date, last: date, zone: tzinfo) -> "Period":
        """Return the period of whole calendar days from `first` to `last`, both included."""
        return cls(since=day_starts_at(first, zone), until=day_starts_at(_next(last), zone))

    def days(self, zone: tzinfo) -> Iterator[date]:
        """Yield the calendar days this period touches, in order."""
        day = self.since.astimezone(zone).date()
        while day_starts_at(day, zone) < self.until:
            yield day
            day = _next(day)


ALL_TIME = Period(since=datetime(1, 1, 2, tzinfo=UTC), until=datetime(9999, 12, 30, tzinfo=UTC))


def day_starts_at(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a calendar day in UTC.

    Where a clock change skips midnight (São Paulo until 2018) the day begins when the clock
    resumes: the local time zoneinfo resolves for the missing hour, one offset back.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def day_ends_at(day: date, zone: tzinfo) -> datetime:
    """Return the last whole second of a calendar day in UTC, 23, 24 or 25 hours after its start."""
    return day_starts_at(_next(day), zone) - timedelta(seconds=1)


def _next(day: date) -> date:
    return day + timedelta(days=1)
