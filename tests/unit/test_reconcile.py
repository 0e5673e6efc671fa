"""A deal against the ledger: which changes of value are told, and which wait for more."""

from dataclasses import replace
from decimal import Decimal

import pytest

from convsync.model.money import Money
from convsync.reconcile import decide
from tests.builders import NOW, a_deal, a_milestone, a_rule, an_entry, usd

EUR = Money(amount=Decimal(100), currency="EUR")

CHANGES = [
    pytest.param("0", 100, 101, 101, id="without-a-threshold-every-change-is-told"),
    pytest.param("0.05", 100, 104, 100, id="a-change-below-the-threshold-waits"),
    pytest.param("0.05", 100, 96, 100, id="so-does-one-downwards"),
    pytest.param("0.05", 100, 105, 105, id="a-change-of-the-threshold-is-told"),
    pytest.param("0.05", 100, 95, 95, id="so-is-one-downwards"),
    pytest.param("0.05", 0, 1, 1, id="from-nothing-every-value-is-told"),
]


@pytest.mark.parametrize(("threshold", "told", "now_worth", "decided"), CHANGES)
def test_a_counted_value_is_restated_from_the_rules_threshold_on(
    threshold: str, told: int, now_worth: int, decided: int
) -> None:
    rule = replace(a_rule(), smallest_change=Decimal(threshold))
    entry = an_entry(value=usd(told))
    deal = a_deal(amount=now_worth)
    assert decide(deal, a_milestone(), rule, [], entry, now=NOW) == usd(decided)


def test_a_change_of_currency_is_told_however_small_the_change_of_amount() -> None:
    rule = replace(a_rule(), smallest_change=Decimal("0.05"))
    deal = a_deal(amount=100, currency="EUR")
    assert decide(deal, a_milestone(), rule, [], an_entry(value=usd(100)), now=NOW) == EUR


def test_a_correction_on_its_way_does_not_hide_what_was_told() -> None:
    rule = replace(a_rule(), smallest_change=Decimal("0.05"))
    entry = replace(an_entry(value=usd(100)), told=usd(90))
    deal = a_deal(amount=91)
    assert decide(deal, a_milestone(), rule, [], entry, now=NOW) == usd(90)
