"""`digest`: a week in five sentences, sent once to whoever alerts reach."""

import json
from typing import Any

import pytest

from tests.cli.office import Office

SUNDAY_NIGHT = "2026-03-08T02:00+01:00"
MONDAY = "2026-03-09T09:00+01:00"
"""After the week from 2 to 8 March."""


@pytest.fixture
def week(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """One sold in the week, one in the week before, two that marketing has let stand."""
    monkeypatch.setenv("CONVSYNC_ALERTS__URLS", webhook(office))
    office.deal("D-1", amount="1500")
    office.deal("D-2", won_date="2026-02-27")
    office.deal("D-3", won_date="", created="2026-03-03", mql_date="2026-03-03 10:00:00")
    for deal_id in ("D-4", "D-5"):
        office.deal(deal_id, won_date="", mql_date="2026-02-03 10:00:00", created="2026-02-03")
    office.night(SUNDAY_NIGHT)
    heard(office)
    return office


def webhook(office: Office) -> str:
    return office.sandbox.http_url.replace("http://", "json://") + "/webhook"


def heard(office: Office) -> list[dict[str, Any]]:
    messages = list(office.sandbox.platform.on_call.alerts)
    office.sandbox.platform.on_call.alerts.clear()
    return messages


def sends(office: Office, *words: str, at: str = MONDAY) -> str:
    said = office.types("digest", "--send", "--as-of", at, *words)
    assert said.code == 0, said.err
    return said.out.strip()


def test_five_sentences_have_the_weeks_figures(week: Office) -> None:
    said = week.types("digest", "--as-of", MONDAY, "--format", "json")
    assert said.code == 0, said.err
    assert json.loads(said.out) == {
        "week": "2026-W10",
        "from": "2026-03-02",
        "to": "2026-03-08",
        "sold": "Sold: 1 deal was won from 2026-03-02 to 2026-03-08, worth 1,500.00 EUR.",
        "changed": "Changed: 1 won after 1 in the week before (1,000.00 EUR);"
        " leads 1 after 0, mql 1 after 0.",
        "sent": "Sent: of the week's 2 conversions 2 went to the ad platforms,"
        " worth 1,520.00 EUR; 0 wait, and 0 are not sent.",
        "stuck": "Stuck: 2 deals stand for longer than agreed, 2 of them at mql,"
        " the oldest since 2026-02-03.",
        "waiting": "Waiting: 2 deals for marketing.",
    }


def test_a_week_is_sent_once_however_often_it_is_asked_for(week: Office) -> None:
    assert sends(week) == "The digest of 2026-W10: sent."
    (told,) = heard(week)
    assert told["title"].endswith(": week 2026-W10, 1 sold")
    assert told["message"].count("\n\n") == 4
    assert "D-4" not in told["message"], "no deal is named"
    assert sends(week) == "The digest of 2026-W10: sent before."
    assert sends(week, at="2026-03-15T23:00+01:00") == "The digest of 2026-W10: sent before."
    assert heard(week) == []
    assert sends(week, at="2026-03-16T00:30+01:00") == "The digest of 2026-W11: sent."


def test_the_digest_waits_for_its_day_and_hour_in_the_company_s_time_zone(week: Office) -> None:
    week.configure("\n[retry]", '\n[digest]\nday = "tuesday"\nat = "07:30"\n\n[retry]')
    early = sends(week, at="2026-03-10T06:29+00:00")
    assert early == "The digest of 2026-W10 is due at 2026-03-10 07:30."
    assert heard(week) == []
    assert sends(week, at="2026-03-10T06:30+00:00") == "The digest of 2026-W10: sent."


def test_an_undelivered_digest_is_sent_by_the_next_attempt(
    week: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_ALERTS__URLS", "json://127.0.0.1:1/nobody")
    said = week.types("digest", "--send", "--as-of", MONDAY)
    assert (said.code, said.out) == (1, "The digest of 2026-W10: NOT delivered.\n")
    monkeypatch.setenv("CONVSYNC_ALERTS__URLS", webhook(week))
    assert sends(week) == "The digest of 2026-W10: sent."
    assert len(heard(week)) == 1


def test_one_whose_sender_was_killed_is_not_sent_again_unless_somebody_says_so(
    week: Office,
) -> None:
    week.sql("INSERT INTO digests (week, begun_at) VALUES ('2026-W10', 1)")
    assert sends(week).startswith("The digest of 2026-W10: begun before, and perhaps sent;")
    assert heard(week) == []
    assert sends(week, "--again") == "The digest of 2026-W10: sent."
    assert len(heard(week)) == 1


def test_there_has_to_be_somebody_to_send_it_to(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.night()
    monkeypatch.delenv("CONVSYNC_ALERTS__URLS", raising=False)
    said = office.types("digest", "--send")
    assert said.code == 2
    assert "There is nobody to alert: set CONVSYNC_ALERTS__URLS" in said.err
    assert office.types("digest", "--again").code == 2
