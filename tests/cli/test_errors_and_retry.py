"""`errors`, `retry` of what is named, `quarantine show`: what is wrong, why, and once more."""

import json
from datetime import datetime

import pytest

from convsync.sandbox.account import Action
from tests.cli.office import ACCOUNT, NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office, rows_of

INVALID = "PROCESSING_ERROR_REASON_INVALID_GCLID"
NEW = "PROCESSING_ERROR_REASON_SOMETHING_NEW"
FOURTH_NIGHT = "2026-03-06T02:00+01:00"


@pytest.fixture
def refused(office: Office) -> Office:
    """D-1 and D-2 were refused by their clicks, D-3 by a code that nobody knows, D-4 not."""
    office.sandbox.platform.verdicts = {
        "click-of-D-1": INVALID,
        "click-of-D-2": INVALID,
        "click-of-D-3": NEW,
    }
    for number in range(1, 5):
        office.deal(f"D-{number}", mql_date="")
    office.night()
    office.night(NEXT_NIGHT)
    return office


def states(office: Office) -> dict[str, str]:
    rows = rows_of(office.types("deals", "--format", "csv").out)
    return {row["deal_id"]: row["state"] for row in rows}


def test_each_code_is_listed_with_its_count_its_meaning_and_examples(refused: Office) -> None:
    invalid, new = json.loads(refused.types("errors", "--format", "json").out)
    assert (invalid["code"], invalid["count"]) == (INVALID, 2)
    assert invalid["states"] == {"rejected": 2}
    assert invalid["since"] == invalid["latest"] == "2026-03-04T01:00:00+00:00"
    assert invalid["means"] == "The gclid cannot be decoded."
    assert invalid["fix"].startswith("Make sure that the form")
    assert sorted(invalid["examples"]) == ["D-1", "D-2"]
    assert (new["code"], new["states"], new["examples"]) == (NEW, {"deferred": 1}, ["D-3"])
    assert "convsync does not know this code" in new["means"]
    shown = refused.types("errors").out
    assert f"{INVALID} (google): rejected 2" in shown
    assert "since 2026-03-04 02:00" in shown, "by the clocks of the company"
    assert len(list(rows_of(refused.types("errors", "--format", "csv").out))) == 2


def test_without_a_code_there_is_nothing_to_list(office: Office) -> None:
    office.deal()
    office.night()
    assert "No conversion has a code" in office.types("errors").out
    assert json.loads(office.types("errors", "--format", "json").out) == []


def test_what_is_unknown_is_asked_again_by_a_later_night_and_resolves_itself(
    refused: Office,
) -> None:
    assert states(refused)["D-3"] == "deferred"
    refused.sandbox.platform.verdicts = {}
    refused.night(THIRD_NIGHT)
    assert states(refused)["D-3"] == "accepted"
    refused.night(FOURTH_NIGHT)
    assert states(refused)["D-3"] == "confirmed"


def retry(office: Office, *words: str, at: str = THIRD_NIGHT) -> dict[str, str]:
    """Retry once the platform takes everything; return how the deals stand."""
    office.sandbox.platform.verdicts = {}
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    said = office.types("retry", *words, "--as-of", at)
    assert said.code == 0, said.err
    return states(office)


def test_one_deal_is_retried_and_no_other(refused: Office) -> None:
    after = retry(refused, "--deal", "D-1")
    assert after == {"D-1": "accepted", "D-2": "rejected", "D-3": "deferred", "D-4": "confirmed"}
    assert refused.types("audit", "verify").code == 0


def test_all_with_a_code_are_retried_before_their_time_or_though_refused(refused: Office) -> None:
    after = retry(refused, "--code", INVALID, "--code", NEW, at="2026-03-04T03:00+01:00")
    assert after == dict.fromkeys(("D-1", "D-2", "D-3"), "accepted") | {"D-4": "confirmed"}
    rows = rows_of(refused.types("audit", "list", "--event", "retried", "--format", "csv").out)
    assert {row["deal"] for row in rows} == {"D-1", "D-2", "D-3"}


def test_retry_resends_what_one_run_sent(refused: Office) -> None:
    refused.deal("D-5", mql_date="")
    refused.sandbox.platform.set_actions([Action(account=ACCOUNT, id="111")])
    refused.night(THIRD_NIGHT)
    assert states(refused)["D-5"] == "blocked"
    refused.has_actions()
    after = retry(refused, "--run", "3", at="2026-03-05T03:00+01:00")
    assert after["D-5"] == "accepted"
    assert after["D-1"] == "rejected", "another run's"


def test_a_conversion_that_may_no_longer_go_out_is_not_retried(refused: Office) -> None:
    refused.deal("D-1", mql_date="", marketing_consent="no", last_modified="2026-03-04 18:00:00")
    refused.night(THIRD_NIGHT)
    said = refused.types("retry", "--deal", "D-1", "--as-of", THIRD_NIGHT)
    assert said.code == 2
    assert "Nothing waits to be sent, or was not taken, of what was asked for: deal D-1" in said.err
    assert states(refused)["D-1"] == "not_sent"


def test_a_record_in_quarantine_is_shown_in_full(office: Office) -> None:
    office.deal()
    office.deal("D-2", amount="a lot")
    office.night(NIGHT)
    for name in ("D-2", "deals.csv:3"):
        said = office.types("quarantine", "show", name)
        assert said.code == 0
        assert "crm, deals.csv:3, deal D-2" in said.out
        assert "column 'Amount'" in said.out
    (row,) = json.loads(office.types("quarantine", "show", "D-2", "--format", "json").out)
    assert row["since"] == "2026-03-03T01:00:00+00:00"
    assert office.types("quarantine", "show", "D-1").code == 2
