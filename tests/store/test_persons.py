"""Which deals are one customer's, as kept on each database, and what leads from one to another."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis, Sighting
from convsync.model.consent import ConsentStatus, Purpose, Said
from convsync.model.deal import Deal
from convsync.model.key import Key, KeyKind
from convsync.model.outcome import Matched, NotSent, Reason
from convsync.store import consents, crowded_keys, crowds, deals, persons, schema
from convsync.store.crowds import Crowd
from convsync.store.reach import MOST_CLICKS
from tests.builders import WON_AT, a_deal, a_milestone
from tests.store.people import DAY, RULE, Arrival, Ledger, a_world
from tests.store.rows import Passing

LAPTOP = Key(KeyKind.VISITOR, "laptop")
EMAIL = Key(KeyKind.EMAIL, "ada")
PHONE = Key(KeyKind.PHONE, "mobile")
BOUGHT_BEFORE = WON_AT - 20 * DAY


@pytest.fixture
def ledger(passing: Passing) -> Ledger:
    return Ledger(passing.connection)


def a_sale(deal_id: str, *keys: Key, won_at: datetime = WON_AT, on_contact: str = "") -> Deal:
    """A deal that was made two days before it was won; the CRM has a click ID on its contact."""
    click = Click(click_id=ClickId(ClickIdKind.GCLID, on_contact), clicked_at=None)
    return a_deal(
        deal_id,
        created_at=won_at - 2 * DAY,
        milestones=(a_milestone(reached_at=won_at),),
        keys=keys,
        clicks=(Candidate(click, MatchBasis.CONTACT),) if on_contact else (),
    )


def a_sighting(name: str, *keys: Key, days_before: float = 5) -> Sighting:
    click_id = ClickId(ClickIdKind.GCLID, name)
    return Sighting(click_ids=(click_id,), seen_at=WON_AT - days_before * DAY, keys=keys)


def found_by(ledger: Ledger, deal_id: str = "D-1") -> tuple[str, MatchBasis] | Reason:
    """Return the click that a deal is credited to and how it was found, or why it has none."""
    answer = ledger.answers[deal_id]
    if isinstance(answer, Matched):
        assert answer.click is not None
        return answer.click.click_id.value, answer.basis
    return answer.reason


LANDED = a_sighting("landed", LAPTOP)
FORM_LONG_AGO = a_sighting("form", LAPTOP, EMAIL, days_before=40)
BOUGHT = a_sale("D-1", EMAIL)
ORDERS = [
    pytest.param([[LANDED, FORM_LONG_AGO, BOUGHT]], id="at once"),
    pytest.param([[BOUGHT], [FORM_LONG_AGO], [LANDED]], id="the click last"),
    pytest.param([[BOUGHT], [LANDED], [FORM_LONG_AGO]], id="what joins them last"),
    pytest.param([[LANDED], [BOUGHT], [FORM_LONG_AGO]], id="the deal between"),
]


@pytest.mark.parametrize("nights", ORDERS)
def test_a_form_leads_from_the_email_of_a_deal_to_other_clicks_of_the_device(
    ledger: Ledger, nights: Sequence[Sequence[Arrival]]
) -> None:
    for night in nights:
        ledger.night(night)
    assert found_by(ledger) == ("landed", MatchBasis.PERSON)


def test_a_deal_is_credited_to_the_click_of_another_deal_of_its_customer(ledger: Ledger) -> None:
    ledger.night([a_sighting("hers", EMAIL), a_sale("D-1", PHONE), a_sale("D-2", PHONE, EMAIL)])
    assert found_by(ledger, "D-1") == ("hers", MatchBasis.PERSON)
    assert found_by(ledger, "D-2") == ("hers", MatchBasis.EMAIL)


def test_a_returning_customer_needs_a_new_click_unless_the_rule_reuses_them(
    ledger: Ledger,
) -> None:
    before = a_sale("D-1", EMAIL, won_at=BOUGHT_BEFORE)
    ledger.night([before, a_sale("D-2", EMAIL), a_sighting("first", EMAIL, days_before=23)])
    assert found_by(ledger, "D-1") == ("first", MatchBasis.EMAIL)
    assert found_by(ledger, "D-2") is Reason.CLICK_OF_EARLIER_SALE
    reusing = replace(ledger, rule=replace(RULE, reuses_clicks=True))
    assert isinstance(reusing.fresh()["D-2"], Matched)
    ledger.night([a_sighting("second", EMAIL, days_before=15)])
    assert found_by(ledger, "D-2") == ("second", MatchBasis.EMAIL)


def test_a_click_id_left_on_a_contact_is_the_earlier_sales(ledger: Ledger) -> None:
    contact = Key(KeyKind.CRM, "contact-1")
    before = a_sale("D-1", contact, won_at=BOUGHT_BEFORE, on_contact="left")
    ledger.night([before, a_sale("D-2", contact, on_contact="left")])
    assert found_by(ledger, "D-1") == ("left", MatchBasis.CONTACT)
    assert ledger.answers["D-2"] == NotSent(reason=Reason.CLICK_OF_EARLIER_SALE)


def test_an_earlier_sale_that_is_withdrawn_gives_its_click_back(ledger: Ledger) -> None:
    before = a_sale("D-1", EMAIL, won_at=BOUGHT_BEFORE)
    ledger.night([before, a_sale("D-2", EMAIL), a_sighting("first", EMAIL, days_before=23)])
    ledger.night([a_sale("D-1", EMAIL, won_at=WON_AT)])
    assert found_by(ledger, "D-2") == ("first", MatchBasis.EMAIL)
    ledger.night([before])
    assert found_by(ledger, "D-2") is Reason.CLICK_OF_EARLIER_SALE


def test_a_merge_is_recorded_and_so_is_that_it_was_undone(ledger: Ledger) -> None:
    ledger.night([a_sale("D-1", EMAIL), a_sale("D-2", PHONE), a_sighting("hers", EMAIL)])
    assert found_by(ledger, "D-2") is Reason.NO_CLICK
    ledger.night([a_sale("D-2", PHONE, EMAIL)])
    assert found_by(ledger, "D-2") == ("hers", MatchBasis.EMAIL)
    assert persons.members_with(ledger.connection, [1]) == {1: {1, 2}}
    ledger.night([a_sale("D-2", PHONE)])
    assert found_by(ledger, "D-2") is Reason.NO_CLICK
    assert persons.members_with(ledger.connection, [1, 2]) == {}
    night = timedelta(days=1)
    spans = [
        (row, until - since)
        for row, since, until in persons.history(ledger.connection, [1, 2])
        if until
    ]
    assert spans == [(1, night), (2, night)]


def test_a_key_of_too_many_clicks_leads_nowhere(ledger: Ledger) -> None:
    kiosk = [a_sighting(f"visit {number}", LAPTOP) for number in range(MOST_CLICKS)]
    ledger.night([FORM_LONG_AGO, BOUGHT, *kiosk])
    assert found_by(ledger) is Reason.CLICK_OUTSIDE_LOOKBACK


def test_a_key_of_too_many_clicks_finds_none_and_is_listed_until_it_is_allowed(
    ledger: Ledger,
) -> None:
    visits = [a_sighting(f"visit {number}", LAPTOP) for number in range(MOST_CLICKS - 1)]
    form = a_sighting("form", LAPTOP, EMAIL, days_before=8)
    ledger.night([*visits, form, a_sale("D-1", LAPTOP), a_sale("D-2", EMAIL)])
    assert found_by(ledger, "D-1") == ("visit 0", MatchBasis.VISITOR)
    assert found_by(ledger, "D-2") == ("form", MatchBasis.EMAIL)
    assert crowded_keys.listed(ledger.connection) == []

    ledger.night([a_sighting("one too many", LAPTOP)])
    assert found_by(ledger, "D-1") is Reason.NO_CLICK
    assert found_by(ledger, "D-2") == ("form", MatchBasis.EMAIL)
    assert persons.members_with(ledger.connection, [1]) == {}
    (listed,) = crowded_keys.listed(ledger.connection)
    assert (listed.clicks, listed.example) == (MOST_CLICKS + 1, "visit 0")
    assert crowded_keys.of_deal(ledger.connection, 1) == [listed]
    assert crowded_keys.of_deal(ledger.connection, 2) == []

    ledger.shared = replace(ledger.shared, allowed=frozenset({LAPTOP.digest()}))
    ledger.night([])
    assert crowded_keys.listed(ledger.connection) == []
    assert found_by(ledger, "D-1") == ("one too many", MatchBasis.VISITOR)


@pytest.mark.parametrize("many", [persons.MANY, 0], ids=["by what is new", "by all keys"])
def test_a_crowd_is_listed_grows_with_new_deals_and_dissolves_with_its_keys(
    ledger: Ledger, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "MANY", many)
    monkeypatch.setattr(persons, "AT_ONCE", 2)  # so that a customer is one across portions
    monkeypatch.setattr(persons, "MOST_DEALS", 2)
    bridge = a_sale("D-2", EMAIL, PHONE)
    ledger.night([a_sale("D-1", EMAIL), bridge, a_sighting("hers", EMAIL)])
    assert persons.members_with(ledger.connection, [1]) == {1: {1, 2}}
    ledger.night([a_sale("D-3", PHONE, LAPTOP)])
    assert crowds.listed(ledger.connection) == [Crowd(deals=3, example="D-1")]
    assert persons.members_with(ledger.connection, [1, 2, 3]) == {}
    assert found_by(ledger, "D-3") is Reason.NO_CLICK

    ledger.night([a_sale("D-4", LAPTOP)])
    assert crowds.of_deal(ledger.connection, 4) == Crowd(deals=4, example="D-1")
    assert persons.members_with(ledger.connection, [3, 4]) == {}
    assert [row for row, _, _ in persons.history(ledger.connection, [1, 2, 3, 4])] == [1, 2]

    ledger.night([a_sale("D-2", EMAIL)])
    assert crowds.listed(ledger.connection) == []
    assert persons.members_with(ledger.connection, [1, 3]) == {1: {1, 2}, 3: {3, 4}}
    assert crowds.of_deal(ledger.connection, 1) is None


def test_nobody_is_joined_where_no_click_could_be_found_by_it(ledger: Ledger) -> None:
    ledger.night([a_sale("D-1", EMAIL), a_sale("D-2", EMAIL), a_sighting("of nobody")])
    kept = select(func.count()).select_from(schema.persons)
    assert ledger.connection.execute(kept).scalar_one() == 0
    ledger.night([a_sighting("hers", EMAIL)])
    assert ledger.connection.execute(kept).scalar_one() == 2


def test_a_forgotten_person_is_linked_to_no_other_deals(ledger: Ledger) -> None:
    ledger.night([a_sale("D-1", EMAIL), a_sale("D-2", EMAIL), a_sighting("hers", EMAIL)])
    persons.forget(ledger.connection, [1])
    assert persons.history(ledger.connection, [1]) == []
    assert persons.members_with(ledger.connection, [2]) == {2: {2}}


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        pytest.param([], set(), id="each its own customer's"),
        pytest.param([a_sighting("hers", LAPTOP, EMAIL)], {1, 2}, id="one click has both keys"),
        pytest.param(
            [a_sighting("landed", LAPTOP, PHONE), a_sighting("form", PHONE, EMAIL)],
            {1, 2},
            id="one click leads on to another",
        ),
    ],
)
def test_going_through_all_keys_finds_what_joins_deals_without_a_key_in_common(
    ledger: Ledger,
    arrivals: Sequence[Arrival],
    expected: set[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(persons, "MANY", 0)
    ledger.night([a_sale("D-1", LAPTOP), a_sale("D-2", EMAIL), a_sighting("other", PHONE)])
    ledger.night([*arrivals, a_sale("D-3")])
    members = persons.members_with(ledger.connection, [1])
    assert members == ({1: expected} if expected else {})


def test_a_click_that_one_deal_carries_and_another_finds_joins_them_among_all_keys(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "MANY", 0)
    carrying = a_sale("D-1", on_contact="hers")
    ledger.night([carrying, a_sale("D-2", LAPTOP), a_sighting("hers", LAPTOP)])
    assert persons.members_with(ledger.connection, [1]) == {1: {1, 2}}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("many", [persons.MANY, 0], ids=["by what is new", "by all keys"])
def test_a_world_that_comes_bit_by_bit_is_decided_as_if_it_came_at_once(
    ledger: Ledger, seed: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "MANY", many)
    monkeypatch.setattr(persons, "AT_ONCE", 2)
    arrivals = a_world(Random(seed)).arrivals
    for start in range(0, len(arrivals), 4):
        ledger.night(arrivals[start : start + 4])
    assert ledger.answers == ledger.fresh()
    in_pieces = dict(ledger.answers)
    deals.look_at_all_again(ledger.connection, WON_AT)
    ledger.night([])
    assert ledger.answers == in_pieces


@pytest.mark.parametrize(
    ("refused", "again"),
    [
        pytest.param(LAPTOP, set(), id="nobody who is there"),
        pytest.param(EMAIL, {"D-1", "D-2"}, id="the customer"),
    ],
)
def test_new_deals_with_one_click_are_looked_at_again_where_their_customer_refused(
    ledger: Ledger, refused: Key, again: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "MANY", 0)
    said = Said(
        purpose=Purpose.AD_USER_DATA,
        status=ConsentStatus.DENIED,
        said_at=WON_AT,
        source="site",
        record="visitor",
    )
    consents.add_of_site(ledger.connection, [(refused.digest(), said)])
    ledger.night([a_sale("D-1", PHONE, EMAIL), a_sale("D-2", PHONE), a_sighting("hers", PHONE)])
    assert ledger.again == again
    assert found_by(ledger, "D-2") == ("hers", MatchBasis.PHONE)


@pytest.mark.parametrize("by_origin", [False, True], ids=["by clicks alone", "by origin too"])
def test_all_keys_make_due_whom_something_new_joins_and_whom_plans_depend_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, by_origin: bool
) -> None:
    monkeypatch.setattr(persons, "MANY", 0)
    ledger.by_origin = by_origin
    ledger.night([a_sale("D-1", PHONE), a_sale("D-2", PHONE), a_sighting("hers", PHONE)])
    assert ledger.again == ({"D-1", "D-2"} if by_origin else set())
    ledger.night([a_sale("D-3", EMAIL), a_sale("D-4", EMAIL), a_sighting("his", EMAIL)])
    assert ledger.again == ({"D-3", "D-4"} if by_origin else set())
    ledger.night([a_sale("D-5", PHONE)])
    assert ledger.again == {"D-1", "D-2", "D-5"}
