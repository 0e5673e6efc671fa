"""What is too unusual to go out unseen, learned from the nights before."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.errors import UnsafePlanError
from convsync.model.figures import Figures, OfRule
from convsync.running.guarding import (
    NIGHTS,
    SafetyLimits,
    Tonight,
    Usual,
    ceiling,
    days_like,
    findings,
    middle,
    raise_if_vanished,
    refusal,
)

LIMITS = SafetyLimits(factor=5, small=500, small_retraction=20, retracted_share=Decimal("0.1"))
DAY = timedelta(days=1)
TUESDAY = datetime(2026, 3, 3, 2, tzinfo=UTC)
SUNDAY = datetime(2026, 3, 8, 2, tzinfo=UTC)


def sent(new: int = 0, *, restated: int = 0, retracted: int = 0, worth: float = 10) -> Figures:
    """A night with one rule, and conversions that are all worth the same."""
    value = {"USD": Decimal(str(worth)) * (new + restated)} if new + restated else {}
    highest = {"USD": Decimal(str(worth))} if value else {}
    some = {"USD": (Decimal(str(worth)),) * min(new, 50)} if new else {}
    of_rule = OfRule(
        new=new, restated=restated, retracted=retracted, value=value, highest=highest, some=some
    )
    return Figures(rules={"won": of_rule})


def looked_at(count: int, unmatched: int) -> Figures:
    return Figures(looked_at=count, unmatched=unmatched)


USUAL = Usual(
    days=[sent(n) for n in (0, 120, 200, 0, 140)], counted=1_000, currencies=frozenset({"USD"})
)
FEW = Usual(days=[sent(1)] * 3, counted=1_000)


def found(ready: Figures, usual: Usual = USUAL, limits: SafetyLimits = LIMITS) -> list[str]:
    return findings(Tonight(ready=ready, rules=["won"]), usual, limits)


@pytest.mark.parametrize(
    ("ready", "usual", "said"),
    [
        pytest.param(sent(0), USUAL, None, id="nothing"),
        pytest.param(sent(700), USUAL, None, id="five times the usual"),
        pytest.param(sent(701), USUAL, "701 uploads is 5×", id="one more than that"),
        pytest.param(sent(400, restated=291, retracted=10), USUAL, "701 uploads", id="all told"),
        pytest.param(sent(500), FEW, None, id="small, if unusual"),
        pytest.param(sent(501), FEW, "501 uploads is 501× the usual 1", id="no longer small"),
        pytest.param(sent(90_000), Usual(days=[sent(1)] * 2), None, id="no usual yet"),
        pytest.param(sent(90_000), Usual(), None, id="a first run"),
        pytest.param(sent(0, retracted=20), Usual(counted=20), None, id="few, if all of them"),
        pytest.param(
            sent(0, retracted=21), Usual(counted=209), "21 of 209 counted", id="no longer few"
        ),
        pytest.param(
            sent(0, retracted=21), USUAL, "21 conversions would be taken back", id="above usual"
        ),
        pytest.param(
            sent(0, retracted=90),
            Usual(days=[sent(9, retracted=20)] * 3, counted=1_000),
            None,
            id="as often",
        ),
    ],
)
def test_how_much_goes_out_is_refused_exactly_where_it_is_beyond_the_limits(
    ready: Figures, usual: Usual, said: str | None
) -> None:
    texts = found(ready, usual)
    assert any(said in text for text in texts) if said else not texts


@pytest.mark.parametrize(
    ("ready", "said"),
    [
        pytest.param(sent(20, worth=10), None, id="the usual"),
        pytest.param(sent(20, worth=99), None, id="a tenfold"),
        pytest.param(sent(20, worth=101), "101.00 USD under the rule won", id="more than that"),
        pytest.param(sent(600, worth=9), None, id="five hundred usual ones"),
        pytest.param(sent(600, worth=11), "a value of 6,600.00 USD", id="more in all"),
    ],
)
def test_value_is_refused_where_its_sum_or_one_of_it_is_far_from_usual(
    ready: Figures, said: str | None
) -> None:
    usual = Usual(days=[sent(120)] * 5, currencies=frozenset({"USD"}))
    assert [text.partition(" is ")[0].partition(", where")[0] for text in found(ready, usual)] == (
        [] if said is None else [said]
    )


@pytest.mark.parametrize(
    ("shifted", "restated", "is_refused"),
    [(2, 2, False), (3, 3, True), (3, 6, False), (4, 6, True), (0, 9, False)],
)
def test_values_that_all_lost_their_decimal_sign_are_refused(
    shifted: int, restated: int, is_refused: bool
) -> None:
    rule = OfRule(restated=restated, shifted=shifted)
    texts = found(Figures(rules={"won": rule}), Usual())
    assert ["decimal sign" in text for text in texts] == [True] * is_refused


def test_where_values_spread_far_one_may_lie_further_out() -> None:
    values = tuple(Decimal(10**power) for power in range(5) for _ in range(5))
    spread = Figures(rules={"won": OfRule(new=25, some={"USD": values})})
    usual = Usual(days=[spread])
    assert found(sent(1, worth=200_000), usual) == []
    assert found(sent(1, worth=10**12), usual) != []


def test_a_value_is_judged_by_those_of_its_own_rule() -> None:
    leads = Figures(rules={"mql": OfRule(new=50, some={"USD": (Decimal(1),) * 50})})
    assert found(sent(1, worth=5_000), Usual(days=[leads])) == []


@pytest.mark.parametrize(
    ("currencies", "is_refused"),
    [
        pytest.param({"USD"}, False, id="the usual one"),
        pytest.param({"EUR"}, True, id="another"),
        pytest.param(set(), False, id="the first one ever"),
    ],
)
def test_a_currency_that_was_never_confirmed_is_refused(
    currencies: set[str], *, is_refused: bool
) -> None:
    usual = Usual(currencies=frozenset(currencies))
    assert (found(sent(1), usual) == ["a currency never sent before: USD"]) is is_refused


@pytest.mark.parametrize(
    ("tonight", "is_refused"),
    [
        pytest.param(looked_at(100, 40), False, id="under the floor"),
        pytest.param(looked_at(100, 90), True, id="nearly all"),
        pytest.param(looked_at(20, 20), False, id="few, if all of them"),
        pytest.param(looked_at(36, 25), False, id="so few that much of it is chance"),
        pytest.param(looked_at(3_600, 2_500), True, id="the same, of many"),
    ],
)
def test_many_milestones_without_a_click_are_refused(tonight: Figures, *, is_refused: bool) -> None:
    usual = Usual(days=[looked_at(100, 30), looked_at(100, 32), looked_at(80, 25)])
    assert bool(found(tonight, usual)) is is_refused


def test_where_most_never_have_a_click_that_is_usual() -> None:
    usual = Usual(days=[looked_at(100, 92), looked_at(100, 95), looked_at(80, 73)])
    assert found(looked_at(100, 94), usual) == []


@pytest.mark.parametrize(
    ("past", "is_refused"),
    [
        pytest.param([12] * 5, True, id="never zero"),
        pytest.param([12, 12, 0, 12, 12, 12], False, id="zero at times"),
        pytest.param([12] * 4, False, id="too few to know"),
        pytest.param([9] * 20, False, id="never many"),
    ],
)
def test_a_rule_that_falls_silent_is_refused(past: list[int], *, is_refused: bool) -> None:
    assert bool(found(Figures(), Usual(days=[sent(n) for n in past]))) is is_refused
    backfill = Tonight(ready=Figures(), rules=["won"], is_whole=False)
    assert findings(backfill, Usual(days=[sent(n) for n in past]), LIMITS) == []


# Which days are like today


def nights(*numbers: int, at: datetime = TUESDAY) -> list[tuple[datetime, Figures]]:
    """One night each, latest first, a day apart, the latest a day ago."""
    return [(at - DAY * (ago + 1), sent(count)) for ago, count in enumerate(numbers)]


def totals(days: Sequence[Figures]) -> list[int]:
    return [day.total for day in days]


def test_runs_of_one_day_count_together_and_those_of_today_with_what_is_ready() -> None:
    every_quarter = [(TUESDAY - timedelta(minutes=15 * n), sent(1)) for n in range(1, 96 * 3)]
    earlier, days = days_like(TUESDAY, every_quarter, needed=3)
    assert earlier.total == 87
    assert totals(days)[:2] == [96, 96]


def test_the_hour_that_a_clock_change_takes_or_gives_moves_no_night_to_another_day() -> None:
    for shift in (timedelta(hours=-1), timedelta(hours=1)):
        earlier, days = days_like(TUESDAY, [(TUESDAY - DAY + shift, sent(7))], needed=1)
        assert (earlier.total, totals(days)) == (0, [7])


def test_a_weekend_is_compared_with_weekends_once_enough_are_known() -> None:
    month = [
        (SUNDAY - DAY * ago, sent(5 if (SUNDAY - DAY * (ago + 1)).weekday() >= 5 else 500))
        for ago in range(1, NIGHTS + 1)
    ]
    assert set(totals(days_like(SUNDAY, month, needed=3)[1])) == {5}
    assert set(totals(days_like(TUESDAY, month, needed=3)[1])) == {500}
    assert set(totals(days_like(SUNDAY, month[:6], needed=3)[1])) == {5, 500}


def test_nights_more_than_four_weeks_ago_are_ignored() -> None:
    assert totals(days_like(TUESDAY, nights(*[1] * 40), needed=3)[1]).count(1) <= NIGHTS


# The middle and its spread

past_nights = st.lists(st.integers(1, 600), min_size=5, max_size=40)


@given(past_nights, st.integers(1, 10**9))
def test_one_odd_night_lifts_the_limit_no_higher_than_its_neighbours_would(
    past: list[int], odd: int
) -> None:
    with_odd = ceiling([*past, odd], 5)
    highest = max(past)
    assert with_odd <= max(5 * highest, highest + 8 * highest)


@given(past_nights, st.integers(1, 5_000))
def test_if_a_number_of_uploads_is_refused_so_is_any_larger_one(
    past: list[int], count: int
) -> None:
    usual = Usual(days=[sent(one) for one in past])
    if found(sent(count), usual):
        assert found(sent(count + 1), usual)


@given(past_nights)
def test_a_night_like_the_middle_one_is_never_refused(past: list[int]) -> None:
    assert found(sent(int(middle(past))), Usual(days=[sent(one) for one in past])) == []


# What a person reads


def test_a_refusal_says_what_is_unusual_and_how_it_goes_on() -> None:
    error = refusal(["1,204 uploads is 8× the usual 140", "VND"], 7, ["+ won D-1 9.00 USD"])
    assert str(error) == (
        "1,204 uploads is 8× the usual 140; VND. Nothing was sent, and the plan is kept: look with"
        " `convsync plan --deals`, then `convsync release 7` sends exactly that plan; --force"
        " sends a new one."
    )
    assert "there is nothing to send" in str(refusal(["no conversion at all"], 7, []))
    assert error.exit_code == 3
    assert error.heaviest == ["+ won D-1 9.00 USD"]


@pytest.mark.parametrize(
    ("vanished", "there_were", "is_refused"),
    [
        pytest.param(1, 1, True, id="the only one"),
        pytest.param(1, 2, False, id="half"),
        pytest.param(2, 3, True, id="most"),
        pytest.param(5_001, 10_000, True, id="more than half of many"),
        pytest.param(0, 0, False, id="nothing of nothing"),
    ],
)
def test_more_than_a_share_of_a_source_gone_at_once_is_refused(
    vanished: int, there_were: int, *, is_refused: bool
) -> None:
    if not is_refused:
        raise_if_vanished("crm", vanished, there_were, LIMITS)
        return
    with pytest.raises(UnsafePlanError, match=f"'crm': {vanished:,} of {there_were:,} deals"):
        raise_if_vanished("crm", vanished, there_were, LIMITS)
