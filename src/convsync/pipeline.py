"""One run, top to bottom: the only module that knows the order.

    confirm → clicks → deals → due → recover → due → (is it safe?) → send → write back → audiences
            → watch values

A request that was never answered is repeated only once the deals have been read: a person may have
withdrawn their consent since. What became of it may change what is due, which is looked at again.

A night reconciles the deals that changed and those that are due; a backfill reconciles a date
range; there is no third way to send anything. A preview is the same code on tables laid over
the ledger: what it shows is what would happen.

Time is passed in. `now` is the instant the run takes as the present, the machine's or `--as-of`;
leases alone go by a real clock, the database's where it has one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from convsync import audit, carrying_out, forgetting, head_file, log, tracing, windows
from convsync.audiences import matching
from convsync.errors import ConvsyncError, OperatorError, StoppedError, UnsafePlanError
from convsync.extract.source import ClickSource
from convsync.forgetting import Forgotten, Whom
from convsync.model.audience import Renewal
from convsync.model.chosen import Chosen
from convsync.model.event import Event, EventKind
from convsync.model.kept_plan import Kept
from convsync.model.ledger import LedgerEntry
from convsync.model.narrowed import EVERYTHING, Narrowed
from convsync.model.period import Period
from convsync.services import Counted, Report, Services
from convsync.steps import Work
from convsync.store import (
    allowed_keys,
    click_index,
    click_news,
    clicks,
    crowded_keys,
    runs,
    value_versions,
)
from convsync.store.database import Connection
from convsync.store.erasing import FoundPeople
from convsync.store.portions import OfKeptPlan
from convsync.store.session import PreviewSession, RunSession, Session, lease_time
from convsync.weighing import Attitude
from convsync.writing_back import WriteBack


def run(services: Services, *, force: bool = False) -> Report:
    """Reconcile what changed since the last run, and send it.

    Raises LockedError while another run holds the lock, UnsafePlanError where the plan is unusual
    and not forced, OperatorError where a person has to fix the set-up first.
    """
    with _running(services, "run", force=force) as work:
        work.check_the_clock()
        with log.phase("confirm"):
            work.outbox.confirm()
        work.reconcile_changes()
        work.finish_what_was_begun()
        work.outbox.probe_blocked()
        work.weigh()
        work.send()
        carrying_out.forget_all(work.session)
        work.sweep()
        if services.write_backs:
            WriteBack(work.session, services.write_backs, work.problems, services.stop).write()
        work.look_who_came_back()
        work.keep_audiences()
        work.watch_values()
    return work.conclusion.report


def carry_out(services: Services, planned: Iterable[Kept]) -> Report:
    """Reconcile what changed, and send of a plan that a person has seen what still agrees with it.

    Nothing beyond the plan goes, not even a repeat of what was never answered, and it is not asked
    again whether it is unusual. Raises what `run` raises, and what reading `planned` raises.
    """
    return _carry_out(services, "run", lambda session: carrying_out.keep(session, planned))


def release(services: Services, refused: int) -> Report:
    """Carry out the plan that a run has refused and kept.

    Raises OperatorError where that run keeps no plan, and what `carry_out` raises.
    """

    def take(session: Session) -> None:
        carrying_out.take(session, refused, by=services.by)

    return _carry_out(services, "release", take, refused=refused)


def _carry_out(
    services: Services,
    command: str,
    take: Callable[[Session], object],
    *,
    refused: int | None = None,
) -> Report:
    with _running(services, command, force=False) as work:
        plan = OfKeptPlan(work.session.run_id)
        take(work.session)
        work.check_the_clock()
        with log.phase("confirm"):
            work.outbox.confirm()
        work.reconcile_changes()
        work.problems += carrying_out.compare(work.session)
        work.guard.note_seen(work.summary, plan, drained=work.intake.drained)
        work.send(only=plan)
        carrying_out.forget(work.session, refused)
    return work.conclusion.report


ReadPlan = Callable[[Iterator[LedgerEntry]], None]
"""Reads all that a plan would send, in the order in which it would go."""


def _read_nothing(_: Iterator[LedgerEntry]) -> None:
    """Leave the conversions of a plan unread."""


def plan(services: Services, *, read_plan: ReadPlan = _read_nothing) -> Report:
    """Return what `run` would plan now, and write and send nothing."""
    with _previewing(services, "plan") as work:
        work.reconcile_changes()
        work.weigh()
        work.let_read(read_plan)
        writing = WriteBack(work.session, services.write_backs, work.problems, services.stop)
        return replace(work.conclusion.report, to_write_back=writing.plan())


def backfill(
    services: Services,
    period: Period,
    *,
    only: Narrowed = EVERYTHING,
    approve: Callable[[Report], bool] | None = None,
    read_plan: ReadPlan = _read_nothing,
    force: bool = False,
) -> Report | None:
    """Reconcile every milestone reached in a period, and send what is missing or wrong.

    `only` narrows it to some deals, rules or sources. It sees the clicks that a run would see, and
    repeats what was never answered.

    With `approve` the plan is previewed first (`read_plan` then reads all that it would send), and
    goes only if it is approved and has not changed by the time it is made; None is returned where
    it was not. Without, it goes if it is not unusual. Raises what `run` raises.
    """
    seen: str | None = None
    if approve is not None:
        preview = plan_backfill(services, period, only=only, read_plan=read_plan)
        if not approve(preview):
            return None
        seen = preview.plan.digest
    with _running(services, "backfill", force=force) as work:
        work.check_the_clock()
        with log.phase("confirm"):
            work.outbox.confirm()
        work.reconcile_period(period, only)
        if seen is None:
            work.weigh(only=work.session.run_id, is_whole=False)
        if seen is not None and work.summary.digest != seen:
            raise UnsafePlanError(
                "The deals changed between the preview and the start. Nothing was sent; "
                "look at the plan again."
            )
        work.repeat_the_unanswered()
        work.send(only=work.session.run_id)
    return work.conclusion.report


def plan_backfill(
    services: Services,
    period: Period,
    *,
    only: Narrowed = EVERYTHING,
    read_plan: ReadPlan = _read_nothing,
) -> Report:
    """Return what a backfill of the period would plan now, and write and send nothing."""
    with _previewing(services, "plan") as work:
        work.reconcile_period(period, only)
        work.weigh(only=work.session.run_id, is_whole=False)
        work.let_read(read_plan, only=work.session.run_id)
        return work.conclusion.report


def resend(services: Services, *, force: bool = False) -> Report:
    """Send what is waiting to be sent, and ask for verdicts, without reading any source.

    Deals that are due are looked at first, as they were last read, so that none goes out that may
    not. What a run refused to send as unusual waits there too: it is refused here as well.
    """
    with _running(services, "retry", force=force) as work:
        work.check_the_clock()
        with log.phase("confirm"):
            work.outbox.confirm()
        work.reconcile_due()
        work.finish_what_was_begun()
        work.outbox.probe_blocked()
        work.weigh(is_whole=False)
        work.send()
    return work.conclusion.report


def retry(services: Services, chosen: Chosen, *, force: bool = False) -> Report:
    """Send chosen conversions again that wait or were not taken, and no others.

    What was never answered is repeated first, as by every run. Raises OperatorError where nothing
    that is chosen can be sent, and what `run` raises.
    """
    with _running(services, "retry", force=force) as work:
        work.check_the_clock()
        with log.phase("confirm"):
            work.outbox.confirm()
        work.repeat_the_unanswered()
        if not work.reopen(chosen):
            raise OperatorError(
                f"Nothing waits to be sent, or was not taken, of what was asked for: {chosen}."
                " `convsync explain DEAL` and `convsync errors` say how things stand."
            )
        work.weigh(only=work.session.run_id, is_whole=False)
        work.send(only=work.session.run_id)
    return work.conclusion.report


def keep_audiences(services: Services) -> tuple[Report, Sequence[Renewal]]:
    """Bring the lists of audiences to what their conditions say, by the deals as last read.

    Raises what `run` raises, and OperatorError where the account takes no members.
    """
    with _running(services, "audiences", force=False) as work:
        renewed = work.keep_audiences()
    return work.conclusion.report, renewed


ReadAudience = Callable[[Iterator[Mapping[str, str]]], None]
"""Reads who is in an audience: source and deal ID, and hashes of an e-mail or a phone."""


def read_audience(services: Services, audience: str, read: ReadAudience) -> None:
    """Have somebody read who is in an audience now, by the deals as last read."""
    with _previewing(services, "audiences") as work:
        work.keeper.plan()
        with work.session.transaction("read audience") as connection:
            read(matching.listed(connection, audience))


def plan_audiences(services: Services) -> tuple[Sequence[Renewal], Sequence[str]]:
    """Return what `keep_audiences` would do now, and its problems; write and send nothing."""
    with _previewing(services, "audiences") as work:
        return work.keeper.plan(), work.keeper.problems


def import_clicks(services: Services, source: ClickSource, *, again: bool = False) -> clicks.Stored:
    """Add every sighting of a source to the click store; the same ones again change nothing.

    What was read before and stands as it did is passed over, unless it is to be read `again`.
    """
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
        everything = Period(since=windows.EPOCH, until=now)
        stored = work.intake.read_clicks(source, everything, again=again)
        with session.transaction("count clicks by their keys") as connection:
            click_index.fill(connection)
            click_news.note_leading_on(connection)
            terms = allowed_keys.added_to(connection, services.shared_keys)
            crowded_keys.note(connection, terms.allowed, now=now)
    except BaseException as error:
        _end_import(session, services, *_ending(error))
        raise
    _end_import(session, services, 0, None)
    return stored


def forget(services: Services, whom: Whom) -> Forgotten:
    """Erase all that is kept of somebody, and take it out of the database's file.

    Raises OperatorError where no secret is set, LockedError while another run holds the lock, and
    TransientError where it is erased and the file could not be rewritten.
    """
    with _running(services, "forget", force=False) as work:
        done = work.forget(whom)
    services.database.scrub()
    return done


def find_people(services: Services, whom: Whom) -> FoundPeople:
    """Return all that is kept of somebody, and erase nothing."""
    with services.database.reading() as connection:
        return forgetting.find(connection, whom)


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


@contextmanager
def _running(services: Services, command: str, *, force: bool) -> Iterator[Work]:
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


@contextmanager
def _previewing(services: Services, command: str) -> Iterator[Work]:
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


def _with_learned_values(services: Services, connection: Connection) -> Services:
    """Return the services with the accepted values in the rules that ask for them."""
    return replace(services, rules=value_versions.in_rules(connection, services.rules))
