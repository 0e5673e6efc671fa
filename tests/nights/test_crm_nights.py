"""Whole nights over the sandbox's CRMs: three of a world in each, and what may go wrong in one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from convsync.sandbox.crm import book as crm
from convsync.sandbox.crm.server import Reply
from convsync.sandbox.crm.vendors import SERVERS, CrmOfVendor
from convsync.sandbox.world import World, amount_changed, deleted, lost
from tests.nights.company import PAGE_OF, Company

CREATED = datetime(2026, 2, 1, 8, tzinfo=UTC)
WON_AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
NIGHTS = [datetime(2026, 3, day, 2, tzinfo=UTC) for day in (3, 4, 5, 6)]
NOON = timedelta(hours=10)
DAILY_LIMIT = {"policyName": "DAILY", "errorType": "RATE_LIMIT"}


@pytest.fixture
def hubspot(company: Company) -> CrmOfVendor:
    return company.moves_to("hubspot")


def win(hubspot: CrmOfVendor, number: int, amount: int = 100, *, has_click: bool = True) -> str:
    """Put a won deal into the CRM, with a click ID of its own or none, and return its ID."""
    deal_id = hubspot.server.record_id("deal", number)
    hubspot.book.put(
        crm.Deal(
            deal_id=deal_id,
            created_at=CREATED,
            modified_at=WON_AT,
            entered=(("mql", CREATED), ("won", WON_AT)),
            amount=Decimal(amount),
            currency="EUR",
            fields={"gclid": f"G-{number}"} if has_click else {},
        )
    )
    return deal_id


@pytest.mark.long
@pytest.mark.parametrize("vendor", sorted(SERVERS))
def test_three_nights_of_a_world_end_with_every_deal_accounted_for(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    world = World(seed=20, deals=250, ends_at=NIGHTS[2], days=90)
    evening = NIGHTS[0] - timedelta(hours=7)
    office.feed.follow(world, evening)
    first = company.night(NIGHTS[0])
    quiet = company.night(NIGHTS[1])
    grown, cancelled, vanished = world.pick_won(evening, 3, within=timedelta(days=80))
    at = NIGHTS[1] + NOON
    changes = {
        grown.deal_id: amount_changed(at, Decimal("4711")),
        cancelled.deal_id: lost(at),
        vanished.deal_id: deleted(at),
    }
    office.feed.follow(world.with_changes(changes), NIGHTS[2] - timedelta(hours=7))
    third = company.night(NIGHTS[2])

    def worth(deal_id: str) -> float | None:
        return company.value(str(office.feed.id_of(deal_id)))

    assert [night.exit_code for night in (first, quiet, third)] == [0, 0, 0]
    assert first.uploaded.sent > 25
    assert quiet.uploaded.sent == 0
    assert [worth(one.deal_id) for one in (grown, cancelled, vanished)] == [4711, 0, 0]
    known = {row["deal_id"] for row in company.query("SELECT deal_id FROM deals")}
    shown = {deal.deal_id for deal in office.book.modified()} | {*office.book.departures}
    assert known == shown
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()


@pytest.mark.long
def test_a_daily_limit_in_the_middle_is_gone_on_from_by_the_next_night(
    company: Company, hubspot: CrmOfVendor
) -> None:
    deal_ids = [win(hubspot, number) for number in range(1, 1_451)]
    for number in range(35, 99):  # three look around, 26 read a thousand: it stops in the second
        hubspot.server.faults[number] = Reply(status=429, body=DAILY_LIMIT)
    first = company.night(NIGHTS[0])
    assert first.exit_code == 1
    assert any("DAILY" in problem for problem in first.problems)
    read = len(company.query("SELECT * FROM deals"))
    assert 0 < read < len(deal_ids)
    assert company.query("SELECT * FROM watermarks WHERE source = 'crm'") == []
    hubspot.server.faults.clear()
    hubspot.server.requests.clear()
    second = company.night(NIGHTS[1])
    assert second.exit_code == 0
    assert {one for one in deal_ids if company.counted(one)} == {*deal_ids}
    reads = hubspot.server.requests[r"POST /crm/objects/2026-09/(?P<records>[\w-]+)/batch/read"]
    assert reads <= (len(deal_ids) - read) // 50 + 2, "what was read is not read again"
    assert company.query("SELECT * FROM bookmarks") == []


@pytest.mark.long
def test_a_deleted_deal_is_taken_back_and_counts_again_once_restored(
    company: Company, hubspot: CrmOfVendor
) -> None:
    deal_id = win(hubspot, 1)
    company.night(NIGHTS[0])
    hubspot.book.delete(deal_id, NIGHTS[0] + NOON)
    company.night(NIGHTS[1], force=True)
    assert company.value(deal_id) == 0
    hubspot.book.restore(deal_id, NIGHTS[1] + NOON)
    company.night(NIGHTS[2])
    assert company.value(deal_id) == 100


def test_of_two_merged_deals_that_counted_the_earlier_stays_and_the_log_names_the_survivor(
    company: Company, hubspot: CrmOfVendor
) -> None:
    loser, survivor = win(hubspot, 1), win(hubspot, 2, amount=300)
    company.night(NIGHTS[0])
    new_id = hubspot.server.record_id("deal", 3)
    hubspot.book.merge(loser, survivor, NIGHTS[0] + NOON, new_id=new_id)
    company.night(NIGHTS[1], force=True)
    assert [company.value(one) for one in (loser, survivor, new_id)] == [300, 0, None]
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()
    told = company.query("SELECT deal_id, detail FROM audit_events WHERE event = 'deal_gone'")
    detail = f'{{"gone":"merged","survivor":"{new_id}"}}'
    assert {(row["deal_id"], row["detail"]) for row in told} == {
        (loser, detail),
        (survivor, detail),
    }


@pytest.mark.long
def test_a_sale_that_was_counted_stays_when_a_duplicate_is_merged_and_goes_when_it_is_undone(
    company: Company, hubspot: CrmOfVendor
) -> None:
    sale, duplicate = win(hubspot, 1), hubspot.server.record_id("deal", 2)
    company.night(NIGHTS[0])
    hubspot.book.put(
        crm.Deal(
            deal_id=duplicate,
            created_at=NIGHTS[0],
            modified_at=NIGHTS[0],
            entered=(("mql", NIGHTS[0]),),
        )
    )
    new_id = hubspot.server.record_id("deal", 3)
    hubspot.book.merge(duplicate, sale, NIGHTS[0] + NOON, new_id=new_id)
    company.night(NIGHTS[1], force=True)
    assert [company.value(one) for one in (sale, new_id)] == [100, None]
    reached = company.query(
        "SELECT reached_at FROM milestones JOIN deals ON deals.id = deal"
        " WHERE name = 'won' AND withdrawn_at IS NULL AND gone IS NULL"
    )
    assert [row["reached_at"] for row in reached] == [WON_AT.timestamp() * 10**6]
    hubspot.book.edit(new_id, NIGHTS[1] + NOON, amount=Decimal(250))
    company.night(NIGHTS[2], force=True)
    assert company.value(sale) == 250, "it is corrected under the order ID it went out with"
    hubspot.book.move(new_id, "sql", NIGHTS[2] + NOON)
    company.night(NIGHTS[3], force=True)
    assert company.value(sale) == 0
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()


def test_a_deal_that_came_and_went_between_two_nights_leaves_nothing(
    company: Company, hubspot: CrmOfVendor
) -> None:
    hubspot.book.delete(win(hubspot, 1), NIGHTS[0] - timedelta(hours=1))
    assert company.night(NIGHTS[0]).exit_code == 0
    assert company.query("SELECT * FROM deals") == []
    assert PAGE_OF["won"] not in company.sandbox.books.counted  # type: ignore[union-attr]


def test_a_click_id_that_reaches_the_contact_late_is_still_found(
    company: Company, hubspot: CrmOfVendor
) -> None:
    contact = hubspot.server.record_id("contact", 1)
    hubspot.book.put_person(crm.Person(person_id=contact, created_at=CREATED, modified_at=CREATED))
    deal_id = win(hubspot, 1)
    hubspot.book.put(
        crm.Deal(
            **{  # the same, known by its contact alone
                name: getattr(hubspot.book.deal(deal_id), name)
                for name in (
                    "deal_id",
                    "created_at",
                    "modified_at",
                    "entered",
                    "amount",
                    "currency",
                )
            },
            people=(contact,),
        )
    )
    company.night(NIGHTS[0])
    assert company.entry(deal_id).reason == "waiting_for_click"
    hubspot.book.edit_person(contact, NIGHTS[0] + NOON, gclid="Cj0KCQ-late")
    company.night(NIGHTS[1])
    assert company.entry(deal_id).click == "Cj0KCQ-late"


def test_a_contact_that_is_associated_later_brings_its_click_although_no_record_changed(
    company: Company, hubspot: CrmOfVendor
) -> None:
    deal_id = hubspot.server.record_id("deal", 1)
    hubspot.book.put(
        crm.Deal(
            deal_id=deal_id,
            created_at=CREATED,
            modified_at=WON_AT,
            entered=(("mql", CREATED), ("won", WON_AT)),
            amount=Decimal(100),
            currency="EUR",
        )
    )
    contact = hubspot.server.record_id("contact", 1)
    hubspot.book.put_person(
        crm.Person(
            person_id=contact,
            created_at=CREATED,
            modified_at=CREATED,
            fields={"gclid": "Cj0KCQ-known-for-long"},
        )
    )
    company.night(NIGHTS[0])
    assert company.entry(deal_id).reason == "waiting_for_click"
    hubspot.book.associate(deal_id, contact)
    company.night(NIGHTS[1])
    assert company.value(deal_id) == 100


@pytest.mark.long
def test_deals_that_wait_for_a_click_are_read_each_night_by_fifty_until_their_lookback_is_over(
    company: Company, hubspot: CrmOfVendor
) -> None:
    deal_ids = [win(hubspot, number, has_click=False) for number in range(1, 52)]
    batches = []
    in_time, over = WON_AT + timedelta(days=89), WON_AT + timedelta(days=91)
    for at in (NIGHTS[0], NIGHTS[1], in_time, over, over + timedelta(days=1)):
        hubspot.server.requests.clear()
        company.night(at)
        reads = hubspot.server.requests
        batches.append(reads.get(r"POST /crm/objects/2026-09/(?P<records>[\w-]+)/batch/read", 0))
    assert batches == [2, 2, 2, 2, 0]
    assert {company.entry(deal_id).reason for deal_id in deal_ids} == {"no_click"}


def test_a_period_reads_old_deals_and_leaves_the_watermark_alone(
    company: Company, hubspot: CrmOfVendor
) -> None:
    from convsync import pipeline
    from convsync.model.period import Period

    company.export()
    deal_id = win(hubspot, 1)
    period = Period(since=WON_AT - timedelta(days=1), until=WON_AT + timedelta(days=1))
    report = company.at(NIGHTS[0], lambda services: pipeline.backfill(services, period))
    assert report is not None
    assert report.uploaded.sent == 1
    assert company.value(deal_id) == 100
    assert company.query("SELECT * FROM watermarks WHERE source = 'crm'") == []


def sent_by(company: Company) -> set[str]:
    """Return the order IDs of what the ledger has sent."""
    found = company.query("SELECT order_id FROM ledger WHERE state IN ('accepted', 'confirmed')")
    return {f"cs-{row['order_id'].hex()}" for row in found}


@pytest.mark.long
@pytest.mark.parametrize("vendor", sorted(SERVERS))
def test_a_history_that_comes_late_corrects_the_time_and_counts_nothing_again(
    company: Company, vendor: str
) -> None:
    office = company.moves_to(vendor)
    world = World(seed=11, deals=60, ends_at=NIGHTS[0], days=60)
    office.feed.follow(world, NIGHTS[0] - timedelta(hours=7))
    office.book.telling = crm.Telling.LAGS
    first = company.night(NIGHTS[0])
    counted = sent_by(company)
    estimates = company.query("SELECT * FROM milestones WHERE is_estimated")
    assert (first.exit_code, bool(counted), bool(estimates)) == (0, True, True)
    office.book.telling = crm.Telling.ALL
    for deal in office.book.modified():
        office.book.edit(deal.deal_id, NIGHTS[0] + NOON)
    second = company.night(NIGHTS[1])
    assert second.exit_code == 0
    assert (
        company.query("SELECT * FROM milestones WHERE is_estimated AND withdrawn_at IS NULL") == []
    )
    assert sent_by(company) >= counted
    assert company.sandbox is not None
    books = company.sandbox.books.counted
    assert {order_id for page in books.values() for order_id in page} == sent_by(company)
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()


@pytest.mark.long
def test_what_counts_at_an_estimated_time_stays_and_is_said_to_be_wrong_once_that_is_known(
    company: Company, hubspot: CrmOfVendor
) -> None:
    office, deal_id = hubspot, win(hubspot, 1)
    office.book.telling = crm.Telling.LAGS
    company.night(NIGHTS[0])
    office.book.telling = crm.Telling.ALL
    was_won_at = WON_AT - timedelta(days=3)
    office.book.edit(deal_id, NIGHTS[0] + NOON, entered=(("mql", CREATED), ("won", was_won_at)))
    nights = [NIGHTS[0] + timedelta(days=day) for day in range(1, 9)]
    assert company.night(nights[0]).uploaded.sent == 0, "and its verdict came in"
    for night in nights[1:3]:
        assert company.night(night).uploaded.sent == 0
        entry = company.entry(deal_id)
        assert (entry.state, entry.code) == ("confirmed", "TIME_CANNOT_BE_CORRECTED")
    office.book.edit(deal_id, nights[2] + NOON, amount=Decimal(250))
    assert company.night(nights[3]).uploaded.sent == 1
    assert company.value(deal_id) == 250
    for night in nights[4:6]:
        assert company.night(night).uploaded.sent == 0
    assert company.entry(deal_id).code == "TIME_CANNOT_BE_CORRECTED"
    office.book.delete(deal_id, nights[5] + NOON)
    company.night(nights[6], force=True)
    assert company.value(deal_id) == 0
    assert company.sums(), "and they add up"
    assert company.audit_is_sound()


@pytest.mark.long
def test_a_stage_that_is_renamed_stops_no_night_and_moves_no_milestone(
    company: Company, hubspot: CrmOfVendor
) -> None:
    win(hubspot, 1)
    company.night(NIGHTS[0])
    before = company.query("SELECT name, reached_at FROM milestones")
    hubspot.book.stages = tuple(
        replace(stage, name=f"{stage.name} (new)") for stage in hubspot.book.stages
    )
    hubspot.book.edit("".join(one.deal_id for one in hubspot.book.modified()), NIGHTS[0] + NOON)
    second = company.night(NIGHTS[1])
    assert (second.exit_code, second.uploaded.sent) == (0, 0)
    assert [tuple(row) for row in company.query("SELECT name, reached_at FROM milestones")] == [
        tuple(row) for row in before
    ]
