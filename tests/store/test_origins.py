"""Where deals began and what was sent for clicks, found alike on both databases."""

from datetime import date, timedelta
from decimal import Decimal

from convsync.model.ad_click import AdClick
from convsync.model.ad_spending import Place
from convsync.model.outcome import Confirmed
from convsync.store import ad_clicks, ad_costs, deals, origins
from convsync.store.origins import Known, Origins, Unknown
from tests.builders import CLICKED_AT, NOW, a_candidate, a_click, a_deal, a_match, usd
from tests.store.rows import (
    Passing,
    a_conversion_of,
    a_run,
    moved,
    plan,
    put_batch,
    reserve_step,
    save,
    settle_step,
)
from tests.store.test_ad_costs import a_cost
from tests.store.test_ad_costs import save as save_costs

ACCOUNT = "1234567890"
DAY = CLICKED_AT.date()


def know(passing: Passing, *gclids: str) -> None:
    """Let the ad account have told of clicks, each of a campaign of its own name."""
    told = [AdClick(gclid=one, clicked_on=DAY, campaign_id="17", campaign=one) for one in gclids]
    ad_clicks.save(passing.connection, ACCOUNT, DAY, told, NOW)


def place(campaign: str) -> Place:
    return Place(campaign_id="17", campaign=campaign)


def test_a_deal_began_with_its_credited_click_or_else_with_one_of_its_own(
    passing: Passing,
) -> None:
    both = (a_candidate(a_click("credited")), a_candidate(a_click("own")))
    save(
        passing,
        a_deal("D-1", clicks=both),
        a_deal("D-2", clicks=both[1:]),
        a_deal("D-3", clicks=(a_candidate(a_click("untold")),)),
        a_deal("D-4", clicks=()),
    )
    credited = a_conversion_of("D-1", matched=a_match(a_click("credited")))
    plan(passing.connection, a_run(passing.connection), {"D-1": credited})
    know(passing, "credited", "own")
    asked = Origins(passing.connection)
    assert [asked.of(row) for row in (1, 2, 3, 4)] == [
        place("credited"),
        place("own"),
        Unknown.NOT_TOLD,
        Unknown.NO_CLICK,
    ]


def test_a_deal_has_its_campaign_among_its_segments_and_its_crms_word_goes_first(
    passing: Passing,
) -> None:
    by_visitor = [
        a_candidate(a_click(name, clicked_at=CLICKED_AT + timedelta(days=days)))
        for name, days in (("later", 1), ("sooner", 0), ("untold", 2))
    ]
    own = (a_candidate(a_click("own")),)
    save(
        passing,
        a_deal("D-1", clicks=own),
        a_deal("D-2", clicks=own, segments={"campaign": "as typed"}),
        a_deal("D-3", clicks=()),
        a_deal("D-4", clicks=()),
        a_deal("D-5", clicks=tuple(by_visitor)),
    )
    know(passing, "own", "later", "sooner")
    chunk = deals.numbered(passing.connection, [1, 2, 3, 4])
    found = origins.with_origins(passing.connection, chunk, {3: by_visitor})
    names = [one.deal.segments.get("campaign") for one in found]
    assert names == ["own", "as typed", "later", None]


def test_what_was_sent_names_its_click_and_what_was_not_is_left_out(passing: Passing) -> None:
    clicks = [a_click("told"), a_click("untold"), a_click("waits")]
    names = [f"D-{number}" for number in (1, 2, 3)]
    save(
        passing,
        *(
            a_deal(name, clicks=(a_candidate(one),))
            for name, one in zip(names, clicks, strict=True)
        ),
    )
    run = a_run(passing.connection)
    planned = {
        name: a_conversion_of(name, value=usd("5.25"), matched=a_match(one))
        for name, one in zip(names, clicks, strict=True)
    }
    plan(passing.connection, run, planned)
    know(passing, "told")
    batch = put_batch(passing.connection, run)
    for row in (1, 2):
        moved(passing.connection, row, reserve_step(batch), settle_step(Confirmed()))
    found = list(origins.credited(passing.connection))
    assert [one.click for one in found] == [Known(place("told"), DAY), Unknown.NOT_TOLD]
    assert {(one.value, one.currency) for one in found} == {(Decimal("5.25"), "USD")}


def test_costs_are_added_up_under_the_name_of_the_last_day(passing: Passing) -> None:
    monday, tuesday = date(2026, 3, 2), date(2026, 3, 3)
    save_costs(passing, a_cost("1.50", campaign="Old"), a_cost("2", tuesday, campaign="New"))
    save_costs(passing, a_cost("7", campaign_id="99", campaign="Theirs"), account="0987654321")
    view = a_cost("0").view
    (one, other) = ad_costs.spent(passing.connection, view, monday, tuesday, by_day=False)
    assert (one.place.campaign, one.cost, one.clicks, one.day) == ("New", Decimal("3.50"), 2, None)
    assert other.place.campaign == "Theirs"
    by_day = ad_costs.spent(passing.connection, view, monday, monday, by_day=True)
    assert [(spent.day, spent.cost) for spent in by_day] == [
        (monday, Decimal("1.50")),
        (monday, Decimal(7)),
    ]
    (counted,) = {
        (one.action, one.conversions, one.value)
        for one in ad_costs.counted(passing.connection, monday, tuesday)
    }
    assert counted == ("Lead", 1.0, Decimal(20))


def test_a_day_is_known_when_every_account_was_asked(passing: Passing) -> None:
    monday, tuesday = date(2026, 3, 2), date(2026, 3, 3)
    save_costs(passing)
    assert ad_costs.days_known(passing.connection, monday, tuesday) == {monday, tuesday}
    save_costs(passing, account="0987654321", days=1)
    assert ad_costs.days_known(passing.connection, monday, tuesday) == {monday}
