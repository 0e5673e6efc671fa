"""What a conversion is worth as money comes in after the sale."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import structs

from convsync.model.deal import Deal
from convsync.model.money import Money
from convsync.model.outcome import NotSent, Reason
from convsync.model.rates import Rates
from convsync.model.revenue import MoneyTerms, Payment, Takings
from convsync.model.rule import AmountOutcomes, FixedSum, RevenueWithin
from convsync.value import revalued_at, value_deal, value_of
from tests.builders import NOW, WON_AT, a_deal, a_match, a_rule, usd

WITHIN = RevenueWithin(within=timedelta(days=90), expected=FixedSum(money=usd(100)))
OR_NOTHING = RevenueWithin(
    within=timedelta(days=90), expected=FixedSum(money=usd(100)), nothing_is_zero=True
)
RATES = Rates(
    "EUR",
    {"USD": [(date(2026, 3, 6), Decimal("1.25"))]},
    origin="rates.csv",
    longest_gap=timedelta(days=7),
)
LATER = WON_AT + timedelta(days=91)


def paid(amount: str, currency: str = "USD", days: float = 5) -> Payment:
    money = Money(amount=Decimal(amount), currency=currency)
    return Payment(WON_AT + timedelta(days=days), money)


def sold(*payments: Payment, rates: Rates | None = None) -> Deal:
    takings = Takings(tuple(payments), MoneyTerms(rates=lambda: rates, zone=UTC))
    return structs.replace(a_deal(), takings=takings if payments else None)


@pytest.mark.parametrize(
    ("payments", "worth"),
    [
        pytest.param([], 100, id="before anything came, what is expected"),
        pytest.param([paid("40")], 40, id="what came, be it less"),
        pytest.param([paid("40"), paid("70", days=89)], 110, id="all that came"),
        pytest.param([paid("40"), paid("70", days=91)], 40, id="nothing after the window"),
        pytest.param([paid("40"), paid("-15")], 25, id="less what was paid back"),
        pytest.param([paid("40"), paid("-60")], 0, id="never below zero"),
        pytest.param([paid("40", days=-0.5)], 40, id="a payment of the day before the win"),
    ],
)
def test_a_conversion_is_worth_what_came(payments: Sequence[Payment], worth: int) -> None:
    assert value_of(sold(*payments), a_rule(value=WITHIN), now=NOW) == usd(worth)


def test_payments_in_another_currency_are_converted_at_their_own_days_rate() -> None:
    deal = sold(paid("40"), paid("100", "EUR"), rates=RATES)
    assert value_of(deal, a_rule(value=WITHIN), now=NOW) == usd(165)


@pytest.mark.parametrize("rates", [None, RATES], ids=["no rates", "none of that day"])
def test_without_a_rate_there_is_a_reason_and_another_look_tomorrow(rates: Rates | None) -> None:
    deal, rule = sold(paid("100", "EUR", days=30), rates=rates), a_rule(value=WITHIN)
    value = value_of(deal, rule, now=NOW)
    assert value == NotSent(reason=Reason.RATE_MISSING)
    assert revalued_at(deal, rule, value, now=NOW) == NOW + timedelta(days=1)


def test_where_nothing_comes_the_rule_says_whether_that_is_zero() -> None:
    for value, worth in ((WITHIN, 100), (OR_NOTHING, 0)):
        assert value_of(sold(), a_rule(value=value), now=NOW) == usd(100)
        assert value_of(sold(), a_rule(value=value), now=LATER) == usd(worth)


def test_a_deal_is_looked_at_again_when_its_time_is_over_only_where_that_may_matter() -> None:
    ends = WON_AT + timedelta(days=90)
    for deal, value, at in (
        (sold(), OR_NOTHING, ends),
        (sold(), WITHIN, None),
        (sold(paid("1")), OR_NOTHING, None),
    ):
        assert revalued_at(deal, a_rule(value=value), usd(100), now=NOW) == at
    assert revalued_at(sold(), a_rule(value=OR_NOTHING), usd(0), now=LATER) is None


def test_an_absurd_sum_is_treated_as_an_absurd_amount_is() -> None:
    amounts = AmountOutcomes(absurd_above=Decimal(1000))
    rule = a_rule(value=WITHIN, amounts=amounts)
    assert value_of(sold(paid("1001")), rule, now=NOW) == NotSent(reason=Reason.AMOUNT_ABSURD)


def test_a_sale_that_was_paid_back_before_it_was_counted_is_not_counted_with_zero() -> None:
    deal = sold(paid("40"), paid("-40"))
    (milestone,) = deal.milestones
    rule = a_rule(value=WITHIN)
    counted = value_deal(deal, milestone, a_match(), rule, now=NOW)
    assert counted == NotSent(reason=Reason.AMOUNT_ZERO)


def test_revenue_is_in_the_currency_of_the_expected_value() -> None:
    euros = FixedSum(money=Money(amount=Decimal(80), currency="EUR"))
    rule = a_rule(value=RevenueWithin(within=timedelta(days=90), expected=euros))
    value = value_of(sold(paid("125"), rates=RATES), rule, now=datetime(2026, 4, 1, tzinfo=UTC))
    assert value == Money(amount=Decimal(100), currency="EUR")
