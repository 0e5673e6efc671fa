"""What is usual among new deals is planned as if each had been weighed by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from convsync.model.click import Candidate, ClickIdKind, MatchBasis
from convsync.model.deal import Deal, EarlierSale
from convsync.model.each import told_apart
from convsync.model.ledger import record_of
from convsync.model.outcome import Reason
from convsync.model.period import Period
from convsync.model.rule import ClickPolicy, ConversionRule
from convsync.model.seal import sealed
from convsync.model.takes import Takes
from convsync.plan import PlanSummary
from convsync.reconcile import MANY, Reconciled, reconcile_chunk
from convsync.store import new_entries
from convsync.store.deals import StoredDeal
from convsync.store.entry_row import ALL_COLUMNS, row_of
from tests.builders import (
    ACTION,
    WON_AT,
    a_candidate,
    a_click,
    a_deal,
    a_milestone,
    a_rule,
)
from tests.unit.test_core_properties import all_candidates, deals, nights, rules

NOW = WON_AT + timedelta(days=1)
PLAIN = [a_deal(f"P-{number}", clicks=(a_candidate(),)) for number in range(MANY)]
TAKES = Takes(
    click_ids=frozenset({ClickIdKind.GCLID, ClickIdKind.WBRAID}), counts_within=timedelta(days=80)
)
BY_DEFAULT = {
    **dict.fromkeys(("told_value", "told_currency", "reason", "code", "due_at", "batch_id")),
    "is_unsure": False,
}
"""What a new entry cannot have yet is left to its column."""
periods = st.none() | st.just(Period(since=WON_AT, until=WON_AT + timedelta(seconds=1)))


def reconciled(
    found: Sequence[Deal],
    clicks: Mapping[int, Sequence[Candidate]],
    by: Sequence[ConversionRule],
    *,
    are_new: bool,
    now: datetime = NOW,
    takes: Takes | None = None,
    within: Period | None = None,
) -> Reconciled:
    """A chunk of deals that the ledger has nothing of; those that are not new go the long way."""
    return reconcile_chunk(
        [StoredDeal(row, deal, is_new=are_new) for row, deal in enumerate(found, 1)],
        by,
        clicks,
        {},
        now=now,
        run_id=7,
        next_number=11,
        within=within,
        takes=None if takes is None else {ACTION.destination: takes},
    )


def rows_in(done: Reconciled) -> dict[int, dict[str, Any]]:
    """What would stand in each column of the ledger, by the number of the entry."""
    rows = {
        move.after.number: dict(zip(ALL_COLUMNS[1:], row_of(move.after), strict=True))
        for move in done.moves
    }
    for planned in done.planned:
        alike, own = new_entries.columns_of([planned])
        same = {name: one.value for name, one in alike.items()}
        for values in zip(*own.values(), strict=True):
            row = {**BY_DEFAULT, **same, **dict(zip(own, values, strict=True))}
            rows[row.pop("id")] = row
    return rows


def events_in(done: Reconciled, seal: bytes = b"s") -> dict[int, tuple[Any, ...]]:
    """What the audit log would say of each entry, sealed, by its number."""
    said: dict[int, tuple[Any, ...]] = {}
    for move in done.moves:
        detail = sealed(move.event.detail, move.event.order_id, seal)
        who = move.event.source, move.event.deal_row, move.event.deal_id, move.event.order_id
        said[detail["entry"]] = (move.event.kind, *who, detail)
    for planned in done.planned:
        event = planned.event
        for one in told_apart(sealed(event.detail, event.order_id, seal)):
            who = event.source, one.deal, one.deal_id, one.order_id
            said[one.detail["entry"]] = (event.kind, *who, one.detail)
    return said


def summary_of(done: Reconciled) -> PlanSummary:
    summary = PlanSummary(is_compared=True)
    for item in done.items:
        summary.add(item)
    for planned in done.planned:
        summary.add_new(planned.columns)
    return summary


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(deals, all_candidates), min_size=1, max_size=3),
    rules,
    nights,
    st.sampled_from([None, TAKES]),
    periods,
)
def test_what_is_planned_together_is_what_each_deal_alone_would_have_planned(
    odd: list[tuple[Deal, list[Candidate]]],
    rule: ConversionRule,
    now: datetime,
    takes: Takes | None,
    within: Period | None,
) -> None:
    named = [structs.replace(deal, deal_id=f"O-{at}") for at, (deal, _) in enumerate(odd)]
    clicks = {row: found for row, (_, found) in enumerate(odd, 1)}
    by = [rule, replace(rule, name="again")]
    world: dict[str, Any] = {"now": now, "takes": takes, "within": within}
    together = reconciled([*named, *PLAIN], clicks, by, are_new=True, **world)
    apart = reconciled([*named, *PLAIN], clicks, by, are_new=False, **world)
    assert not apart.planned
    assert rows_in(together) == rows_in(apart)
    assert events_in(together) == events_in(apart)
    assert summary_of(together) == summary_of(apart)
    assert together.look_again == apart.look_again


def test_a_chunk_of_usual_deals_is_planned_by_one_event_for_each_rule() -> None:
    by = [a_rule(), a_rule("won-again")]
    done = reconciled(PLAIN, {}, by, are_new=True)
    assert not done.moves
    assert [planned.event.detail["rule"] for planned in done.planned] == ["won", "won-again"]
    assert [len(planned) for planned in done.planned] == [MANY, MANY]


def test_a_few_new_deals_are_planned_by_an_event_each() -> None:
    done = reconciled(PLAIN[1:], {}, [a_rule()], are_new=True)
    assert not done.planned
    assert len(done.moves) == MANY - 1


def test_a_click_that_the_deal_carries_and_the_log_knows_is_one_click() -> None:
    carried = a_candidate(a_click(clicked_at=None))
    logged = a_candidate(a_click())
    found = [structs.replace(deal, clicks=(carried,)) for deal in PLAIN]
    done = reconciled(
        found, {row: [logged] for row in range(1, MANY + 1)}, [a_rule()], are_new=True
    )
    assert len(done.planned) == 1
    assert not done.moves


@pytest.mark.parametrize("policy", list(ClickPolicy))
def test_several_clicks_that_all_count_are_usual_and_the_policy_picks_one(
    policy: ClickPolicy,
) -> None:
    seen = [WON_AT - timedelta(days=days) for days in (4, 1, 9)]
    several = [Candidate(a_click(at.isoformat(), clicked_at=at), MatchBasis.VISITOR) for at in seen]
    found = [structs.replace(deal, clicks=()) for deal in PLAIN]
    rule = a_rule(click_policy=policy)
    done = reconciled(found, dict.fromkeys(range(1, MANY + 1), several), [rule], are_new=True)
    expected = max(seen) if policy is ClickPolicy.LAST else min(seen)
    assert not done.moves
    assert {*done.planned[0].columns.clicked_at} == {expected}


def test_a_click_that_led_to_an_earlier_sale_is_never_usual() -> None:
    sale = EarlierSale(deal_id="D-0", won_at=WON_AT, click_ids=frozenset())
    found = [
        structs.replace(deal, clicks=(Candidate(a_click(), MatchBasis.CONTACT),), earlier_sale=sale)
        for deal in PLAIN
    ]
    done = reconciled(found, {}, [a_rule()], are_new=True)
    assert not done.planned
    assert {move.after.reason for move in done.moves} == {Reason.CLICK_OF_EARLIER_SALE}


def test_an_event_of_many_says_of_each_what_its_record_holds() -> None:
    bare_day = a_milestone(is_whole_day=True)
    found = [*PLAIN, a_deal("D-9", clicks=(a_candidate(),), milestones=(bare_day,), amount="7.25")]
    (planned,) = reconciled(found, {}, [a_rule()], are_new=True).planned
    alone = reconciled(found, {}, [a_rule()], are_new=False).moves
    for move, one in zip(alone, told_apart(planned.event.detail), strict=True):
        said = {name: value for name, value in one.detail.items() if name != "step"}
        assert said == record_of(move.after)
