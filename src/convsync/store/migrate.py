"""Numbered migrations, from every released version up: what `convsync db upgrade` runs.

Alembic is loaded by an upgrade alone. Every command asks which revision the tables have and which
it needs, and would wait for Alembic a fifth of the time that it takes to start.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table

from convsync.errors import OperatorError
from convsync.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the tables up to a revision, in one transaction."""
    from alembic import command
    from alembic.util import CommandError

    try:
        with database.transaction("upgrade") as connection:
            command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise OperatorError(
            f"Database {database.name} is at a revision this version does not know. It was made by "
            "a newer convsync: install that one again."
        ) from error


def current(database: Database) -> str | None:
    """Return the revision of the tables, None where there are none."""
    with database.reading() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(select(column("version_num")).select_from(_VERSION)).scalar()


_VERSION = table("alembic_version")


def newest() -> str | None:
    """Return the revision this version of convsync works with: the last migration's number."""
    names = (path.name for path in (_FOLDER / "versions").glob("[0-9]*_*.py"))
    return max((name.partition("_")[0] for name in names), default=None)


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
