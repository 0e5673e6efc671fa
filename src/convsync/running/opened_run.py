"""How a run is opened and closed, an import of clicks, and a preview laid over the ledger.

What is done in between, and in which order, `pipeline` knows. A run is closed however it ends, with
its exit code and what stopped it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from convsync import audit, log
from convsync.errors import ConvsyncError, OperatorError, StoppedError
from convsync.model.event import Event, EventKind
from convsync.privacy import forgetting
from convsync.process import tracing
from convsync.proof import head_file
from convsync.running.services import Counted, Services
from convsync.running.steps import Work
from convsync.running.weighing import Attitude
from convsync.store import runs, value_versions
from convsync.store.database import Connection
from convsync.store.session import PreviewSession, RunSession, lease_time


@contextmanager
def opened_run(services: Services, command: str, *, force: bool) -> Iterator[Work]:
    """Open a run, and close it however it ends."""
    now = _present(services)
    with services.database.transaction("open run") as connection:
        head_file.require_continuation(services.head_file, connection)
        run_id = runs.open_run(
            connection,
            command,
            as_of=now,
            real_now=lease_time(connection, services.real_clock),
            holder=runs.this_process(),
        )
        detail = {"command": command, "as_of": now.isoformat(), "by": services.by}
        started = Event(EventKind.RUN_STARTED, detail)
        audit.record(connection, [started], run_id=run_id, at=now)
    counted = Counted(services.progress)
    services = replace(services, progress=counted)
    session = RunSession(
        services.database,
        run_id,
        now,
        real_clock=services.real_clock,
        on_step=services.on_step,
        progress=counted.so_far,
    )
    with services.database.reading() as connection:
        valued = _with_learned_values(services, connection)
    work = Work(valued, session, Attitude.FORCE if force else Attitude.REFUSE)
    with log.bound(run=run_id), tracing.phase(command, run=run_id):
        log.info("run begins", command=command, as_of=now.isoformat())
        try:
            work.recall_the_forgotten()
            work.carry_over_names()
            yield work
            services.stop.raise_if_asked()
            report = work.conclusion.report
        except BaseException as error:
            services.stop.is_closing = True
            if isinstance(error, StoppedError):
                error.args = (f"{error} {work.conclusion.what_stands()}",)
            exit_code, message = _ending(error)
            log.error("run stopped", exit_code=exit_code, because=message)
            with suppress(Exception):  # what stopped it is worse than what keeps it from closing
                _finish(services, work, exit_code, message, is_at_its_end=False)
            raise
        message = "; ".join(report.problems)
        _finish(services, work, report.exit_code, message, is_at_its_end=True)


@contextmanager
def opened_preview(services: Services, command: str) -> Iterator[Work]:
    """Lay tables over the ledger's, which are all that is written to, and take them off again."""
    now = _present(services)
    with services.database.preview() as connection:
        head_file.require_continuation(services.head_file, connection)
        run_id = runs.begin_unlocked(connection, command, as_of=now, real_now=services.real_clock())
        session = PreviewSession(connection, run_id, now)
        work = Work(_with_learned_values(services, connection), session, Attitude.SHOW)
        with log.bound(run="preview"):
            work.intake.erased = forgetting.known(connection, services.privacy)
            work.carry_over_names()
            yield work


@contextmanager
def opened_import(services: Services) -> Iterator[Work]:
    """Open an import of clicks, which holds no lock, and close it however it ends."""
    now = _present(services)
    with services.database.transaction("open import") as connection:
        run_id = runs.begin_unlocked(
            connection, "clicks import", as_of=now, real_now=services.real_clock()
        )
    session = RunSession(
        services.database, run_id, now, real_clock=services.real_clock, has_lock=False
    )
    work = Work(services, session, Attitude.REFUSE)
    try:
        with session.transaction("recall who was forgotten") as connection:
            work.intake.erased = forgetting.known(connection, services.privacy)
        yield work
    except BaseException as error:
        _end_import(session, services, *_ending(error))
        raise
    _end_import(session, services, 0, None)


def _present(services: Services) -> datetime:
    """Return what a run takes as the present; OperatorError where that has not come yet."""
    now, real_now = services.clock(), services.real_clock()
    if now > real_now:
        raise OperatorError(
            f"--as-of {now:%Y-%m-%dT%H:%M:%S}Z has not come yet: the clock says"
            f" {real_now:%Y-%m-%dT%H:%M:%S}Z. What changes until then would never be read."
        )
    services.servers.forget()
    return now


def _finish(
    services: Services, work: Work, exit_code: int, message: str, *, is_at_its_end: bool
) -> None:
    work.conclusion.finish(exit_code, message, is_at_its_end=is_at_its_end)
    head_file.keep(services.head_file, services.database, services.real_clock())


def _ending(error: BaseException) -> tuple[int, str]:
    """Return exit code and message of a run that was stopped; others' errors may say too much."""
    if isinstance(error, ConvsyncError):
        return error.exit_code, str(error)
    return 1, f"stopped by {type(error).__name__}"


def _end_import(
    session: RunSession, services: Services, exit_code: int, message: str | None
) -> None:
    with session.transaction("close import") as connection:
        runs.end_unlocked(
            connection,
            session.run_id,
            services.real_clock(),
            exit_code=exit_code,
            message=message,
        )


def _with_learned_values(services: Services, connection: Connection) -> Services:
    """Return the services with the accepted values in the rules that ask for them."""
    return replace(services, rules=value_versions.in_rules(connection, services.rules))
