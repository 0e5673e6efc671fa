"""`schedule`: runs the nights, where there is no cron, systemd or Kubernetes to do it."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.settings import Settings
    from convsync.watch.timetable import Timetable

At = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="TIME", help="A time of day in the company's zone, 02:00; repeatable."
    ),
]
Every = Annotated[
    str | None,
    typer.Option("--every", metavar="TIME", help="Run at this interval instead, 15m or 2h."),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        metavar="PORT",
        help="Also serve /metrics and /healthz on this port; 0 for any free one.",
    ),
]
MetricsHost = Annotated[
    str,
    typer.Option(
        "--metrics-host",
        metavar="HOST",
        help="Where to serve them; other than on this machine it needs [metrics] token.",
    ),
]


def schedule(
    at: At = None,
    every: Every = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Run each night when it is due, until stopped; a missed one runs at once.

    [schedule], --at or --every say when nights are due. With [digest], the weekly digest goes out
    when it is due, or after the next night. SIGTERM ends it; a run in progress stops at its next
    safe step.
    """
    from convsync.clock import system_clock
    from convsync.store import watching
    from convsync.watch.scheduler import Commands, Schedule, is_to_catch_up
    from convsync.wiring.watch import digest_times_of, watch_of

    settings = _scheduled(config, at or [], every)
    timetable = _timetable_of(settings)
    now, quiet = system_clock(), watch_of(settings).alarm.quiet
    with options.ledger(settings) as database, database.reading() as connection:
        is_missed = is_to_catch_up(watching.last_night(connection, now), timetable, now)
    plan, commands, place = Schedule(system_clock), Commands(), ("--config", str(config))
    digest_times = digest_times_of(settings)

    def night() -> None:
        commands.run("run", *place)
        if digest_times is not None:
            commands.run("digest", "--send", *place)

    plan.add(timetable, night, at_once=is_missed)
    if quiet is not None:
        plan.add(quiet.ends(timetable.zone), lambda: commands.run("alerts", "check", *place))
    if digest_times is not None:
        plan.add(digest_times, lambda: commands.run("digest", "--send", *place))
    with ExitStack() as running, _signals() as stop:
        if metrics_port is not None:
            running.callback(_serve(settings, metrics_host, metrics_port))
        running.callback(commands.stop)
        _say_when(timetable, is_missed=is_missed)
        plan.run_until(stop)


def _timetable_of(settings: "Settings") -> "Timetable":

    from convsync.wiring.watch import timetable_of

    timetable = timetable_of(settings)
    if timetable is None:
        raise OperatorError(
            'When? Set [schedule] at = "02:00" or every = "15m", or pass --at or --every.'
        )
    return timetable


def _scheduled(config: Path, at: list[str], every: str | None) -> "Settings":
    """Return the settings with the options in them, as each night's process will read them."""
    written = options.load(config).schedule
    if not at and every is None:
        return options.load(config)
    if (at and every is not None) or written.at or written.every is not None:
        raise OperatorError("[schedule], --at and --every exclude one another: keep one of them.")
    if at:
        os.environ["CONVSYNC_SCHEDULE__AT"] = json.dumps(at)
    else:
        os.environ["CONVSYNC_SCHEDULE__EVERY"] = str(every)
    return options.load(config)


def _serve(settings: "Settings", host: str, port: int) -> Callable[[], None]:
    """Serve the figures, say where, and return what stops it."""
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.watch.serving import Server
    from convsync.wiring.watch import metrics_token_of, watch_of

    watch, database = watch_of(settings), wiring.database_of(settings)
    server = Server(
        lambda: watch.look(database, system_clock()),
        host=host,
        port=port,
        token=metrics_token_of(settings),
    )
    output.note(f"figures: http://{host}:{server.port}/metrics")

    def stop() -> None:
        server.stop()
        database.close()

    return stop


def _say_when(timetable: "Timetable", *, is_missed: bool) -> None:
    from convsync.clock import system_clock

    due = timetable.next_after(system_clock()).astimezone(timetable.zone)
    now = "the first run begins now, " if is_missed else ""
    output.note(f"nights are {timetable}: {now}the next one is due at {due:%Y-%m-%d %H:%M}")


@contextmanager
def _signals() -> Iterator[Event]:
    """Yield what SIGINT and SIGTERM set."""
    stop = Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
