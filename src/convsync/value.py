"""What a matched milestone is worth, and how long it took: Matched → Conversion.

A zero, a missing and an absurd amount are three different things: zero in many CRMs means "not
filled in". Each has its own outcome in the rule, and is never quietly sent. What is less than half
of the smallest amount its currency can pay is zero too, by itself or as the share that is sent.

A milestone that is known only by its day is sent at a second of that day which its order ID
chooses: Google Ads knows a conversion by action, click and second, and two deals of one click that
close on one day would otherwise be one to it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from convsync.model.conversion import Conversion
from convsync.model.deal import WON, Deal, Milestone
from convsync.model.expected import AcceptedValues
from convsync.model.identifiers import NO_IDENTIFIERS
from convsync.model.money import MOST, Money
from convsync.model.outcome import Matched, NotSent, Reason
from convsync.model.rates import NoRate
from convsync.model.rule import (
    AmountOutcomes,
    ConversionRule,
    ExpectedValue,
    FixedSum,
    RevenueWithin,
    ShareOfAmount,
    StatedValue,
    TableBySegment,
)
from convsync.model.statement import Extras, Operation, OrderId, Statement, order_id_of

_DAY = Decimal(24 * 60 * 60)
_SHORTEST_DAY = timedelta(hours=23)
"""How much of a bare date surely lies on that day, whatever the clocks do."""


def value_deal(
    deal: Deal, milestone: Milestone, matched: Matched, rule: ConversionRule, *, now: datetime
) -> Conversion | NotSent:
    """Return the conversion to be counted, or why it has no value that may be sent."""
    value = value_of(deal, rule, now=now)
    if isinstance(value, NotSent):
        return value
    if isinstance(rule.value, RevenueWithin) and value.rounds_to_zero:
        return NotSent(reason=Reason.AMOUNT_ZERO)
    order_id = order_id_of(deal.source, deal.deal_id, rule.name)
    took = TimeToClose.of(deal, matched.clicked_at, is_click_estimated=matched.is_estimated)
    said = extras_of_deal(deal, rule, matched.clicked_at, took)
    return Conversion(
        statement=Statement(
            order_id=order_id,
            action=rule.action,
            operation=Operation.COUNT,
            event_at=event_at_of(milestone, matched.clicked_at, order_id, now),
            value=value,
            click_id=None if matched.click is None else matched.click.click_id,
            clicked_at=said.clicked_at,
            identifiers=said.identifiers,
            consent=said.consent,
            customer_type=said.customer_type,
            variables=said.variables,
        ),
        rule=rule.name,
        milestone=milestone.name,
        milestone_at=milestone.reached_at,
        matched=matched,
        time_to_close=took.known,
        values_version=values_version_of(deal, rule, value),
    )


def event_at_of(
    milestone: Milestone, clicked_at: datetime | None, order_id: OrderId, now: datetime
) -> datetime:
    """Return the time that is sent: never in the future, and not before the click.

    The platform takes no event from the future, so while a bare date's day is not over its second
    is chosen among those that have passed. Nor does it take one from before its click, so where the
    rule's `clock_skew` let that count, the click's time is sent.
    """
    reached_at = milestone.reached_at
    if clicked_at is not None:
        reached_at = max(reached_at, clicked_at)
    latest = min(reached_at, now)
    if not milestone.is_whole_day:
        return latest
    earliest = milestone.reached_at - _SHORTEST_DAY + timedelta(seconds=1)
    if clicked_at is not None:
        earliest = max(earliest, clicked_at)
    seconds = int((latest - earliest).total_seconds())
    if seconds <= 0:
        return latest
    return latest - timedelta(seconds=int(order_id[-8:], 16) % (seconds + 1))


def value_of(deal: Deal, rule: ConversionRule, *, now: datetime) -> Money | NotSent:
    """Return what the rule says this deal is worth by now, or why that is not known."""
    if not isinstance(rule.value, RevenueWithin):
        return _stated(deal, rule, rule.value)
    income = income_of(deal, rule, rule.value)
    match income.came:
        case None if rule.value.nothing_is_zero and income.until <= now:
            return _nothing_of(income.expected)
        case None:
            return income.expected
        case NoRate():
            return NotSent(reason=Reason.RATE_MISSING)
        case Money(amount=amount, currency=currency) if _is_above(
            rule.amounts.absurd_above, amount
        ):
            return _in_place(rule.amounts.absurd, Reason.AMOUNT_ABSURD, currency)
        case came:
            return came if came.amount >= 0 else Money(amount=Decimal(0), currency=came.currency)


def _stated(deal: Deal, rule: ConversionRule, value: StatedValue) -> Money | NotSent:
    """Return what a deal is worth by itself."""
    match value:
        case FixedSum(money=money):
            return money
        case TableBySegment() as table:
            return _from_table(deal, table)
        case ExpectedValue(accepted=accepted):
            return _expected(deal, rule.milestone, accepted)
        case ShareOfAmount(share=share):
            return _from_amount(deal, rule.amounts, share)


def values_version_of(deal: Deal, rule: ConversionRule, value: Money | None) -> int | None:
    """Return the version of the learned values that a value is of; None where it is of none."""
    accepted = None if rule.learned is None else rule.learned.accepted
    if accepted is None or value is None:
        return None
    learned = _expected(deal, rule.milestone, accepted)
    return accepted.version if learned == value else None


def is_still_expected(deal: Deal, rule: ConversionRule, *, now: datetime) -> bool:
    """True unless money that came in has taken the place of what the rule expects of a deal."""
    if not isinstance(rule.value, RevenueWithin):
        return True
    return value_of(deal, rule, now=now) == income_of(deal, rule, rule.value).expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """What came in for a deal up to `until`, in how many payments, and what had been expected.

    `came` is None where nothing did, and NoRate where it cannot be added up.
    """

    until: datetime
    payments: int
    came: Money | NoRate | None
    expected: Money | NotSent


def income_of(deal: Deal, rule: ConversionRule, wanted: RevenueWithin) -> Income:
    """Return what came in within the time that a rule counts, of a deal that reached its milestone.

    It is added up in the currency of what is expected: a restatement keeps it.
    """
    milestone = deal.milestone(rule.milestone)
    assert milestone is not None, "only a milestone that was reached has a value"
    until = milestone.reached_at + wanted.within
    expected = _stated(deal, rule, wanted.expected)
    takings = deal.takings
    payments = takings.until(until) if takings else ()
    came: Money | NoRate | None = None
    if takings is not None and payments:
        known = expected.currency if isinstance(expected, Money) else deal.currency
        came = takings.sum(payments, known or payments[0].money.currency)
    return Income(until=until, payments=len(payments), came=came, expected=expected)


def revalued_at(
    deal: Deal, rule: ConversionRule, value: object, *, now: datetime
) -> datetime | None:
    """Return when a value may be another though nothing new is read of the deal; None: never.

    `value` is what it is now: where a rate is missing, the file of rates may have it tomorrow.
    """
    if isinstance(value, NotSent) and value.reason is Reason.RATE_MISSING:
        return now + timedelta(days=1)
    if not (isinstance(rule.value, RevenueWithin) and rule.value.nothing_is_zero):
        return None
    if deal.milestone(rule.milestone) is None:
        return None
    income = income_of(deal, rule, rule.value)
    return income.until if income.came is None and income.until > now else None


def _nothing_of(expected: Money | NotSent) -> Money | NotSent:
    if isinstance(expected, NotSent):
        return expected
    return Money(amount=Decimal(0), currency=expected.currency)


def _in_place(replacement: Decimal | None, reason: Reason, currency: str) -> Money | NotSent:
    amount = _replaced(replacement, reason)
    return amount if isinstance(amount, NotSent) else Money(amount=amount, currency=currency)


def _is_above(limit: Decimal | None, amount: Decimal) -> bool:
    return amount > MOST or (limit is not None and amount > limit)


def _from_table(deal: Deal, table: TableBySegment) -> Money | NotSent:
    amount = table.amounts.get(deal.segments.get(table.segment, ""), table.otherwise)
    if amount is None:
        return NotSent(reason=Reason.SEGMENT_WITHOUT_VALUE)
    return Money(amount=amount, currency=table.currency)


def _expected(deal: Deal, milestone: str, accepted: AcceptedValues | None) -> Money | NotSent:
    if accepted is None:
        return NotSent(reason=Reason.VALUES_NOT_ACCEPTED)
    group = accepted.table.group_of(deal.source, deal.segments)
    value = accepted.table.value_of(milestone, group)
    return NotSent(reason=Reason.EXPECTED_VALUE_UNKNOWN) if value is None else value


def stated_up_to(rule: ConversionRule) -> Decimal | None:
    """Return up to which amount a rule takes a deal for worth just that; None: it never does."""
    if rule.value != ShareOfAmount():
        return None
    limit = rule.amounts.absurd_above
    return MOST if limit is None else min(MOST, limit)


def _from_amount(deal: Deal, outcomes: AmountOutcomes, share: Decimal) -> Money | NotSent:
    amount = _usable_amount(deal.amount, outcomes)
    if isinstance(amount, NotSent):
        return amount
    if deal.currency is None:
        return NotSent(reason=Reason.CURRENCY_MISSING)
    money = _share_of(amount, deal.currency, share)
    if not (amount and money.rounds_to_zero):
        return money
    amount = _replaced(outcomes.zero, Reason.AMOUNT_ZERO)
    return amount if isinstance(amount, NotSent) else _share_of(amount, deal.currency, share)


def _share_of(amount: Decimal, currency: str, share: Decimal) -> Money:
    money = Money(amount=amount, currency=currency)
    return money if share == 1 else money.share(share)


def _usable_amount(amount: Decimal | None, outcomes: AmountOutcomes) -> Decimal | NotSent:
    if amount is None:
        return _replaced(outcomes.missing, Reason.AMOUNT_MISSING)
    if not amount.is_finite() or amount > MOST:
        return _replaced(outcomes.absurd, Reason.AMOUNT_ABSURD)
    if amount == 0:
        return _replaced(outcomes.zero, Reason.AMOUNT_ZERO)
    limit = outcomes.absurd_above
    if amount < 0 or (limit is not None and amount > limit):
        return _replaced(outcomes.absurd, Reason.AMOUNT_ABSURD)
    return amount


def _replaced(replacement: Decimal | None, reason: Reason) -> Decimal | NotSent:
    return NotSent(reason=reason) if replacement is None else replacement


class TimeToClose(NamedTuple):
    """How long a deal took from its click to the win, by the times that there are; None: not won.

    It `is_estimated` where the time of the click or of the win is: nobody knows how long then.
    """

    by_the_times: timedelta | None
    is_estimated: bool

    @classmethod
    def of(
        cls, deal: Deal, clicked_at: datetime | None, *, is_click_estimated: bool = False
    ) -> "TimeToClose":
        """Return how long a deal took from a click that was at this time."""
        won = deal.milestone(WON)
        if won is None:
            return cls(None, is_click_estimated)
        is_estimated = is_click_estimated or won.is_estimated
        if clicked_at is None or won.reached_at < clicked_at:
            return cls(None, is_estimated)
        return cls(won.reached_at - clicked_at, is_estimated)

    @property
    def known(self) -> timedelta | None:
        """Return it where it is no estimate."""
        return None if self.is_estimated else self.by_the_times


def extras_of_deal(
    deal: Deal, rule: ConversionRule, clicked_at: datetime | None, took: TimeToClose
) -> Extras:
    """Return what is said of a conversion beside its time, its value and its click ID.

    Hashes may go out with the rule's say and with consent, and not without.
    """
    who = NO_IDENTIFIERS
    if deal.identifiers and rule.lets_identifiers_out(deal.consent):
        who = rule.hash_forms.of(deal.identifiers)
    return Extras(
        clicked_at=clicked_at if rule.asks_when_clicked else None,
        identifiers=who,
        consent=deal.consent,
        customer_type=deal.customer_type,
        variables=_variables(rule, took),
    )


def _variables(rule: ConversionRule, took: TimeToClose) -> dict[str, str]:
    if rule.days_to_close_variable is None or took.by_the_times is None:
        return {}
    if took.is_estimated and not rule.sends_estimated_days:
        return {}
    seconds = int(took.by_the_times.total_seconds())
    days = (Decimal(seconds) / _DAY).quantize(Decimal(1), ROUND_HALF_UP)
    return {rule.days_to_close_variable: str(days)}
