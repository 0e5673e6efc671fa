"""Trying values on the past: what is foretold, when it is called drift, and against what."""

from collections.abc import Sequence
from math import log
from random import Random

import pytest

from convsync.values.backtest import Backtest, Month, backtest, held_against
from convsync.values.fitting import learn
from convsync.values.leads import Lead, Spell
from tests.worlds_to_learn import TERMS, made_up

ONE_STEP = TERMS._replace(milestones=("mql",))
APART = {"a": 0.05, "b": 0.1, "c": 0.4}
NOW = 500.0


def at(day: float) -> dict[str, Spell]:
    return {"mql": Spell(day)}


def months(first: int, last: int) -> Sequence[Month]:
    return [
        Month(f"month {month}", month * 30.0, month * 30.0 + 30) for month in range(first, last)
    ]


def tried(leads: Sequence[Lead], first: int = 8, last: int = 16) -> Backtest:
    return backtest(leads, ONE_STEP, months(first, last), NOW)


@pytest.fixture(scope="module")
def steady() -> Backtest:
    return tried(made_up(Random(1), 3_000, APART))


def test_what_is_foretold_month_by_month_comes_where_nothing_changes(steady: Backtest) -> None:
    assert len(steady.forecasts) == 8
    assert not any(one.has_drifted for one in steady.forecasts)
    within = [one.expected.low <= one.won <= one.expected.high for one in steady.forecasts]
    assert sum(within) >= 6


def test_if_groups_differ_each_month_is_predicted_better_than_by_one_rate(
    steady: Backtest,
) -> None:
    for one in steady.forecasts:
        assert one.log_loss < one.of_one_rate


def test_what_is_foretold_with_a_chance_comes_about_that_often(steady: Backtest) -> None:
    assert sum(one.leads for one in steady.calibration) == sum(
        one.leads for one in steady.forecasts
    )
    for one in steady.calibration:
        assert one.won == pytest.approx(one.expected, rel=0.25, abs=10)
    assert steady.calibration[-1].won > 4 * steady.calibration[0].won


def test_a_month_is_closed_once_the_window_of_its_last_lead_is_over(steady: Backtest) -> None:
    """The months end on day 270, 300 and so on; ninety days later is 500 at the latest."""
    assert [one.is_closed for one in steady.forecasts] == [True] * 5 + [False] * 3


def test_a_month_whose_rate_moved_is_called_drift_and_the_others_are_not() -> None:
    """From day 330 on, no lead is won any more."""
    rng = Random(2)
    leads = [
        lead._replace(won=None, lost=lead.won or lead.lost) if since >= 330 else lead
        for lead in made_up(rng, 4_000, APART)
        for since in [lead.reached["mql"].since]
    ]
    drifted = {one.month for one in tried(leads).forecasts if one.has_drifted}
    assert "month 11" in drifted
    assert not drifted & {"month 8", "month 9", "month 10"}


def test_a_month_is_predicted_only_from_what_was_known_at_its_start() -> None:
    """What comes after the month changes what came of it, and not what was foretold."""
    leads = made_up(Random(3), 1_000, APART)
    later = [lead for lead in leads if lead.reached["mql"].since < 270]
    foretold = tried(leads, 8, 9).forecasts[0]
    assert tried(later, 8, 9).forecasts[0].expected == foretold.expected


def test_nothing_is_predicted_before_the_first_known_sale() -> None:
    assert not tried(made_up(Random(4), 50, {"a": 0.2}, days=400), 0, 1).forecasts


def test_the_log_loss_is_the_surprise_at_what_came() -> None:
    """Four in ten were won until now; then one of two is, as of one group as all others."""
    won = Lead(("a",), at(0), won=Spell(5), amount=1.0)
    lost = Lead(("a",), at(0), lost=Spell(5))
    now_won = won._replace(reached=at(245), won=Spell(246))
    now_lost = lost._replace(reached=at(245), lost=Spell(246))
    (one,) = tried([won] * 2_000 + [lost] * 3_000 + [now_won, now_lost], 8, 9).forecasts
    assert one.of_one_rate == pytest.approx(-(log(0.4) + log(0.6)) / 2, abs=0.001)
    assert one.log_loss == pytest.approx(one.of_one_rate, abs=0.001)


def test_an_accepted_table_is_held_against_the_last_closed_months() -> None:
    steady = made_up(Random(5), 3_000, APART)
    table = learn(steady, ONE_STEP, NOW)
    assert table
    (agrees,) = held_against(table, steady, months(11, 13), NOW)
    assert not agrees.has_drifted
    assert agrees.is_closed
    fewer = [lead._replace(won=None) for lead in steady]
    (strays,) = held_against(table, fewer, months(11, 13), NOW)
    assert strays.has_drifted
    assert strays.won == 0
