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
from dataclasses import replace

from convsync import log
from convsync.decisions import carrying_out
from convsync.errors import OperatorError, UnsafePlanError
from convsync.extract.source import ClickSource
from convsync.model.audience import Renewal
from convsync.model.chosen import Chosen
from convsync.model.kept_plan import Kept
from convsync.model.ledger import LedgerEntry
from convsync.model.narrowed import EVERYTHING, Narrowed
from convsync.model.period import Period
from convsync.privacy import forgetting
from convsync.privacy.forgetting import Forgotten, Whom
from convsync.reading import windows
from convsync.running.opened_run import opened_import, opened_preview, opened_run
from convsync.running.services import Report, Services
from convsync.store import (
    allowed_keys,
    click_index,
    click_news,
    clicks,
    crowded_keys,
    order_index,
)
from convsync.store.erasing import FoundPeople
from convsync.store.portions import OfKeptPlan
from convsync.store.session import Session


def run(services: Services, *, force: bool = False) -> Report:
    """Reconcile what changed since the last run, and send it.

    Raises LockedError while another run holds the lock, UnsafePlanError where the plan is unusual
    and not forced, OperatorError where a person has to fix the set-up first.
    """
    with opened_run(services, "run", force=force) as work:
        work.check_the_clock()
        with log.phase("confirm"):
            work.outbox.confirm()
        with order_index.set_aside(services.database, work.session):
            work.reconcile_changes()
        work.finish_what_was_begun()
        work.outbox.probe_blocked()
        work.weigh()
        work.send()
        carrying_out.forget_all(work.session)
        work.sweep()
        work.write_back()
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
    with opened_run(services, command, force=False) as work:
        plan = OfKeptPlan(work.session.run_id)
        take(work.session)
        work.check_the_clock()
        with log.phase("confirm"):
            work.outbox.confirm()
        with order_index.set_aside(services.database, work.session):
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
    with opened_preview(services, "plan") as work:
        work.reconcile_changes()
        work.weigh()
        work.let_read(read_plan)
        return replace(work.conclusion.report, to_write_back=work.to_write_back())


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
    with opened_run(services, "backfill", force=force) as work:
        work.check_the_clock()
        with log.phase("confirm"):
            work.outbox.confirm()
        with order_index.set_aside(services.database, work.session):
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
    with opened_preview(services, "plan") as work:
        work.reconcile_period(period, only)
        work.weigh(only=work.session.run_id, is_whole=False)
        work.let_read(read_plan, only=work.session.run_id)
        return work.conclusion.report


def resend(services: Services, *, force: bool = False) -> Report:
    """Send what is waiting to be sent, and ask for verdicts, without reading any source.

    Deals that are due are looked at first, as they were last read, so that none goes out that may
    not. What a run refused to send as unusual waits there too: it is refused here as well.
    """
    with opened_run(services, "retry", force=force) as work:
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
    with opened_run(services, "retry", force=force) as work:
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
    with opened_run(services, "audiences", force=False) as work:
        renewed = work.keep_audiences()
    return work.conclusion.report, renewed


ReadAudience = Callable[[Iterator[Mapping[str, str]]], None]
"""Reads who is in an audience: source and deal ID, and hashes of an e-mail or a phone."""


def read_audience(services: Services, audience: str, read: ReadAudience) -> None:
    """Have somebody read who is in an audience now, by the deals as last read."""
    from convsync.audiences import matching

    with opened_preview(services, "audiences") as work:
        work.keeper.plan()
        with work.session.transaction("read audience") as connection:
            read(matching.listed(connection, audience))


def plan_audiences(services: Services) -> tuple[Sequence[Renewal], Sequence[str]]:
    """Return what `keep_audiences` would do now, and its problems; write and send nothing."""
    with opened_preview(services, "audiences") as work:
        return work.keeper.plan(), work.keeper.problems


def import_clicks(services: Services, source: ClickSource, *, again: bool = False) -> clicks.Stored:
    """Add every sighting of a source to the click store; the same ones again change nothing.

    What was read before and stands as it did is passed over, unless it is to be read `again`.
    """
    with opened_import(services) as work:
        session = work.session
        everything = Period(since=windows.EPOCH, until=session.now)
        stored = work.intake.read_clicks(source, everything, again=again)
        with session.transaction("count clicks by their keys") as connection:
            click_index.fill(connection)
            click_news.note_leading_on(connection)
            terms = allowed_keys.added_to(connection, services.shared_keys)
            crowded_keys.note(connection, terms.allowed, now=session.now)
    return stored


def forget(services: Services, whom: Whom) -> Forgotten:
    """Erase all that is kept of somebody, and take it out of the database's file.

    Raises OperatorError where no secret is set, LockedError while another run holds the lock, and
    TransientError where it is erased and the file could not be rewritten.
    """
    with opened_run(services, "forget", force=False) as work:
        done = work.forget(whom)
    services.database.scrub()
    return done


def find_people(services: Services, whom: Whom) -> FoundPeople:
    """Return all that is kept of somebody, and erase nothing."""
    with services.database.reading() as connection:
        return forgetting.find(connection, whom)
