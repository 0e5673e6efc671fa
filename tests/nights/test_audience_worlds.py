"""Nights nobody thought of, with kills, faults and withdrawals: lists still equal conditions."""

from random import Random

import pytest

from convsync.sandbox.server import Sandbox
from tests.nights.audience_world import TABLES, AudienceWorld
from tests.nights.audiences import keep_audiences
from tests.nights.company import Company


def live_through(company: Company, sandbox: Sandbox, seed: int, nights: int) -> None:
    """Let so many nights pass; after each, every list must hold exactly whom it should."""
    keep_audiences(company, TABLES)
    world = AudienceWorld(company=company, sandbox=sandbox, random=Random(seed))
    for _ in range(nights):
        world.pass_a_day()
        world.night()
        held, expected = world.held(), world.expected()
        assert held == expected, f"seed {seed}, night {world.number}"


@pytest.mark.long
def test_lists_equal_their_conditions_after_each_of_a_few_nights(
    company: Company, sandbox: Sandbox
) -> None:
    live_through(company, sandbox, seed=1, nights=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_lists_equal_their_conditions_after_each_of_thirty_nights(
    company: Company, sandbox: Sandbox, seed: int
) -> None:
    live_through(company, sandbox, seed, nights=30)
