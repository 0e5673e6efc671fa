"""Which ad click a milestone is credited to.

Only clicks at or before the milestone and inside the rule's lookback window count. Candidates are
preferred by how they were found (on the deal, on its lead, on a contact, by a CRM or visitor key,
by hashed e-mail or phone); within the best group that has an eligible click the rule's policy picks
the last or the first. A click without a time is placed at the deal's creation, which it cannot have
come after; a conversion that was once sent keeps its click.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from convsync.model.click import Candidate, ClickIdKind, MatchBasis
from convsync.model.deal import Deal, Milestone
from convsync.model.outcome import Matched, NotSent, Reason, Waiting
from convsync.model.rule import ClickPolicy, ConversionRule

_PREFERENCE = {kind: rank for rank, kind in enumerate(ClickIdKind)}


def match_deal(
    deal: Deal,
    milestone: Milestone,
    candidates: Sequence[Candidate],
    rule: ConversionRule,
    *,
    now: datetime,
) -> Matched | Waiting | NotSent:
    """Return the click this milestone began with, or why there is none (yet).

    `candidates` are all clicks that have anything in common with the deal, in any order.
    """
    if not milestone.is_whole_day and milestone.reached_at > now:
        return Waiting(reason=Reason.MILESTONE_IN_FUTURE, until=milestone.reached_at)
    placed = [_placed(candidate, deal) for candidate in candidates]
    eligible = [click for click in placed if click.fits(milestone, rule)]
    if eligible:
        return _in_time(_picked(eligible, rule.click_policy).as_matched(), rule, now)
    return _by_identifiers(deal, rule) or _unmatched(deal, milestone, placed, rule, now)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A candidate with the time it is taken to have happened at."""

    candidate: Candidate
    at: datetime | None
    is_estimated: bool

    def fits(self, milestone: Milestone, rule: ConversionRule) -> bool:
        return not (self.is_after(milestone) or self.is_outside(milestone, rule))

    def is_after(self, milestone: Milestone) -> bool:
        return self.at is not None and not self.is_estimated and self.at > milestone.reached_at

    def is_outside(self, milestone: Milestone, rule: ConversionRule) -> bool:
        return self.at is not None and milestone.reached_at - self.at > rule.lookback

    def as_matched(self) -> Matched:
        return Matched(
            basis=self.candidate.basis,
            click=self.candidate.click,
            clicked_at=self.at,
            is_estimated=self.is_estimated,
        )


def _placed(candidate: Candidate, deal: Deal) -> _Placed:
    clicked_at = candidate.click.clicked_at
    if clicked_at is not None:
        return _Placed(candidate, clicked_at, False)  # noqa: FBT003
    return _Placed(candidate, deal.created_at, deal.created_at is not None)


def _picked(eligible: Sequence[_Placed], policy: ClickPolicy) -> _Placed:
    """Return the one click of the best group; a click's gclid goes before its braids."""
    basis = min(click.candidate.basis for click in eligible)
    group = [click for click in eligible if click.candidate.basis is basis]
    times = [click.at for click in group if click.at is not None]
    if times:
        chosen = max(times) if policy is ClickPolicy.LAST else min(times)
        group = [click for click in group if click.at == chosen]
    return min(group, key=lambda click: _rank(click.candidate))


def _rank(candidate: Candidate) -> tuple[int, str]:
    click_id = candidate.click.click_id
    return _PREFERENCE[click_id.kind], click_id.value


def _in_time(matched: Matched, rule: ConversionRule, now: datetime) -> Matched | Waiting | NotSent:
    """Hold a click the platform does not know yet; give up one it no longer takes."""
    if matched.clicked_at is None or matched.is_estimated:
        return matched
    if now - matched.clicked_at > rule.upload_window:
        return NotSent(reason=Reason.CLICK_TOO_OLD_TO_UPLOAD)
    known_at = matched.clicked_at + rule.settling_time
    if known_at > now:
        return Waiting(reason=Reason.CLICK_TOO_RECENT, until=known_at)
    return matched


def _by_identifiers(deal: Deal, rule: ConversionRule) -> Matched | None:
    if not (rule.has_enhanced_conversions and deal.identifiers):
        return None
    if rule.needs_granted_consent and not deal.consent.is_granted:
        return None
    return Matched(basis=MatchBasis.IDENTIFIER, click=None, clicked_at=None)


def _unmatched(
    deal: Deal,
    milestone: Milestone,
    placed: Iterable[_Placed],
    rule: ConversionRule,
    now: datetime,
) -> Waiting | NotSent:
    placed = list(placed)
    if any(click.is_outside(milestone, rule) for click in placed):
        return NotSent(reason=Reason.CLICK_OUTSIDE_LOOKBACK)
    if placed:
        return NotSent(reason=Reason.CLICK_AFTER_MILESTONE)
    last_chance_at = milestone.reached_at + rule.lookback
    if last_chance_at > now:
        return Waiting(reason=Reason.WAITING_FOR_CLICK, until=last_chance_at)
    if rule.has_enhanced_conversions and deal.identifiers:
        return NotSent(reason=Reason.CONSENT_NOT_GRANTED)
    return NotSent(reason=Reason.NO_CLICK)
