"""A shortcut for the usual case: a new deal whose clicks all count, and nothing against it.

A first night, a backfill and a new source consist of little else, and to weigh all that may be said
of a deal known for years costs several times what such a one needs. What is usual is decided here
as `decide` and `plan` would, which a property test compares; of whatever is not plainly usual
nothing is said, and it goes their way. What a deal is worth, and what is said of it beside, comes
from `value`, for both; that most deals are worth what they state is asked here, once a rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from convsync.match import seen_at, whole_day_before
from convsync.model.click import Candidate, ClickId
from convsync.model.consent import Consent
from convsync.model.customer import CustomerType
from convsync.model.deal import LOST, Deal, Milestone
from convsync.model.money import Money
from convsync.model.period import Period
from convsync.model.planned import MOST_TOGETHER, Planned, PlannedTogether, planned_together
from convsync.model.rule import ClickPolicy, ConversionRule, RevenueWithin
from convsync.model.statement import Extras, order_id_of
from convsync.model.takes import Takes
from convsync.store.deals import StoredDeal
from convsync.value import (
    TimeToClose,
    event_at_of,
    extras_of_deal,
    stated_up_to,
    value_of,
    values_version_of,
)

_NO_TIME = timedelta(0)


class UsualDeals:
    """The usual among the new deals of a chunk, under all rules.

    `takes` says what each destination takes, by its name; None: anything. `numbers` has the next
    number of an entry for each rule.
    """

    def __init__(
        self,
        rules: Sequence[ConversionRule],
        takes: Mapping[str, Takes] | None,
        numbers: Mapping[str, Iterator[int]],
        *,
        now: datetime,
        run_id: int,
    ) -> None:
        self._run_id = run_id
        self._cases: list[tuple[ConversionRule, _UsualCase | None]] = []
        for rule in rules:
            of_rule = None if takes is None else takes.get(rule.action.destination)
            is_usual = takes is None or of_rule is not None
            case = _UsualCase(rule, of_rule, numbers[rule.name], now) if is_usual else None
            self._cases.append((rule, case))

    def take(
        self,
        stored: StoredDeal,
        candidates: Sequence[Candidate],
        within: Period | None,
    ) -> list[ConversionRule]:
        """Plan a new deal where it is usual; return the rules under which it is not."""
        deal = stored.deal
        has_nothing_against_it = deal.gone is None and deal.earlier_sale is None
        is_usual = candidates and has_nothing_against_it and _may_be_sent(deal.consent)
        left: list[ConversionRule] = []
        for rule, case in self._cases:
            milestone = deal.milestone(rule.milestone)
            if milestone is None or (rule.when and not rule.applies_to(deal.segments)):
                continue
            if within is not None and milestone.reached_at not in within:
                continue
            if not (is_usual and case and case.plan(stored.row, deal, milestone, candidates)):
                left.append(rule)
        return left

    def planned(self, **notes: Any) -> Iterator[PlannedTogether]:
        """Yield all that was planned, so many together as one event is to be about."""
        for rule, case in self._cases:
            for source, rows in case.planned.items() if case else ():
                for start in range(0, len(rows), MOST_TOGETHER):
                    some = rows[start : start + MOST_TOGETHER]
                    yield planned_together(source, rule, some, run_id=self._run_id, **notes)


class _UsualCase:
    """What is usual under one rule, whose destination `takes` so much; None: anything.

    `planned` are the conversions so far, by the source of their deals.
    """

    def __init__(
        self,
        rule: ConversionRule,
        takes: Takes | None,
        numbers: Iterator[int],
        now: datetime,
    ) -> None:
        self.planned: dict[str, list[Planned]] = {}
        self._rule = rule
        self._takes = takes
        self._numbers = numbers
        self._now = now
        self._settled_by = now - rule.hold if rule.hold > _NO_TIME else now
        self._stated_up_to = stated_up_to(rule)
        self._says_more = (
            rule.has_enhanced_conversions
            or rule.asks_when_clicked
            or rule.days_to_close_variable is not None
        )

    def plan(
        self, row: int, deal: Deal, milestone: Milestone, candidates: Sequence[Candidate]
    ) -> bool:
        """Plan the milestone of a deal that the rule counts; False where it is not usual.

        The ledger has nothing of the deal yet, and nothing is against counting it.
        """
        rule, now = self._rule, self._now
        if rule.is_undone_by_loss and deal.milestone(LOST) is not None:
            return False
        one = candidates[0] if len(candidates) == 1 else self._picked(milestone, candidates)
        if one is None or (clicked_at := self._time_of(one, milestone)) is None:
            return False
        if not (rule.settling_time <= now - clicked_at <= rule.upload_window):
            return False
        worth = self._worth(deal)
        if worth is None or not self._is_due(milestone):
            return False
        amount, currency = worth
        order_id = order_id_of(deal.source, deal.deal_id, rule.name)
        event_at = milestone.reached_at
        if milestone.is_whole_day:
            event_at = event_at_of(milestone, clicked_at, order_id, now)
        click_id = one.click.click_id
        if self._takes and self._takes.refusal_to_count(click_id, amount, event_at, now):
            return False
        took = TimeToClose.of(deal, clicked_at)
        in_all = took.known
        planned = (
            next(self._numbers),
            row,
            deal.deal_id,
            order_id,
            milestone.reached_at,
            event_at,
            amount,
            currency,
            click_id,
            self._extras(deal, clicked_at, took),
            one.basis,
            clicked_at,
            None if in_all is None else int(in_all.total_seconds()),
            None if rule.learned is None else self._version(deal, amount, currency),
        )
        self.planned.setdefault(deal.source, []).append(planned)
        return True

    def _is_due(self, milestone: Milestone) -> bool:
        """True where a milestone is over, and has stood for as long as the rule waits."""
        reached_at = milestone.reached_at
        if reached_at <= self._settled_by:
            return True
        is_over = milestone.is_whole_day and whole_day_before(reached_at) <= self._now
        return is_over and not self._rule.hold

    def _worth(self, deal: Deal) -> tuple[Decimal, str] | None:
        """Return what a deal is worth, None where that is for the whole way to find out."""
        amount, currency = deal.amount, deal.currency
        if amount is not None and currency is not None and self._is_worth_just(amount):
            return Money(amount=amount, currency=currency).amount, currency
        if isinstance(self._rule.value, RevenueWithin):
            return None
        value = value_of(deal, self._rule, now=self._now)
        return (value.amount, value.currency) if isinstance(value, Money) else None

    def _is_worth_just(self, amount: Decimal) -> bool:
        """True for an amount that is sent as it is stated, and too large to be rounded away."""
        limit = self._stated_up_to
        return limit is not None and amount.is_finite() and 1 <= amount <= limit

    def _version(self, deal: Deal, amount: Decimal, currency: str) -> int | None:
        return values_version_of(deal, self._rule, Money(amount=amount, currency=currency))

    def _extras(self, deal: Deal, clicked_at: datetime, took: TimeToClose) -> Extras:
        if self._says_more:
            return extras_of_deal(deal, self._rule, clicked_at, took)
        return _extras_of_anyone(deal.consent, deal.customer_type)

    def _time_of(self, one: Candidate, milestone: Milestone) -> datetime | None:
        """Return when a click happened that counts for a milestone, None where it may not."""
        rule, at = self._rule, one.click.clicked_at
        if at is None or one.click.click_id.kind not in rule.click_ids:
            return None
        return at if _NO_TIME <= milestone.reached_at - at <= rule.lookback else None

    def _picked(self, milestone: Milestone, candidates: Sequence[Candidate]) -> Candidate | None:
        """Return the first or last of the best clicks, None where not all count."""
        if len(candidates) == 2:
            one, other = candidates
            if one.click.click_id == other.click.click_id:
                return _same_click(one, other)
        by_id: dict[ClickId, Candidate] = {}
        for one in candidates:
            if (known := by_id.setdefault(one.click.click_id, one)) is not one:
                by_id[one.click.click_id] = _same_click(known, one)
        different = by_id.values()
        if any(self._time_of(one, milestone) is None for one in different):
            return None
        rank = min(one.basis.rank for one in different)
        of_rank = [one for one in different if one.basis.rank == rank]
        best = sorted(of_rank, key=lambda one: seen_at(one.click))
        if self._rule.click_policy is ClickPolicy.LAST:
            best.reverse()
        if len(best) > 1 and best[0].click.clicked_at == best[1].click.clicked_at:
            return None
        return best[0]


def _same_click(one: Candidate, other: Candidate) -> Candidate:
    """Return a click that was found twice, as it was seen first, by the better of both ways."""
    first, later = (one, other) if seen_at(one.click) <= seen_at(other.click) else (other, one)
    return first if first.basis <= later.basis else Candidate(first.click, later.basis)


@lru_cache(maxsize=64)
def _may_be_sent(consent: Consent) -> bool:
    """True where a deal with this consent may be sent: there are few, and many deals of each."""
    return not (consent.is_denied or consent.is_unclear or consent.is_forgotten)


@lru_cache(maxsize=64)
def _extras_of_anyone(consent: Consent, customer_type: CustomerType | None) -> Extras:
    """Return what is said where nobody is named, and nothing of the click: the same of many."""
    return Extras(consent=consent, customer_type=customer_type)
