"""Deals that stopped at a milestone: reached long ago, with nothing after it, and not lost."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time

from sqlalchemy import Connection, Select, exists, func, select

from convsync.model.deal import LOST
from convsync.model.period import Period
from convsync.store import deal_sums
from convsync.store.schema import deals, milestones


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A deal that reached a milestone and none that comes after it."""

    source: str
    deal_id: str
    reached_at: datetime


def stopped_at(
    connection: Connection,
    milestone: str,
    *,
    followed_by: Collection[str],
    before: datetime,
    period: Period | None = None,
) -> Iterator[Stopped]:
    """Yield the deals that reached a milestone before a day and stopped there, oldest first.

    The day, in UTC, is that of the instant `before`.

    Deals that are lost or gone from the CRM have not stopped. With a period, only milestones
    reached in it count.
    """
    found = _stopped(milestone, followed_by, before, period)
    order = (milestones.c.reached_at, deals.c.source, deals.c.deal_id)
    columns = (deals.c.source, deals.c.deal_id, milestones.c.reached_at)
    for row in connection.execute(found.with_only_columns(*columns).order_by(*order)):
        yield Stopped(source=row.source, deal_id=row.deal_id, reached_at=row.reached_at)


def count_stopped_at(
    connection: Connection,
    milestone: str,
    *,
    followed_by: Collection[str],
    before: datetime,
    period: Period | None = None,
) -> int:
    """Return how many deals stopped at a milestone; see stopped_at.

    Without a period only kept sums are read.
    """
    if period is None:
        return deal_sums.stopped(connection, milestone, followed_by=followed_by, before=before)
    found = _stopped(milestone, followed_by, before, period)
    return connection.execute(found.with_only_columns(func.count())).scalar_one()


def _stopped(
    milestone: str, followed_by: Collection[str], before: datetime, period: Period | None
) -> Select[tuple[int]]:
    later = milestones.alias("later")
    went_on = exists().where(
        later.c.deal == milestones.c.deal,
        later.c.name.in_([*sorted(followed_by), LOST]),
        later.c.withdrawn_at.is_(None),
    )
    found = (
        select(milestones.c.deal)
        .join(deals, deals.c.id == milestones.c.deal)
        .where(
            milestones.c.name == milestone,
            milestones.c.withdrawn_at.is_(None),
            milestones.c.reached_at < datetime.combine(before, time(), UTC),
            deals.c.gone.is_(None),
            ~went_on,
        )
    )
    if period is None:
        return found
    return found.where(
        milestones.c.reached_at >= period.since, milestones.c.reached_at < period.until
    )
