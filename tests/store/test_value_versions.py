"""Versions of learned values, on either database: as they were learned, and which one rules use."""

from dataclasses import replace
from datetime import timedelta

import pytest

from convsync.errors import ConvsyncError
from convsync.model.expected import ExpectedTable, Forecast, Measured
from convsync.model.rule import ExpectedValue, ShareOfAmount
from convsync.store import value_versions
from convsync.store.database import Connection, Database
from convsync.values.fitting import learn
from tests.builders import NOW, a_rule
from tests.worlds_to_learn import TERMS, history

DAY = timedelta(days=1)
FORECAST = Forecast(
    month="2026-02",
    milestone="mql",
    is_closed=True,
    leads=100,
    won=12,
    expected=Measured(10.5, 5.25, 15.75, 100),
    has_drifted=False,
    log_loss=0.3,
    of_one_rate=0.4,
)


@pytest.fixture(scope="module")
def table() -> ExpectedTable:
    found = learn(history(200, {"a": 0.3, "": 0.2}), TERMS, 500.0)
    assert found is not None
    return found


def kept(connection: Connection, table: ExpectedTable) -> int:
    return value_versions.keep(connection, table, [FORECAST], at=NOW, by="Ann")


def accept(connection: Connection, number: int, days: int, *, restates: bool = False) -> None:
    at = NOW + days * DAY
    value_versions.accept(connection, number, at=at, by="Ben", restates=restates)


def test_a_version_is_read_as_it_was_learned(database: Database, table: ExpectedTable) -> None:
    with database.transaction("keep") as connection:
        number = kept(connection, table)
        found = value_versions.version(connection, number)
        assert found is not None
        assert found.table == table
        assert found.forecasts == [FORECAST]
        assert (found.learned_at, found.learned_by) == (NOW, "Ann")
        assert (found.accepted_at, found.accepted_by, found.restates) == (None, None, False)


def test_rules_use_what_was_accepted_last_and_not_what_was_learned_last(
    database: Database, table: ExpectedTable
) -> None:
    with database.transaction("keep") as connection:
        first, second, _ = (kept(connection, table) for _ in range(3))
        assert value_versions.accepted(connection) is None
        accept(connection, second, 1)
        accept(connection, first, 2, restates=True)
        used = value_versions.accepted(connection)
        assert used is not None
        assert (used.number, used.accepted_by, used.restates) == (first, "Ben", True)


def test_only_rules_whose_value_is_learned_are_given_it(
    database: Database, table: ExpectedTable
) -> None:
    learned, other = replace(a_rule(), value=ExpectedValue()), a_rule()
    with database.transaction("keep") as connection:
        assert value_versions.in_rules(connection, [learned, other]) == [learned, other]
        accept(connection, kept(connection, table), 1)
        given, same = value_versions.in_rules(connection, [learned, other])
        assert isinstance(given.value, ExpectedValue)
        assert given.value.accepted is not None
        assert given.value.accepted.table == table
        assert isinstance(same.value, ShareOfAmount)


def test_nobody_accepts_a_version_without_a_name(database: Database, table: ExpectedTable) -> None:
    with database.transaction("keep") as connection:
        number = kept(connection, table)
    without_name = f"UPDATE value_versions SET accepted_at = 1 WHERE id = {number}"
    with (
        pytest.raises(ConvsyncError, match="refused a row"),
        database.transaction("accept") as connection,
    ):
        connection.exec_driver_sql(without_name)
