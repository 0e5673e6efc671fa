"""An e-mail that many deals have joins none of them to a click, is listed, and can be allowed."""

import json
from pathlib import Path

import pytest

from convsync.store import persons
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office

CLICK = {
    "Clicked at": "2026-02-19T08:00:00Z",
    "GCLID": "click-of-nobody",
    "E-mail": "info@x.example",
}


def sell_to(office: Office, email: str, *deal_ids: str) -> None:
    """Enter deals that were won, of which an e-mail is known and nobody consented to sending it."""
    for deal_id in deal_ids:
        office.deal(deal_id, mql_date="", gclid="", e_mail=email, marketing_consent="")
    office.clicks["nobody"] = CLICK


def test_a_key_of_a_few_deals_joins_each_of_them_and_of_more_joins_none(office: Office) -> None:
    sell_to(office, "info@x.example", *"12345")
    office.night()
    assert len(office.counted("333")) == 5
    sell_to(office, "info@x.example", "6", "7")
    office.night(NEXT_NIGHT)
    assert len(office.counted("333")) == 5


def test_an_identifier_shared_from_the_first_night_on_is_never_sent(office: Office) -> None:
    sell_to(office, "info@x.example", *"123456")
    sell_to(office, "anna@y.example", "7")
    office.clicks["anna"] = CLICK | {"GCLID": "click-of-anna", "E-mail": "anna@y.example"}
    office.night()
    assert len(office.counted("333")) == 1


def test_a_shared_key_is_listed_and_can_be_allowed_by_either_of_its_names(office: Office) -> None:
    sell_to(office, "info@x.example", *"123456")
    office.night()
    (listed,) = json.loads(office.types("status", "--format", "json").out)["shared_keys"]
    assert listed["deals"] == 6
    assert listed["name"] in office.types("status").out
    findings = json.loads(office.types("check", "--format", "json").out)
    (found,) = (one for one in findings if one["check"].startswith("shared key"))
    assert (found["result"], listed["name"] in found["fix"]) == ("warning", True)
    assert "info@x.example" not in office.types("status").out + str(findings)

    office.configure("\n[retry]", f'\n[keys]\nallowed = ["{listed["name"]}"]\n\n[retry]')
    office.night(NEXT_NIGHT)
    assert len(office.counted("333")) == 6
    assert json.loads(office.types("status", "--format", "json").out)["shared_keys"] == []


@pytest.mark.long
def test_a_key_of_too_many_clicks_is_listed_where_shared_keys_are_and_can_be_allowed(
    office: Office,
) -> None:
    for number in range(201):
        office.clicks[f"visit {number}"] = CLICK | {
            "GCLID": f"visit-{number}",
            "E-mail": "",
            "Visitor ID": "kiosk",
        }
    office.deal("1", mql_date="", gclid="", visitor_id="kiosk")
    office.night()
    assert office.counted("333") == {}
    (listed,) = json.loads(office.types("status", "--format", "json").out)["crowded_keys"]
    assert listed["clicks"] == 201
    assert f"joins nobody: {listed['name']}" in office.types("status").out
    assert "more than a person's, so it finds no click" in office.types("explain", "1").out
    findings = json.loads(office.types("check", "--format", "json").out)
    (found,) = (one for one in findings if one["check"].startswith("crowded key"))
    assert (found["result"], listed["name"] in found["fix"]) == ("warning", True)

    office.configure("\n[retry]", '\n[keys]\nallowed = ["kiosk"]\n\n[retry]')
    office.night(NEXT_NIGHT)
    assert len(office.counted("333")) == 1
    assert json.loads(office.types("status", "--format", "json").out)["crowded_keys"] == []


def test_deals_that_are_too_many_for_one_customer_are_listed_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "MOST_DEALS", 2)
    sell_to(office, "info@x.example", "1", "2", "3")
    office.night()
    (listed,) = json.loads(office.types("status", "--format", "json").out)["crowds"]
    assert listed == {"deals": 3, "example": "1"}
    assert "3 deals are joined by their keys, too many" in office.types("status").out
    assert "keys link it to 2 other deals" in office.types("explain", "2").out
    assert "Keys lead to more deals than a customer has" in office.types("customer", "3").out
    assert "crowd of 1" in office.types("check").out


def test_a_plan_that_is_withdrawn_in_its_own_run_is_not_among_its_numbers(office: Office) -> None:
    for deal_id in "123456":
        office.deal(deal_id, mql_date="", gclid="", e_mail="info@x.example")
    office.deal("7", mql_date="", gclid="", e_mail="anna@y.example")
    office.write_files()
    plan = json.loads(office.types("plan", "--as-of", NIGHT, "--format", "json").out)
    assert plan["plan"]["steps"]["new"] == 1
    assert plan["plan"]["steps"]["waiting"] == 6
    assert plan["plan"]["value"] == {"EUR": "1000.00"}


@pytest.mark.long
def test_an_email_of_many_deals_is_not_sent_though_they_consented(office: Office) -> None:
    for deal_id in "123456":
        office.deal(deal_id, mql_date="", gclid="", e_mail="info@x.example")
    office.deal("7", mql_date="", gclid="", e_mail="anna@y.example")
    office.night()
    assert len(office.counted("333")) == 1, "Anna alone"
    said = office.types("explain", "1")
    assert "many deals have the same e-mail or phone" in said.out
    (listed,) = json.loads(office.types("status", "--format", "json").out)["shared_keys"]
    assert listed["deals"] == 6

    office.configure("\n[retry]", f'\n[keys]\nallowed = ["{listed["name"]}"]\n\n[retry]')
    office.night(NEXT_NIGHT)
    assert len(office.counted("333")) == 7


@pytest.mark.long
def test_another_deal_of_an_address_leaves_what_was_counted_as_it_is(office: Office) -> None:
    for deal_id in "12345":
        office.deal(deal_id, mql_date="", gclid="", e_mail="info@x.example")
    office.night()
    assert len(office.counted("333")) == 5
    office.deal("6", mql_date="", gclid="", e_mail="info@x.example")
    office.night(NEXT_NIGHT)
    assert len(office.counted("333")) == 5


def test_an_address_itself_can_be_allowed(office: Office) -> None:
    sell_to(office, "info@x.example", *"123456")
    office.configure("\n[retry]", '\n[keys]\nallowed = ["Info@X.example"]\n\n[retry]')
    office.night()
    assert len(office.counted("333")) == 6


@pytest.mark.parametrize("most", [1, 3])
def test_how_many_are_too_many_is_declared(office: Office, most: int) -> None:
    sell_to(office, "info@x.example", *"1234"[: most + 1])
    office.configure("\n[retry]", f"\n[keys]\nshared_by_more_than = {most}\n\n[retry]")
    office.night()
    assert office.counted("333") == {}


def test_a_preview_joins_nobody_by_what_it_finds_shared(office: Office) -> None:
    sell_to(office, "info@x.example", *"123456")
    office.write_files()
    said = office.types("plan", "--as-of", NIGHT, "--format", "json")
    account = json.loads(said.out)["account"]
    assert account["waiting"] == {"waiting_for_click": 6}


@pytest.mark.long
def test_unreadable_rows_are_in_the_account_in_previews_and_in_a_file(
    office: Office, tmp_path: Path
) -> None:
    office.deal("good")
    office.deal("bad", amount="1.2.3")
    office.write_files()
    previewed = office.types("plan", "--as-of", NIGHT)
    assert "unreadable" in previewed.out
    assert "(deal bad)" in previewed.out
    office.night()
    assert "unreadable 1 record," in office.types("status").out
    (listed,) = json.loads(office.types("quarantine", "list", "--format", "json").out)
    assert (listed["source"], listed["place"], listed["deal_id"]) == ("crm", "deals.csv:3", "bad")
    path = tmp_path / "bad.csv"
    assert office.types("quarantine", "export", str(path)).code == 0
    header, row = path.read_text().splitlines()
    assert header == "source,place,deal_id,problem,since"
    assert row.startswith("crm,deals.csv:3,bad,")
    assert office.types("quarantine", "list", "--source", "crn").code == 2
    office.deal("bad")
    office.night(THIRD_NIGHT)
    assert office.types("quarantine", "list", "--format", "json").out.strip() == "[]"


@pytest.mark.parametrize("key", ["0", "None", "(not set)", "n/a"])
def test_a_placeholder_for_a_missing_key_links_no_deal(office: Office, key: str) -> None:
    office.deal("1", mql_date="", gclid="", visitor_id=key, marketing_consent="")
    office.clicks["nobody"] = CLICK | {"E-mail": "", "Visitor ID": key}
    said = office.night()
    assert "unreadable 0" in said.out
    assert office.counted("333") == {}
    assert "hold what stands for a missing key" in office.types("check", "--format", "json").out
