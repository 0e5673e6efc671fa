"""Which ad click a milestone is credited to. The rule for each case stands here, and only here.

- *Which count*: clicks of a kind that the rule's destination takes, at or before the milestone and
  inside the rule's `lookback`. A later click of another network is that network's to be credited.
- *Several clicks*: preferred by how they were found (on the deal, on its lead, on a contact, by a
  CRM or visitor key, by hashed e-mail or phone, through another record of the same customer);
  within the best group that has one that counts the rule's `click_policy` picks the last or first.
- *Several contacts*: their clicks are one group, and each one's keys find clicks for the deal.
- *A click after the lead was made but before the win* counts for the win, as its last, and not for
  the milestones that were reached before it.
- *A returning customer*: a deal that was made after an earlier one of the customer was won begins
  anew. Clicks up to that win led to the earlier sale and count no more, unless the rule
  `reuses_clicks`, or the CRM has the ID on the deal itself. One without a time is the earlier
  sale's where that has it too. Deals that are open at once share the clicks that led to them.
- *A shared office phone*: a key that more deals have than `[keys] shared_by_more_than` finds no
  click (`store.shared_keys`), nor do such identifiers stand in for one: a switchboard's number or
  info@… would credit them all to whoever clicked from there.
- *gclid and wbraid on one landing* are one click; it is reported by its gclid.
- *A click ID in the CRM that disagrees with the click store*: what the CRM has on the deal is
  preferred, though the store knows a later one. Where both have the same ID, it happened when it
  was first seen in either.
- *A click after the milestone by clock skew* does not count, unless it came by no more than the
  rule's `clock_skew`; the conversion is then sent with the click's time, since platforms take none
  from before its click.
- *No time*: an ID whose time nobody knows is placed at the deal's creation, which it cannot have
  come after; a deal entered after its milestone tells nothing.
- *Late clicks*: whatever was decided is decided anew when a click of the customer's arrives, but a
  conversion that was once sent keeps its click (`decide`).
- *No click*: consented identifiers stand in for it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.deal import WON, Deal, EarlierSale, Milestone
from convsync.model.outcome import Matched, NotSent, Reason, Waiting
from convsync.model.rule import ClickPolicy, ConversionRule

_PREFERENCE = {kind: rank for rank, kind in enumerate(ClickIdKind)}
_WHOLE_DAY = timedelta(days=1) - timedelta(seconds=1)
_INSTANT = timedelta.resolution
_NEVER = datetime.max.replace(tzinfo=UTC)


def match_deal(
    deal: Deal,
    milestone: Milestone,
    candidates: Sequence[Candidate],
    rule: ConversionRule,
    *,
    now: datetime,
) -> Matched | Waiting | NotSent:
    """Return the click this milestone began with, or why there is none (yet).

    `candidates` are all clicks that have anything in common with the deal (`candidates_of`), in any
    order.
    """
    begins_at = milestone.reached_at
    if milestone.is_whole_day:
        begins_at = whole_day_before(begins_at)
    if begins_at > now:
        return Waiting(reason=Reason.MILESTONE_IN_FUTURE, until=begins_at)
    if (settled_at := milestone.reached_at + rule.hold) > now and rule.hold:
        return Waiting(reason=Reason.MILESTONE_SETTLING, until=settled_at)
    own = [one for one in candidates if one.click.click_id.kind in rule.click_ids]
    placed = _placed(own, deal, milestone)
    eligible = [click for click in placed if click.fits(milestone, rule)]
    if eligible:
        return _in_time(_picked(eligible, rule.click_policy), milestone, rule, now)
    if by_identifiers := _by_identifiers(deal, rule):
        return by_identifiers
    return _unmatched(deal, milestone, placed, rule, now, knows_others=bool(candidates))


def candidates_of(deal: Deal, logged: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return the clicks that the CRM has of a deal, and those that were logged.

    A logged one that the CRM has on a contact was found there, and not on the deal itself.
    """
    own = deal.clicks
    if not (own and logged):
        return own or logged
    if all(one.basis is MatchBasis.DEAL for one in own):
        return (*own, *logged)
    found_at: dict[ClickId, MatchBasis] = {}
    for one in own:
        known = found_at.setdefault(one.click.click_id, one.basis)
        found_at[one.click.click_id] = min(known, one.basis)
    bases = [found_at.get(one.click.click_id, one.basis) for one in logged]
    return (
        *own,
        *(Candidate(one.click, basis) for one, basis in zip(logged, bases, strict=True)),
    )


def earlier_sale_of(deal: Deal, sales: Iterable[EarlierSale]) -> EarlierSale | None:
    """Return the last of a customer's other sales that was won before this deal was made.

    A deal whose creation is not known was made no later than at its first milestone. Of deals won
    at one instant none is earlier, or each would be. The click IDs are those of all earlier sales.
    """
    reached = [one.reached_at for one in deal.milestones]
    made_at = deal.created_at or min(reached, default=None)
    if made_at is None:
        return None
    won = deal.milestone(WON)
    before = made_at if won is None else min(made_at, won.reached_at - _INSTANT)
    earlier = [one for one in sales if one.won_at <= before]
    if not earlier:
        return None
    last = max(earlier, key=lambda one: (one.won_at, one.deal_id))
    had = frozenset().union(*(one.click_ids for one in earlier))
    return EarlierSale(deal_id=last.deal_id, won_at=last.won_at, click_ids=had)


def whole_day_before(last_second: datetime) -> datetime:
    """Return when the day began that ends with this second."""
    return last_second - _WHOLE_DAY


class ClickVerdict(StrEnum):
    """What became of one click in matching, in words that follow its name."""

    USED = "is the one that counts"
    NOT_TAKEN = "belongs to a network that the rule's destination does not report to"
    AFTER = "came after the milestone"
    OUTSIDE_LOOKBACK = "came longer before the milestone than the rule's lookback window allows"
    EARLIER_SALE = "led to an earlier sale to the same customer"
    LESS_DIRECT = "was found less directly than the one that counts"
    SAME_CLICK = "is another ID of the click that counts"
    NO_TIME = "has no known time, and the one that counts has"
    NOT_LAST = "is older than the one that counts, which is the last"
    NOT_FIRST = "is younger than the one that counts, which is the first"


class JudgedClick(Struct, frozen=True):
    """A candidate, the time it is taken to have happened at, and what became of it."""

    candidate: Candidate
    clicked_at: datetime | None
    is_estimated: bool
    verdict: ClickVerdict

    def before(self, milestone: Milestone) -> timedelta | None:
        """Return how long before a milestone it came, less than nothing where it came after."""
        return None if self.clicked_at is None else milestone.reached_at - self.clicked_at


def judged(
    deal: Deal, milestone: Milestone, candidates: Sequence[Candidate], rule: ConversionRule
) -> list[JudgedClick]:
    """Return what matching makes of each candidate: the one that counts, and why each other not.

    Whether the platform still takes the one that counts, or knows it yet, is not asked.
    """
    placed = _placed(candidates, deal, milestone)
    taken = [one for one in placed if one.click.click_id.kind in rule.click_ids]
    eligible = [one for one in taken if one.fits(milestone, rule)]
    picked = _picked(eligible, rule.click_policy) if eligible else None
    return [
        JudgedClick(candidate, one.at, one.is_estimated, _verdict_on(one, picked, milestone, rule))
        for candidate, one in zip(candidates, placed, strict=True)
    ]


def _verdict_on(
    one: "_Placed", picked: "_Placed | None", milestone: Milestone, rule: ConversionRule
) -> ClickVerdict:
    if one.click.click_id.kind not in rule.click_ids:
        return ClickVerdict.NOT_TAKEN
    if one.is_after(milestone, rule):
        return ClickVerdict.AFTER
    if one.is_outside(milestone, rule):
        return ClickVerdict.OUTSIDE_LOOKBACK
    if one.is_spent(rule):
        return ClickVerdict.EARLIER_SALE
    assert picked is not None, "this one is eligible"
    if one.click.click_id == picked.click.click_id:
        return ClickVerdict.USED
    if one.basis.rank != picked.basis.rank:
        return ClickVerdict.LESS_DIRECT
    if one.at == picked.at:
        return ClickVerdict.SAME_CLICK
    if one.at is None:
        return ClickVerdict.NO_TIME
    is_last = rule.click_policy is ClickPolicy.LAST
    return ClickVerdict.NOT_LAST if is_last else ClickVerdict.NOT_FIRST


class _Placed(Struct, frozen=True):
    """A click, when it is taken to have happened, and whether it led to a sale before."""

    basis: MatchBasis
    click: Click
    at: datetime | None
    is_estimated: bool
    is_of_earlier_sale: bool

    def fits(self, milestone: Milestone, rule: ConversionRule) -> bool:
        return self.is_in_time(milestone, rule) and not self.is_spent(rule)

    def is_in_time(self, milestone: Milestone, rule: ConversionRule) -> bool:
        return not (self.is_after(milestone, rule) or self.is_outside(milestone, rule))

    def is_spent(self, rule: ConversionRule) -> bool:
        return self.is_of_earlier_sale and not rule.reuses_clicks

    def is_after(self, milestone: Milestone, rule: ConversionRule) -> bool:
        return self.at is not None and self.at - milestone.reached_at > rule.clock_skew

    def is_outside(self, milestone: Milestone, rule: ConversionRule) -> bool:
        return self.at is not None and milestone.reached_at - self.at > rule.lookback

    def as_matched(self) -> Matched:
        return Matched(
            basis=self.basis,
            click=self.click,
            clicked_at=self.at,
            is_estimated=self.is_estimated,
        )


def _placed(candidates: Sequence[Candidate], deal: Deal, milestone: Milestone) -> list[_Placed]:
    created_at = deal.created_at
    if created_at is not None and created_at > milestone.reached_at:
        created_at = None
    first_seen = _first_seen(candidates) if len(candidates) > 1 else {}
    spent = _spent(candidates, deal.earlier_sale) if deal.earlier_sale else ()
    placed = []
    for candidate in candidates:
        click = first_seen.get(candidate.click.click_id, candidate.click)
        is_estimated = click.clicked_at is None and created_at is not None
        at = created_at if is_estimated else click.clicked_at
        is_spent = click.click_id in spent
        placed.append(_Placed(candidate.basis, click, at, is_estimated, is_spent))
    return placed


def _spent(candidates: Sequence[Candidate], sale: EarlierSale) -> set[ClickId]:
    """Return the IDs of clicks that led to an earlier sale, as far as is known."""
    own = {one.click.click_id for one in candidates if one.basis is MatchBasis.DEAL}
    times = {click_id: click.clicked_at for click_id, click in _first_seen(candidates).items()}
    return {
        click_id
        for click_id, at in times.items()
        if click_id not in own and (click_id in sale.click_ids if at is None else at <= sale.won_at)
    }


def _first_seen(candidates: Sequence[Candidate]) -> dict[ClickId, Click]:
    first_seen: dict[ClickId, Click] = {}
    for click in sorted([candidate.click for candidate in candidates], key=seen_at):
        first_seen.setdefault(click.click_id, click)
    return first_seen


def seen_at(click: Click) -> tuple[datetime, bool]:
    """Return what sightings of a click are put in order by, those without a time last."""
    return click.clicked_at or _NEVER, click.is_whole_day


def _picked(eligible: Sequence[_Placed], policy: ClickPolicy) -> _Placed:
    """Return the one click of the best group; a click's gclid goes before its braids.

    One that was found in several ways of one rank is noted with the first of them.
    """
    if len(eligible) == 1:
        return eligible[0]
    rank = min(click.basis.rank for click in eligible)
    group = [click for click in eligible if click.basis.rank == rank]
    times = [click.at for click in group if click.at is not None]
    if times:
        chosen = max(times) if policy is ClickPolicy.LAST else min(times)
        group = [click for click in group if click.at == chosen]
    return min(group, key=lambda click: (*_rank(click.click.click_id), click.basis))


def _rank(click_id: ClickId) -> tuple[int, str]:
    return _PREFERENCE[click_id.kind], click_id.value


def _in_time(
    picked: _Placed, milestone: Milestone, rule: ConversionRule, now: datetime
) -> Matched | Waiting | NotSent:
    """Hold a click the platform does not know yet; give up one it no longer takes.

    Where its time is not known, it is no younger than the deal's creation and the milestone.
    """
    at = picked.at or milestone.reached_at
    if now - at > rule.upload_window:
        return NotSent(reason=Reason.CLICK_TOO_OLD_TO_UPLOAD)
    known_at = at + rule.settling_time
    if picked.click.clicked_at is not None and known_at > now:
        return Waiting(reason=Reason.CLICK_TOO_RECENT, until=known_at)
    return picked.as_matched()


def _by_identifiers(deal: Deal, rule: ConversionRule) -> Matched | None:
    if not (deal.identifiers and rule.lets_identifiers_out(deal.consent)):
        return None
    if not rule.hash_forms.of(deal.identifiers):
        return None
    return Matched(basis=MatchBasis.IDENTIFIER, click=None, clicked_at=None)


def _unmatched(
    deal: Deal,
    milestone: Milestone,
    placed: Sequence[_Placed],
    rule: ConversionRule,
    now: datetime,
    *,
    knows_others: bool,
) -> Waiting | NotSent:
    if any(click.is_spent(rule) and click.is_in_time(milestone, rule) for click in placed):
        return NotSent(reason=Reason.CLICK_OF_EARLIER_SALE)
    if any(click.is_outside(milestone, rule) for click in placed):
        return NotSent(reason=Reason.CLICK_OUTSIDE_LOOKBACK)
    if placed:
        return NotSent(reason=Reason.CLICK_AFTER_MILESTONE)
    last_chance_at = milestone.reached_at + rule.lookback
    is_shared = bool(deal.shared) and rule.lets_identifiers_out(deal.consent)
    if last_chance_at > now:
        reason = Reason.IDENTIFIERS_SHARED if is_shared else Reason.WAITING_FOR_CLICK
        return Waiting(reason=reason, until=last_chance_at)
    if is_shared:
        return NotSent(reason=Reason.IDENTIFIERS_SHARED)
    if rule.has_enhanced_conversions and deal.identifiers:
        return NotSent(reason=Reason.CONSENT_NOT_GRANTED)
    if knows_others:
        return NotSent(reason=Reason.CLICK_OF_ANOTHER_NETWORK)
    return NotSent(reason=Reason.NO_CLICK)
