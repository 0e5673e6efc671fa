"""Who belongs to an audience: a deal's state, stage, segments, times, amount and score, and
what the person behind it has agreed to. Pure.

For people in the European Economic Area Google takes members only where both uses were agreed to,
their data for advertising and for personalised advertising, and counts what is missing as refused
(https://support.google.com/google-ads/answer/14310715). The same is asked of everybody here: where
a person lives is not known for sure.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from convsync.model.audience import Condition, Left, Standing
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.deal import LOST, WON, Deal, Milestone
from convsync.model.expected import ExpectedTable
from convsync.values.score import score_of_open


def meets(
    deal: Deal, condition: Condition, now: datetime, learned: ExpectedTable | None = None
) -> bool:
    """True where a deal is one of those that a condition describes.

    `learned` are the values by which it has a score; without them none has.
    """
    names = {milestone.name for milestone in deal.milestones}
    return (
        deal.gone is None
        and (not condition.states or standing_of(deal) in condition.states)
        and (not condition.stages or stage_of(deal, condition.funnel) in condition.stages)
        and condition.reached <= names
        and condition.not_reached.isdisjoint(names)
        and all(deal.segments.get(one) in values for one, values in condition.when.items())
        and _is_old_enough(deal, condition, now)
        and _is_large_enough(deal, condition)
        and (not condition.needs_score or _has_score(deal, condition, now, learned))
    )


def standing_of(deal: Deal) -> Standing:
    """Return how a deal stands: a sale that was lost later is lost, and the other way round."""
    won, lost = deal.milestone(WON), deal.milestone(LOST)
    if lost and (won is None or lost.reached_at >= won.reached_at):
        return Standing.LOST
    return Standing.WON if won else Standing.OPEN


def stage_of(deal: Deal, funnel: Sequence[str]) -> str | None:
    """Return the furthest milestone that a deal stands at, a loss aside; None: it has reached none.

    One that is not of the funnel counts as before all that are.
    """
    reached = [milestone.name for milestone in deal.milestones if milestone.name != LOST]
    place = {name: at for at, name in enumerate(funnel)}
    return max(reached, key=lambda name: place.get(name, -1), default=None)


def last_of(deal: Deal) -> Milestone | None:
    """Return the milestone that a deal reached last, a loss included."""
    return max(deal.milestones, key=lambda milestone: milestone.reached_at, default=None)


def _is_old_enough(deal: Deal, condition: Condition, now: datetime) -> bool:
    last = last_of(deal)
    begun = last.reached_at if last else deal.created_at
    return _lies_back(begun, condition.since, condition.until, now) and _lies_back(
        deal.modified_at, condition.untouched, None, now
    )


def _lies_back(
    at: datetime | None, least: timedelta | None, most: timedelta | None, now: datetime
) -> bool:
    """True where something lies that long back; what has no time does only where none is asked."""
    if least is None and most is None:
        return True
    if at is None:
        return False
    return (least is None or now - at >= least) and (most is None or now - at <= most)


def _is_large_enough(deal: Deal, condition: Condition) -> bool:
    if condition.amount_at_least is None:
        return True
    is_known = deal.amount is not None and deal.currency == condition.currency
    return is_known and deal.amount is not None and deal.amount >= condition.amount_at_least


def _has_score(
    deal: Deal, condition: Condition, now: datetime, learned: ExpectedTable | None
) -> bool:
    if learned is None or standing_of(deal) is not Standing.OPEN:
        return False
    reached = {milestone.name: milestone.reached_at for milestone in deal.milestones}
    found = score_of_open(learned, reached, learned.group_of(deal.source, deal.segments), now)
    if found is None:
        return False
    least, below = condition.score_at_least, condition.score_below
    chance = found[1].chance
    return (least is None or chance >= least) and (below is None or chance < below)


def left_out(deal: Deal) -> Left | None:
    """Return why the people behind a deal may not be on any list, None where they may.

    `deal` has the consent that holds for its person, and identifiers of many deals apart.
    """
    if deal.consent.is_forgotten:
        return Left.FORGOTTEN
    if reason := _reason_of(deal.consent):
        return reason
    if deal.identifiers:
        return None
    return Left.SHARED if deal.shared else Left.NO_IDENTIFIER


def _reason_of(consent: Consent) -> Left | None:
    both = {consent.ad_user_data, consent.ad_personalization}
    if ConsentStatus.DENIED in both:
        return Left.REFUSED
    if consent.is_unclear:
        return Left.UNCLEAR
    return None if both == {ConsentStatus.GRANTED} else Left.NOT_GRANTED
