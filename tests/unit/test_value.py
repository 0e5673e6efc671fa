from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import structs

from convsync.model.click import MatchBasis
from convsync.model.consent import UNSPECIFIED, Consent
from convsync.model.conversion import Conversion
from convsync.model.deal import Deal, Milestone
from convsync.model.identifiers import NO_IDENTIFIERS, Form, HashForms, Identifiers
from convsync.model.money import MOST, Money
from convsync.model.outcome import Matched, NotSent, Reason
from convsync.model.rule import (
    AmountOutcomes,
    ConversionRule,
    FixedSum,
    ShareOfAmount,
    TableBySegment,
)
from convsync.model.statement import Operation, Statement
from convsync.value import value_deal, value_of
from tests.builders import (
    ACTION,
    CLICK_ID,
    CLICKED_AT,
    DENIED,
    GRANTED,
    NOW,
    ORDER_ID,
    SOMEBODY,
    WON_AT,
    a_click,
    a_deal,
    a_match,
    a_milestone,
    a_rule,
    usd,
)

REPLACED = AmountOutcomes(
    zero=Decimal(1), missing=Decimal(2), absurd=Decimal(3), absurd_above=Decimal(1_000_000)
)
LIMITED = AmountOutcomes(absurd_above=Decimal(1_000_000))
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("amount", "reason", "replacement"),
    [
        pytest.param(None, Reason.AMOUNT_MISSING, 2, id="missing"),
        pytest.param("0", Reason.AMOUNT_ZERO, 1, id="zero"),
        pytest.param("-0.00", Reason.AMOUNT_ZERO, 1, id="minus zero"),
        pytest.param("1e-7", Reason.AMOUNT_ZERO, 1, id="less than can be kept"),
        pytest.param("0.004", Reason.AMOUNT_ZERO, 1, id="less than half a cent"),
        pytest.param("-0.01", Reason.AMOUNT_ABSURD, 3, id="below zero"),
        pytest.param("1000000.01", Reason.AMOUNT_ABSURD, 3, id="above the limit"),
        pytest.param("NaN", Reason.AMOUNT_ABSURD, 3, id="not a number"),
        pytest.param("sNaN", Reason.AMOUNT_ABSURD, 3, id="loudly not a number"),
        pytest.param("Infinity", Reason.AMOUNT_ABSURD, 3, id="without end"),
    ],
)
def test_an_amount_that_is_no_value_has_its_own_outcome(
    amount: str | None, reason: Reason, replacement: int
) -> None:
    deal = a_deal(amount=amount)
    assert value_of(deal, a_rule(amounts=LIMITED), now=NOW) == NotSent(reason=reason)
    assert value_of(deal, a_rule(amounts=REPLACED), now=NOW) == usd(replacement)


@pytest.mark.parametrize("amount", ["0.01", "6", "1000000"])
def test_an_amount_up_to_the_limit_is_the_value(amount: str) -> None:
    assert value_of(a_deal(amount=amount), a_rule(amounts=LIMITED), now=NOW) == usd(amount)


def test_an_amount_nobody_could_hold_is_absurd_without_any_limit() -> None:
    assert value_of(a_deal(amount=MOST), a_rule(), now=NOW) == Money(amount=MOST, currency="USD")
    for amount in (MOST + 1, Decimal("1E+40")):
        rule = a_rule(value=ShareOfAmount(share=Decimal("0.5")))
        absurd = NotSent(reason=Reason.AMOUNT_ABSURD)
        assert value_of(a_deal(amount=amount), rule, now=NOW) == absurd


def test_a_replacement_of_zero_is_sent_as_zero() -> None:
    amounts = AmountOutcomes(zero=Decimal(0))
    assert value_of(a_deal(amount=0), a_rule(amounts=amounts), now=NOW) == usd(0)


def test_a_share_of_less_than_half_a_cent_is_zero() -> None:
    rule = a_rule(value=ShareOfAmount(share=Decimal("0.1")), amounts=AmountOutcomes())
    assert value_of(a_deal(amount="0.04"), rule, now=NOW) == NotSent(reason=Reason.AMOUNT_ZERO)
    replaced = a_rule(value=ShareOfAmount(share=Decimal("0.1")), amounts=REPLACED)
    assert value_of(a_deal(amount="0.04"), replaced, now=NOW) == usd("0.10")


def test_half_a_yen_is_zero() -> None:
    outcome = value_of(a_deal(amount="0.4", currency="JPY"), a_rule(), now=NOW)
    assert outcome == NotSent(reason=Reason.AMOUNT_ZERO)


def test_an_amount_without_a_currency_is_not_sent() -> None:
    outcome = value_of(a_deal(currency=None), a_rule(), now=NOW)
    assert outcome == NotSent(reason=Reason.CURRENCY_MISSING)


@pytest.mark.parametrize(
    ("amount", "share", "expected"),
    [
        pytest.param("100", "1", "100", id="all of it"),
        pytest.param("99.999", "1", "99.999", id="all of it is not rounded to cents"),
        pytest.param("100", "0.25", "25.00", id="a quarter"),
        pytest.param("0.50", "0.25", "0.12", id="half a cent goes to the even one"),
        pytest.param("1.50", "0.25", "0.38", id="up or down"),
        pytest.param("100", "1.2", "120.00", id="more than all"),
    ],
)
def test_a_share_of_the_amount_is_rounded_to_cents(amount: str, share: str, expected: str) -> None:
    rule = a_rule(value=ShareOfAmount(share=Decimal(share)))
    assert value_of(a_deal(amount=amount), rule, now=NOW) == usd(expected)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        pytest.param("1001", "JPY", "250", id="a currency without cents"),
        pytest.param("12.345", "KWD", "3.086", id="a currency of three places"),
        pytest.param("1.00001", "CLF", "0.2500", id="a unit of account of four"),
    ],
)
def test_a_share_is_a_sum_that_its_currency_can_pay(
    amount: str, currency: str, expected: str
) -> None:
    rule = a_rule(value=ShareOfAmount(share=Decimal("0.25")))
    value = value_of(a_deal(amount=amount, currency=currency), rule, now=NOW)
    assert value == Money(amount=Decimal(expected), currency=currency)
    assert str(value) == f"{expected} {currency}"


def test_a_fixed_sum_needs_neither_amount_nor_currency() -> None:
    rule = a_rule(value=FixedSum(money=usd(40)))
    assert value_of(a_deal(amount=None, currency=None), rule, now=NOW) == usd(40)


@pytest.mark.parametrize(
    ("segment", "otherwise", "expected"),
    [
        pytest.param("enterprise", None, 900, id="in the table"),
        pytest.param("small", 50, 50, id="not in it, with an otherwise"),
        pytest.param("small", None, None, id="not in it"),
        pytest.param(None, None, None, id="the deal has none"),
    ],
)
def test_a_table_values_a_deal_by_its_segment(
    segment: str | None, otherwise: int | None, expected: int | None
) -> None:
    table = TableBySegment(
        segment="size",
        amounts={"enterprise": Decimal(900)},
        otherwise=None if otherwise is None else Decimal(otherwise),
        currency="USD",
    )
    deal = a_deal(segments={} if segment is None else {"size": segment}, currency="EUR")
    missing = NotSent(reason=Reason.SEGMENT_WITHOUT_VALUE)
    found = value_of(deal, a_rule(value=table), now=NOW)
    assert found == (missing if expected is None else usd(expected))


# Money


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        pytest.param(usd("1.0"), usd("1.00"), True, id="written differently"),
        pytest.param(usd("1.00"), usd("1.01"), False, id="another amount"),
        pytest.param(usd(1), Money(amount=Decimal(1), currency="EUR"), False, id="a currency"),
        pytest.param(usd("1.0000001"), usd(1), True, id="finer than is kept"),
        pytest.param(usd("1.000001"), usd(1), False, id="as fine as is kept"),
    ],
)
def test_money_is_the_same_where_amount_and_currency_are(
    one: Money, other: Money, is_same: bool
) -> None:
    assert (one == other) is is_same
    assert (hash(one) == hash(other)) is is_same


def test_money_prints_with_its_currency() -> None:
    assert str(usd("1234567.5")) == "1,234,567.50 USD"


# The conversion


def converted(
    deal: Deal,
    *,
    matched: Matched | None = None,
    rule: ConversionRule | None = None,
    milestone: Milestone | None = None,
    now: datetime = NOW,
) -> Conversion:
    conversion = value_deal(
        deal, milestone or a_milestone(), matched or a_match(), rule or a_rule(), now=now
    )
    assert isinstance(conversion, Conversion)
    return conversion


def test_a_conversion_says_what_the_deal_and_its_rule_say() -> None:
    matched = a_match()
    conversion = value_deal(a_deal(), a_milestone(), matched, a_rule(), now=NOW)
    assert conversion == Conversion(
        statement=Statement(
            order_id=ORDER_ID,
            action=ACTION,
            operation=Operation.COUNT,
            event_at=WON_AT,
            value=usd(100),
            click_id=CLICK_ID,
            consent=GRANTED,
        ),
        rule="won",
        milestone="won",
        milestone_at=WON_AT,
        matched=matched,
        time_to_close=10 * DAY,
    )


def test_a_deal_without_a_value_is_no_conversion() -> None:
    outcome = value_deal(a_deal(amount=None), a_milestone(), a_match(), a_rule(), now=NOW)
    assert outcome == NotSent(reason=Reason.AMOUNT_MISSING)


def test_a_click_that_a_clocks_skew_let_count_is_the_time_that_is_sent() -> None:
    after = a_match(a_click(clicked_at=WON_AT + timedelta(seconds=40)))
    assert converted(a_deal(), matched=after).statement.event_at == WON_AT + timedelta(seconds=40)
    assert converted(a_deal(), matched=after).time_to_close is None


END_OF_DAY = datetime(2026, 3, 2, 22, 59, 59, tzinfo=UTC)


BARE_DATE = a_milestone(reached_at=END_OF_DAY, is_whole_day=True)


def seconds_of(now: datetime, clicked_at: datetime | None = CLICKED_AT) -> set[datetime]:
    """The times that a hundred deals won on one bare date are sent with."""
    matched = a_match(a_click(clicked_at=clicked_at))
    return {
        converted(
            a_deal(f"D-{n}"), matched=matched, milestone=BARE_DATE, now=now
        ).statement.event_at
        for n in range(100)
    }


@pytest.mark.parametrize("now", [WON_AT, NOW, NOW + DAY])
@pytest.mark.parametrize("clicked_at", [CLICKED_AT, WON_AT - timedelta(hours=1), None])
def test_a_bare_date_is_sent_at_a_second_of_its_day_not_before_the_click_nor_in_the_future(
    now: datetime, clicked_at: datetime | None
) -> None:
    times = seconds_of(now, clicked_at)
    starts_at = END_OF_DAY - timedelta(days=1)
    assert all(
        max(clicked_at or starts_at, starts_at) <= at <= min(now, END_OF_DAY) for at in times
    )
    assert len(times) > 90  # two deals of one click are two conversions


def test_a_bare_date_is_sent_at_the_same_second_every_night_once_its_day_is_over() -> None:
    assert seconds_of(NOW) == seconds_of(NOW + 30 * DAY)


def test_a_click_at_the_last_second_of_a_bare_date_still_precedes_the_conversion() -> None:
    assert seconds_of(NOW, END_OF_DAY) == {END_OF_DAY}


@pytest.mark.parametrize(
    ("won_at", "clicked_at", "days"),
    [
        pytest.param(WON_AT, CLICKED_AT, "10", id="whole days"),
        pytest.param(WON_AT, CLICKED_AT + timedelta(hours=12), "10", id="nine and a half"),
        pytest.param(WON_AT, CLICKED_AT + timedelta(hours=13), "9", id="a little less"),
        pytest.param(WON_AT, WON_AT, "0", id="at once"),
        pytest.param(WON_AT, None, None, id="when the click was is not known"),
        pytest.param(None, CLICKED_AT, None, id="not won yet"),
        pytest.param(CLICKED_AT - DAY, CLICKED_AT, None, id="won before the click"),
    ],
)
def test_days_to_close_run_from_the_click_to_the_win(
    won_at: datetime | None, clicked_at: datetime | None, days: str | None
) -> None:
    deal = a_deal(milestones=() if won_at is None else (a_milestone(reached_at=won_at),))
    conversion = converted(
        deal,
        matched=a_match(a_click(clicked_at=clicked_at)),
        rule=a_rule(milestone="sql", days_to_close_variable="days"),
        milestone=a_milestone("sql"),
    )
    assert conversion.statement.variables == ({} if days is None else {"days": days})
    assert (conversion.time_to_close is None) is (days is None)


def test_a_win_whose_time_is_an_estimate_says_nothing_of_how_long_it_took() -> None:
    won = structs.replace(a_milestone(), is_estimated=True)
    conversion = converted(a_deal(milestones=(won,)), rule=a_rule(days_to_close_variable="days"))
    assert conversion.time_to_close is None
    assert conversion.statement.variables == {}


@pytest.mark.parametrize(
    ("sends_estimated_days", "variables"), [(False, {}), (True, {"days": "10"})]
)
def test_days_from_a_click_whose_time_is_an_estimate_are_sent_only_where_the_rule_says_so(
    sends_estimated_days: bool, variables: dict[str, str]
) -> None:
    rule = a_rule(days_to_close_variable="days")
    conversion = converted(
        a_deal(),
        matched=a_match(is_estimated=True),
        rule=replace(rule, sends_estimated_days=sends_estimated_days),
    )
    assert conversion.statement.variables == variables
    assert conversion.time_to_close is None, "a figure is made of times that are known"


def test_days_to_close_are_sent_only_where_the_rule_names_a_variable() -> None:
    conversion = converted(a_deal())
    assert conversion.time_to_close == 10 * DAY
    assert conversion.statement.variables == {}


@pytest.mark.parametrize(
    ("consent", "has_enhanced", "needs_granted", "expected"),
    [
        pytest.param(GRANTED, True, True, SOMEBODY, id="granted"),
        pytest.param(GRANTED, False, True, NO_IDENTIFIERS, id="the rule sends none"),
        pytest.param(UNSPECIFIED, True, True, NO_IDENTIFIERS, id="unspecified"),
        pytest.param(UNSPECIFIED, True, False, SOMEBODY, id="unspecified, which is let pass"),
        pytest.param(DENIED, True, True, NO_IDENTIFIERS, id="denied"),
        pytest.param(DENIED, True, False, NO_IDENTIFIERS, id="denied, whatever is let pass"),
    ],
)
@pytest.mark.parametrize("basis", [MatchBasis.DEAL, MatchBasis.IDENTIFIER])
def test_identifiers_go_out_only_with_consent(
    basis: MatchBasis,
    consent: Consent,
    has_enhanced: bool,
    needs_granted: bool,
    expected: Identifiers,
) -> None:
    conversion = converted(
        a_deal(identifiers=SOMEBODY, consent=consent),
        matched=a_match(basis=basis),
        rule=a_rule(has_enhanced_conversions=has_enhanced, needs_granted_consent=needs_granted),
    )
    assert conversion.statement.identifiers == expected


def test_the_time_of_the_click_is_said_only_to_a_platform_that_asks() -> None:
    matched = a_match()
    assert converted(a_deal(), matched=matched).statement.clicked_at is None
    asks = replace(a_rule(), asks_when_clicked=True)
    said = converted(a_deal(), matched=matched, rule=asks).statement.clicked_at
    assert said == matched.clicked_at is not None


def test_a_platform_is_sent_the_hashes_of_its_own_form() -> None:
    who = Identifiers(emails=("a" * 64,), plain=(("a" * 64, "b" * 64),))
    rule = replace(
        a_rule(has_enhanced_conversions=True),
        hash_forms=HashForms(emails=Form.PLAIN, phones=Form.PLAIN),
    )
    conversion = converted(a_deal(identifiers=who, consent=GRANTED), rule=rule)
    assert conversion.statement.identifiers == Identifiers(emails=("b" * 64,))
