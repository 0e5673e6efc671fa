"""Options that several commands share, and what they mean."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli.collector import start_is_over
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.model.period import Period
    from convsync.settings import Settings
    from convsync.store.database import Database


class Format(StrEnum):
    """How a listing is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Config = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="CONVSYNC_CONFIG",
        help="The configuration file.",
    ),
]
DEFAULT_CONFIG = Path("convsync.toml")
FormatOption = Annotated[Format, typer.Option("--format", help="How to print it.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="WHEN",
        help="Use this instant as now, e.g. 2026-03-01T02:00+01:00; without an offset it is in "
        "the company's time zone.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Send even an unusual plan.")]
By = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="NAME", help="Who is responsible, for the audit log; by default the user."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Plan only; write and send nothing.")]


def load(path: Path) -> "Settings":
    """Return the settings, or raise OperatorError with all that is wrong with them."""
    from convsync.settings import load_settings

    return load_settings(path)


@contextmanager
def ledger(settings: "Settings") -> Iterator["Database"]:
    """Yield the database, closed afterwards; OperatorError unless it is of this version."""
    from convsync.opening import database_of
    from convsync.store import migrate

    with closing(database_of(settings)) as database:
        migrate.require_current(database)
        start_is_over()
        yield database


def instant(text: str | None, settings: "Settings") -> datetime | None:
    """Return the instant that `--as-of` means, in UTC."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"--as-of {text} is not a time such as 2026-03-01T02:00.") from None
    _require_sensible(at.year, "--as-of", text)
    if at.tzinfo is None:
        from convsync.opening import company_zone

        at = at.replace(tzinfo=company_zone(settings))
    return at.astimezone(UTC)


def day(text: str, option: str) -> date:
    """Return the calendar day that an option names."""
    try:
        day_ = date.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"{option} {text} is not a day such as 2026-03-01.") from None
    _require_sensible(day_.year, option, text)
    return day_


def require_order(first: date, last: date) -> None:
    """Raise OperatorError where the day of --to lies before that of --from."""
    if last < first:
        raise OperatorError(f"--to {last} is before --from {first}.")


def days(settings: "Settings", from_day: str, to_day: str) -> "Period":
    """Return the days of --from and --to, both included, by the company's clocks."""
    from convsync.model.period import Period
    from convsync.opening import company_zone

    first, last = day(from_day, "--from"), day(to_day, "--to")
    require_order(first, last)
    return Period.of_days(first, last, company_zone(settings))


def span(option: str, text: str) -> timedelta:
    """Return what 26h, 90m or 3d means; OperatorError for anything else."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    number, unit = text[:-1], text[-1:].lower()
    try:
        found = timedelta(**{units[unit]: float(number)})
    except (KeyError, ValueError, OverflowError):
        found = timedelta()
    if found <= timedelta():
        raise OperatorError(f"{option} {text} is not a time such as 26h, 90m or 3d.")
    return found


def _require_sensible(year: int, option: str, text: str) -> None:
    """Raise OperatorError for a year in which nobody clicked, or will."""
    if not 2000 <= year < 2100:
        raise OperatorError(f"{option} {text} is outside the years 2000 to 2099.")
