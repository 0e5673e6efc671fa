"""What a matched milestone is worth, and how long it took: Matched → Conversion.

A zero, a missing and an absurd amount are three different things: zero in many CRMs means "not
filled in". Each has its own outcome in the rule, and is never quietly sent.
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from convsync.model.conversion import Conversion, order_id_of
from convsync.model.deal import WON, Deal, Milestone
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.money import MOST, Money
from convsync.model.outcome import Matched, NotSent, Reason
from convsync.model.rule import (
    AmountOutcomes,
    ConversionRule,
    FixedSum,
    ShareOfAmount,
    TableBySegment,
)

_DAY = Decimal(24 * 60 * 60)


def value_deal(
    deal: Deal, milestone: Milestone, matched: Matched, rule: ConversionRule, *, now: datetime
) -> Conversion | NotSent:
    """Return the conversion to be counted, or why it has no value that may be sent.

    A bare date is sent as the day's last second, or as `now` while that day is not over: the
    platform takes no event from the future.
    """
    value = value_of(deal, rule)
    if isinstance(value, NotSent):
        return value
    time_to_close = _time_to_close(deal, matched)
    return Conversion(
        order_id=order_id_of(deal.source, deal.deal_id, rule.name),
        source=deal.source,
        deal_id=deal.deal_id,
        rule=rule.name,
        action=rule.action,
        milestone=milestone.name,
        milestone_at=milestone.reached_at,
        event_at=min(milestone.reached_at, now),
        value=value,
        matched=matched,
        identifiers=_identifiers(deal, rule),
        consent=deal.consent,
        customer_type=deal.customer_type,
        variables=_variables(rule, time_to_close),
        time_to_close=time_to_close,
    )


def value_of(deal: Deal, rule: ConversionRule) -> Money | NotSent:
    """Return what the rule says this deal is worth, or the reason why that is not known."""
    match rule.value:
        case FixedSum(money=money):
            return money
        case TableBySegment() as table:
            return _from_table(deal, table)
        case ShareOfAmount(share=share):
            return _from_amount(deal, rule.amounts, share)


def _from_table(deal: Deal, table: TableBySegment) -> Money | NotSent:
    amount = table.amounts.get(deal.segments.get(table.segment, ""), table.otherwise)
    if amount is None:
        return NotSent(reason=Reason.SEGMENT_WITHOUT_VALUE)
    return Money(amount=amount, currency=table.currency)


def _from_amount(deal: Deal, outcomes: AmountOutcomes, share: Decimal) -> Money | NotSent:
    amount = _usable_amount(deal.amount, outcomes)
    if isinstance(amount, NotSent):
        return amount
    if deal.currency is None:
        return NotSent(reason=Reason.CURRENCY_MISSING)
    money = Money(amount=amount, currency=deal.currency)
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


def _identifiers(deal: Deal, rule: ConversionRule) -> Identifiers:
    """Return the hashes that may go out: none without the rule's say, none without consent."""
    return deal.identifiers if rule.lets_identifiers_out(deal.consent) else NO_IDENTIFIERS


def _time_to_close(deal: Deal, matched: Matched) -> timedelta | None:
    won = deal.milestone(WON)
    if won is None or matched.clicked_at is None or won.reached_at < matched.clicked_at:
        return None
    return won.reached_at - matched.clicked_at


def _variables(rule: ConversionRule, time_to_close: timedelta | None) -> dict[str, str]:
    if rule.days_to_close_variable is None or time_to_close is None:
        return {}
    days = (Decimal(int(time_to_close.total_seconds())) / _DAY).quantize(Decimal(1), ROUND_HALF_UP)
    return {rule.days_to_close_variable: str(days)}
