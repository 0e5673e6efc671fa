"""Numbered migrations, from every released version up: what `convsync db upgrade` runs.

Every command asks whether the tables are of its version, so that is read without Alembic, which
costs a fifth of a second and ten megabytes to import, and is wanted for an upgrade alone.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table

from convsync.errors import OperatorError
from convsync.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent / "migrations"
_VERSION = table("alembic_version", column("version_num"))


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the tables up to a revision, in one transaction."""
    from alembic.util import CommandError

    try:
        with database.transaction("upgrade") as connection:
            make_tables(connection, revision)
    except CommandError as error:
        raise OperatorError(
            f"Database {database.name} is at a revision this version does not know. A newer "
            "convsync made it: install that version again."
        ) from error


def make_tables(connection: Connection, revision: str = "head") -> None:
    """Bring the tables up to a revision, within a transaction."""
    from alembic import command

    command.upgrade(_config(connection), revision)


def current(database: Database) -> str | None:
    """Return the revision of the tables, None where there are none."""
    with database.reading() as connection:
        if not inspect(connection).has_table(_VERSION.name):
            return None
        return connection.execute(select(_VERSION.c.version_num)).scalar()


def newest() -> str:
    """Return the revision this version of convsync works with: files are named by their number."""
    files = (_FOLDER / "versions").glob("[0-9]*.py")
    return max(file.name.partition("_")[0] for file in files)


def require_current(database: Database) -> None:
    """Raise OperatorError where the tables are missing or of another version."""
    found, needed = current(database), newest()
    if found != needed:
        state = "has no tables" if found is None else f"is at revision {found}, not {needed}"
        raise OperatorError(f"Database {database.name} {state}. Run `convsync db upgrade`.")


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
