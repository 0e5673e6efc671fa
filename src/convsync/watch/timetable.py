"""When nights are due, in the company's time zone.

A time of day is due once on every calendar day. In spring, where the clock jumps over it, it is due
at the instant the skipped time would have been, an hour later by the clock; in autumn, where the
clock shows it twice, the first time only. APScheduler's own cron trigger leaves nights out and
doubles them there, so this says when, and the scheduler only waits.
"""

from calendar import day_name
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_A_DAY = timedelta(days=1)
LONGEST_DELAY = timedelta(hours=1)
"""How late a night may begin before it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """Either times of day (`at`, not empty) or `every` so often, counted from midnight UTC 1970.

    With a `weekday`, 0 for Monday, times of day are of that day alone.
    """

    zone: ZoneInfo
    at: tuple[time, ...] = ()
    every: timedelta | None = None
    weekday: int | None = None

    def __str__(self) -> str:
        if self.every is not None:
            return f"every {self.every.total_seconds() / 60:g} minutes"
        times = " and ".join(f"{time_:%H:%M}" for time_ in sorted(self.at))
        on = "" if self.weekday is None else f"on {day_name[self.weekday]}s "
        return f"{on}at {times}, {self.zone.key}"

    def next_after(self, instant: datetime) -> datetime:
        """Return the first instant after another at which a night is due."""
        if self.every is not None:
            return self._last_step(instant) + self.every
        return min(due for due in self._around(instant) if due > instant)

    def last_by(self, instant: datetime) -> datetime:
        """Return the last instant at which a night was due, the given one included."""
        if self.every is not None:
            return self._last_step(instant)
        return max(due for due in self._around(instant) if due <= instant)

    @property
    def grace(self) -> timedelta:
        """How late a night may begin before it is missing: an hour, or two steps if shorter."""
        return LONGEST_DELAY if self.every is None else min(LONGEST_DELAY, 2 * self.every)

    def is_missed(self, last_begun: datetime | None, now: datetime) -> bool:
        """Return whether a night that was due is later than its grace allows.

        Before the first night ever nothing is missed: nobody has started to run it.
        """
        return last_begun is not None and last_begun < self.last_by(now - self.grace)

    def _last_step(self, instant: datetime) -> datetime:
        assert self.every is not None
        return instant - (instant - _EPOCH) % self.every

    def _around(self, instant: datetime) -> list[datetime]:
        """Return when nights are due on the days around an instant: a day each way, or a week."""
        today = instant.astimezone(self.zone).date()
        reach = 1 if self.weekday is None else 7
        days = [today + number * _A_DAY for number in range(-reach, reach + 1)]
        return [
            datetime.combine(day, time_, self.zone).astimezone(UTC)
            for day in days
            if self.weekday in (None, day.weekday())
            for time_ in self.at
        ]
