"""Alerts as they come to a webhook: each state once, one message a run, one more when it ends."""

from datetime import datetime
from typing import Any

import pytest

from convsync.cli.watching import night_watched
from convsync.errors import StoppedError
from convsync.settings.kept_secrets import Folder, SignIn, keep_sign_in
from convsync.watch.delivery import targets_of
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office

WEBHOOK_SECRET = "s3cr3t-of-the-webhook"


@pytest.fixture
def watched(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A company that hears alerts and pings."""
    url = office.sandbox.http_url
    address = url.removeprefix("http://")
    monkeypatch.setenv("CONVSYNC_ALERTS__URLS", f"json://{address}/webhook?+X-Key={WEBHOOK_SECRET}")
    monkeypatch.setenv("CONVSYNC_ALERTS__PING_URL", f"{url}/ping")
    return office


def heard(office: Office) -> list[dict[str, Any]]:
    """Take what the webhook heard since it was last asked."""
    messages = list(office.sandbox.platform.on_call.alerts)
    office.sandbox.platform.on_call.alerts.clear()
    return messages


def pings(office: Office) -> list[str]:
    return [ping.what for ping in office.sandbox.platform.on_call.pings]


def settle(office: Office) -> None:
    """Ask for the verdicts an hour later, so that none is awaited the next day."""
    later = "2026-03-03T03:00+01:00"
    office.sandbox.platform.clock.set(datetime.fromisoformat(later))
    office.types("retry", "--as-of", later)


def test_a_good_night_tells_the_switch_and_nobody_else(watched: Office) -> None:
    watched.deal()
    assert watched.night(NIGHT).code == 0
    assert heard(watched) == []
    assert pings(watched) == ["/start", ""]
    assert watched.sandbox.platform.on_call.pings[-1].text.startswith("OK run 1: sent 2")


@pytest.mark.long
def test_a_state_is_told_once_and_once_more_when_it_ends(watched: Office) -> None:
    watched.deal()
    watched.deal("D-2", amount="a lot")
    assert watched.night(NIGHT).code == 1
    (told,) = heard(watched)
    assert told["title"].endswith("1 to look at")
    assert "1 unreadable record of source crm." in told["message"]
    assert "quarantine list" in told["message"]
    assert told["message"].startswith("LOOK run 1")
    watched.night(NEXT_NIGHT)
    assert heard(watched) == [], "it lasts, and they know"
    watched.deal("D-2", amount="10")
    watched.night(THIRD_NIGHT)
    (told,) = heard(watched)
    assert told["title"].endswith("1 resolved")
    assert "Resolved: 1 unreadable record of source crm. (since 2026-03-03" in told["message"]
    assert told["type"] == "success"
    watched.night("2026-03-06T02:00+01:00")
    assert heard(watched) == []


def test_a_state_that_grows_tenfold_is_told_again(watched: Office) -> None:
    watched.deal("D-0", amount="a lot")
    watched.night(NIGHT)
    assert len(heard(watched)) == 1
    for number in range(1, 10):
        watched.deal(f"D-{number}", amount="a lot")
    watched.night(NEXT_NIGHT)
    (told,) = heard(watched)
    assert "10 unreadable records of source crm." in told["message"]


@pytest.mark.long
def test_a_night_that_was_refused_is_a_failure_for_alert_and_switch(watched: Office) -> None:
    watched.deal()
    watched.night(NIGHT)
    watched.deals.clear()
    assert watched.night(NEXT_NIGHT).code == 3
    (told,) = heard(watched)
    assert "Run 2 did not finish" in told["message"]
    assert told["type"] == "warning"
    assert pings(watched)[-1] == "/fail"


@pytest.mark.long
def test_a_released_night_is_a_failure_no_longer(watched: Office) -> None:
    watched.configure("\n[retry]", "\n[limits]\nsmall = 3\nfactor = 2\n\n[retry]")
    fourth = "2026-03-06T02:00+01:00"
    for number, night in enumerate((NIGHT, NEXT_NIGHT, THIRD_NIGHT)):
        watched.deal(f"D-{number}", mql_date="")
        watched.night(night)
    for number in range(9):
        watched.deal(f"N-{number}", mql_date="", last_modified="2026-03-05 18:00:00")
    assert watched.night(fourth).code == 3
    heard(watched)
    assert watched.types("release", "7", "--as-of", fourth).code == 2
    check = ("alerts", "check", "--as-of", fourth)
    assert watched.types(*check).out == "Nothing new to tell.\n", "it is to be released still"
    assert watched.types("release", "4", "--as-of", fourth).code == 0
    (told,) = heard(watched)
    assert told["message"].startswith("OK run 6") or told["message"].startswith("OK run 5")
    assert "Resolved: Run 4 did not finish" in told["message"]
    assert watched.types(*check).out == "Nothing new to tell.\n"


@pytest.mark.long
def test_a_run_that_does_not_begin_is_told_until_one_does(watched: Office) -> None:
    watched.deal()
    watched.night(NIGHT)
    ((revision,),) = watched.sql("SELECT version_num FROM alembic_version")
    watched.sql("UPDATE alembic_version SET version_num = '9999'")
    assert watched.night(NEXT_NIGHT).code == 2
    (told,) = heard(watched)
    assert "The last run did not start: " in told["message"]
    assert pings(watched)[-2:] == ["/start", "/fail"]
    watched.sql("UPDATE alembic_version SET version_num = ?", revision)
    assert "Nothing new" in watched.types("alerts", "check", "--as-of", NEXT_NIGHT).out
    watched.night(NEXT_NIGHT)
    (told,) = heard(watched)
    assert told["message"].startswith("OK run 2")
    assert "Resolved: The last run did not start" in told["message"]


def test_a_ledger_that_cannot_be_opened_is_told(watched: Office) -> None:
    (watched.folder / "convsync.db").write_text("no database at all, but long enough to be one")
    watched.write_files()
    assert watched.types("run", "--as-of", NIGHT).code == 2
    (told,) = heard(watched)
    assert "convsync.db" in told["message"]
    assert pings(watched) == ["/start", "/fail"]


def test_an_unreadable_config_is_reported_through_urls_set_outside_it(watched: Office) -> None:
    watched.configure("country =", "contry =")
    assert watched.night(NIGHT).code == 2
    (told,) = heard(watched)
    assert "The run did not start: " in told["message"]
    assert "company.contry: unknown key. Did you mean country?" in told["message"]
    assert pings(watched) == ["/fail"]


@pytest.mark.long
def test_what_a_run_was_told_that_failed_later_is_told_once_that_night(watched: Office) -> None:
    watched.deal()
    refused = {"click-of-D-1": "PROCESSING_ERROR_REASON_INVALID_GCLID"}
    watched.sandbox.platform.verdicts = refused
    watched.night(NIGHT)
    watched.configure('path = "deals.csv"', 'path = "no-such-file.csv"')
    assert watched.night(NEXT_NIGHT).code == 2
    (told,) = heard(watched)
    assert "2 of 2 conversions rejected" in told["message"]
    watched.configure('path = "no-such-file.csv"', 'path = "deals.csv"')
    assert watched.night("2026-03-04T02:15+01:00").code == 0
    (told,) = heard(watched)
    assert "conversions rejected" not in told["message"], (
        "it is still that day's state, and they know"
    )


def test_a_run_that_is_stopped_tells_nobody_and_ends_at_once(watched: Office) -> None:
    stopped = StoppedError("Stopped by SIGTERM.")
    with (
        pytest.raises(StoppedError),
        night_watched(watched.config, NIGHT, [], is_wanted=True),
    ):
        raise stopped
    assert (heard(watched), pings(watched)) == ([], ["/start"])


def test_what_waits_for_the_accounts_set_up_is_told_by_its_code(watched: Office) -> None:
    watched.sends_by_google_ads()
    watched.has_actions(status="REMOVED")
    watched.deal()
    watched.night(NIGHT)
    (told,) = heard(watched)
    assert "action 333, blocked by the account's set-up" in told["message"]


def test_an_edited_audit_log_is_told(watched: Office) -> None:
    watched.deal()
    watched.night(NIGHT)
    watched.sql("DROP TRIGGER audit_events_no_update")
    watched.sql("UPDATE audit_events SET detail = '{}' WHERE number = 1")
    watched.night(NEXT_NIGHT)
    (told,) = heard(watched)
    assert "The audit log cannot be trusted: event 1 of the audit log" in told["message"]


def test_an_audit_log_that_verify_finds_broken_is_told(watched: Office) -> None:
    watched.deal()
    watched.night(NIGHT)
    assert watched.types("audit", "verify").code == 0
    assert heard(watched) == []
    watched.sql("DROP TRIGGER audit_events_no_update")
    watched.sql("UPDATE audit_events SET detail = '{}' WHERE number = 1")
    assert watched.types("audit", "verify").code == 1
    (told,) = heard(watched)
    assert "it is broken at event 1: event 1 or its digest was edited." in told["message"]
    assert watched.types("audit", "verify").code == 1
    assert heard(watched) == [], "it is told once for as long as it lasts"


def test_a_ledger_that_does_not_follow_its_log_is_told_until_verify_finds_it_right(
    watched: Office,
) -> None:
    watched.deal()
    watched.night(NIGHT)
    watched.sql("UPDATE ledger SET value = value + 1000000")
    assert watched.types("audit", "verify").code == 1
    (told,) = heard(watched)
    assert "The audit log cannot be trusted: `convsync audit verify` found" in told["message"]
    assert watched.types("alerts", "check").code == 0
    assert heard(watched) == [], "such a look sees less, and ends nothing"
    watched.sql("UPDATE ledger SET value = value - 1000000")
    assert watched.types("audit", "verify").code == 0
    (told,) = heard(watched)
    assert "Resolved" in told["message"]
    assert "The audit log cannot be trusted" in told["message"]


def test_quiet_hours_put_an_alert_off_to_the_first_look_after_them(watched: Office) -> None:
    watched.configure("\n[retry]", '\n[alerts]\nquiet_hours = "22:00-07:00"\n\n[retry]')
    watched.deal("D-2", amount="a lot")
    watched.night(NIGHT)
    assert heard(watched) == []
    said = watched.types("alerts", "check", "--as-of", "2026-03-03T06:59+01:00")
    assert (said.code, said.out) == (
        0,
        "Quiet hours: 1 to look at, 0 resolved, told by the first look after them.\n",
    )
    said = watched.types("alerts", "check", "--as-of", "2026-03-03T07:00+01:00")
    assert (said.code, said.out) == (0, "Told: 1 to look at, 0 resolved.\n")
    assert len(heard(watched)) == 1


@pytest.mark.long
def test_an_undeliverable_alert_fails_no_night_and_is_sent_the_next_time(
    watched: Office,
) -> None:
    watched.deal("D-2", amount="a lot")
    watched.sandbox.platform.on_call.refuses = True
    said = watched.night(NIGHT)
    assert said.code == 1, "for the record that cannot be read, and nothing else"
    assert "an alert was not delivered" in said.err
    assert "the dead man's switch was not reached" in said.err
    assert WEBHOOK_SECRET not in said.out + said.err
    watched.sandbox.platform.on_call.refuses = False
    watched.night(NEXT_NIGHT)
    assert len(heard(watched)) == 1


@pytest.mark.long
def test_a_missed_night_is_told_by_a_look_and_resolved_by_the_night_that_catches_up(
    watched: Office,
) -> None:
    watched.configure("\n[retry]", '\n[schedule]\nat = "02:00"\n\n[retry]')
    watched.deal()
    watched.night(NIGHT)
    settle(watched)
    look = ("alerts", "check", "--as-of")
    assert watched.types(*look, "2026-03-04T02:59+01:00").out == "Nothing new to tell.\n"
    assert watched.types(*look, "2026-03-04T03:01+01:00").out.startswith("Told: 1 to look at")
    (told,) = heard(watched)
    assert "one was due at 2026-03-04 02:00 (nights are at 02:00, Europe/Berlin)" in told["message"]
    watched.night("2026-03-04T09:00+01:00")
    (told,) = heard(watched)
    assert told["title"].endswith("1 resolved")


@pytest.mark.long
def test_a_missed_night_that_nobody_noticed_is_told_by_the_next_one(watched: Office) -> None:
    watched.configure("\n[retry]", '\n[schedule]\nat = "02:00"\n\n[retry]')
    watched.deal()
    watched.night(NIGHT)
    watched.night(THIRD_NIGHT)
    (told,) = heard(watched)
    assert "This run has caught up." in told["message"]
    watched.night("2026-03-06T02:00+01:00")
    assert heard(watched) == []


@pytest.mark.long
def test_credentials_are_told_of_two_weeks_before_they_expire(watched: Office) -> None:
    expires = '\n[alerts.expires]\n"HubSpot key" = 2026-03-18\n\n[retry]'
    watched.configure("\n[retry]", expires)
    watched.night(NIGHT)
    assert heard(watched) == []
    watched.night(NEXT_NIGHT)
    (told,) = heard(watched)
    assert "HubSpot key expires on 18 March 2026." in told["message"]


def test_a_sign_in_is_told_of_before_it_ends(
    watched: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = Folder(watched.folder / "secrets")
    sign_in = SignIn(
        place="deals.crm",
        command="zoho",
        vendor="Zoho",
        names=(),
        agreed_at=datetime.fromisoformat("2025-03-10T12:00Z"),
        ends_at=datetime.fromisoformat("2026-03-10T23:30Z"),
        ends="after a year",
    )
    keep_sign_in(secrets, sign_in, {})
    monkeypatch.setenv("CONVSYNC_SECRETS_DIR", str(watched.folder / "secrets"))
    watched.night(NIGHT)
    (told,) = heard(watched)
    assert "The sign-in of deals.crm expires on 11 March 2026." in told["message"]


def test_a_record_of_sign_ins_that_cannot_be_read_fails_no_night(
    watched: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    (watched.folder / "secrets").mkdir()
    (watched.folder / "secrets" / "sign-ins.json").write_text("no JSON")
    monkeypatch.setenv("CONVSYNC_SECRETS_DIR", str(watched.folder / "secrets"))
    said = watched.night(NIGHT)
    assert said.code == 0
    assert "nobody is told when sign-ins end" in said.err


@pytest.mark.long
def test_a_preview_tells_nobody(watched: Office) -> None:
    watched.deal("D-2", amount="a lot")
    watched.night(NIGHT, "--dry-run")
    watched.types("plan", "--as-of", NIGHT)
    assert (heard(watched), pings(watched)) == ([], [])


def test_a_test_message_says_who_took_it(watched: Office) -> None:
    said = watched.types("alerts", "test")
    assert (said.code, said.out) == (
        0,
        "alert target 1 (json://…): delivered\nthe dead man's switch: delivered\n",
    )
    assert heard(watched)[0]["message"].endswith("Nothing is wrong.")
    watched.sandbox.platform.on_call.refuses = True
    said = watched.types("alerts", "test")
    assert said.code == 1
    assert "alert target 1 (json://…): NOT delivered" in said.out


def test_a_test_without_targets_says_what_to_set(office: Office) -> None:
    said = office.types("alerts", "test")
    assert said.code == 2
    assert "set CONVSYNC_ALERTS__URLS" in said.err


def test_a_target_that_is_no_url_is_refused_without_being_shown(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_ALERTS__URLS", f"slak://{WEBHOOK_SECRET}/b/c")
    said = office.types("alerts", "test")
    assert said.code == 2
    assert "alert target 1 (slak://…) is no URL that Apprise knows" in said.err
    assert WEBHOOK_SECRET not in said.err


def test_no_address_of_a_person_goes_out_whatever_a_message_holds(watched: Office) -> None:
    url = watched.sandbox.http_url.removeprefix("http://")
    (target,) = targets_of(f"json://{url}/webhook")
    assert target.deliver("a title", "refused for person@company.example", is_good_news=False)
    assert heard(watched)[0]["message"] == "refused for [e-mail]"


def test_check_says_beforehand_why_nobody_would_hear(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_ALERTS__URLS", f"slak://{WEBHOOK_SECRET}/b/c")
    monkeypatch.setenv("CONVSYNC_METRICS__TEXTFILE", "no/such/folder/convsync.prom")
    office.deal()
    office.write_files()
    said = office.types("check", "--as-of", NIGHT)
    assert "alert target 1 (slak://…) is no URL that Apprise knows" in said.out
    assert "there is no folder" in said.out
    assert WEBHOOK_SECRET not in said.out + said.err


def test_what_is_wrong_is_listed_with_since_when(watched: Office) -> None:
    watched.deal("D-2", amount="a lot")
    watched.night(NIGHT)
    said = watched.types("alerts", "list", "--as-of", NIGHT, "--format", "csv")
    header, row = said.out.splitlines()
    assert header == "state,since,told_at,acknowledged_by,acknowledged_at,text,fix"
    assert row.startswith("unreadable:crm,2026-03-03T01:00:00+00:00,2026-03-03T01:00:00+00:00,")
