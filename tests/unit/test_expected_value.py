"""A rule whose value is learned: what it is worth, and when what is counted keeps its value."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from msgspec import structs

from convsync.decide import decide
from convsync.model.expected import AcceptedValues, ExpectedTable
from convsync.model.money import Money
from convsync.model.outcome import NotSent, Reason
from convsync.model.revenue import MoneyTerms, Payment, Takings
from convsync.model.rule import ConversionRule, ExpectedValue, RevenueWithin
from convsync.value import value_of
from convsync.values.fitting import learn
from tests.builders import NOW, a_deal, a_milestone, a_rule, an_entry, usd
from tests.worlds_to_learn import TERMS, history

GROUP = ("good",)


@pytest.fixture(scope="module")
def table() -> ExpectedTable:
    terms = TERMS._replace(currency="USD", milestones=("won",))  # the milestone of `a_rule`
    leads = [
        lead._replace(reached={"won": lead.reached["mql"]})
        for lead in history(600, {"good": 0.4, "bad": 0.1})
    ]
    found = learn(leads, terms, 500.0)
    assert found is not None
    return found


def rule_with(table: ExpectedTable | None, *, restates: bool = False) -> ConversionRule:
    accepted = table and AcceptedValues(version=1, table=table, restates=restates)
    return replace(a_rule(), value=ExpectedValue(accepted=accepted or None))


def worth(table: ExpectedTable) -> Money:
    value = table.value_of("won", GROUP)
    assert value is not None
    return value


def test_a_lead_is_worth_what_was_learned_of_its_group(table: ExpectedTable) -> None:
    deal = a_deal(segments={"origin": "good"})
    assert value_of(deal, rule_with(table), now=NOW) == worth(table)
    other = value_of(a_deal(segments={"origin": "bad"}), rule_with(table), now=NOW)
    assert isinstance(other, Money)
    assert other.amount < worth(table).amount


def test_a_lead_of_a_group_that_is_not_known_is_worth_what_any_is(table: ExpectedTable) -> None:
    whole = table.value_of("won", ())
    assert value_of(a_deal(segments={"origin": "new"}), rule_with(table), now=NOW) == whole
    assert value_of(a_deal(), rule_with(table), now=NOW) == whole


def test_without_an_accepted_version_there_is_a_reason_and_no_guess() -> None:
    assert value_of(a_deal(), rule_with(None), now=NOW) == NotSent(
        reason=Reason.VALUES_NOT_ACCEPTED
    )


def test_a_milestone_that_was_not_learned_has_a_reason_and_no_guess(table: ExpectedTable) -> None:
    rule = replace(rule_with(table), milestone="sql")
    assert value_of(a_deal(), rule, now=NOW) == NotSent(reason=Reason.EXPECTED_VALUE_UNKNOWN)


@pytest.mark.parametrize(
    ("restates", "told", "is_kept"),
    [
        pytest.param(False, 100, True, id="what is counted keeps its value"),
        pytest.param(True, 100, False, id="unless it is to be restated"),
        pytest.param(False, 0, False, id="what was taken back is valued anew"),
    ],
)
def test_a_new_version_and_what_is_counted(
    table: ExpectedTable, told: int, *, restates: bool, is_kept: bool
) -> None:
    deal, entry = a_deal(segments={"origin": "good"}), an_entry(value=usd(told))
    rule = rule_with(table, restates=restates)
    decided = decide(deal, a_milestone(), rule, [], entry, now=NOW)
    assert decided == (usd(told) if is_kept else worth(table))


@pytest.mark.parametrize(
    ("paid", "decided"),
    [
        pytest.param(0, 100, id="until money comes in, what is counted keeps its learned value"),
        pytest.param(40, 40, id="then it is worth that"),
    ],
)
def test_a_learned_value_counts_until_money_comes_in(
    table: ExpectedTable, paid: int, decided: int
) -> None:
    learned = RevenueWithin(within=timedelta(days=90), expected=ExpectedValue())
    accepted = AcceptedValues(version=1, table=table, restates=False)
    rule = replace(a_rule(), value=learned).with_accepted(accepted)
    payments = (Payment(NOW - timedelta(hours=1), usd(paid)),) if paid else ()
    takings = Takings(payments, MoneyTerms(rates=lambda: None, zone=UTC))
    deal = structs.replace(a_deal(segments={"origin": "good"}), takings=takings)
    entry = an_entry(value=usd(100))
    assert decide(deal, a_milestone(), rule, [], entry, now=NOW) == usd(decided)
    first = value_of(deal, rule, now=NOW)
    assert first == (usd(paid) if paid else worth(table))
