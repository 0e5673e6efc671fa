"""Keys that several deals have are those that a count of each key finds, on each database."""

from collections import Counter
from random import Random

import pytest

from convsync.store import dialect, repeated_keys
from convsync.store.schema import deal_keys
from tests.store.rows import Passing


def a_key(number: int, *, alike: bool = False) -> bytes:
    """Return a digest; those that are `alike` differ in nothing by which keys are told apart."""
    told_apart = bytes(4) if alike else number.to_bytes(4)
    return (
        bytes([number % 3])
        + number.to_bytes(7)
        + told_apart
        + bytes(3)
        + (b"\7" if alike else b"\1")
    )


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("alike", [False, True], ids=["different", "alike by chance"])
@pytest.mark.parametrize("deals", [0, 1, 40], ids=lambda deals: f"{deals} deals")
def test_keys_of_too_many_deals_are_found_and_whether_fewer_share_any(
    passing: Passing, deals: int, most: int, *, alike: bool
) -> None:
    for seed in range(5):
        random = Random(seed)
        held = sorted(
            {
                (deal, a_key(random.randrange(1 + random.randrange(60)), alike=alike))
                for deal in range(1, deals + 1)
                for _ in range(random.randrange(4))
            }
        )
        with passing.transaction("count") as connection:
            connection.execute(deal_keys.delete())
            dialect.insert_rows(connection, deal_keys, ("deal", "key"), held)
            found = repeated_keys.repeated(connection, most)
        counts = Counter(key for _, key in held)
        first = {key: deal for deal, key in reversed(held)}
        assert found.of_more == sorted(
            (key, times, first[key]) for key, times in counts.items() if times > most
        )
        assert found.is_any_of_fewer == any(1 < times <= most for times in counts.values())
        assert found.kinds == {key[0] for key, times in counts.items() if times > 1}


def test_where_more_look_repeated_than_chance_makes_some_are_taken_to_be(
    passing: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated_keys, "_MOST_BY_CHANCE", 2)
    held = [(deal, a_key(number)) for number in range(9) for deal in (1, 2)]
    with passing.transaction("count") as connection:
        dialect.insert_rows(connection, deal_keys, ("deal", "key"), sorted(held))
        assert tuple(repeated_keys.repeated(connection, 5)) == ([], True, {0, 1, 2})
