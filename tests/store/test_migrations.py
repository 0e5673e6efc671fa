"""Migrations make, from nothing, exactly the tables of `store/schema/`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.dialects import postgresql

from convsync.errors import OperatorError
from convsync.model.ledger import State
from convsync.store import migrate
from convsync.store.database import Database
from convsync.store.schema import for_both_databases, metadata
from tests.store.rows import has_tables


def test_an_empty_database_says_that_it_has_no_tables(empty: Database) -> None:
    assert not has_tables(empty)
    assert migrate.current(empty) is None
    with pytest.raises(OperatorError, match=r"has no tables\. Run `convsync db upgrade`"):
        migrate.require_current(empty)


def test_an_upgrade_leads_from_nothing_to_the_newest_revision(empty: Database) -> None:
    migrate.upgrade(empty)
    assert has_tables(empty)
    assert migrate.current(empty) == migrate.newest()
    migrate.require_current(empty)


def test_what_an_upgrade_leads_to_is_what_alembic_takes_for_the_newest(empty: Database) -> None:
    migrate.upgrade(empty)
    with empty.reading() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == migrate.newest()


@pytest.mark.long
def test_a_second_upgrade_changes_nothing(empty: Database) -> None:
    migrate.upgrade(empty)
    before = described(empty)
    migrate.upgrade(empty)
    assert described(empty) == before


def test_two_upgrades_at_once_end_as_one(empty: Database, empty_url: str) -> None:
    with closing(Database(empty_url)) as twin, ThreadPoolExecutor(2) as threads:
        list(threads.map(migrate.upgrade, [empty, twin]))
    migrate.require_current(empty)


def test_alembic_finds_nothing_left_to_migrate(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, for_both_databases()) == []


@pytest.mark.long
def test_the_migrated_tables_are_those_of_the_schema_in_every_detail(
    database: Database, empty: Database
) -> None:
    with empty.transaction("make the schema") as connection:
        for_both_databases().create_all(connection)
    migrated, made = described(database), described(empty)
    migrated.pop("alembic_version")
    assert migrated == made
    assert {"checks", "uniques", "foreign", "indexes"} <= set(made["ledger"])
    (what_its_state_needs,) = made["ledger"]["checks"]
    assert all(f"{state}" in what_its_state_needs for state in State)


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.transaction("come from the future") as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(OperatorError, match="A newer convsync made it"):
        migrate.upgrade(database)
    with pytest.raises(OperatorError, match=f"at revision 9999, not {migrate.newest()}"):
        migrate.require_current(database)


def described(database: Database) -> dict[str, dict[str, Any]]:
    """Return everything a database knows of its own tables."""
    with database.reading() as connection:
        inspector = inspect(connection)
        return {
            table: {
                "columns": [_of_column(column) for column in inspector.get_columns(table)],
                "key": inspector.get_pk_constraint(table),
                "options": inspector.get_table_options(table),
                **{name: _sorted(ask, inspector, table) for name, ask in _LISTS.items()},
                "definitions": _definitions(connection, table),
            }
            for table in inspector.get_table_names()
        }


_LISTS: dict[str, Callable[[Inspector, str], Any]] = {
    "checks": Inspector.get_check_constraints,
    "uniques": Inspector.get_unique_constraints,
    "foreign": Inspector.get_foreign_keys,
    "indexes": Inspector.get_indexes,
}


def _of_column(column: Any) -> dict[str, Any]:
    return {**column, "type": str(column["type"])}


def _sorted(ask: Callable[[Inspector, str], Any], inspector: Inspector, table: str) -> list[str]:
    found = ask(inspector, table)
    return sorted(repr({**one, "dialect_options": None}) for one in found)  # `definitions` has them


def _definitions(connection: Connection, table: str) -> list[str]:
    """Return the indexes as the database itself writes them, with what they leave out."""
    asked = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE tablename = :name",
    }
    found = connection.execute(text(asked[connection.dialect.name]), {"name": table})
    return sorted(str(definition) for definition in found.scalars())


def test_no_name_is_a_reserved_word_of_postgresql() -> None:
    quote = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
    names = [
        name
        for table in metadata.tables.values()
        for name in (table.name, *(column.name for column in table.columns))
    ]
    assert [name for name in names if quote(name) != name] == []
