"""Deals that stopped at a milestone, as the store finds them."""

from datetime import timedelta

import pytest

from convsync.model.deal import LOST, WON, Deal, Gone, Milestone
from convsync.model.period import Period
from convsync.model.rule import Agreement
from convsync.report.agreements import next_due_at
from convsync.store import breaches, deals
from convsync.store.database import Database
from tests.builders import NOW, a_deal, a_milestone
from tests.store.rows import save

DAY = timedelta(days=1)
REACHED = NOW - 10 * DAY
FOLLOWED_BY = ("sql", WON)
AGREEMENT = Agreement(
    milestone="mql",
    definition="Fits.",
    owner="marketing",
    next_within=7 * DAY,
    followed_by=frozenset(FOLLOWED_BY),
)


def deal(deal_id: str, *milestones: Milestone) -> Deal:
    return a_deal(deal_id=deal_id, milestones=milestones)


def stopped(database: Database, *, period: Period | None = None, days: float = 7) -> list[str]:
    before = NOW - days * DAY
    with database.reading() as connection:
        found = [
            stopped.deal_id
            for stopped in breaches.stopped_at(
                connection, "mql", followed_by=FOLLOWED_BY, before=before, period=period
            )
        ]
        counted = breaches.count_stopped_at(
            connection, "mql", followed_by=FOLLOWED_BY, before=before, period=period
        )
    assert counted == len(found)
    return found


@pytest.mark.parametrize(
    ("milestones", "is_stopped"),
    [
        pytest.param([a_milestone("mql", REACHED)], True, id="nothing after it"),
        pytest.param([a_milestone("mql", NOW - 6 * DAY)], False, id="not long ago"),
        pytest.param(
            [a_milestone("mql", REACHED), a_milestone("sql", NOW)], False, id="the next, late"
        ),
        pytest.param(
            [a_milestone("mql", REACHED), a_milestone(WON, REACHED - DAY)],
            False,
            id="a later one, entered with an earlier date",
        ),
        pytest.param([a_milestone("mql", REACHED), a_milestone(LOST, NOW)], False, id="lost"),
        pytest.param(
            [a_milestone("mql", REACHED), a_milestone("lead", NOW)], True, id="one before it"
        ),
        pytest.param([a_milestone("lead", REACHED)], False, id="never reached"),
    ],
)
def test_a_deal_has_stopped_where_nothing_follows_in_time(
    database: Database, milestones: list[Milestone], is_stopped: bool
) -> None:
    save(database, deal("D-1", *milestones))
    assert stopped(database) == (["D-1"] if is_stopped else [])
    due_at = next_due_at(AGREEMENT, deal("D-1", *milestones))
    assert is_stopped == (due_at is not None and due_at < NOW)


def test_a_deal_that_fell_back_has_stopped_and_one_that_withdrew_has_not(
    database: Database,
) -> None:
    mql, sql = a_milestone("mql", REACHED), a_milestone("sql", REACHED + DAY)
    save(database, deal("D-1", mql, sql), deal("D-2", mql))
    save(database, deal("D-1", mql), deal("D-2"))
    assert stopped(database) == ["D-1"]


def test_a_deal_that_is_gone_from_the_crm_has_not_stopped(database: Database) -> None:
    save(database, deal("D-1", a_milestone("mql", REACHED)))
    with database.transaction("gone") as connection:
        rows = deals.rows_of(connection, "crm", ["D-1"])
        deals.mark_gone(connection, rows, Gone.DELETED, NOW)
    assert stopped(database) == []


def test_the_oldest_comes_first_and_a_period_narrows_the_list(database: Database) -> None:
    for number, days in enumerate([9, 30, 20]):
        save(database, deal(f"D-{number}", a_milestone("mql", NOW - days * DAY)))
    assert stopped(database) == ["D-1", "D-2", "D-0"]
    since, until = NOW - 30 * DAY, NOW - 20 * DAY
    assert stopped(database, period=Period(since=since, until=until)) == ["D-1"]
