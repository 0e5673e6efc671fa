"""What an account's settings mean for conversions: one wrong setting, one finding."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from convsync.model.finding import Finding, Severity
from convsync.model.money import Money
from convsync.model.rule import FixedSum
from convsync.upload.google.account import AccountFacts, ConversionActionFacts
from convsync.upload.google.clock_findings import SLOW_BY, WRONG_BY, finding_of_clock
from convsync.upload.google.preflight import (
    Expected,
    findings_of_account,
    findings_of_rule,
    not_read,
)
from tests.builders import NOW, a_rule

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

RIGHT_ACCOUNT = AccountFacts(
    customer_id="1234567890",
    currency="EUR",
    time_zone="Europe/Berlin",
    has_auto_tagging=True,
    has_accepted_terms=True,
    has_enhanced_conversions=True,
    conversion_customer="1234567890",
)
RIGHT_ACTION = ConversionActionFacts(
    action_id="123",
    name="Won",
    status="ENABLED",
    type="UPLOAD_CLICKS",
    owner="1234567890",
    counting_type="MANY_PER_CLICK",
    click_through_days=90,
    always_uses_default_value=False,
    default_value=1.0,
    default_currency="EUR",
)
EXPECTED = Expected(
    destination="google",
    customer_id="1234567890",
    must_own=True,
    sends_identifiers=True,
    sends_braids=True,
    time_zone=ZoneInfo("Europe/Berlin"),
    currency="EUR",
)


def of_account(expected: Expected = EXPECTED, **changes: Any) -> list[Finding]:
    return findings_of_account(replace(RIGHT_ACCOUNT, **changes), expected)


def of_action(expected: Expected = EXPECTED, rule: Any = None, **changes: Any) -> list[Finding]:
    return findings_of_rule(rule or a_rule(), [replace(RIGHT_ACTION, **changes)], expected)


@pytest.mark.parametrize(
    ("changes", "severity", "said"),
    [
        pytest.param({"status": "HIDDEN"}, ERROR, "is HIDDEN", id="hidden"),
        pytest.param({"status": "REMOVED"}, ERROR, "is REMOVED", id="removed"),
        pytest.param({"status": "9"}, ERROR, "is 9", id="a status nobody knows"),
        pytest.param({"type": "WEBPAGE"}, ERROR, "type WEBPAGE", id="type"),
        pytest.param({"owner": "5550001111"}, ERROR, "owned by account 5550001111", id="owner"),
        pytest.param({"click_through_days": 30}, WARNING, "is 30 days", id="window"),
        pytest.param({"counting_type": "ONE_PER_CLICK"}, WARNING, "ONE_PER_CLICK", id="braids"),
        pytest.param({"always_uses_default_value": True}, ERROR, "of 1 EUR", id="default value"),
        pytest.param({"is_primary": False}, INFO, "secondary", id="secondary"),
        pytest.param({"action_id": "124"}, ERROR, "no conversion action 123", id="missing"),
    ],
)
def test_one_wrong_setting_of_an_action_is_one_finding(
    changes: dict[str, Any], severity: Severity, said: str
) -> None:
    (found,) = of_action(**changes)
    assert found.severity is severity
    assert said in (found.problem or "")
    assert found.subject == "action 123 of rule won"
    assert found.means
    assert found.fix
    assert found.link.startswith("https://")


@pytest.mark.parametrize(
    ("changes", "severity", "said"),
    [
        pytest.param({"has_accepted_terms": False}, ERROR, "terms are not accepted", id="terms"),
        pytest.param({"has_enhanced_conversions": False}, ERROR, "turned off", id="off"),
        pytest.param({"has_enhanced_conversions": None}, WARNING, "does not say", id="unsaid"),
        pytest.param({"has_auto_tagging": False}, ERROR, "auto-tagging is off", id="tagging"),
        pytest.param({"conversion_customer": "9998887777"}, WARNING, "9998887777", id="manager"),
        pytest.param({"time_zone": "America/New_York"}, WARNING, "America/New_York", id="zone"),
        pytest.param({"time_zone": "Mars/Olympus"}, WARNING, "Mars/Olympus", id="no such zone"),
        pytest.param({"currency": "USD"}, WARNING, "currency is USD", id="currency"),
        pytest.param({"is_test": True}, WARNING, "test account", id="test account"),
    ],
)
def test_one_wrong_setting_of_an_account_is_one_finding(
    changes: dict[str, Any], severity: Severity, said: str
) -> None:
    (found,) = of_account(**changes)
    assert found.severity is severity
    assert said in (found.problem or "")
    assert found.means
    assert found.fix


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(of_account(), id="the account"),
        pytest.param(of_action(), id="the action"),
        pytest.param(of_account(conversion_customer=""), id="an owner that is not told"),
        pytest.param(of_account(time_zone="Europe/Vienna"), id="another name of the same time"),
        pytest.param(of_action(click_through_days=None), id="no window"),
        pytest.param(
            of_action(rule=a_rule(lookback=timedelta(days=30)), click_through_days=30),
            id="a window as long as the lookback",
        ),
        pytest.param(
            of_action(replace(EXPECTED, sends_braids=False), counting_type="ONE_PER_CLICK"),
            id="one per click without braids",
        ),
        pytest.param(
            of_account(
                replace(EXPECTED, sends_identifiers=False),
                has_accepted_terms=False,
                has_enhanced_conversions=False,
            ),
            id="terms nobody needs",
        ),
    ],
)
def test_a_correct_set_up_has_no_findings(found: list[Finding]) -> None:
    assert [finding.severity for finding in found] == [None]


def test_all_that_is_wrong_is_found_at_once() -> None:
    found = of_action(status="HIDDEN", type="WEBPAGE", click_through_days=7)
    assert [finding.severity for finding in found] == [ERROR, ERROR, WARNING]


def test_the_google_ads_api_may_upload_to_another_accounts_action_the_data_manager_may_not() -> (
    None
):
    ads = replace(EXPECTED, must_own=False)
    assert [finding.severity for finding in of_action(ads, owner="5550001111")] == [WARNING]


def test_a_default_value_that_is_the_rules_own_only_bars_corrections() -> None:
    fixed = a_rule(value=FixedSum(money=Money(amount=Decimal(1), currency="EUR")))
    (found,) = of_action(rule=fixed, always_uses_default_value=True)
    assert found.severity is WARNING


@pytest.mark.parametrize("key", ["time_zone", "currency"])
def test_what_the_company_does_not_say_is_not_compared(key: str) -> None:
    unsaid = replace(EXPECTED, **{key: None})  # type: ignore[arg-type]
    (found,) = of_account(unsaid)
    assert found.severity is INFO
    assert found.fix == f"set [company] {key}"


@pytest.mark.parametrize("sign", [1, -1], ids=["ahead", "behind"])
@pytest.mark.parametrize(
    ("apart", "severity"),
    [
        (timedelta(0), None),
        (SLOW_BY, None),
        (SLOW_BY + timedelta(seconds=1), WARNING),
        (WRONG_BY, WARNING),
        (WRONG_BY + timedelta(seconds=1), ERROR),
    ],
)
def test_a_clock_is_judged_by_how_far_it_is_off(
    sign: int, apart: timedelta, severity: Severity | None
) -> None:
    assert finding_of_clock("clock", NOW + sign * apart, NOW).severity is severity


def test_without_read_access_check_says_what_it_did_not_examine() -> None:
    found = not_read(EXPECTED)
    assert found.severity is INFO
    assert "customer data terms" in (found.problem or "")
    assert "destinations.google.read_with" in found.fix
    assert "terms" not in (not_read(replace(EXPECTED, sends_identifiers=False)).problem or "")
