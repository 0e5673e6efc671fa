"""What holds in any world of people, devices, shared keys, merges and late clicks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.deal import Deal
from convsync.model.key import Key, KeyKind
from convsync.model.outcome import Matched
from convsync.store import persons
from convsync.store.database import Database
from tests.store.people import (
    BEGAN,
    DAY,
    RULE,
    Answers,
    Arrival,
    Ledger,
    World,
    a_world,
    merged,
)
from tests.store.rows import rolled_back

worlds = st.integers(0, 2**32).map(lambda seed: a_world(Random(seed)))
orders = st.randoms(use_true_random=False)
any_worlds = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def a_ledger(database: Database) -> Iterator[Ledger]:
    with rolled_back(database) as connection:
        yield Ledger(connection)


def in_nights(random: Random, arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """Yield arrivals in some order, some of them a night."""
    left = [*arrivals]
    random.shuffle(left)
    while left:
        count = random.randint(1, 4)
        yield left[:count]
        left = left[count:]


def decided(database: Database, nights: Sequence[Sequence[Arrival]]) -> Answers:
    with a_ledger(database) as ledger:
        for night in nights:
            ledger.night(night)
        assert ledger.answers == ledger.fresh(), "nothing was left undue that would change"
        return ledger.answers


@any_worlds
@given(worlds)
def test_no_conversion_takes_another_persons_click_or_one_out_of_its_time(
    shared: Database, world: World
) -> None:
    answers = decided(shared, [world.arrivals])
    sold = {one.deal_id: one for one in world.arrivals if isinstance(one, Deal)}
    for deal_id, answer in answers.items():
        if isinstance(answer, Matched) and answer.click is not None:
            assert world.owner_of_click[answer.click.click_id] == world.owner_of_deal[deal_id]
            (won,) = sold[deal_id].milestones
            assert answer.clicked_at is not None
            assert won.reached_at - RULE.lookback <= answer.clicked_at <= won.reached_at


@any_worlds
@given(worlds)
def test_no_click_that_led_to_a_sale_is_taken_by_a_deal_made_after_it(
    shared: Database, world: World
) -> None:
    with a_ledger(shared) as ledger:
        ledger.night(world.arrivals)
        sold = {one.deal_id: one for one in world.arrivals if isinstance(one, Deal)}
        for deal_id, answer in ledger.answers.items():
            if not isinstance(answer, Matched):
                continue
            row = next(row for row, one in _rows(ledger).items() if one == deal_id)
            kin = persons.members_with(ledger.connection, [row]).get(row, set())
            for other in kin - {row}:
                earlier = sold[_rows(ledger)[other]]
                (won,) = earlier.milestones
                made_at = sold[deal_id].created_at
                assert made_at is not None
                if won.reached_at <= made_at:
                    assert answer.clicked_at is not None
                    assert answer.clicked_at > won.reached_at


@any_worlds
@given(worlds, orders)
def test_the_order_of_arrival_changes_nothing(
    shared: Database, world: World, random: Random
) -> None:
    at_once = decided(shared, [world.arrivals])
    assert decided(shared, [*in_nights(random, world.arrivals)]) == at_once


@any_worlds
@given(worlds, orders)
def test_keys_gone_through_in_their_order_join_whom_news_joins(
    shared: Database, world: World, random: Random
) -> None:
    few = decided(shared, [*in_nights(random, world.arrivals)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(persons, "MANY", 0)
        assert decided(shared, [*in_nights(random, world.arrivals)]) == few


@any_worlds
@given(worlds, orders, st.integers(-60, 160))
def test_an_unrelated_click_changes_nothing(
    shared: Database, world: World, random: Random, day: int
) -> None:
    unrelated = Sighting(
        click_ids=(ClickId(ClickIdKind.GCLID, "of somebody else"),),
        seen_at=BEGAN + day * DAY,
        keys=(Key(KeyKind.VISITOR, "somebody else"), Key(KeyKind.EMAIL, "somebody else")),
    )
    with_it = [*in_nights(random, [*world.arrivals, unrelated])]
    assert decided(shared, with_it) == decided(shared, [world.arrivals])


@any_worlds
@given(worlds, orders)
def test_undoing_a_merge_restores_the_former_answers(
    shared: Database, world: World, random: Random
) -> None:
    sold = [one for one in world.arrivals if isinstance(one, Deal)]
    if len(sold) < 2:
        return
    one, other = random.sample(sold, 2)
    with a_ledger(shared) as ledger:
        for night in in_nights(random, world.arrivals):
            ledger.night(night)
        before = dict(ledger.answers)
        members = persons.members_with(ledger.connection, _rows(ledger))
        ledger.night([merged(one, other)])
        assert ledger.answers == ledger.fresh()
        ledger.night([one])
        assert ledger.answers == before
        assert persons.members_with(ledger.connection, _rows(ledger)) == members


def _rows(ledger: Ledger) -> dict[int, str]:
    from sqlalchemy import select

    from convsync.store.schema import deals

    return {
        row: deal_id
        for row, deal_id in ledger.connection.execute(select(deals.c.id, deals.c.deal_id))
    }
