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
    from convsync.watch.ending import Night

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
    from convsync.watch.ending import Night

    night = Night(closings=closings)
    if not is_wanted:
        yield night
        return
    try:
        settings = options.load(config)
    except OperatorError as error:
        _tell_of_no_settings(config, error)
        raise
    with closing(wiring.database_of(settings)) as database:
        if not (wiring.is_watched(settings) or _is_acknowledged(database)):
            yield night
            return
        from convsync.watch.night import watched
        from convsync.wiring.watch import watch_of

        now = min(now_of(settings, as_of), system_clock())  # the run refuses what has not come yet
        with watched(watch_of(settings), database, now, night):
            yield night


def _tell_of_no_settings(config: Path, error: OperatorError) -> None:
    from convsync.watch.night import tell_of_no_settings
    from convsync.wiring.watch import alarm_without_settings

    tell_of_no_settings(alarm_without_settings(config), error)


def _is_acknowledged(database: "Database") -> bool:
    """True where somebody answers for a state, which a run may end."""
    from convsync.store import alert_states

    try:
        with database.reading() as connection:
            return bool(alert_states.recall(connection))
    except ConvsyncError:
        return False  # the run will say what is wrong with the ledger


def look_again(config: Path, as_of: str | None, closings: "Sequence[Closing]" = ()) -> None:
    """Tell what a command that is no night has ended, or begun: a failure that was released, say.

    That it cannot be told is logged, and tells nothing of how the command ended.
    """
    from contextlib import closing

    from convsync import log, wiring

    settings = options.load(config)
    if not wiring.is_watched(settings):
        return
    from convsync.wiring.watch import watch_of

    watch = watch_of(settings)
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
    from convsync.watch.verdict import verdict_of
    from convsync.wiring.watch import watch_of

    longest = options.span("--max-age", max_age) if max_age else None
    settings = options.load(config)
    with options.ledger(settings) as database:
        facts, findings = watch_of(settings).look(database, now_of(settings, as_of))
    verdict = verdict_of(facts, findings, longest)
    typer.echo(verdict.line)
    raise typer.Exit(int(verdict.level))
