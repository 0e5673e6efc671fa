"""How commands watch a run, and look at the nights between two."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options
from convsync.errors import ConvsyncError, OperatorError

if TYPE_CHECKING:
    from convsync.report.closing import Closing
    from convsync.settings import Settings
    from convsync.store.database import Database
    from convsync.watch.night import Night

Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Print one line for a monitor instead, and exit with 0 (well), 1 (something needs "
        "attention) or 2 (nights stop, or cannot be trusted).",
    ),
]
MaxAge = Annotated[
    str | None,
    typer.Option(
        "--max-age",
        metavar="TIME",
        help="With --check: how long ago a run may have finished, e.g. 26h.",
    ),
]


@contextmanager
def night_watched(
    config: Path, as_of: str | None, closings: "Sequence[Closing]", *, is_wanted: bool
) -> "Iterator[Night]":
    """Watch a run however it ends; whoever runs it sets the exit code of what is yielded."""
    from contextlib import closing

    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.watch.night import Night, tell_of_no_settings, watched

    night = Night(closings=closings)
    if not is_wanted:
        yield night
        return
    try:
        settings = options.load(config)
    except OperatorError as error:
        tell_of_no_settings(wiring.alarm_without_settings(config), error)
        raise
    now = min(now_of(settings, as_of), system_clock())  # the run refuses what has not come yet
    with (
        closing(wiring.database_of(settings)) as database,
        watched(wiring.watch_of(settings), database, now, night),
    ):
        yield night


def look_again(config: Path, as_of: str | None, closings: "Sequence[Closing]" = ()) -> None:
    """Tell what a command that is no night has ended, or begun: a failure that was released, say.

    That it cannot be told is logged, and tells nothing of how the command ended.
    """
    from contextlib import closing

    from convsync import log, wiring

    settings = options.load(config)
    watch = wiring.watch_of(settings)
    if watch.is_idle:
        return
    try:
        with closing(wiring.database_of(settings)) as database:
            said = str(closings[-1]) if closings else ""
            watch.tell(database, now_of(settings, as_of), closing=said)
    except ConvsyncError as error:
        log.warning("the ledger cannot be looked at for alerts", because=str(error))


def note_of_log(config: Path, database: "Database", problem: str) -> None:
    """Keep what `audit verify` found wrong with the log, "" for nothing, and tell it if it is news.

    It lasts until the log is verified again: nights look at its end alone.
    """
    from convsync.store import alert_states

    with database.reading() as connection:
        known = alert_states.unsound(connection)
    if problem == known:
        return
    with database.transaction("note what verify found") as connection:
        alert_states.note_unsound(connection, problem)
    look_again(config, None)


def now_of(settings: "Settings", as_of: str | None) -> datetime:
    """Return the instant that `--as-of` means, or the present."""
    from convsync.clock import system_clock

    return options.instant(as_of, settings) or system_clock()


def check(config: Path, as_of: str | None, max_age: str | None) -> None:
    """Print one line of how the nights stand, for a monitor, and exit with 0, 1 or 2."""
    from convsync import wiring
    from convsync.watch.verdict import verdict_of

    longest = options.span("--max-age", max_age) if max_age else None
    settings = options.load(config)
    with options.ledger(settings) as database:
        facts, findings = wiring.watch_of(settings).look(database, now_of(settings, as_of))
    verdict = verdict_of(facts, findings, longest)
    typer.echo(verdict.line)
    raise typer.Exit(int(verdict.level))
