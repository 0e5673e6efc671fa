"""Somebody answers for what is wrong: it is told to nobody again until it is worse, or over."""

import json
from typing import Any

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office
from tests.cli.test_alerts import heard, watched

__all__ = ["watched"]
UNREADABLE = "unreadable:crm"


def states(office: Office, at: str = NIGHT) -> dict[str, dict[str, Any]]:
    listed = json.loads(office.types("alerts", "list", "--as-of", at, "--format", "json").out)
    return {row["state"]: row for row in listed}


def acknowledges(office: Office, *options: str, at: str = NIGHT) -> str:
    words = ("alerts", "acknowledge", UNREADABLE, "--as-of", at, "--by", "Ann", *options)
    done = office.types(*words)
    assert done.code == 0, done.err
    return done.out


def test_the_person_who_acknowledges_an_alert_is_shown_and_logged(office: Office) -> None:
    office.deal("D-1", amount="a lot")
    office.night()
    assert states(office)[UNREADABLE]["acknowledged_by"] is None
    assert acknowledges(office) == "Acknowledged by Ann: 1 unreadable record of source crm.\n"
    assert states(office)[UNREADABLE]["acknowledged_by"] == "Ann"
    logged = office.types("audit", "list", "--event", "alert_acknowledged", "--format", "json").out
    assert '"by": "Ann"' in logged
    assert UNREADABLE in logged
    assert office.types("audit", "verify").code == 0


def test_an_acknowledged_alert_that_was_never_sent_is_not_sent(
    watched: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.configure("\n[retry]", '\n[alerts]\nquiet_hours = "01:00-07:00"\n\n[retry]')
    watched.deal("D-1", amount="a lot")
    watched.night()
    assert heard(watched) == [], "quiet hours"
    acknowledges(watched)
    assert watched.types("alerts", "check", "--as-of", "2026-03-03T08:00+01:00").code == 0
    assert heard(watched) == []


@pytest.mark.long
def test_what_grows_tenfold_is_told_again_and_nobody_answers_for_it_any_more(
    watched: Office,
) -> None:
    watched.deal("D-0", amount="a lot")
    watched.night()
    acknowledges(watched)
    heard(watched)
    for number in range(1, 10):
        watched.deal(f"D-{number}", amount="a lot")
    watched.night(NEXT_NIGHT)
    assert len(heard(watched)) == 1
    assert states(watched, NEXT_NIGHT)[UNREADABLE]["acknowledged_by"] is None


def test_an_acknowledgement_can_be_taken_back_and_the_state_is_told_again(watched: Office) -> None:
    watched.deal("D-1", amount="a lot")
    watched.night()
    acknowledges(watched)
    heard(watched)
    assert (
        acknowledges(watched, "--undo") == f"{UNREADABLE} is open again: the next look tells it.\n"
    )
    watched.types("alerts", "check", "--as-of", NIGHT)
    assert len(heard(watched)) == 1
    again = watched.types("alerts", "acknowledge", UNREADABLE, "--undo", "--as-of", NIGHT)
    assert again.code == 2
    assert "Nobody has acknowledged" in again.err


@pytest.mark.long
@pytest.mark.parametrize("is_told", [True, False])
def test_an_alert_that_ends_and_comes_back_is_no_longer_acknowledged(
    office: Office, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_told:
        address = office.sandbox.http_url.removeprefix("http://")
        monkeypatch.setenv("CONVSYNC_ALERTS__URLS", f"json://{address}/webhook")
    office.deal("D-1", amount="a lot")
    office.night()
    acknowledges(office)
    office.deal("D-1", amount="10")
    office.night(NEXT_NIGHT)
    assert UNREADABLE not in states(office, NEXT_NIGHT)
    office.deal("D-1", amount="a lot again")
    office.night(THIRD_NIGHT)
    assert states(office, THIRD_NIGHT)[UNREADABLE]["acknowledged_by"] is None


def test_nothing_that_is_not_wrong_can_be_acknowledged(office: Office) -> None:
    office.deal("D-1", amount="a lot")
    office.night()
    done = office.types("alerts", "acknowledge", "failed", "--as-of", NIGHT)
    assert done.code == 2
    assert f"There is no alert failed at the moment: {UNREADABLE}." in done.err
