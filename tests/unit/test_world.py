import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import pytest

from convsync.sandbox.world import (
    Change,
    World,
    amount_changed,
    consent_withdrawn,
    deleted,
    lost,
    reopened,
)
from convsync.sandbox.world_campaigns import CAMPAIGNS, Campaign
from convsync.sandbox.world_csv import write_clicks_csv, write_deals_csv
from convsync.sandbox.world_deal import MILESTONES, WorldDeal
from convsync.sandbox.world_figures import (
    ABSURD_AMOUNT,
    AMOUNT,
    DAYS_TO_CLOSE,
    LEADS_BY_ORIGIN,
    PAID_SEARCH,
    WIN_RATE,
    Trail,
)

pytestmark = pytest.mark.long

NOW = datetime(2026, 3, 29, 11, 30, tzinfo=UTC)  # the day Berlin's clocks go forward
BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)


def a_world(**settings: Any) -> World:
    ordinary: dict[str, Any] = {"seed": 7, "deals": 2_000, "ends_at": NOW}
    return World(**ordinary | settings)


def a_busy_world() -> World:
    return a_world(deals=5_000, days=90)


def everyone(world: World) -> list[WorldDeal]:
    return [world.deal(index) for index in range(world.deals)]


@pytest.fixture(scope="module")
def deals() -> list[WorldDeal]:
    return everyone(a_world(deals=40_000))


@pytest.fixture(scope="module")
def won(deals: list[WorldDeal]) -> list[WorldDeal]:
    return [deal for deal in deals if deal.won_at and deal.won_at > deal.created_at]


def days_to_close(deal: WorldDeal) -> float:
    assert deal.won_at
    return (deal.won_at - deal.created_at) / DAY


def share(deals: Sequence[WorldDeal], wanted: Sequence[WorldDeal]) -> float:
    return len(wanted) / len(deals)


# Calibration ---------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", LEADS_BY_ORIGIN)
def test_an_origin_brings_as_many_leads_as_measured(origin: str, deals: list[WorldDeal]) -> None:
    of_origin = [deal for deal in deals if deal.origin == origin]
    expected = LEADS_BY_ORIGIN[origin] / 8_000
    assert share(deals, of_origin) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("origin", WIN_RATE)
def test_an_origin_wins_as_often_as_measured(origin: str, deals: list[WorldDeal]) -> None:
    of_origin = [deal for deal in deals if deal.origin == origin]
    wins = [deal for deal in of_origin if deal.won_at]
    assert share(of_origin, wins) == pytest.approx(WIN_RATE[origin], abs=0.025)


def test_the_campaign_of_the_cheapest_leads_sells_least(deals: list[WorldDeal]) -> None:
    by_campaign: dict[Campaign, list[WorldDeal]] = {campaign: [] for campaign in CAMPAIGNS.values}
    for deal in deals:
        if deal.placement:
            by_campaign[deal.placement.campaign].append(deal)
    win_rate = {
        one: share(of, [deal for deal in of if deal.won_at]) for one, of in by_campaign.items()
    }
    for campaign, rate in win_rate.items():
        assert rate == pytest.approx(campaign.win_rate, abs=0.03)
    a_lead = {one: one.clicks_a_lead * one.click_micros for one in win_rate}
    assert min(a_lead, key=a_lead.__getitem__) == min(win_rate, key=win_rate.__getitem__)
    assert max(a_lead, key=a_lead.__getitem__) == max(win_rate, key=win_rate.__getitem__)


def test_a_lead_in_ten_is_won(deals: list[WorldDeal], won: list[WorldDeal]) -> None:
    assert share(deals, won) == pytest.approx(0.105, abs=0.006)


@pytest.mark.parametrize("quantile", [0.10, 0.25, 0.50, 0.75, 0.90, 0.95])
def test_wins_take_as_long_as_measured(quantile: float, won: list[WorldDeal]) -> None:
    taken = sorted(map(days_to_close, won))
    expected = DAYS_TO_CLOSE[quantile]
    assert taken[int(quantile * len(taken))] == pytest.approx(expected, rel=0.15)
    assert taken[0] > 0.1
    assert taken[-1] <= 427.6


def test_about_eighteen_in_a_hundred_wins_come_after_ninety_days(won: list[WorldDeal]) -> None:
    late = [deal for deal in won if days_to_close(deal) > 90]
    assert share(won, late) == pytest.approx(0.179, abs=0.02)


def test_usual_amounts_are_spread_as_measured(deals: list[WorldDeal]) -> None:
    amounts = sorted(float(deal.amount) for deal in deals if deal.amount)
    usual = [amount for amount in amounts if amount < ABSURD_AMOUNT]
    assert usual[len(usual) // 2] == pytest.approx(1117, rel=0.25)  # steep there
    assert usual[len(usual) * 3 // 4] == pytest.approx(4430, rel=0.03)
    assert fmean(usual) == pytest.approx(2361, rel=0.05)
    assert usual[-1] <= AMOUNT.values[-1]


def test_blank_zero_and_absurd_amounts_all_occur(won: list[WorldDeal]) -> None:
    kinds = Counter(deal.amount for deal in won)
    assert 0.03 < kinds[None] / len(won) < 0.07
    assert 0.02 < kinds[Decimal(0)] / len(won) < 0.06
    assert 0 < kinds[Decimal(ABSURD_AMOUNT)] / len(won) < 0.01


def test_every_trail_occurs_and_most_clicks_are_on_the_deal(deals: list[WorldDeal]) -> None:
    trails = Counter(deal.trail for deal in deals if deal.origin == PAID_SEARCH)
    assert set(trails) == set(Trail) - {Trail.NO_AD}
    assert trails.most_common(1)[0][0] is Trail.DEAL


def test_gclids_have_the_lengths_of_real_ones(deals: list[WorldDeal]) -> None:
    lengths = {len(deal.ids.gclid) for deal in deals if deal.ids.gclid}
    assert lengths == {26, 55, 87, 88, 90, 91, 92}


def test_a_few_wins_are_dated_before_the_first_contact(deals: list[WorldDeal]) -> None:
    wins = [deal for deal in deals if deal.won_at]
    early = [deal for deal in wins if deal.won_at and deal.won_at < deal.created_at]
    assert 0 < share(wins, early) < 0.01


def test_a_few_clicks_reach_the_log_after_the_deal_was_qualified(deals: list[WorldDeal]) -> None:
    first = [(deal, deal.clicks[0]) for deal in deals if deal.clicks]
    late = [1 for deal, click in first if click.logged_at > (deal.sql_at or deal.created_at)]
    assert 0.03 < len(late) / len(first) < 0.09


# Determinism ---------------------------------------------------------------------------------


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_deals_csv(tmp_path / f"{name}-deals.csv", a_world(), NOW)
        write_clicks_csv(tmp_path / f"{name}-clicks.csv", a_world(), NOW)
    for kind in ("deals", "clicks"):
        one, other = (tmp_path / f"{name}-{kind}.csv" for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()


def test_a_deal_is_the_same_whatever_the_total_and_the_order() -> None:
    forwards = everyone(a_world(deals=50))
    assert [a_world(deals=9_999).deal(index) for index in reversed(range(50))] == forwards[::-1]


def test_another_seed_is_another_world() -> None:
    assert a_world(seed=8).deal(0) != a_world().deal(0)
    assert a_world(seed=8).deal(0).deal_id != a_world().deal(0).deal_id


def test_a_world_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        a_world(ends_at=NOW.replace(tzinfo=None))


# Ids -----------------------------------------------------------------------------------------


def test_deal_ids_are_unique_and_mixed_case(deals: list[WorldDeal]) -> None:
    ids = {deal.deal_id for deal in deals}
    assert len(ids) == len(deals)
    assert {len(deal_id) for deal_id in ids} == {18}
    mixed = [deal_id for deal_id in ids if deal_id not in (deal_id.lower(), deal_id.upper())]
    assert len(mixed) / len(ids) > 0.95


def test_an_id_in_another_case_is_another_id() -> None:
    ids = [a_world().deal(index).deal_id for index in range(30)]
    assert all(a_world().deal_as_of(deal_id.swapcase(), NOW) is None for deal_id in ids)


def test_a_deal_is_found_by_its_id() -> None:
    world = a_world()
    for deal in (world.deal(0), world.deal(1_999)):
        assert world.deal_as_of(deal.deal_id, NOW) == deal.as_of(NOW)


@pytest.mark.parametrize("deal_id", ["", "006", "0067Q00000zzzzzzzz", "0067Q00000€€€€€€€€"])
def test_an_id_of_no_deal_finds_nothing(deal_id: str) -> None:
    assert a_world().deal_as_of(deal_id, NOW) is None


def test_click_ids_are_the_same_on_the_deal_in_its_landing_page_and_in_the_log(
    deals: list[WorldDeal],
) -> None:
    on_deal = [deal for deal in deals if deal.trail is Trail.DEAL]
    for deal in on_deal:
        led = deal.clicks[0]
        assert led.ids == deal.ids or not led.ids
        assert led.landing_page == deal.landing_page
        for click_id in (deal.ids.gclid, deal.ids.gbraid, deal.ids.wbraid):
            assert click_id in deal.landing_page


@pytest.mark.parametrize(
    ("trail", "keys"),
    [
        (Trail.DEAL, {"visitor_id"}),
        (Trail.VISITOR, {"visitor_id"}),
        (Trail.EMAIL, {"email"}),
        (Trail.DEAL_ID, {"deal_id"}),
        (Trail.LANDING_PAGE, set()),
        (Trail.LOST, set()),
        (Trail.NO_AD, set()),
    ],
)
def test_a_trail_leads_back_by_its_own_key_alone(
    trail: Trail, keys: set[str], deals: list[WorldDeal]
) -> None:
    for deal in (deal for deal in deals if deal.trail is trail):
        assert bool(deal.clicks) == bool(keys)
        assert bool(deal.ids) == (trail is Trail.DEAL)
        for click in deal.clicks:
            known_as = {
                "visitor_id": click.visitor_id,
                "email": click.email,
                "deal_id": click.deal_id,
            }
            assert {key for key, value in known_as.items() if value} == keys
            on_deal = {
                "visitor_id": deal.visitor_id,
                "email": deal.email.strip().lower(),
                "deal_id": deal.deal_id,
            }
            assert all(on_deal[key] == known_as[key] for key in keys)


def test_phone_numbers_and_addresses_are_nobodys(deals: list[WorldDeal]) -> None:
    fictional = ("+493023125", "+121255501", "+442079460", "+331990")
    for deal in (deal for deal in deals[:2_000] if deal.phone):
        number = phonenumbers.parse(deal.phone, deal.country)
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert phonenumbers.is_valid_number(number)
        assert e164.startswith(fictional)
    domains = {deal.email.strip().lower().partition("@")[2] for deal in deals if deal.email}
    assert domains <= {"example.com", "example.org", "example.net", "mail.example.com"}


# Views ---------------------------------------------------------------------------------------


def test_first_contacts_fall_within_the_worlds_days(deals: list[WorldDeal]) -> None:
    created = sorted(deal.created_at for deal in deals)
    assert created[0] > NOW - 541 * DAY
    assert created[-1] <= NOW
    assert created[len(created) // 2] == pytest.approx(NOW - 270 * DAY, abs=10 * DAY)


def test_milestones_come_in_order(deals: list[WorldDeal]) -> None:
    for deal in deals:
        if deal.won_at and deal.won_at < deal.created_at:
            continue
        reached = filter(None, (deal.created_at, *(getattr(deal, name) for name in MILESTONES)))
        assert all(before <= after for before, after in pairwise(reached))


@pytest.mark.parametrize("ago", [0, 30, 400])
def test_a_view_knows_nothing_later_than_its_instant(ago: int) -> None:
    at = NOW - ago * DAY
    world = a_world()
    seen = list(world.deals_as_of(at))
    assert {deal.deal_id for deal in seen} == {
        deal.deal_id for deal in everyone(world) if deal.created_at <= at
    }
    for deal in seen:
        moments = (deal.created_at, deal.modified_at, *(getattr(deal, n) for n in MILESTONES))
        assert all(moment <= at for moment in moments if moment)
        assert deal.amount is None or deal.opportunity_at or deal.won_at
    assert all(click.clicked_at <= click.logged_at <= at for click in world.clicks_as_of(at))


def test_the_stage_follows_the_milestones() -> None:
    world = a_world()
    deal = next(deal for deal in everyone(world) if deal.won_at and deal.sql_at)
    assert deal.sql_at
    assert deal.opportunity_at
    assert deal.won_at
    moments = (deal.created_at, deal.sql_at, deal.opportunity_at, deal.won_at)
    views = [world.deal_as_of(deal.deal_id, moment) for moment in moments]
    assert [(view.stage, view.modified_at) for view in views if view] == list(
        zip(("MQL", "SQL", "Opportunity", "Closed Won"), moments, strict=True)
    )
    assert world.deal_as_of(deal.deal_id, deal.created_at - timedelta(seconds=1)) is None


# Changes -------------------------------------------------------------------------------------

TONIGHT = NOW - timedelta(hours=8)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        pytest.param(amount_changed(TONIGHT, Decimal(9)), "amount", Decimal(9), id="amount"),
        pytest.param(amount_changed(TONIGHT, None), "amount", None, id="amount emptied"),
        pytest.param(lost(TONIGHT), "stage", "Closed Lost", id="lost"),
        pytest.param(reopened(TONIGHT), "stage", "Opportunity", id="reopened"),
        pytest.param(consent_withdrawn(TONIGHT), "consent", "no", id="consent"),
    ],
)
def test_a_change_shows_from_its_instant_on(change: Change, field: str, value: object) -> None:
    world = a_busy_world()
    (deal,) = world.pick_won(TONIGHT, 1)
    changed = world.with_changes({deal.deal_id: change})
    assert changed.deal_as_of(deal.deal_id, TONIGHT - timedelta(seconds=1)) == deal
    after = changed.deal_as_of(deal.deal_id, NOW)
    assert after
    assert getattr(after, field) == value
    assert after.modified_at == TONIGHT
    others = [other for other in changed.deals_as_of(NOW) if other.deal_id != deal.deal_id]
    assert others == [d for d in world.deals_as_of(NOW) if d.deal_id != deal.deal_id]


def test_a_deleted_deal_is_gone_from_its_instant_on() -> None:
    world = a_busy_world()
    (deal,) = world.pick_won(TONIGHT, 1)
    changed = world.with_changes({deal.deal_id: deleted(TONIGHT)})
    assert changed.deal_as_of(deal.deal_id, TONIGHT - timedelta(seconds=1)) == deal
    assert deal.deal_id not in {left.deal_id for left in changed.deals_as_of(NOW)}


def test_changes_of_one_deal_apply_in_order_of_time() -> None:
    world = a_busy_world()
    (deal,) = world.pick_won(TONIGHT, 1)
    later = TONIGHT + timedelta(hours=1)
    changed = world.with_changes({deal.deal_id: amount_changed(later, Decimal(2))})
    changed = changed.with_changes({deal.deal_id: amount_changed(TONIGHT, Decimal(1))})
    views = [changed.deal_as_of(deal.deal_id, at) for at in (TONIGHT, later)]
    assert [view.amount for view in views if view] == [Decimal(1), Decimal(2)]


def test_deals_picked_as_won_are_ones_any_sound_set_up_has_reported() -> None:
    world = a_busy_world()
    picked = world.pick_won(NOW, 5)
    assert len({deal.deal_id for deal in picked}) == 5
    for deal in picked:
        assert deal.won_at
        assert NOW - 30 * DAY < deal.won_at <= NOW
        assert deal.ids
        assert deal.amount
        assert (deal.stage, deal.consent, deal.currency) == ("Closed Won", "yes", "EUR")
        assert deal.clicks[0].clicked_at < deal.won_at


def test_picking_more_deals_than_there_are_says_so() -> None:
    with pytest.raises(ValueError, match="only 0 deals"):
        a_world(deals=3).pick_won(NOW, 1)


# Files ---------------------------------------------------------------------------------------


def header_of(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_deals_file_has_the_crms_columns_and_local_times(tmp_path: Path) -> None:
    world = a_world()
    count = write_deals_csv(tmp_path / "deals.csv", world, NOW)
    rows = read(tmp_path / "deals.csv")
    assert len(rows) == count
    assert header_of(tmp_path / "deals.csv") == (
        "Deal ID,Created,Last modified,Stage,Origin,Region,Vertical,Deal type,Owner,Amount,"
        "Currency,GCLID,GBRAID,WBRAID,Landing page,E-mail,Phone,Country,Marketing consent,"
        "Visitor ID,MQL date,SQL date,Opportunity date,Won date,Lost date"
    )
    for row, deal in zip(rows, world.deals_as_of(NOW), strict=True):
        assert datetime.fromisoformat(row["Created"]).replace(tzinfo=BERLIN) == deal.created_at
        assert row["Won date"] == (f"{deal.won_at.astimezone(BERLIN):%F}" if deal.won_at else "")
        assert not row["Lost date"] or date.fromisoformat(row["Lost date"]) <= NOW.date()
        assert (row["GCLID"], row["E-mail"]) == (deal.ids.gclid, deal.email)
        assert row["Marketing consent"] in ("yes", "no", "")


def test_the_click_file_has_utc_times_and_one_key_a_row(tmp_path: Path) -> None:
    world = a_world()
    count = write_clicks_csv(tmp_path / "clicks.csv", world, NOW)
    rows = read(tmp_path / "clicks.csv")
    assert len(rows) == count > 0
    assert header_of(tmp_path / "clicks.csv") == (
        "Clicked at,Visitor ID,Landing page,GCLID,GBRAID,WBRAID,E-mail,Deal ID"
    )
    for row, click in zip(rows, world.clicks_as_of(NOW), strict=True):
        assert datetime.fromisoformat(row["Clicked at"]) == click.clicked_at
        assert row["Clicked at"].endswith("Z")
        assert sum(map(bool, (row["Visitor ID"], row["E-mail"], row["Deal ID"]))) == 1


def test_later_clicks_may_carry_an_id_seen_before(deals: list[WorldDeal]) -> None:
    seen: dict[str, set[datetime]] = defaultdict(set)
    for deal in deals:
        for click in deal.clicks:
            if click.ids.gclid:
                seen[click.ids.gclid].add(click.clicked_at)
    assert any(len(moments) > 1 for moments in seen.values())


# The worst case ------------------------------------------------------------------------------


def test_everything_matches_means_every_deal_has_a_fresh_gclid_and_consent() -> None:
    for deal in everyone(a_world(everything_matches=True)):
        assert deal.ids.gclid
        assert deal.consent == "yes"
        (click,) = deal.clicks
        assert click.ids == deal.ids
        assert click.logged_at == click.clicked_at
        assert timedelta() < deal.created_at - click.clicked_at <= timedelta(minutes=30)
