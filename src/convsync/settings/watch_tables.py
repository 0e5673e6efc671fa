"""The tables that say when nights are, who hears of them, and where their figures go."""

import re
from datetime import date, time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from convsync.settings.values import OptionalFile, Table, is_loopback

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_EVERY = re.compile(r"([1-9]\d{0,3})\s*(m|min|minutes?|h|hours?)")
_SHORTEST, _LONGEST = 1, 24 * 60


def _time(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and (found := _TIME.fullmatch(value)):
        return time(int(found[1]), int(found[2]))
    raise ValueError(f"'{value}' is not a time of day such as 02:00")


def _times(value: Any) -> Any:
    return [value] if isinstance(value, str | time) else value


def minutes_of(value: Any) -> int:
    """Return what `15m` or `2h` means; raises ValueError for any other text."""
    found = _EVERY.fullmatch(str(value).strip().lower())
    if found:
        minutes = int(found[1]) * (60 if found[2].startswith("h") else 1)
        if _SHORTEST <= minutes <= _LONGEST:
            return minutes
    raise ValueError(f"'{value}' is not a time such as 15m or 2h, from one minute to a day")


def _hours(value: Any) -> Any:
    since, dash, until = str(value).partition("-")
    try:
        if dash:
            return _time(since.strip()), _time(until.strip())
    except ValueError:
        pass  # said below, of the whole
    raise ValueError(f"'{value}' is not a span of hours such as 22:00-07:00")


def _ping_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if not url.startswith("https://") and not (url.startswith("http://") and is_loopback(url)):
        raise ValueError("it must begin with https://; only this machine may do without")
    return value


def _local_url(value: str) -> str:
    if not is_loopback(value):
        raise ValueError(f"'{value}' is not on this machine, as in http://127.0.0.1:8470")
    return value.rstrip("/")


TimeOfDay = Annotated[time, BeforeValidator(_time)]
TimesOfDay = Annotated[tuple[TimeOfDay, ...], BeforeValidator(_times)]
Every = Annotated[int, BeforeValidator(minutes_of)]
"""How often, in minutes."""
Hours = Annotated[tuple[time, time], BeforeValidator(_hours)]
PingUrl = Annotated[SecretStr, AfterValidator(_ping_url)]
LocalUrl = Annotated[str, AfterValidator(_local_url)]
SomeHours = Annotated[float, Field(gt=0, le=24 * 366)]


class ScheduleTable(Table):
    """When nights are due: `at` times in the company's zone, or at an interval, `every` "15m".

    `convsync schedule` runs them then; whatever else runs them, a missed night is detected by it.
    """

    at: TimesOfDay = ()
    every: Every | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "ScheduleTable":
        if self.at and self.every is not None:
            raise ValueError("at and every exclude one another: keep one of them")
        return self


class AlertsTable(Table):
    """Who is alerted when something is wrong, and from what limits on.

    `urls` are Apprise's, separated by blanks or line breaks, and a secret, as `ping_url` is:
    CONVSYNC_ALERTS__URLS, CONVSYNC_ALERTS__PING_URL. `expires` are the expiry dates of credentials,
    as their vendors show them. `name` says which convsync sends the alert; by default the config's
    folder does.
    """

    urls: SecretStr | None = None
    ping_url: PingUrl | None = None
    name: str = ""
    quiet_hours: Hours | None = None
    read_within_hours: SomeHours = 36
    confirmed_within_hours: SomeHours = 24
    rejected_share: float = Field(default=0.05, ge=0, le=1)
    expires: dict[str, date] = Field(default_factory=dict)
    expiry_notice_days: int = Field(default=14, ge=0, le=366)


class MetricsTable(Table):
    """Where figures go: a text file for Prometheus' node exporter, written after each run.

    `token` is required to read `/metrics`; it is a secret, CONVSYNC_METRICS__TOKEN.
    """

    textfile: OptionalFile = None
    token: SecretStr | None = None


class SandboxTable(Table):
    """A sandbox on this machine, whose clock follows the instant that a command uses as now.

    `convsync sandbox --demo` writes it into its config.
    """

    url: LocalUrl | None = None
