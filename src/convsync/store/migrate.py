"""Numbered migrations, from every released version up: what `convsync db upgrade` runs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from convsync.errors import OperatorError
from convsync.store.database import Database

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the tables up to a revision, in one transaction."""
    try:
        with database.transaction("upgrade") as connection:
            make_tables(connection, revision)
    except CommandError as error:
        raise OperatorError(
            f"Database {database.name} is at a revision this version does not know. It was made by "
            "a newer convsync: install that one again."
        ) from error


def make_tables(connection: Connection, revision: str = "head") -> None:
    """Bring the tables up to a revision, within a transaction."""
    command.upgrade(_config(connection), revision)


def current(database: Database) -> str | None:
    """Return the revision of the tables, None where there are none."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the revision this version of convsync works with."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def require_current(database: Database) -> None:
    """Raise OperatorError where the tables are missing or of another version."""
    found, needed = current(database), newest()
    if found != needed:
        state = "has no tables" if found is None else f"is at revision {found}, not {needed}"
        raise OperatorError(f"Database {database.name} {state}. Run `convsync db upgrade`.")


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
