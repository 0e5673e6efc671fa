"""`check` against an ad account, set up wrongly in every way we know; `status --platform` after."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from convsync import wiring
from convsync.sandbox.account import Action
from convsync.sandbox.faults import PlannedFault
from tests.cli.office import ACCOUNT, NIGHT, READER, THIRD_NIGHT, Office, rows_of


def set_actions(office: Office, **changes: Any) -> None:
    """Have the three actions of the rules, the one of won as the changes say."""
    won = {"account": ACCOUNT, "id": "333", "name": "Won", **changes}
    others = [Action(account=ACCOUNT, id=number) for number in ("111", "222")]
    office.sandbox.platform.set_actions([*others, Action(**won)])


def findings(office: Office, *words: str) -> tuple[int, list[dict[str, str]]]:
    said = office.types("check", "--format", "json", *words)
    return said.code, [row for row in json.loads(said.out) if row["result"] != "ok"]


@pytest.fixture
def reading(office: Office) -> Office:
    """A company that sends by the Data Manager API, and reads by the Google Ads API."""
    office.reads_its_account()
    set_actions(office)
    return office


Wrong = Callable[[Office], None]


def action(**changes: Any) -> Wrong:
    return lambda office: set_actions(office, **changes)


def account(**changes: Any) -> Wrong:
    return lambda office: office.sandbox.platform.set_account(None, changes)


def search(kind: str, error: str = "") -> Wrong:
    fault = PlannedFault(on="search", kind=kind, every=1, error=error)
    return lambda office: office.sandbox.platform.faults.add(fault)


def config(old: str, new: str) -> Wrong:
    return lambda office: office.configure(old, new)


def elsewhere(office: Office) -> None:
    address = office.sandbox.grpc_address
    office.configure(f'plaintext = true\nendpoint = "{address}"', _NOWHERE)


_NOWHERE = 'plaintext = true\nendpoint = "127.0.0.1:1"'
WON, WHOLE = "action 333 of rule won", f"account {ACCOUNT} of google"
_CREDENTIALS = 'credentials = "none"\nplaintext'


@pytest.mark.parametrize(
    ("wrong", "result", "subject", "said"),
    [
        pytest.param(action(status="HIDDEN"), "failed", WON, "is HIDDEN", id="hidden"),
        pytest.param(action(status="REMOVED"), "failed", WON, "is REMOVED", id="removed"),
        pytest.param(action(type="WEBPAGE"), "failed", WON, "type WEBPAGE", id="type"),
        pytest.param(action(id="334"), "failed", WON, "no conversion action 333", id="missing"),
        pytest.param(
            action(account="5550001111"),
            "failed",
            WON,
            "no conversion action 333",
            id="another account's",
        ),
        pytest.param(
            action(click_through_lookback_window_days=30), "warning", WON, "30 days", id="window"
        ),
        pytest.param(
            action(counting_type="ONE_PER_CLICK"), "warning", WON, "ONE_PER_CLICK", id="braids"
        ),
        pytest.param(
            action(always_use_default_value=True, default_value=5.0),
            "failed",
            WON,
            "default value of 5 EUR",
            id="default value",
        ),
        pytest.param(action(primary_for_goal=False), "info", WON, "secondary", id="secondary"),
        pytest.param(
            account(accepted_customer_data_terms=False), "failed", WHOLE, "terms", id="terms"
        ),
        pytest.param(
            account(enhanced_conversions_for_leads=False), "failed", WHOLE, "turned off", id="EC"
        ),
        pytest.param(
            account(auto_tagging_enabled=False), "failed", WHOLE, "auto-tagging", id="tagging"
        ),
        pytest.param(
            account(time_zone="America/New_York"), "warning", WHOLE, "New_York", id="zone"
        ),
        pytest.param(account(currency_code="USD"), "warning", WHOLE, "USD", id="currency"),
        pytest.param(account(test_account=True), "warning", WHOLE, "test account", id="test"),
        pytest.param(
            account(google_ads_conversion_customer="5550001111"),
            "warning",
            WHOLE,
            "5550001111 manages",
            id="manager",
        ),
        pytest.param(
            search("refused"), "failed", WHOLE, "USER_PERMISSION_DENIED", id="no permission"
        ),
        pytest.param(
            search("refused", "authorization_error.PROJECT_DISABLED"),
            "failed",
            WHOLE,
            "Check the Cloud project",
            id="project disabled",
        ),
        pytest.param(
            search("refused", "request_error.UNSUPPORTED_VERSION"),
            "failed",
            WHOLE,
            "api_version",
            id="version",
        ),
        pytest.param(search("expired_token"), "failed", WHOLE, "OAUTH_TOKEN_EXPIRED", id="token"),
        pytest.param(
            search("resource_exhausted"), "failed", WHOLE, "RESOURCE_EXHAUSTED", id="quota"
        ),
        pytest.param(
            config(_CREDENTIALS, 'credentials = "lost.json"\nplaintext'),
            "failed",
            WHOLE,
            "lost.json",
            id="no credentials",
        ),
        pytest.param(elsewhere, "failed", WHOLE, "UNAVAILABLE", id="unreachable"),
    ],
)
def test_a_wrong_set_up_is_found_and_said_what_to_do(
    reading: Office, wrong: Wrong, result: str, subject: str, said: str
) -> None:
    wrong(reading)
    code, found = findings(reading)
    assert code == (2 if result == "failed" else 0)
    (about,) = [row for row in found if not row["check"].startswith("rule ")]
    assert (about["result"], about["check"]) == (result, subject)
    assert said in about["detail"] + about["fix"]
    for row in found:
        assert all(row[what] for what in ("severity", "means", "fix"))
        assert row["link"].startswith("https://")


def test_an_action_that_a_manager_owns_is_the_managers_to_be_uploaded_to(reading: Office) -> None:
    set_actions(reading, account="5550001111")
    account(google_ads_conversion_customer="5550001111")(reading)
    code, found = findings(reading)
    about = {row["check"]: row for row in found}
    assert code == 2
    assert about[WHOLE]["result"] == "warning"
    assert about[WON]["result"] == "failed"
    assert about[WON]["fix"] == "set destinations.google.operating_account to 5550001111"


def test_a_right_set_up_has_nothing_to_find(reading: Office) -> None:
    assert findings(reading) == (0, [])


@pytest.mark.parametrize(
    ("slow", "result", "code"),
    [(timedelta(minutes=2), "warning", 0), (timedelta(hours=-1), "failed", 2)],
    ids=["two minutes slow", "an hour fast"],
)
def test_a_clock_that_is_off_is_found(
    reading: Office, monkeypatch: pytest.MonkeyPatch, slow: timedelta, result: str, code: int
) -> None:
    monkeypatch.setattr(wiring, "system_clock", lambda: datetime.now(UTC) - slow)
    found = findings(reading)
    assert found[0] == code
    (about,) = found[1]
    assert (about["check"], about["result"]) == ("clock against google", result)
    assert about["link"].startswith("https://")


def test_an_instant_that_was_asked_for_is_not_compared_with_the_clock(reading: Office) -> None:
    assert findings(reading, "--as-of", NIGHT) == (0, [])


def test_without_a_reader_it_says_what_could_not_be_checked(office: Office) -> None:
    code, (found,) = findings(office)
    assert (code, found["check"], found["result"]) == (0, WHOLE, "info")
    for what in ("status", "type", "owner", "window", "auto-tagging", "terms", "currency"):
        assert what in found["detail"]
    assert "destinations.google.read_with" in found["fix"]


@pytest.mark.long
@pytest.mark.parametrize("version", ["v25", "v26"])
def test_every_version_says_whether_enhanced_conversions_are_on(
    reading: Office, version: str
) -> None:
    reading.configure('kind = "google_ads"', f'kind = "google_ads"\napi_version = "{version}"')
    assert findings(reading) == (0, [])
    account(enhanced_conversions_for_leads=False)(reading)
    assert findings(reading)[0] == 2


def test_a_table_is_followed_by_what_each_finding_means_and_its_fix(reading: Office) -> None:
    account(auto_tagging_enabled=False)(reading)
    said = reading.types("check")
    assert f"failed: {WHOLE}: auto-tagging is off\n  means  new clicks carry" in said.out
    assert "  fix    turn it on under Admin" in said.out
    assert "  see    https://support.google.com/" in said.out


def test_only_a_destination_of_that_kind_can_read(reading: Office) -> None:
    reading.configure('read_with = "ads"', 'read_with = "google"')
    said = reading.types("check")
    assert said.code == 2
    assert "destinations.google.read_with: must name a destination of kind google_ads" in said.err


# --- status --platform ---------------------------------------------------------------------------


@pytest.fixture
def uploading(office: Office) -> Office:
    """A company that sends by the Google Ads API, over TLS, and so reads by it too."""
    text = office.config.read_text(encoding="utf-8")
    before = text.partition("[destinations.google]")[0]
    reader = READER.replace("destinations.ads", "destinations.google")
    table = f"""{reader.replace("0987654321", ACCOUNT)}
endpoint = "{office.sandbox.google_ads_address}"
ca_file = "{office.sandbox.certificate}"
custom_variables = {{ days_to_close = 1 }}
"""
    text = before + table.replace("plaintext = true\n", "")
    office.config.write_text(text, encoding="utf-8")
    set_actions(office)
    return office


def test_a_right_set_up_of_the_google_ads_api_has_nothing_to_find_but_no_clock(
    uploading: Office,
) -> None:
    code, (found,) = findings(uploading)
    assert (code, found["check"], found["result"]) == (0, "clock against google", "info")
    assert uploading.counted("333") == {}


def seen(office: Office, at: str = THIRD_NIGHT) -> dict[str, dict[str, Any]]:
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    said = office.types("status", "--platform", "--as-of", at, "--format", "json")
    assert said.code == 0, said.err
    return {row["action"]: row for row in json.loads(said.out)["platform"]}


def test_what_google_received_stands_beside_what_the_ledger_sent(uploading: Office) -> None:
    for number in range(3):
        uploading.deal(f"D-{number}")
    assert uploading.night().code == 0
    found = seen(uploading)
    assert found["all"]["received"] == 6
    won = found["333"]
    assert (won["client"], won["status"]) == ("GOOGLE_ADS_API", "EXCELLENT")
    assert (won["received"], won["sent"], won["refused"]) == (3, 3, 0)
    assert (won["success_rate"], won["pending_rate"], won["rules"]) == (1.0, 0.0, "won")
    assert {row["difference"] for row in found.values()} == {None}


@pytest.mark.long
@pytest.mark.parametrize(
    ("at", "received"),
    [
        pytest.param("2026-03-03T23:30+01:00", 0, id="a day that is not over"),
        pytest.param("2026-03-04T00:30+01:00", 1, id="the day after"),
        pytest.param("2026-03-09T23:30+01:00", 1, id="six days later"),
        pytest.param("2026-03-10T00:30+01:00", 0, id="seven days later"),
    ],
)
def test_full_days_of_the_accounts_calendar_are_compared(
    uploading: Office, at: str, received: int
) -> None:
    uploading.deal()
    uploading.night()
    won = seen(uploading, at)["333"]
    assert (won["received"], won["sent"], won["difference"]) == (received, received, None)


def test_json_has_the_days_as_google_shows_them(uploading: Office) -> None:
    uploading.deal()
    uploading.night()
    days = [{"day_on": "2026-03-03", "successful": 1, "failed": 0, "pending": 0}]
    assert seen(uploading)["333"]["days"] == days


def test_what_google_does_not_know_of_is_a_difference(uploading: Office) -> None:
    uploading.deal()
    uploading.night()
    uploading.sandbox.platform.books.clear()
    found = seen(uploading)
    assert found["333"]["difference"] == "Google shows none of 1 sent"
    assert found["222"]["difference"] is None  # nothing was sent there
    said = uploading.types("status", "--platform", "--as-of", THIRD_NIGHT)
    assert "differs: action 333 of google: Google shows none of 1 sent" in said.out


def test_an_alert_is_shown_under_its_code(uploading: Office) -> None:
    uploading.deal()
    uploading.night()
    alert = {"error": "conversion_upload_error.EXPIRED_EVENT", "percentage": 0.4, "action": "333"}
    account(alerts=[alert])(uploading)
    won = seen(uploading)["333"]
    assert won["alerts"] == "EXPIRED_EVENT 40.0%"
    assert won["status"] == "NEEDS_ATTENTION"


def test_data_manager_uploads_missing_from_google_s_diagnostics_are_no_difference(
    reading: Office,
) -> None:
    reading.deal()
    reading.night()
    found = seen(reading)
    assert {row["difference"] for row in found.values()} == {None}
    assert found["333"]["sent"] == 1
    said = reading.types("status", "--platform", "--as-of", THIRD_NIGHT)
    assert "is not documented" in said.out


def test_who_cannot_be_asked_is_named(office: Office) -> None:
    said = office.types("status", "--platform")
    assert said.code == 0
    assert "google cannot be asked: set destinations.google.read_with" in said.out


def test_as_csv_the_platform_stands_alone(uploading: Office) -> None:
    uploading.deal()
    uploading.night()
    said = uploading.types("status", "--platform", "--as-of", THIRD_NIGHT, "--format", "csv")
    rows = list(rows_of(said.out))
    assert {row["action"] for row in rows} >= {"all", "111", "333"}
    assert all(None not in row and None not in row.values() for row in rows)


def test_an_account_in_the_place_of_one_in_which_something_counts_is_an_error(
    office: Office,
) -> None:
    def failures(office: Office) -> list[dict[str, str]]:
        found = findings(office, "--as-of", NIGHT)[1]
        return [row for row in found if row["result"] == "failed"]

    office.deal("D-1", mql_date="")
    assert office.night().code == 0
    assert failures(office) == []
    office.configure('operating_account = "123-456-7890"', 'operating_account = "5556667777"')
    (one,) = failures(office)
    assert one["check"] == "destination google"
    assert f"1 conversions to account {ACCOUNT} that still count" in one["detail"]
