"""Nights over a CRM of which one record cannot be had: others go on, it is asked for again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from convsync import wiring
from convsync.report.status import status_of
from convsync.sandbox.crm import book as crm
from convsync.sandbox.crm.dynamics import DynamicsServer
from convsync.sandbox.crm.server import Poison, Reply
from convsync.sandbox.crm.vendors import CrmOfVendor
from convsync.sandbox.crm.zoho import ZohoServer
from tests.nights.company import Company

CREATED = datetime(2026, 2, 1, 8, tzinfo=UTC)
WON_AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
NIGHTS = [datetime(2026, 3, day, 2, tzinfo=UTC) for day in range(3, 12)]
REFUSED = {"status": "error", "category": "INTERNAL_RECORD_ERROR"}


def put(office: CrmOfVendor, number: int, *stages: tuple[str, datetime]) -> str:
    deal_id = office.server.record_id("deal", number)
    office.book.put(
        crm.Deal(
            deal_id=deal_id,
            created_at=CREATED,
            modified_at=stages[-1][1],
            entered=stages,
            amount=Decimal(100),
            currency="EUR",
            fields={"gclid": f"G-{number}"},
        )
    )
    return deal_id


@pytest.mark.long
@pytest.mark.parametrize(
    ("vendor", "path", "reply"),
    [
        ("hubspot", "/batch/read$", Reply(status=400, body=REFUSED)),
        ("zoho", "/coql$", Reply(status=400, body={"code": "INVALID_DATA"})),
    ],
)
def test_a_record_that_no_call_gives_is_quarantined_by_its_code_and_read_once_it_heals(
    company: Company, vendor: str, path: str, reply: Reply
) -> None:
    office = company.moves_to(vendor)
    good = [put(office, number, ("mql", CREATED), ("won", WON_AT)) for number in (1, 3)]
    bad = put(office, 2, ("mql", CREATED), ("won", WON_AT))
    holding = f"'{bad}'" if vendor == "zoho" else bad
    office.server.poisons = [Poison(path=path, holding=holding, reply=reply)]
    first = company.night(NIGHTS[0])
    assert [company.value(one) for one in good] == [100, 100]
    (entry,) = company.query("SELECT deal_id, problem FROM quarantine")
    assert entry["deal_id"] == bad
    assert str((reply.body or {}).get("category") or "") in entry["problem"]
    assert first.exit_code == 1
    office.server.poisons = []
    company.night(NIGHTS[5])
    assert company.value(bad) == 100
    assert company.query("SELECT deal_id FROM quarantine") == []


LASTING = Reply(status=503, body={"code": "INTERNAL_ERROR", "error": {"code": "0x80040224"}})


@pytest.mark.long
@pytest.mark.parametrize(
    ("vendor", "path"),
    [("zoho", "/Deals/{deal}/Stage_History$"), ("dynamics", r"/audits\({audit}\)/")],
)
def test_a_deal_whose_own_part_fails_for_good_is_quarantined_and_read_once_it_heals(
    company: Company, vendor: str, path: str
) -> None:
    office = company.moves_to(vendor)
    stages = (("mql", CREATED), ("sql", CREATED + timedelta(days=1)), ("won", WON_AT))
    good = [put(office, number, *stages) for number in (1, 3)]
    bad = put(office, 2, *stages)
    if isinstance(office.server, ZohoServer):
        office.server.queries_history = False
    audit, deal = "", office.book.deal(bad)
    if isinstance(office.server, DynamicsServer) and deal:
        audit, *_ = next(iter(office.server.rows.audited(deal)))
    office.server.poisons = [Poison(path=path.format(deal=bad, audit=audit), reply=LASTING)]
    first = company.night(NIGHTS[0])
    assert [company.value(one) for one in good] == [100, 100]
    (entry,) = company.query("SELECT deal_id, problem FROM quarantine")
    assert entry["deal_id"] == bad
    assert "503" in entry["problem"]
    assert first.exit_code == 1
    office.server.poisons = []
    company.night(NIGHTS[5])
    assert company.value(bad) == 100
    assert company.query("SELECT deal_id FROM quarantine") == []


@pytest.mark.long
@pytest.mark.parametrize("vendor", ["zoho", "dynamics"])
def test_a_part_that_every_deal_lacks_is_the_vendors_failure_and_costs_nothing(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    deal_ids = [put(office, number, ("sql", CREATED), ("won", WON_AT)) for number in range(1, 6)]
    if isinstance(office.server, ZohoServer):
        office.server.queries_history = False
    office.server.poisons = [Poison(path=r"Stage_History$|/audits\(", reply=LASTING)]
    first = company.night(NIGHTS[0])
    assert first.exit_code == 1
    assert company.query("SELECT deal_id FROM quarantine") == []
    office.server.poisons = []
    company.night(NIGHTS[1])
    assert [company.value(one) for one in deal_ids] == [100] * 5


@pytest.mark.long
def test_a_deal_of_which_the_crm_does_not_say_whether_it_is_there_holds_up_no_deletion(
    company: Company,
) -> None:
    office = company.moves_to("dynamics")
    sold = [put(office, number, ("mql", CREATED), ("won", WON_AT)) for number in (1, 2, 3)]
    company.night(NIGHTS[0])
    for deal_id in sold[:2]:
        office.book.delete(deal_id, NIGHTS[0] + timedelta(hours=9))
    odd = Poison(path=rf"opportunities\({sold[1]}\)", reply=LASTING)
    office.server.poisons = [odd]
    for night in NIGHTS[1:3]:
        company.night(night, force=True)
        assert [company.value(one) for one in sold] == [0, 100, 100]
        (entry,) = company.query("SELECT deal_id, problem FROM quarantine")
        assert entry["deal_id"] == sold[1]
        assert "503" in entry["problem"]
    office.server.poisons = []
    company.night(NIGHTS[3], force=True)
    assert [company.value(one) for one in sold] == [0, 0, 100]
    assert company.query("SELECT deal_id FROM quarantine") == []


@pytest.mark.long
def test_what_reached_nothing_is_counted_by_reason_and_none_at_all_is_news(
    company: Company,
) -> None:
    office = company.moves_to("pipedrive")
    company.deals_from = company.deals_from.replace("mql = { created = true }", 'mql = "SQL"')
    company.configure()
    for number, night in enumerate(NIGHTS[:8], 1):
        put(office, number, ("mql", CREATED), ("won", night - timedelta(hours=9)))
        assert company.night(night).problems == []
    for number in (98, 99):
        put(office, number, ("mql", NIGHTS[8] - timedelta(hours=9)))
    (problem,) = company.night(NIGHTS[8]).problems
    assert "none of 2 deals that were read has reached a milestone" in problem
    settings = company.settings()
    found = status_of(company.database, wiring.rules_of(settings), list(settings.deals))
    assert found.without_milestone == {"crm": {"in stage 'Sales Pipeline: MQL'": 2}}
