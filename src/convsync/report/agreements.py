"""Whether the agreed time limits are kept: which deals stayed at a milestone for too long.

A breach is a milestone reached longer ago than its agreement allows, with none of those that come
after it in the funnel, of a deal that is neither lost nor gone from the CRM. Which milestone a deal
reached first does not matter: one that skipped a step, or was entered late, has gone on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from convsync.model.deal import LOST, Deal
from convsync.model.period import Period
from convsync.model.rule import Agreement
from convsync.store import breaches
from convsync.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A deal that stayed at a milestone for longer than agreed, and who owns the milestone."""

    milestone: str
    owner: str
    source: str
    deal_id: str
    reached_at: datetime
    due_at: datetime
    days_late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An agreement, and how many deals breach it; None where it sets no time."""

    agreement: Agreement
    breaches: int | None


def standings(
    database: Database,
    agreements: Mapping[str, Agreement],
    *,
    now: datetime,
    period: Period | None = None,
) -> Sequence[Standing]:
    """Return each agreement with the number of deals that breach it now, in the file's order."""
    with database.reading() as connection:
        return [
            Standing(
                agreement=agreement,
                breaches=None
                if agreement.next_within is None
                else breaches.count_stopped_at(
                    connection,
                    agreement.milestone,
                    followed_by=agreement.followed_by,
                    before=now - agreement.next_within,
                    period=period,
                ),
            )
            for agreement in agreements.values()
        ]


def breaches_of(
    database: Database,
    agreements: Mapping[str, Agreement],
    *,
    now: datetime,
    period: Period | None = None,
) -> Sequence[Breach]:
    """Return every breach, by milestone in the file's order, the oldest first."""
    with database.reading() as connection:
        return [
            _breach(stopped, agreement, now)
            for agreement in agreements.values()
            if agreement.next_within is not None
            for stopped in breaches.stopped_at(
                connection,
                agreement.milestone,
                followed_by=agreement.followed_by,
                before=now - agreement.next_within,
                period=period,
            )
        ]


def _breach(stopped: breaches.Stopped, agreement: Agreement, now: datetime) -> Breach:
    due_at = stopped.reached_at + (agreement.next_within or timedelta())
    return Breach(
        milestone=agreement.milestone,
        owner=agreement.owner,
        source=stopped.source,
        deal_id=stopped.deal_id,
        reached_at=stopped.reached_at,
        due_at=due_at,
        days_late=(now - due_at).days,
    )


def next_due_at(agreement: Agreement, deal: Deal) -> datetime | None:
    """Return by when a deal that stands at a milestone should go on; None: it need not."""
    reached = deal.milestone(agreement.milestone)
    if reached is None or agreement.next_within is None or deal.gone:
        return None
    went_on = any(deal.milestone(name) for name in (*agreement.followed_by, LOST))
    return None if went_on else reached.reached_at + agreement.next_within
