"""Consent withdrawn, wherever that was said: nothing more goes out, what counts is taken back."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from convsync.collect.reports import report_in
from convsync.store import collected
from convsync.store.database import Database
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office, rows_of
from tests.collect.browser_reports import a_report, body_of

ADA = sha256(b"ada@x.example").hexdigest()
SITE = """
[collect.website]
url = "https://collect.example.com"
key = "website-7f3a9c"
origins = ["https://www.example.com"]
"""
CONSENT_COLUMN = 'ad_user_data = "Marketing consent"'
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
ALL_REFUSED = {"age": 0, "source": "update", "ad_storage": "denied", "ad_user_data": "denied"}
CHANGED, CHANGED_AGAIN = "2026-03-03 18:00:00", "2026-03-04 18:00:00"


@pytest.fixture
def advertiser(office: Office) -> Office:
    """Ada has two deals and Bob has one, and all three count. The site has the snippet."""
    office.configure("\n[retry]", f"{SITE}\n[retry]")
    office.deal("D-1", e_mail="ada@x.example")
    office.deal("D-2", e_mail="ada@x.example", amount="250")
    office.deal("D-3", e_mail="bob@x.example", amount="70")
    office.night(NIGHT)
    assert office.values("333") == [70.0, 250.0, 1000.0]
    return office


def ada_says(office: Office, answer: str, *, at: str = CHANGED, deal_id: str = "D-1") -> None:
    """Enter a deal of Ada's anew, with another answer in its consent column."""
    amount = {"D-1": "1000", "D-2": "250"}[deal_id]
    cells = {"marketing_consent": answer, "last_modified": at, "amount": amount}
    office.deal(deal_id, e_mail="ada@x.example", **cells)


def a_browser_reports(office: Office, at: datetime, **changes: Any) -> None:
    """Let a browser report as the snippet does."""
    body = body_of(a_report(**changes))
    report = report_in(body, site="website", country="DE", received_at=at)
    database = Database(f"sqlite:///{office.folder}/convsync.db")
    try:
        with database.transaction("collect") as connection:
            collected.save(connection, [report])
    finally:
        database.close()


def a_visitor_withdraws(office: Office, **reported: Any) -> None:
    """Let a visitor report a form at noon, and take all consent back an hour later."""
    a_browser_reports(office, NOON, **reported)
    nothing: dict[str, Any] = {"landings": [], "identifiers": [], "form": None}
    a_browser_reports(office, NOON.replace(hour=13), consent=ALL_REFUSED, **nothing)


def logged(office: Office, deal_id: str) -> list[dict[str, Any]]:
    """Return what the audit log says of a deal's consent."""
    said = office.types("audit", "show", deal_id, "--format", "csv")
    assert said.code == 0, said.err
    return [
        json.loads(row["detail"]) for row in rows_of(said.out) if row["event"] == "consent_said"
    ]


def test_a_refusal_in_one_deal_holds_for_the_same_person_s_other_deals(advertiser: Office) -> None:
    ada_says(advertiser, "no")
    advertiser.night(NEXT_NIGHT)
    assert advertiser.values("333") == [0.0, 0.0, 70.0]
    because = advertiser.types("explain", "D-2").out
    assert "ad_user_data denied, said in crm (deal D-1)" in because
    assert "The person refused that their data is used for advertising." in because


def test_a_refusal_that_stood_in_its_record_from_the_first_holds_for_that_deal_alone(
    office: Office,
) -> None:
    """Nobody knows whether it is older than the consent in the other."""
    office.deal("D-1", e_mail="ada@x.example")
    office.deal("D-2", e_mail="ada@x.example", amount="250", marketing_consent="no")
    office.deal("D-3", e_mail="ada@x.example", amount="70", marketing_consent="")
    office.night(NIGHT)
    assert office.values("333") == [70.0, 1000.0]
    office.deal("D-2", e_mail="ada@x.example", amount="251", marketing_consent="no")
    office.night(NEXT_NIGHT)
    assert office.values("333") == [70.0, 1000.0]


def test_the_log_proves_what_a_withdrawal_stopped_and_names_nobody(advertiser: Office) -> None:
    ada_says(advertiser, "no")
    advertiser.night(NEXT_NIGHT)
    expected = {"purpose": "ad_user_data", "consent": "denied", "said_at": None, "said_in": "crm"}
    for deal_id in ("D-1", "D-2"):
        assert [one | expected for one in logged(advertiser, deal_id)] == logged(
            advertiser, deal_id
        )
        assert len(logged(advertiser, deal_id)) == 1
    assert logged(advertiser, "D-3") == []
    assert advertiser.types("audit", "verify").code == 0


def test_a_new_deal_of_somebody_who_refused_is_not_sent(advertiser: Office) -> None:
    ada_says(advertiser, "no")
    advertiser.night(NEXT_NIGHT)
    advertiser.deal("D-4", e_mail="ada@x.example", amount="99")
    advertiser.night(THIRD_NIGHT)
    assert 99.0 not in advertiser.values("333")


@pytest.mark.long
def test_a_refusal_that_its_record_takes_back_holds_no_longer(advertiser: Office) -> None:
    ada_says(advertiser, "no")
    advertiser.night(NEXT_NIGHT)
    ada_says(advertiser, "yes", at=CHANGED_AGAIN)
    advertiser.night(THIRD_NIGHT)
    assert advertiser.values("333") == [70.0, 250.0, 1000.0]


def test_of_two_dated_statements_the_later_holds(advertiser: Office) -> None:
    dated = f'{CONSENT_COLUMN}\nconsented_at = "Last modified"'
    advertiser.configure(CONSENT_COLUMN, dated)
    ada_says(advertiser, "no")
    ada_says(advertiser, "yes", at=CHANGED_AGAIN, deal_id="D-2")
    advertiser.night(NEXT_NIGHT)
    assert advertiser.values("333") == [0.0, 70.0, 250.0], "D-1 itself says no"
    assert "ad_user_data granted 2026-03-04 18:00:00+01:00, said in crm" in (
        advertiser.types("explain", "D-2").out
    )


def test_a_withdrawal_on_the_site_holds_for_the_visitor_s_clicks_and_e_mail(
    advertiser: Office,
) -> None:
    landing = {"age": 0, "values": {"gclid": "click-of-D-3"}}
    a_visitor_withdraws(advertiser, landings=[landing], identifiers=[["email", ADA]])
    advertiser.night(NEXT_NIGHT)
    assert advertiser.values("333") == [0.0, 0.0, 0.0]
    (said,) = [one for one in logged(advertiser, "D-3") if one["purpose"] == "ad_user_data"]
    assert said["said_at"] == "2026-03-03T13:00:00+00:00"
    assert (said["said_in"], said["how"]) == ("website", "update")
    because = advertiser.types("explain", "D-3").out
    assert "denied 2026-03-03 14:00:00+01:00, said in website (update)" in because


def test_consent_is_a_step_of_the_customer_s_journey(advertiser: Office) -> None:
    a_visitor_withdraws(advertiser, landings=[], identifiers=[["email", ADA]])
    advertiser.night(NEXT_NIGHT)
    journey = advertiser.types("customer", "D-1").out
    assert "consent denied ad_user_data (website, update)" in journey
    assert "consent denied ad_storage (website, update)" in journey


def test_a_consent_on_the_site_lets_an_e_mail_out_that_the_crm_leaves_open(
    advertiser: Office,
) -> None:
    open_ = {"gclid": "", "marketing_consent": "", "amount": "5"}
    advertiser.deal("D-5", e_mail="eve@x.example", **open_)
    advertiser.deal("D-6", e_mail="finn@x.example", **open_)
    eve = sha256(b"eve@x.example").hexdigest()
    a_browser_reports(advertiser, NOON, landings=[], identifiers=[["email", eve]])
    advertiser.night(NEXT_NIGHT)
    assert advertiser.values("333") == [5.0, 70.0, 250.0, 1000.0]


def test_a_preview_of_a_withdrawal_shows_the_retractions_and_changes_nothing(
    advertiser: Office,
) -> None:
    ada_says(advertiser, "no")
    advertiser.write_files()
    before = advertiser.tables()
    said = advertiser.types("plan", "--as-of", NEXT_NIGHT)
    assert "retracted" in said.out
    assert advertiser.tables() == before


@pytest.mark.long
def test_a_conversion_that_cannot_be_taken_back_is_reported(advertiser: Office) -> None:
    """The platform finds a conversion without a click by hashes alone, which may not go out now."""
    by_email = {"gclid": "", "e_mail": "eve@x.example", "amount": "5"}
    advertiser.deal("D-5", **by_email)
    advertiser.night(NEXT_NIGHT)
    assert 5.0 in advertiser.values("333")
    advertiser.deal("D-5", marketing_consent="no", last_modified=CHANGED_AGAIN, **by_email)
    advertiser.night(THIRD_NIGHT)
    assert 5.0 in advertiser.values("333")
    assert "D-5" in advertiser.types("status", "--uncorrectable").out
    assert "NO_IDENTIFIERS_LEFT" in advertiser.types("explain", "D-5").out
    assert [one["consent"] for one in logged(advertiser, "D-5")] == ["denied"]
