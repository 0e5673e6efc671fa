"""The index on order IDs is done without while a first night plans, and there before it sends."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal

import pytest
from sqlalchemy import Connection, func, inspect, select

from convsync import pipeline
from convsync.errors import ConvsyncError
from convsync.reading import chunks
from convsync.running.services import Services
from convsync.store import order_index
from convsync.store.database import Database, ignore_step
from convsync.store.schema import ORDER_IDS, batches, ledger
from tests.builders import NOW, a_deal
from tests.nights.company import Company
from tests.store.rows import a_ledger_row, a_run, put, save

VALUE = {"value": Decimal(100), "told_value": Decimal(100)}
NIGHT = "2026-03-04T02:00Z"


class StoppedHereError(BaseException):
    """Stands for the end of a process."""


class Steps:
    """A session of transactions without a run."""

    run_id, now = 1, NOW

    def __init__(self, database: Database) -> None:
        self._database = database

    def transaction(self, step: str) -> AbstractContextManager[Connection]:
        return self._database.transaction(step)

    def step(self, name: str) -> None:
        pass


def has_index(database: Database) -> bool:
    with database.reading() as connection:
        return inspect(connection).has_index("ledger", str(ORDER_IDS.name))


@pytest.fixture
def two_deals(database: Database) -> Database:
    save(database, a_deal("D-1"), a_deal("D-2"))
    with database.transaction("run") as connection:
        a_run(connection)
    return database


def put_same_order(database: Database) -> None:
    with database.transaction("two") as connection:
        for number in (1, 2):
            put(connection, ledger, **a_ledger_row(id=number, deal=number, **VALUE))


def test_an_empty_ledger_is_filled_without_it(two_deals: Database) -> None:
    with order_index.set_aside(two_deals, Steps(two_deals)):
        assert not has_index(two_deals)
    assert has_index(two_deals)


def test_two_rows_of_one_order_are_refused_where_it_is_made(two_deals: Database) -> None:
    session = Steps(two_deals)
    with pytest.raises(ConvsyncError, match="refused a row"):  # noqa: SIM117
        with order_index.set_aside(two_deals, session):
            put_same_order(two_deals)
    for _ in range(2):
        with pytest.raises(ConvsyncError, match="refused a row"):
            order_index.ensure(two_deals, session)


def test_a_ledger_with_rows_keeps_its_index_on_order_ids(two_deals: Database) -> None:
    with two_deals.transaction("one") as connection:
        put(connection, ledger, **a_ledger_row(id=1, deal=1, **VALUE))
    with order_index.set_aside(two_deals, Steps(two_deals)):
        assert has_index(two_deals)


def test_a_ledger_that_somebody_reads_keeps_its_index_on_order_ids(
    two_deals: Database, another: Database
) -> None:
    if two_deals.engine.dialect.name == "sqlite":
        pytest.skip("a reader of SQLite keeps nobody from changing a table")
    with another.reading() as connection:
        connection.execute(ledger.select()).all()
        with order_index.set_aside(two_deals, Steps(two_deals)):
            assert has_index(two_deals)


@pytest.mark.long
@pytest.mark.parametrize("then", [pipeline.run, pipeline.resend])
@pytest.mark.parametrize(
    "step",
    [
        "set aside order IDs: committed",
        "store deals: committed",
        "index order IDs: before commit",
        "index order IDs: committed",
    ],
)
def test_a_first_night_that_was_stopped_sends_each_deal_once_and_with_the_index(
    company: Company, monkeypatch: pytest.MonkeyPatch, step: str, then: Callable[[Services], object]
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2)
    for name in ("a", "b", "c"):
        company.has(
            name,
            won="2026-03-02T15:00Z",
            amount=100,
            gclid=f"G-{name}",
            clicked="2026-02-20T10:00Z",
        )
    company.export()

    def stop(now: str) -> None:
        if now == step:
            raise StoppedHereError

    company.on_step = stop
    with pytest.raises(StoppedHereError):
        company.night(NIGHT)
    company.on_step = ignore_step
    company.close_ledger()
    had_index = has_index(company.database)
    assert had_index == (step == "index order IDs: committed")
    company.at(NIGHT, then)
    company.night(NIGHT)
    assert has_index(company.database)
    assert company.audit_is_sound()
    assert [company.value(name) for name in "abc"] == [100, 100, 100]
    with company.database.reading() as connection:
        assert connection.execute(select(func.sum(batches.c.rows))).scalar() == 3
