"""What waits together is written together, and nobody is told of a write that did not happen."""

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest

from convsync.collect.group_commit import FullError, GroupCommit
from convsync.collect.reports import report_in
from convsync.errors import OperatorError, TransientError
from convsync.model.collected import Report
from tests.collect.browser_reports import a_report, body_of
from tests.collect.serving import NOON


def a_report_of(number: int) -> Report:
    body = body_of(a_report(number))
    return report_in(body, site="website", country=None, received_at=NOON)


def test_reports_that_come_while_one_is_written_share_the_next_commit() -> None:
    batches: list[int] = []
    may_go_on = Event()

    def save(reports: Sequence[Report]) -> None:
        batches.append(len(reports))
        assert may_go_on.wait(60)

    async def ten_at_once() -> None:
        commits = GroupCommit(save)
        running = asyncio.create_task(commits.run())
        first = asyncio.create_task(commits.write(a_report_of(1)))
        while not batches:
            await asyncio.sleep(0)
        others = [asyncio.create_task(commits.write(a_report_of(n))) for n in range(2, 11)]
        await asyncio.sleep(0)
        assert not first.done()
        may_go_on.set()
        await asyncio.gather(first, *others)
        running.cancel()

    asyncio.run(ten_at_once())
    assert batches == [1, 9]


def test_a_busy_database_is_tried_again() -> None:
    tries: list[int] = []

    def save(reports: Sequence[Report]) -> None:
        tries.append(len(reports))
        if len(tries) < 3:
            raise TransientError("busy")

    asyncio.run(written_by(GroupCommit(save, pause_s=0)))
    assert tries == [1, 1, 1]


@pytest.mark.parametrize("error", [TransientError("busy"), OperatorError("no table")])
def test_a_write_that_fails_is_not_answered_as_done(error: Exception) -> None:
    def save(_: Sequence[Report]) -> None:
        raise error

    with pytest.raises(type(error)):
        asyncio.run(written_by(GroupCommit(save, tries=2, pause_s=0)))


def test_a_report_is_turned_away_if_too_many_wait() -> None:
    async def one_too_many() -> None:
        commits = GroupCommit(lambda _: None, most_waiting=1)
        waiting = asyncio.create_task(commits.write(a_report_of(1)))
        await asyncio.sleep(0)
        with pytest.raises(FullError):
            await commits.write(a_report_of(2))
        await commits.finish()
        await waiting

    asyncio.run(one_too_many())


async def written_by(commits: GroupCommit) -> None:
    running = asyncio.create_task(commits.run())
    try:
        await commits.write(a_report_of(1))
    finally:
        running.cancel()
