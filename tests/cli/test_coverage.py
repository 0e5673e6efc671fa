"""`report coverage`: what was matched by what, where the rest was lost, and what was in time."""

import json
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from convsync.collect.reports import report_in
from convsync.store import collected
from convsync.store.database import Database
from tests.cli.office import NIGHT, Office, rows_of
from tests.collect.browser_reports import a_report, body_of

MARCH_2 = datetime(2026, 3, 2, 12, tzinfo=UTC)
SITE = """
[collect.website]
url = "https://collect.example.com"
key = "website-7f3a9c"
origins = ["https://www.example.com"]
"""
SPRING = ("--from", "2025-12-01", "--to", "2026-03-03")


@pytest.fixture
def ledger(office: Office) -> Office:
    """Five wins: by a gclid on the deal, by a visitor's click, unmatched, too late, no amount."""
    office.deal("D-1", region="north")
    office.deal("D-2", gclid="", visitor_id="v-2", region="north")
    office.clicks["v-2"] = {
        "Clicked at": "2026-02-20T08:00:00Z",
        "GCLID": "click-of-v-2",
        "Visitor ID": "v-2",
    }
    office.deal("D-3", gclid="", region="south")
    early = {"mql_date": "2025-12-10", "clicked_at": "2025-11-20T08:00:00Z"}
    office.deal("D-4", created="2025-12-10", region="south", **early)
    office.deal("D-5", amount="")
    office.night()
    return office


def covered(office: Office, *words: str) -> list[dict[str, Any]]:
    said = office.types("report", "coverage", *SPRING, "--format", "json", *words)
    assert said.code == 0, said.err
    found: list[dict[str, Any]] = json.loads(said.out)["coverage"]
    return found


def test_every_conversion_of_the_period_stands_under_its_match_or_its_reason(
    ledger: Office,
) -> None:
    won = {
        (row["stands"], row["found_by"], row["click"], row["reason"]): row["conversions"]
        for row in covered(ledger, "--rule", "won")
    }
    assert won == {
        ("sent", "deal", "gclid", ""): 1,
        ("sent", "visitor", "gclid", ""): 1,
        ("waiting", "", "", "waiting_for_click"): 1,
        ("not_sent", "", "", "click_outside_lookback"): 1,
        ("not_sent", "", "", "amount_missing"): 1,
    }
    account = json.loads(ledger.types("status", "--format", "json").out)["account"]
    assert account["extracted"] == sum(row["conversions"] for row in covered(ledger))


@pytest.fixture
def four_keys(office: Office) -> Office:
    """Four wins, each with a click that another kind of key leads to; a call log has phones."""
    phones = '[clicks.calls]\nkind = "csv"\npath = "calls.csv"\n[clicks.calls.columns]\n'
    phones += 'clicked_at = "At"\ngclid = "GCLID"\nphone = "Phone"\n'
    office.configure("\n[retry]", f"\n{phones}\n[retry]")
    calls = "At,GCLID,Phone\n2026-02-20T08:00:00Z,click-of-a-call,+4930123456\n"
    (office.folder / "calls.csv").write_text(calls, encoding="utf-8")
    office.deal("by-id", gclid="")
    office.deal("by-visitor", gclid="", visitor_id="v-2")
    office.deal("by-email", gclid="", e_mail="anna@x.example")
    office.deal("by-phone", gclid="", phone="+49 30 123456")
    keys = {"Deal ID": "by-id", "Visitor ID": "v-2", "E-mail": "anna@x.example"}
    for column, key in keys.items():
        click = {"Clicked at": "2026-02-20T08:00:00Z", "GCLID": f"click-{column[0]}"}
        office.clicks[key] = click | {column: key}
    office.night()
    return office


FOUR_KEYS = {
    "crm": "gclid (by a CRM ID)",
    "visitor": "gclid (by a visitor ID)",
    "email": "gclid (by hashed e-mail)",
    "phone": "gclid (by hashed phone)",
}


def test_each_kind_of_key_that_led_to_a_click_is_counted_apart(four_keys: Office) -> None:
    won = covered(four_keys, "--rule", "won")
    assert {row["found_by"]: row["conversions"] for row in won} == dict.fromkeys(FOUR_KEYS, 1)
    words = ("report", "coverage", *SPRING, "--rule", "won")
    as_csv = rows_of(four_keys.types(*words, "--format", "csv").out)
    assert {row["found_by"] for row in as_csv} == FOUR_KEYS.keys()
    table = four_keys.types(*words).out
    page = four_keys.folder / "page.html"
    four_keys.types(*words, "--html", str(page))
    for said in FOUR_KEYS.values():
        assert said in table
        assert said in page.read_text(encoding="utf-8")


def test_what_is_lost_is_worth_what_its_deals_are(ledger: Office) -> None:
    lost = [row for row in covered(ledger, "--rule", "won") if row["reason"].startswith("click")]
    assert [(row["value"], row["currency"]) for row in lost] == [("1000.00", "EUR")]


def test_what_came_too_late_names_the_milestone_that_was_in_time(ledger: Office) -> None:
    said = ledger.types("report", "coverage", *SPRING, "--rule", "won")
    assert "1 came too late for their click" in said.out
    assert "A rule for an earlier milestone would have caught: mql 1." in said.out
    assert "5 conversions, of which 2 (40%) have a click or a person" in said.out


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("source", {"crm": 5}),
        ("region", {"(not filled in)": 1, "north": 2, "south": 2}),
        ("week", {"2026-W10": 5}),
    ],
)
def test_coverage_is_grouped_by(ledger: Office, by: str, groups: dict[str, int]) -> None:
    found: Counter[str] = Counter()
    for row in covered(ledger, "--rule", "won", "--by", by):
        found[row["group"]] += row["conversions"]
    assert found == groups


def test_a_group_says_what_most_of_its_rest_was_lost_to(ledger: Office) -> None:
    said = ledger.types("report", "coverage", *SPRING, "--rule", "won", "--by", "region")
    (south,) = [line for line in said.out.splitlines() if line.startswith("south")]
    assert south.split()[:4] == ["south", "2", "0", "0%"]
    assert "2,000.00 EUR" in south


def test_milestones_outside_the_period_are_left_out(ledger: Office) -> None:
    said = ledger.types("report", "coverage", "--from", "2026-03-03", "--to", "2026-03-09")
    nothing = "No conversion's milestone was reached from 2026-03-03 to 2026-03-09.\n"
    assert said.out.startswith(nothing)
    assert "won, reached" not in said.out


def test_the_last_ninety_days_are_what_nobody_names(ledger: Office) -> None:
    said = ledger.types("report", "coverage", "--as-of", NIGHT)
    assert "won, reached from 2025-12-03 to 2026-03-03" in said.out


def test_csv_has_a_row_for_each_way_conversions_stand(ledger: Office) -> None:
    said = ledger.types("report", "coverage", *SPRING, "--format", "csv", "--rule", "won")
    rows = rows_of(said.out)
    assert {(row["stands"], row["share"]) for row in rows} == {
        ("sent", "0.2"),
        ("waiting", "0.2"),
        ("not_sent", "0.2"),
    }


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--by", "colour"), "Cannot group by colour; there are: source, week, region"),
        (("--rule", "gone"), "There is no rule gone; there are: mql, sql, won."),
        (("--from", "2026-03-09"), "--to 2026-03-03 is before --from 2026-03-09."),
    ],
)
def test_a_wrong_word_is_answered(ledger: Office, words: tuple[str, ...], why: str) -> None:
    said = ledger.types("report", "coverage", "--as-of", NIGHT, *words)
    assert said.code == 2
    assert why in said.err


def fields(office: Office) -> dict[str, dict[str, str]]:
    said = office.types("report", "coverage", *SPRING, "--fields", "--format", "csv")
    assert said.code == 0, said.err
    return {row["field"]: row for row in rows_of(said.out)}


def test_a_field_says_of_how_many_deals_it_is_empty(ledger: Office) -> None:
    found = fields(ledger)
    assert (found["click ID"]["deals"], found["click ID"]["empty"]) == ("5", "2")
    assert (found["amount"]["empty"], found["e-mail"]["empty"]) == ("1", "5")
    assert (found["region"]["empty"], found["consent"]["empty"]) == ("1", "0")


def test_click_ids_that_lost_capitals_or_their_end_are_counted(office: Office) -> None:
    whole = "Cj0KCQjw-wholeAndUncut_0123456789abcdefghij"
    for number in range(12):
        office.deal(f"D-{number}", gclid=f"{whole}{number:057}"[:80])
    office.deal("D-lower", gclid=f"{whole}-lower".lower())
    office.night()
    found = fields(office)["gclid of the deal"]
    assert (found["deals"], found["lower_case"], found["cut"]) == ("13", "1", "12")
    said = office.types("report", "coverage", *SPRING).out
    assert "Fields of these deals that are empty, or whose IDs lost something" in said


def test_deals_are_grouped_by_the_form_that_their_person_sent(office: Office) -> None:
    office.configure("\n[retry]", f"{SITE}\n[retry]")
    office.deal("D-1", e_mail="anna@x.example")
    office.deal("D-2")
    office.night()
    anna = sha256(b"anna@x.example").hexdigest()
    body = body_of(a_report(form="contact", landings=[], identifiers=[["email", anna]]))
    report = report_in(body, site="website", country="DE", received_at=MARCH_2)
    place = f"sqlite:///{office.folder}/convsync.db"
    with closing(Database(place)) as database, database.transaction("collect") as connection:
        collected.save(connection, [report])
    found = covered(office, "--rule", "won", "--by", "form")
    assert {row["group"]: row["conversions"] for row in found} == {
        "(no form known)": 1,
        "contact": 1,
    }


def test_owners_of_a_crm_are_groups_without_being_mapped(office: Office) -> None:
    office.moves_to("hubspot")
    assert office.types("report", "coverage", "--by", "owner").code == 0
    said = office.types("report", "coverage", "--by", "colour")
    assert said.code == 2
    assert "owner" in said.err
