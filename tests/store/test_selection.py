"""Conversions by how they stand, on both databases: which, how many, worth how much."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from convsync.model.ledger import Side, State
from convsync.model.outcome import Confirmed, Reason, Rejected
from convsync.store import parts, selection
from convsync.store.database import Database
from convsync.store.selection import OfDeal, Selection, Sum
from tests.builders import WON_AT, a_deal, usd
from tests.store.rows import (
    Passing,
    a_conversion_of,
    a_run,
    give_up,
    moved,
    plan,
    put_batch,
    reserve_step,
    save,
    settle_step,
)

LONG_AGO = WON_AT - timedelta(days=30)


@pytest.fixture
def ledger(passing: Passing) -> Passing:
    """Five deals: confirmed, rejected, planned (long ago), not sent; one is not planned."""
    amounts = {"D-1": 100, "D-2": 200, "D-3": 300, "D-4": 400, "D-5": 500}
    segments = {"D-1": {"region": "north"}, "D-2": {"region": "it's south"}, "D-3": {"region": ""}}
    save(
        passing,
        *(
            a_deal(name, amount=Decimal(value), segments=segments.get(name))
            for name, value in amounts.items()
        ),
    )
    connection = passing.connection
    run = a_run(connection)
    conversions = {
        name: a_conversion_of(name, value=usd(value), milestone_at=at)
        for (name, value), at in zip(amounts.items(), (WON_AT, WON_AT, LONG_AGO), strict=False)
    }
    plan(connection, run, conversions)
    batch = put_batch(connection, run)
    moved(connection, 1, reserve_step(batch), settle_step(Confirmed()))
    moved(connection, 2, reserve_step(batch), settle_step(Rejected(code="EXPIRED")))
    give_up(connection, run, "D-4", Reason.NO_CLICK)
    return passing


SELECTED = [
    pytest.param({}, ["D-3", "D-1", "D-2", "D-4"], id="all, the longest ago first"),
    pytest.param({"state": Side.SENT}, ["D-1"], id="sent"),
    pytest.param({"state": Side.WAITING}, ["D-3"], id="waiting"),
    pytest.param({"state": Side.NOT_SENT}, ["D-2", "D-4"], id="not sent, refused among it"),
    pytest.param({"state": State.REJECTED}, ["D-2"], id="a state"),
    pytest.param({"reason": Reason.NO_CLICK}, ["D-4"], id="a reason"),
    pytest.param({"code": "EXPIRED"}, ["D-2"], id="a code"),
    pytest.param({"rule": "mql"}, [], id="another rule"),
    pytest.param({"source": "crm", "rule": "won"}, ["D-3", "D-1", "D-2", "D-4"], id="its source"),
    pytest.param({"until": LONG_AGO}, ["D-3"], id="long ago"),
    pytest.param({"of_deal": (OfDeal("region", "it's south"),)}, ["D-2"], id="a segment"),
    pytest.param(
        {"of_deal": (OfDeal("region", "north", is_not=True),)},
        ["D-3", "D-2", "D-4"],
        id="another segment, or none",
    ),
    pytest.param({"of_deal": (OfDeal("region", None),)}, ["D-3", "D-4"], id="not filled in"),
    pytest.param(
        {"of_deal": (OfDeal("region", None, is_not=True), OfDeal(None, "crm"))},
        ["D-1", "D-2"],
        id="filled in, of a source",
    ),
    pytest.param({"of_deal": (OfDeal(None, "crm", is_not=True),)}, [], id="of another source"),
    pytest.param({"is_covered": False}, ["D-4"], id="neither click nor person"),
    pytest.param({"is_covered": True}, ["D-3", "D-1", "D-2"], id="click or person"),
    pytest.param({"value_above": Decimal(200)}, ["D-3", "D-4"], id="worth more, by plan or deal"),
]


@pytest.mark.parametrize(("asked", "deal_ids"), SELECTED)
def test_conversions_are_selected_by_how_they_stand(
    ledger: Passing, asked: Mapping[str, Any], deal_ids: list[str]
) -> None:
    meant = Selection(**asked)
    found = list(selection.listed(ledger.connection, meant))
    assert [one.deal_id for one in found] == deal_ids
    added = selection.added_up(ledger.connection, meant)
    assert sum(one.conversions for one in added) == len(deal_ids)
    assert sum(one.value for one in added) == sum(one.value or 0 for one in found)
    assert len(found) <= selection.at_most(ledger.connection, meant)
    if not asked.keys() & {"until", "value_above", "of_deal", "is_covered"}:
        assert len(found) == selection.at_most(ledger.connection, meant)


def test_a_listing_may_end_early_and_the_sum_is_of_all(ledger: Passing) -> None:
    everything = Selection()
    assert len(list(selection.listed(ledger.connection, everything, limit=2))) == 2
    assert selection.added_up(ledger.connection, everything) == [
        Sum(currency="USD", conversions=4, value=Decimal("1000.00"))
    ]


def test_an_amount_of_a_deal_that_is_absurd_is_left_out_of_the_sum_and_counted(
    ledger: Passing,
) -> None:
    whole, *_ = selection.added_up(ledger.connection, Selection())
    (some,) = selection.added_up(ledger.connection, Selection(), absurd_above=Decimal("200"))
    assert some.conversions == whole.conversions == 4
    assert some.left_out > whole.left_out == 0
    assert some.value < whole.value


def test_names_are_found_by_a_part_in_any_case(ledger: Passing) -> None:
    assert parts.deal_ids(ledger.connection, "d-", 99) == ["D-1", "D-2", "D-3", "D-4", "D-5"]
    assert len(parts.deal_ids(ledger.connection, "d-", 2)) == 2
    assert parts.deal_ids(ledger.connection, "%", 9) == [], "no wildcard"
    assert len(parts.order_ids(ledger.connection, "CS-", 9)) == 3
    assert parts.order_ids(ledger.connection, "won", 9) == []
    assert parts.click_ids(ledger.connection, "Cj0", 9) == [], "nearly all begin so"


def test_a_part_of_a_click_is_found_where_it_was_planned(database: Database) -> None:
    save(database, a_deal("D-1"))
    with database.transaction("plan") as connection:
        conversion = a_conversion_of("D-1")
        plan(connection, a_run(connection), {"D-1": conversion})
        click_id = conversion.statement.click_id
        assert click_id is not None
        assert parts.click_ids(connection, click_id.value[2:10].upper(), 9) == [click_id.value]
