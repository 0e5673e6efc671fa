"""`explain` is a complete answer: every milestone, every click, and how a conversion went out."""

import json
from typing import Any

from tests.cli.office import ACCOUNT, NIGHT, Office


def rows_of(office: Office, *deals: str) -> dict[str, dict[str, Any]]:
    """Return the lines of deals as JSON has them, by milestone."""
    said = office.types("explain", *deals, "--format", "json")
    return {row["milestone"]: row for row in json.loads(said.out)}


def test_every_milestone_of_the_funnel_has_a_line(office: Office) -> None:
    office.deal(opportunity_date="2026-02-25 10:00:00")
    office.night()
    said = office.types("explain", "D-1").out
    assert "  mql (mql): reached 2026-02-20 10:00:00+01:00\n" in said
    assert "  sql (sql): not reached\n" in said
    assert "  opportunity: reached 2026-02-25 10:00:00+01:00\n" in said
    assert "    no rule counts it, so nothing is sent\n" in said
    assert "  won (won): reached 2026-03-02\n" in said
    assert [row["state"] for row in rows_of(office, "D-1").values()][:4] == [
        *("accepted", "not reached", "no rule counts it", "accepted"),
    ]


def test_each_click_is_used_or_says_why_not(office: Office) -> None:
    office.deal(mql_date="", gclid="the-first")
    office.clicks["D-1"] = {"Clicked at": "2026-02-19T08:00:00Z", "GCLID": "the-first"}
    late = {"Clicked at": "2026-03-03T12:00:00Z", "GCLID": "too-late", "Deal ID": "D-1"}
    office.clicks |= {"late": late}
    office.night()
    clicks = rows_of(office, "D-1")["won"]["clicks"]
    assert {click["value"]: (click["is_used"], click["what"]) for click in clicks} == {
        "the-first": (True, "is the one that counts"),
        "too-late": (False, "came after the milestone, by 13 hours"),
    }
    said = office.types("explain", "D-1").out
    assert "click 1 is the one that counts" in said
    assert "click 2 came after the milestone, by 13 hours\n" in said


def test_what_was_sent_is_told_by_kind_with_its_account_and_its_action(office: Office) -> None:
    office.deal(mql_date="")
    office.night()
    said = office.types("explain", "D-1").out
    assert "with gclid to Google Ads account 1234567890, by the Data Manager API" in said
    assert ", action 333, request " in said
    row = rows_of(office, "D-1")["won"]
    assert (row["action"], row["sent_with"]) == ("333", ["gclid"])
    assert ACCOUNT in row["account"]
    assert row["request_id"]


def test_a_hashed_person_is_named_by_kind_and_never_by_hash(office: Office) -> None:
    office.deal(mql_date="", e_mail="erika@example.com")
    office.night()
    said = office.types("explain", "D-1")
    assert "gclid, hashed e-mail to" in said.out
    assert "erika" not in said.out
    assert not any(len(word) == 64 for word in said.out.replace('"', " ").split())


def test_an_entry_still_shows_that_it_was_sent_for_a_person_erased_since(office: Office) -> None:
    office.deal(mql_date="", gclid="", e_mail="erika@example.com")
    office.night()
    assert "with hashed e-mail to" in office.types("explain", "D-1").out
    office.night("2026-09-01T02:00+02:00")
    assert "with a hashed e-mail or phone (erased since) to" in office.types("explain", "D-1").out


def test_an_unknown_click_time_is_shown_as_an_estimate(office: Office) -> None:
    office.deal(mql_date="")
    office.clicks.clear()
    office.night()
    said = office.types("explain", "D-1").out
    assert "its time is an estimate: no later than the deal's creation, 2026-02-20 10:00" in said
    (click,) = rows_of(office, "D-1")["won"]["clicks"]
    assert click["is_estimated"] is True
    assert "is_click_estimated" in office.types("audit", "show", "D-1", "--format", "json").out
    assert "click to won" not in office.types("status").out
    (counted,) = office.counted("333").values()
    assert "days_to_close" not in json.dumps(counted)


def test_several_deals_and_order_ids_are_explained_in_one_go(office: Office) -> None:
    office.deal(mql_date="")
    office.deal("D-2", mql_date="")
    office.night(NIGHT)
    order_id = rows_of(office, "D-2")["won"]["order_id"]
    said = office.types("explain", "D-1", order_id).out
    assert [line for line in said.splitlines() if line.startswith("D-")] == [
        *("D-1 (crm)", "D-2 (crm)"),
    ]


def test_one_deal_among_several_that_is_not_known_is_named(office: Office) -> None:
    office.deal()
    office.night()
    said = office.types("explain", "D-1", "D-9")
    assert (said.code, "No deal D-9 has been read." in said.err) == (2, True)
