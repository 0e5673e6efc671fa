"""`find` and `deals`: from what operations have in hand to the deals, and what is stuck."""

import json

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office, rows_of


@pytest.fixture
def ledger(office: Office) -> Office:
    """D-1 was sent under two rules, D-2 waits for a click, D-3 has reached nothing."""
    office.deal()
    office.deal("D-2", gclid="", won_date="", amount="4711")
    office.deal("D-3", mql_date="", won_date="", gclid="")
    office.night()
    return office


def found(office: Office, name: str) -> set[tuple[str, str, str | None]]:
    said = office.types("find", name, "--format", "json")
    assert said.code == 0, said.err
    return {(row["by"], row["deal_id"], row["rule"]) for row in json.loads(said.out)}


def test_a_name_leads_to_its_deals_whatever_it_is_the_name_of(ledger: Office) -> None:
    ((request,),) = ledger.sql("SELECT request_id FROM batches WHERE action_id = '333'")
    (order_id,) = ledger.counted("333")
    both = {("mql"), ("won")}
    assert found(ledger, "D-1") == {("deal", "D-1", rule) for rule in both}
    assert found(ledger, order_id) == {("order", "D-1", "won")}
    assert found(ledger, request) == {("request", "D-1", "won")}
    assert found(ledger, "click-of-D-1") == {("click", "D-1", rule) for rule in both}
    assert found(ledger, "D-3") == {("deal", "D-3", None)}


def test_a_part_of_a_name_is_enough_where_nothing_is_named_so(ledger: Office) -> None:
    ((request,),) = ledger.sql("SELECT request_id FROM batches WHERE action_id = '333'")
    (order_id,) = ledger.counted("333")
    assert {deal for _, deal, _ in found(ledger, "d-")} == {"D-1", "D-2", "D-3"}
    assert ("order", "D-1", "won") in found(ledger, order_id[5:15])
    assert ("request", "D-1", "won") in found(ledger, request[:8])
    assert ("click", "D-1", "won") in found(ledger, "k-of-d-1")


def test_a_part_that_too_many_names_hold_says_that_not_all_were_looked_at(ledger: Office) -> None:
    for number in range(10, 31):
        ledger.deal(f"F-{number}", won_date="")
    ledger.night(NEXT_NIGHT)
    said = ledger.types("find", "F-")
    assert "More than 20 names contain F-, and the others were not examined" in said.err
    assert not ledger.types("find", "F-1").err, "ten do, and all of them are shown"


def test_a_click_leads_to_a_deal_of_which_nothing_may_be_sent(ledger: Office) -> None:
    ledger.deal("D-4", marketing_consent="no", mql_date="")
    ledger.night(NEXT_NIGHT)
    assert found(ledger, "click-of-D-4") == {("click", "D-4", "won")}


def test_find_points_to_explain(ledger: Office) -> None:
    said = ledger.types("find", "D-1")
    assert "`convsync explain D-1` says how it stands, and why" in said.out
    assert max(map(len, said.out.splitlines())) <= 100


def test_find_says_that_nothing_has_the_name(ledger: Office) -> None:
    said = ledger.types("find", "no-such-thing")
    assert (said.code, said.out) == (2, "")
    assert "Nothing is named no-such-thing" in said.err
    assert ledger.types("find", "'%").code == 2


def test_stuck_deals_are_listed_counted_and_added_up(ledger: Office) -> None:
    words = ("deals", "--state", "waiting", "--as-of", NIGHT)
    said = ledger.types(*words, "--older-than", "10d")
    assert said.code == 0
    assert "D-2" in said.out
    assert "waiting_for_click" in said.out
    assert said.out.splitlines()[-1] == "1 conversion: 4,711.00 EUR (1)"
    assert max(map(len, said.out.splitlines())) <= 80
    assert "No conversion matches" in ledger.types(*words, "--older-than", "12d").out


def test_an_amount_nobody_believes_is_listed_and_left_out_of_the_sum(ledger: Office) -> None:
    ledger.deal("D-4", mql_date="", gclid="", amount="50000000")
    ledger.night(NEXT_NIGHT)
    lines = ledger.types("deals", "--state", "waiting").out.splitlines()
    assert any("D-4" in line and "50,000,000.00 EUR" in line for line in lines)
    assert lines[-2] == "2 conversions: 4,711.00 EUR (2)"
    assert lines[-1].startswith("The sum leaves out 1 amount of deals, below zero or above the")


def test_a_listing_says_how_many_more_there_are(ledger: Office) -> None:
    lines = ledger.types("deals", "--limit", "1").out.splitlines()
    assert lines[2] == "and 2 more; --limit or --format csv lists them"
    rows = list(rows_of(ledger.types("deals", "--limit", "1", "--format", "csv").out))
    assert {(row["deal_id"], row["state"]) for row in rows} == {
        ("D-1", "accepted"),
        ("D-2", "held"),
    }
    assert len(rows) == len(json.loads(ledger.types("deals", "--format", "json").out)) == 3


def test_refused_deals_are_selected_by_their_code(ledger: Office) -> None:
    code = "PROCESSING_ERROR_REASON_INVALID_GCLID"
    ledger.sandbox.platform.verdicts = {"click-of-D-4": code}
    ledger.deal("D-4", mql_date="")
    ledger.night(NEXT_NIGHT)
    ledger.night(THIRD_NIGHT)
    rows = list(rows_of(ledger.types("deals", "--code", code, "--format", "csv").out))
    assert {(row["deal_id"], row["state"]) for row in rows} == {("D-4", "rejected")}
    assert code in ledger.types("deals", "--state", "not_sent").out


WRONG = [
    pytest.param(("--state", "stuck"), "there are: accepted, blocked,", id="state"),
    pytest.param(("--reason", "no click"), "there are: no_click,", id="reason"),
    pytest.param(("--rule", "sale"), "There is no rule sale; there are: mql,", id="rule"),
    pytest.param(("--source", "erp"), "There is no source erp; there are: crm", id="source"),
    pytest.param(("--code", "X"), "There is no code X; there are: none yet", id="code"),
    pytest.param(("--older-than", "3"), "not a time such as 26h", id="age"),
    pytest.param(("--value-above", "a lot"), "is not an amount", id="amount"),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_a_wrong_word_is_answered_with_the_right_ones(
    ledger: Office, words: tuple[str, ...], said: str
) -> None:
    result = ledger.types("deals", *words)
    assert result.code == 2
    assert said in result.err
