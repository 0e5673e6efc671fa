"""Writing back as people see it: `plan` says what would be written, `check` whether it may be."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from convsync.sandbox.crm.book import Deal
from convsync.sandbox.crm.vendors import CrmOfVendor
from tests.cli.office import NIGHT, Office

MQL = datetime(2026, 3, 2, 15, tzinfo=UTC)
FIELDS = {
    "hubspot": ("written_click", "no_such_field", "amount"),
    "salesforce": ("Written_Click__c", "No_Such__c", "Name"),
    "pipedrive": ("Ad click", "No such", "title"),
}


@pytest.fixture(params=[*FIELDS])
def crm(office: Office, request: pytest.FixtureRequest) -> CrmOfVendor:
    crm = office.moves_to(request.param)
    writes(office, FIELDS[request.param][0])
    return crm


def writes(office: Office, field: str, fact: str = "click_id") -> None:
    office.configure("\n[retry]", f'\n[deals.crm.write_back]\n{fact} = "{field}"\n\n[retry]')


def written(office: Office) -> list[dict[str, Any]]:
    said = office.types("check", "--as-of", NIGHT, "--format", "json")
    rows: list[dict[str, Any]] = json.loads(said.out)
    return [row for row in rows if row["check"] == "write-back into crm"]


def test_plan_says_how_many_deals_lack_what(office: Office, crm: CrmOfVendor) -> None:
    crm.book.put(
        Deal(
            deal_id=crm.server.record_id("deal", 1),
            created_at=MQL,
            modified_at=MQL,
            entered=(("mql", MQL),),
            fields={"gclid": "click-of-1"},
        )
    )
    office.write_files()
    office.sandbox.platform.clock.set(datetime.fromisoformat(NIGHT))
    said = office.types("plan", "--as-of", NIGHT)
    assert said.code == 0, said.err
    name = FIELDS[crm.server.name][0]
    assert f"write back  1 deals of crm ({name} 1)" in said.out
    as_json = json.loads(office.types("plan", "--as-of", NIGHT, "--format", "json").out)
    assert as_json["to_write_back"] == [{"source": "crm", "deals": 1, "fields": {name: 1}}]


@pytest.mark.long
def test_check_finds_the_fields_and_the_right(office: Office, crm: CrmOfVendor) -> None:
    office.night()
    (fine,) = written(office)
    assert fine["result"] == "ok"
    crm.server.may_write = False
    (refused,) = written(office)
    assert refused["severity"] == "warning"
    assert any(word in refused["detail"] for word in ("deals.write", "deals:full", "Edit"))


@pytest.mark.long
def test_check_says_that_no_values_are_accepted_to_be_written(
    office: Office, crm: CrmOfVendor
) -> None:
    writes_more = f'click_id = "{FIELDS[crm.server.name][0]}"'
    score = {"hubspot": "written_score", "salesforce": "Written_Score__c"}
    name = score.get(crm.server.name, "Lead score")
    office.configure(writes_more, f'{writes_more}\nscore = "{name}"')
    office.night()
    lacking, fine = written(office)
    assert lacking["detail"] == "no version of the learned values was accepted"
    assert fine["result"] == "ok"


@pytest.mark.long
@pytest.mark.parametrize(("place", "problem"), [(1, "does not exist"), (2, "name")])
def test_check_names_a_field_that_cannot_be_written(
    office: Office, crm: CrmOfVendor, place: int, problem: str
) -> None:
    names = FIELDS[crm.server.name]
    office.configure(f'"{names[0]}"', f'"{names[place]}"')
    office.night()
    (found,) = written(office)
    assert f"'{names[place]}'" in found["detail"]
    assert problem in found["detail"] or "may not be edited" in found["detail"]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('click_id = "gclid"', "would write what is read as the deal's own: gclid"),
        ("most_deals = 5", "nothing is to be written back; name a field"),
        ('click_id = "a"\ncampaign = "a"', "each fact needs a field of its own"),
        ('scores = "a"', "scores: unknown key"),
    ],
)
def test_an_impossible_write_back_setting_is_refused(
    office: Office, table: str, problem: str
) -> None:
    office.moves_to("hubspot")
    office.configure("\n[retry]", f"\n[deals.crm.write_back]\n{table}\n\n[retry]")
    said = office.types("status")
    assert said.code == 2
    assert problem in said.err
