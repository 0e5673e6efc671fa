"""A week's digest is one's who reserves it first, whatever happens to them."""

import pytest

from convsync.store import digests
from convsync.store.database import Database
from tests.builders import NOW

WEEK = "2026-W09"


@pytest.mark.long
def test_a_week_is_reserved_once_until_it_is_given_back(
    database: Database, another: Database
) -> None:
    with database.transaction("reserve") as connection:
        assert digests.reserve(connection, WEEK, NOW)
    with another.transaction("reserve") as connection:
        assert not digests.reserve(connection, WEEK, NOW)
        assert digests.reserve(connection, "2026-W10", NOW)
        assert digests.kept(connection, WEEK) == (NOW, None)
        digests.release(connection, WEEK)
        assert digests.kept(connection, WEEK) is None
    with database.transaction("reserve") as connection:
        assert digests.reserve(connection, WEEK, NOW)
        digests.settle(connection, WEEK, NOW)
        assert digests.kept(connection, WEEK) == (NOW, NOW)
