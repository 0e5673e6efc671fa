"""Nights that write back into the CRM: what is known, once, and never over what a person typed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from convsync import pipeline
from convsync.model.expected import Cell, ExpectedTable, Measured, Timing
from convsync.privacy.forgetting import Whom
from convsync.sandbox.crm import book as crm
from convsync.sandbox.crm.vendors import CrmOfVendor
from convsync.sandbox.crm.writing import WRITABLE
from convsync.store import value_versions
from tests.nights.company import Company
from tests.nights.test_forgetting import in_the_files

MQL = datetime(2026, 3, 2, 15, tzinfo=UTC)
FIRST, SECOND, THIRD, FOURTH = (datetime(2026, 3, day, 2, tzinfo=UTC) for day in range(4, 8))
CLICKED = "2026-02-28T09:00:00Z"

FIELDS = {
    "hubspot": {own: own for own in WRITABLE},
    "salesforce": {own: f"{own.title()}__c" for own in WRITABLE},
    "pipedrive": WRITABLE,
}
FACTS = {
    "click_id": "written_click",
    "first_click": "written_first_click",
    "platform": "written_platform",
}


CHANCE, AMOUNT = Measured(0.23, 0.2, 0.26, 400), Measured(1000, 900, 1100, 90)
EXPECTED = ExpectedTable(
    by=(),
    milestones=("mql",),
    window_days=90,
    currency="EUR",
    cells={
        "mql": {
            "": Cell(
                milestone="mql",
                group=(),
                leads=400,
                won=90,
                young=0,
                chance=CHANCE,
                amount=AMOUNT,
                value=Measured(230, 200, 260, 400),
            )
        }
    },
    timings={"mql": Timing(come=(1.0,) * 91, left=(1.0,) * 91)},
)


@pytest.fixture(params=[*FIELDS])
def office(company: Company, request: pytest.FixtureRequest) -> CrmOfVendor:
    office = company.moves_to(request.param)
    writes_back(company, office)
    for number in (1, 2):
        put_deal(office, number)
    return office


def writes_back(company: Company, office: CrmOfVendor, **changed: str) -> None:
    names = FIELDS[office.server.name]
    fields = {fact: names[own] for fact, own in FACTS.items()} | changed
    table = "\n".join(f'{fact} = "{name}"' for fact, name in fields.items())
    company.configure(more=f"\n[deals.crm.write_back]\n{table}\n")


def put_deal(office: CrmOfVendor, number: int, gclid: str = "") -> None:
    server, book = office.server, office.book
    contact = server.record_id("contact", number)
    fields = {"gclid": gclid or f"click-of-{number}", "consent": "yes"}
    book.put_person(
        crm.Person(
            person_id=contact,
            created_at=datetime.fromisoformat(CLICKED),
            modified_at=MQL,
            fields=fields,
        )
    )
    book.put(
        crm.Deal(
            deal_id=server.record_id("deal", number),
            created_at=MQL,
            modified_at=MQL,
            entered=(("mql", MQL),),
            amount=Decimal(100),
            currency="EUR",
            people=(contact,),
        )
    )


def written(office: CrmOfVendor, number: int) -> dict[str, str]:
    deal = office.book.deal(office.server.record_id("deal", number))
    assert deal is not None
    return {own: deal.fields[own] for own in FACTS.values() if deal.fields.get(own)}


def changes_made(office: CrmOfVendor) -> int:
    """Return how many calls have written something."""
    return sum(
        number
        for route, number in office.server.requests.items()
        if route.startswith("PATCH") or "update" in route
    )


def test_what_is_known_of_a_deal_stands_in_its_crm_after_the_night(
    company: Company, office: CrmOfVendor
) -> None:
    report = company.night(FIRST)
    assert report.problems == []
    found = written(office, 1)
    assert found["written_click"] == "click-of-1"
    assert found["written_platform"] == "mql: accepted"
    kinds = [row["event"] for row in company.query("SELECT event FROM audit_events")]
    assert kinds.count("fields_written") == 2
    assert company.audit_is_sound()


@pytest.mark.long
def test_nothing_is_written_twice_and_our_writing_is_no_change(
    company: Company, office: CrmOfVendor
) -> None:
    company.night(FIRST)
    company.night(SECOND)
    assert written(office, 1)["written_platform"] == "mql: confirmed"
    before = changes_made(office)
    stamps = company.query("SELECT modified_at FROM deals ORDER BY id")
    for night in (THIRD, FOURTH):
        report = company.night(night)
        assert sum(report.plan.steps.values()) == 0, "no deal was planned anew"
        assert report.problems == []
    assert changes_made(office) == before
    assert [*map(tuple, company.query("SELECT modified_at FROM deals ORDER BY id"))] == [
        *map(tuple, stamps)
    ], "and none seems touched"


@pytest.mark.long
def test_an_edit_after_our_writing_is_a_change(company: Company, office: CrmOfVendor) -> None:
    company.night(FIRST)
    deal_id = office.server.record_id("deal", 1)
    office.book.edit(deal_id, FIRST + timedelta(hours=1), amount=Decimal(900))
    office.book.move(deal_id, "won", FIRST + timedelta(hours=2))
    company.night(SECOND)
    assert company.value(deal_id) == 900
    assert written(office, 1)["written_platform"] == "mql: confirmed; won: accepted"


@pytest.mark.long
def test_what_a_person_types_between_plan_and_night_stays(
    company: Company, office: CrmOfVendor
) -> None:
    put_deal(office, 3)
    company.export()
    planned = company.at(FIRST, pipeline.plan).to_write_back
    assert [(one.source, one.deals) for one in planned] == [("crm", 3)]
    deal_id = office.server.record_id("deal", 3)
    office.book.edit(deal_id, MQL + timedelta(hours=1), fields={"written_click": "by hand"})
    company.night(FIRST)
    assert written(office, 3)["written_click"] == "by hand"
    assert written(office, 3)["written_platform"] == "mql: accepted"
    (declined,) = company.query("SELECT code FROM write_backs WHERE declined = 'click-of-3'")
    assert declined["code"] == "somebody else's value"
    office.book.edit(deal_id, FIRST + timedelta(hours=1), fields={"written_click": ""})
    company.night(SECOND)
    assert written(office, 3)["written_click"] == "click-of-3", "it was cleared, and is free"


@pytest.mark.long
def test_what_a_person_types_over_ours_stays(company: Company, office: CrmOfVendor) -> None:
    company.night(FIRST)
    deal_id = office.server.record_id("deal", 1)
    office.book.edit(
        deal_id, FIRST + timedelta(hours=1), fields={"written_platform": "ask marketing"}
    )
    for night in (SECOND, THIRD):
        company.night(night)
        assert written(office, 1)["written_platform"] == "ask marketing"
    assert written(office, 2)["written_platform"] == "mql: confirmed"


@pytest.mark.long
def test_a_lost_answer_is_read_back_and_not_repeated(company: Company, office: CrmOfVendor) -> None:
    office.server.lost_answers = 2 if office.server.name == "pipedrive" else 1
    retries = company.night(FIRST)
    assert retries.problems == [], "the repeat of the same values was answered"
    office.book.move(office.server.record_id("deal", 1), "won", FIRST + timedelta(hours=1))
    office.server.lost_answers = 10
    assert "not all was written back" in company.night(SECOND).problems[0]
    pending = company.query("SELECT pending FROM write_backs WHERE pending IS NOT NULL")
    assert pending
    office.server.lost_answers = 0
    before = changes_made(office)
    assert company.night(THIRD).problems == []
    platform = written(office, 1)["written_platform"]
    assert platform == "mql: confirmed; won: confirmed"
    assert not company.query("SELECT pending FROM write_backs WHERE pending IS NOT NULL")
    assert changes_made(office) > before, "the verdict of the night before was news"


class KilledError(Exception):
    """Stands for a process that ends at a step."""


@pytest.mark.parametrize("step", ["reserve fields: committed", "settle fields: before commit"])
def test_a_night_that_is_killed_in_between_is_read_back(
    company: Company, office: CrmOfVendor, step: str
) -> None:
    """Before the call nothing was written, after it all was; the fields themselves say which."""

    def die(at: str) -> None:
        if at == step:
            raise KilledError

    company.on_step = die
    company.close_ledger()
    with pytest.raises(KilledError):
        company.night(FIRST)
    was_written = bool(written(office, 1))
    assert was_written is step.startswith("settle")
    company.on_step = lambda _: None
    company.close_ledger()
    before = changes_made(office)
    company.night(FIRST + timedelta(minutes=10))
    assert written(office, 1)["written_click"] == "click-of-1"
    assert (changes_made(office) == before) is was_written, "and is not written again"
    assert company.audit_is_sound()


@pytest.mark.long
def test_nothing_is_kept_of_or_written_for_somebody_who_was_forgotten(
    company: Company, office: CrmOfVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_PRIVACY__KEY", "a secret of sixteen or more")
    company.night(FIRST)
    whom = Whom(deal_ids=frozenset({office.server.record_id("deal", 1)}))
    company.at(SECOND, lambda services: pipeline.forget(services, whom))
    assert in_the_files(company, "click-of-1", "click-of-2") == {"click-of-2"}
    deal_id = office.server.record_id("deal", 1)
    cleared = dict.fromkeys(WRITABLE, "")
    office.book.edit(deal_id, SECOND + timedelta(hours=1), fields=cleared)
    company.night(THIRD)
    assert written(office, 1) == {}
    assert written(office, 2)["written_platform"] == "mql: confirmed"


def test_a_missing_right_is_a_problem_of_the_night_and_reserves_nothing(
    company: Company, office: CrmOfVendor
) -> None:
    office.server.may_write = False
    (problem,) = company.night(FIRST).problems
    assert "source 'crm': not all was written back" in problem
    assert company.counted(office.server.record_id("deal", 1), "mql"), "it was sent all the same"
    assert not company.query("SELECT * FROM write_backs")
    office.server.may_write = True
    assert company.night(SECOND).problems == []
    assert written(office, 1)["written_click"] == "click-of-1"


@pytest.mark.long
def test_an_open_deals_chance_and_value_are_those_of_the_accepted_version(
    company: Company, office: CrmOfVendor
) -> None:
    """A number's field may hold it as 23.0; that is no other value, and is not written again."""
    names = FIELDS[office.server.name]
    more = {"score": names["written_score"], "expected_value": names["written_campaign"]}
    writes_back(company, office, **more)
    with company.database.transaction("accept values") as connection:
        number = value_versions.keep(connection, EXPECTED, [], at=MQL, by="me")
        value_versions.accept(connection, number, at=MQL, by="me", restates=False)
    assert company.night(FIRST).problems == []
    deal = office.book.deal(office.server.record_id("deal", 1))
    assert deal is not None
    assert float(deal.fields["written_score"]) == 23
    assert deal.fields["written_campaign"] == "230.00"
    company.night(SECOND)
    before = changes_made(office)
    company.night(THIRD)
    assert changes_made(office) == before
    kept = company.query("SELECT value, declined FROM write_backs WHERE value = '23'")
    assert [(row["value"], row["declined"]) for row in kept] == [("23", None)] * 2


def test_a_field_that_does_not_exist_is_named_and_nothing_is_written(
    company: Company, office: CrmOfVendor
) -> None:
    writes_back(company, office, campaign="no_such_field")
    (problem,) = company.night(FIRST).problems
    assert "'no_such_field' does not exist" in problem
    assert written(office, 1) == {}


def test_a_deal_that_does_not_take_it_keeps_no_other_from_it(
    company: Company, office: CrmOfVendor
) -> None:
    """What the CRM refuses of one deal is told once, and tried again when the deal changes."""
    put_deal(office, 1, gclid="x" * 300)
    (problem,) = company.night(FIRST).problems
    assert "1 deals refused what was to be written back" in problem
    assert written(office, 2)["written_click"] == "click-of-2"
    assert written(office, 1) == {}
    company.night(SECOND)
    before = changes_made(office)
    assert company.night(THIRD).problems == []
    assert changes_made(office) == before
