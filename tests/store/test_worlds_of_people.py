"""What holds in any world of people, devices, shared keys, merges and late clicks."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.deal import Deal
from convsync.model.key import Key, KeyKind
from convsync.model.outcome import Matched
from convsync.store import all_keys, crowded_keys, deals, kin, persons, reach
from convsync.store.database import Database
from tests.fakes.new_ledger import new_ledger
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
any_worlds = settings(max_examples=max(3, settings().max_examples // 10))
"""Each is several nights on a database: 3 worlds in the suite, 300 in `make soak`."""


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An SQLite ledger with nothing in it; that PostgreSQL finds the same, `test_persons` says."""
    folder = tmp_path_factory.mktemp("people")
    new_ledger(folder / "people.db")
    with closing(Database(f"sqlite:///{folder / 'people.db'}")) as database:
        yield database


@contextmanager
def a_ledger(database: Database) -> Iterator[Ledger]:
    with rolled_back(database) as connection:
        yield Ledger(connection)


def customers(ledger: Ledger) -> dict[str, set[str]]:
    """The other deals of each deal's customer, where there are any."""
    names = {one.row: one.deal.deal_id for one in deals.numbered(ledger.connection, range(1, 99))}
    return {
        names[row]: {names[other] for other in members - {row}}
        for row, members in persons.members_with(ledger.connection, names).items()
    }


def in_nights(random: Random, arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """Yield arrivals in some order, some of them a night."""
    left = [*arrivals]
    random.shuffle(left)
    while left:
        count = random.randint(2, 7)
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
    ledgers: Database, world: World
) -> None:
    answers = decided(ledgers, [world.arrivals])
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
    ledgers: Database, world: World
) -> None:
    sold = {one.deal_id: one for one in world.arrivals if isinstance(one, Deal)}
    with a_ledger(ledgers) as ledger:
        ledger.night(world.arrivals)
        for deal_id, others in customers(ledger).items():
            answer, made_at = ledger.answers[deal_id], sold[deal_id].created_at
            assert made_at is not None
            won = [sold[other].milestones[0].reached_at for other in others]
            if isinstance(answer, Matched) and answer.clicked_at is not None:
                assert not [at for at in won if answer.clicked_at <= at <= made_at]


@any_worlds
@given(worlds, orders)
def test_the_order_of_arrival_changes_nothing(
    ledgers: Database, world: World, random: Random
) -> None:
    at_once = decided(ledgers, [world.arrivals])
    assert decided(ledgers, [*in_nights(random, world.arrivals)]) == at_once


@pytest.mark.long
@any_worlds
@given(worlds, orders)
def test_keys_gone_through_in_their_order_join_whom_news_joins(
    ledgers: Database, world: World, random: Random
) -> None:
    few = decided(ledgers, [*in_nights(random, world.arrivals)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(persons, "MANY", 0)
        patch.setattr(persons, "AT_ONCE", 2)
        assert decided(ledgers, [*in_nights(random, world.arrivals)]) == few


@any_worlds
@given(worlds, orders)
def test_the_order_changes_nothing_where_keys_join_too_many(
    ledgers: Database, world: World, random: Random
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(persons, "MOST_DEALS", 2)
        for module in (all_keys, crowded_keys, kin, reach):
            patch.setattr(module, "MOST_CLICKS", 2)
        at_once = decided(ledgers, [world.arrivals])
        assert decided(ledgers, [*in_nights(random, world.arrivals)]) == at_once


@any_worlds
@given(worlds, orders, st.integers(-60, 160))
def test_an_unrelated_click_changes_nothing(
    ledgers: Database, world: World, random: Random, day: int
) -> None:
    unrelated = Sighting(
        click_ids=(ClickId(ClickIdKind.GCLID, "of somebody else"),),
        seen_at=BEGAN + day * DAY,
        keys=(Key(KeyKind.VISITOR, "somebody else"), Key(KeyKind.EMAIL, "somebody else")),
    )
    with_it = [*in_nights(random, [*world.arrivals, unrelated])]
    assert decided(ledgers, with_it) == decided(ledgers, [world.arrivals])


@any_worlds
@given(worlds, orders)
def test_undoing_a_merge_restores_the_former_answers(
    ledgers: Database, world: World, random: Random
) -> None:
    sold = [one for one in world.arrivals if isinstance(one, Deal)]
    if len(sold) < 2:
        return
    one, other = random.sample(sold, 2)
    with a_ledger(ledgers) as ledger:
        for night in in_nights(random, world.arrivals):
            ledger.night(night)
        before = dict(ledger.answers)
        were = customers(ledger)
        ledger.night([merged(one, other)])
        assert ledger.answers == ledger.fresh()
        ledger.night([one])
        assert ledger.answers == before
        assert customers(ledger) == were
