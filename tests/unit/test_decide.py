"""A deal against the ledger: which changes of value are told, and which wait for more."""

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec import structs

from convsync.decide import decide, decide_retired, may_be_repeated
from convsync.model.consent import UNSPECIFIED, Consent, ConsentStatus
from convsync.model.deal import LOST, Deal, Gone
from convsync.model.ledger import LedgerEntry, State
from convsync.model.money import Money
from convsync.model.outcome import NotSent, Reason, Waiting
from convsync.model.statement import Operation
from tests.builders import (
    DENIED,
    GRANTED,
    NOW,
    SOMEBODY,
    a_deal,
    a_milestone,
    a_rule,
    an_entry,
    usd,
)

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


def test_an_unsure_conversion_is_restated_however_small_the_change() -> None:
    rule = replace(a_rule(), smallest_change=Decimal("0.05"))
    entry = an_entry(value=usd(100), is_unsure=True)
    assert decide(a_deal(amount=101), a_milestone(), rule, [], entry, now=NOW) == usd(101)


RETRACT = Operation.RETRACT
NAMING_RETRACTION = an_entry(State.SENDING, operation=RETRACT, identifiers=SOMEBODY)
SILENT = an_entry(State.SENDING, operation=RETRACT, consent=UNSPECIFIED)
NAMING = an_entry(State.SENDING, identifiers=SOMEBODY)


@pytest.mark.parametrize(
    ("entry", "consent", "is_repeated"),
    [
        pytest.param(NAMING, GRANTED, True, id="the person still agrees"),
        pytest.param(NAMING, UNSPECIFIED, False, id="the person no longer agrees"),
        pytest.param(NAMING, DENIED, False, id="the person refused"),
        pytest.param(an_entry(State.SENDING), UNSPECIFIED, True, id="nobody is named"),
        pytest.param(an_entry(State.SENDING), DENIED, False, id="refused, though nobody is named"),
        pytest.param(SILENT, DENIED, True, id="a retraction that is silent"),
        pytest.param(
            an_entry(State.SENDING, operation=RETRACT), DENIED, False, id="one that claims consent"
        ),
        pytest.param(
            an_entry(State.SENDING, operation=RETRACT, identifiers=SOMEBODY),
            DENIED,
            False,
            id="one that names them",
        ),
        pytest.param(
            an_entry(State.DEFERRED, operation=RETRACT, identifiers=SOMEBODY),
            UNSPECIFIED,
            False,
            id="one that was put off",
        ),
        pytest.param(
            structs.replace(NAMING, state=State.ACCEPTED), DENIED, True, id="heard already"
        ),
        pytest.param(
            structs.replace(NAMING, state=State.REJECTED), DENIED, True, id="refused for good"
        ),
    ],
)
def test_no_repeat_says_more_of_a_person_than_they_let_out(
    entry: LedgerEntry, consent: Consent, *, is_repeated: bool
) -> None:
    rule = a_rule(has_enhanced_conversions=True)
    assert may_be_repeated(entry, a_deal(consent=consent), rule) is is_repeated


def test_what_the_rule_no_longer_lets_out_is_not_repeated() -> None:
    assert not may_be_repeated(NAMING, a_deal(consent=GRANTED), a_rule())


@pytest.mark.parametrize(
    ("operation", "is_repeated"), [(Operation.COUNT, False), (Operation.RETRACT, True)]
)
def test_what_turned_out_to_be_many_deals_counts_nothing_new(
    operation: Operation, is_repeated: bool
) -> None:
    assert NAMING.statement
    shared = structs.replace(a_deal(consent=GRANTED), shared=NAMING.statement.identifiers)
    statement = structs.replace(NAMING.statement, operation=operation)
    entry = structs.replace(NAMING, statement=statement)
    rule = a_rule(has_enhanced_conversions=True)
    assert may_be_repeated(entry, shared, rule) is is_repeated


def test_a_correction_in_flight_does_not_hide_the_told_value() -> None:
    rule = replace(a_rule(), smallest_change=Decimal("0.05"))
    entry = structs.replace(an_entry(value=usd(100)), told=usd(90))
    deal = a_deal(amount=91)
    assert decide(deal, a_milestone(), rule, [], entry, now=NOW) == usd(90)


# Rules that apply to some deals, and rules that were removed

ALPHA = a_rule(when={"brand": frozenset({"Alpha"})})


def test_a_deal_that_no_longer_meets_a_rules_condition_is_taken_back() -> None:
    moved = a_deal(segments={"brand": "Beta"})
    assert decide(moved, a_milestone(), ALPHA, [], an_entry(), now=NOW) == NotSent(
        reason=Reason.OUTSIDE_RULE
    )
    stays = a_deal(segments={"brand": "Alpha"})
    assert decide(stays, a_milestone(), ALPHA, [], an_entry(), now=NOW) == usd(100)


@pytest.mark.parametrize(
    ("deal", "entry", "decided"),
    [
        pytest.param(a_deal(amount=999), an_entry(), usd(100), id="keeps the value it has"),
        pytest.param(
            a_deal(consent=DENIED), an_entry(), Reason.CONSENT_DENIED, id="consent withdrawn"
        ),
        pytest.param(a_deal(gone=Gone.DELETED), an_entry(), Reason.DEAL_DELETED, id="deleted"),
        pytest.param(
            a_deal(milestones=(a_milestone(), a_milestone(LOST, NOW))),
            an_entry(),
            Reason.DEAL_LOST,
            id="lost",
        ),
        pytest.param(
            a_deal(milestones=()), an_entry(), Reason.MILESTONE_WITHDRAWN, id="not won any more"
        ),
        pytest.param(
            a_deal(), an_entry(State.PLANNED), Reason.RULE_RETIRED, id="never sent: never will be"
        ),
        pytest.param(a_deal(), an_entry(State.ACCEPTED), usd(100), id="in flight: left alone"),
    ],
)
def test_a_removed_rule_counts_nothing_new_and_still_takes_back(
    deal: Deal, entry: LedgerEntry, decided: Money | Reason
) -> None:
    expected = NotSent(reason=decided) if isinstance(decided, Reason) else decided
    assert decide_retired(deal, entry) == expected


# A word about consent that the configuration does not map

UNCLEAR_CONSENTS = [
    Consent(ad_user_data=ConsentStatus.UNCLEAR),
    Consent(ad_user_data=ConsentStatus.GRANTED, ad_personalization=ConsentStatus.UNCLEAR),
]


@pytest.mark.parametrize("consent", UNCLEAR_CONSENTS)
@pytest.mark.parametrize("entry", [None, an_entry()], ids=["new", "counted"])
def test_a_deal_whose_consent_is_unclear_waits_as_long_as_it_could_be_sent(
    consent: Consent, entry: LedgerEntry | None
) -> None:
    deal, rule, won = a_deal(consent=consent), a_rule(), a_milestone()
    until = won.reached_at + rule.upload_window
    waits = Waiting(reason=Reason.CONSENT_UNCLEAR, until=until)
    assert decide(deal, won, rule, [], entry, now=NOW) == waits
    too_late = NotSent(reason=Reason.CONSENT_UNCLEAR)
    assert decide(deal, won, rule, [], entry, now=until) == too_late


@pytest.mark.parametrize("consent", UNCLEAR_CONSENTS)
def test_nothing_is_repeated_while_consent_is_unclear(consent: Consent) -> None:
    rule = a_rule(has_enhanced_conversions=True)
    assert not rule.lets_identifiers_out(consent)
    assert not may_be_repeated(an_entry(State.DEFERRED), a_deal(consent=consent), rule)
    assert may_be_repeated(SILENT, a_deal(consent=consent), rule)
