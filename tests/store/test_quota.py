"""Requests are counted by the database, whoever makes them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from convsync.store import quota
from convsync.store.database import Database
from tests.builders import NOW

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NONE = timedelta(0)


def take(
    database: Database,
    at: datetime,
    *,
    project: str = "p-1",
    per_minute: int | None = None,
    per_day: int | None = None,
) -> timedelta:
    with database.transaction("take") as connection:
        return quota.take(connection, project, per_minute=per_minute, per_day=per_day, now=at)


def test_a_request_beyond_the_minutes_quota_waits_until_the_first_is_a_minute_old(
    database: Database,
) -> None:
    for second in range(3):
        assert take(database, NOW + second * SECOND, per_minute=3) == NONE
    assert take(database, NOW + 3 * SECOND, per_minute=3) == 57 * SECOND
    assert take(database, NOW + 59 * SECOND, per_minute=3) == SECOND
    assert take(database, NOW + MINUTE, per_minute=3) == NONE
    assert take(database, NOW + MINUTE, per_minute=3) == SECOND


def test_a_request_that_waits_is_not_counted(database: Database) -> None:
    assert take(database, NOW, per_minute=1) == NONE
    for second in range(1, 60):
        assert take(database, NOW + second * SECOND, per_minute=1) == MINUTE - second * SECOND
    assert take(database, NOW + MINUTE, per_minute=1) == NONE


@pytest.mark.parametrize(
    ("after", "wait"),
    [
        pytest.param(2 * MINUTE, DAY - 2 * MINUTE, id="the minute is long over"),
        pytest.param(DAY - timedelta(microseconds=1), timedelta(microseconds=1), id="nearly"),
        pytest.param(DAY, NONE, id="a day later"),
    ],
)
def test_a_day_is_any_24_hours(database: Database, after: timedelta, wait: timedelta) -> None:
    for second in range(2):
        assert take(database, NOW + second * SECOND, per_minute=9, per_day=2) == NONE
    assert take(database, NOW + after, per_minute=9, per_day=2) == wait


def test_a_lowered_quota_waits_until_enough_requests_are_old(database: Database) -> None:
    for second in range(5):
        take(database, NOW + second * SECOND, per_minute=5)
    assert take(database, NOW + 5 * SECOND, per_minute=2) == MINUTE + 3 * SECOND - 5 * SECOND


def test_projects_do_not_share_a_quota_and_without_one_nothing_waits(database: Database) -> None:
    assert take(database, NOW, per_minute=1) == NONE
    assert take(database, NOW, project="p-2", per_minute=1) == NONE
    assert take(database, NOW) == NONE
    assert take(database, NOW, per_minute=1) > NONE


def test_two_processes_on_one_database_keep_to_the_quota_together(
    database: Database, another: Database
) -> None:
    def many(of: Database) -> int:
        return sum(take(of, NOW, per_minute=10) == NONE for _ in range(10))

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(many, [database, another])) == 10
