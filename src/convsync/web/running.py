"""A night that an operator starts and watches: its own process, like `convsync run`.

It goes on when the page is closed or served anew, and holds the same lock: while any run goes on,
another is refused. What it logs is kept in a file beside the configuration, until the next start.
"""

import os
import signal
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from threading import Thread
from time import monotonic
from typing import IO, Final

from convsync.clock import system_clock
from convsync.decisions.deciding import put_on_record
from convsync.errors import OperatorError
from convsync.model.event import Event, EventKind
from convsync.store import runs
from convsync.store.database import Database
from convsync.store.session import lease_time
from convsync.web.decisions import Decision, Desk, Done
from convsync.web.visits import RefusedError

LOG: Final = "convsync.page-run.log"
_BEGINS_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.1
_SAID: Final = 2_000
"""How much of the log's end is read for what a run said that did not begin, in bytes."""


def start(desk: Desk, _: str) -> Decision:
    """Return the decision to start a night."""
    return Decision(
        what="run",
        about="",
        question="Read what changed, and send what is new, changed or taken back, now?",
        button="Run now",
        do=lambda by: _started(desk, by),
    )


def stop(desk: Desk, number: str) -> Decision:
    """Return the decision to stop a run that goes on at this machine."""
    found = _stoppable(desk.company.database, number)
    return Decision(
        what="stop",
        about=str(found.run_id),
        question=(
            f"Stop run {found.run_id} at its next safe step? What it has done stays, and the next"
            " run resumes it."
        ),
        button="Stop",
        do=lambda by: _stopped(desk, number, by),
    )


def _started(desk: Desk, by: str) -> Done:
    """Start a night, and wait until it has begun, or said why it does not."""
    company = desk.company
    with company.database.reading() as connection:
        runs.raise_if_running(connection, lease_time(connection, system_clock))
    command = [*desk.run_command, f"--by={by}"]
    if company.as_of is not None:
        command.append(f"--as-of={company.as_of.isoformat()}")
    path = desk.settings.folder / LOG
    with _log_at(path) as log:
        process = Popen(  # noqa: S603 - ours, and a name can become no other option
            command, stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    begun = _beginning(company.database, process)
    Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
    if begun is not None:
        return Done(onward=f"/runs/{begun}")
    return Done(sentence=_last_words(path), light="red")


def _beginning(database: Database, process: Popen[bytes]) -> int | None:
    """Return the run that a process begins, None where it ends without one, or takes too long."""
    holder = runs.process(process.pid)
    until = monotonic() + _BEGINS_WITHIN_S
    has_ended = False
    while monotonic() < until:
        with database.reading() as connection:
            begun = runs.begun_by(connection, holder)
        if begun is not None or has_ended:
            return begun
        with suppress(TimeoutExpired):
            process.wait(_LOOK_EVERY_S)
            has_ended = True  # it may have begun since the look
    return None


def _log_at(path: Path) -> IO[bytes]:
    """Open the log of a new run, for its owner alone; OperatorError where that cannot be."""
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None
    return os.fdopen(opened, "wb")


def _last_words(path: Path) -> str:
    """Return what a run said last that has not begun, or where to look."""
    said = path.read_bytes()[-_SAID:].decode("utf-8", "replace")
    _, found, last = f"\n{said}".rpartition("\nconvsync: ")
    if not found:
        return f"The run has not started yet; see {path.name}."
    first, *more = last.splitlines()
    return " ".join([first, *takewhile(lambda line: line.startswith(" "), more)])


def _stoppable(database: Database, number: str) -> runs.Running:
    """Return a run that can be stopped from here; RefusedError, saying why, for any other."""
    with database.reading() as connection:
        found = runs.running(connection, lease_time(connection, system_clock))
    if found is None or str(found.run_id) != number:
        raise RefusedError(404, f"Run {number} is no longer in progress.")
    if not runs.is_here(found.holder):
        raise RefusedError(
            409,
            f"Run {number} is in progress on {found.holder.host}: it can only be stopped there.",
        )
    if found.holder.pid == os.getpid():
        raise RefusedError(409, f"Run {number} belongs to this page, and ends by itself.")
    return found


def _stopped(desk: Desk, number: str, by: str) -> Done:
    """Ask a run to stop, as a service manager does, after that stands in the log."""
    company = desk.company
    found = _stoppable(company.database, number)
    said = Event(EventKind.STOP_ASKED, {"run": found.run_id, "by": by})
    with company.database.transaction("ask to stop") as connection:
        put_on_record(connection, "stop", said, now=company.now(), real_clock=system_clock)
    if not runs.is_dead(found.holder):
        try:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(found.holder.pid, signal.SIGTERM)
        except PermissionError:
            raise RefusedError(
                409, f"Run {number} belongs to another user: ask them to stop it."
            ) from None
    return Done(onward=f"/runs/{found.run_id}")
