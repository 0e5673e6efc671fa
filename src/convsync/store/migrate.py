"""Numbered migrations, from every released version up: what `convsync db upgrade` runs.

Every command asks whether the tables are those of this version. Alembic takes a tenth of a second
to import and is not needed for that: the table it keeps has one row, and a migration's file begins
with its revision.
"""

from pathlib import Path

from sqlalchemy import inspect, text

from convsync.errors import OperatorError
from convsync.store.database import Database

_FOLDER = Path(__file__).parent / "migrations"
_KEPT_BY_ALEMBIC = "alembic_version"


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the tables up to a revision, in one transaction."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    try:
        with database.transaction("upgrade") as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except CommandError as error:
        raise OperatorError(
            f"Database {database.name} is at a revision this version does not know. It was made by "
            "a newer convsync: install that one again."
        ) from error


def current(database: Database) -> str | None:
    """Return the revision of the tables, None where there are none."""
    with database.reading() as connection:
        if not inspect(connection).has_table(_KEPT_BY_ALEMBIC):
            return None
        return connection.execute(text(f"SELECT version_num FROM {_KEPT_BY_ALEMBIC}")).scalar()  # noqa: S608


def newest() -> str:
    """Return the revision this version of convsync works with."""
    return max(file.name.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*_*.py"))


def require_current(database: Database) -> None:
    """Raise OperatorError where the tables are missing or of another version."""
    found, needed = current(database), newest()
    if found != needed:
        state = "has no tables" if found is None else f"is at revision {found}, not {needed}"
        raise OperatorError(f"Database {database.name} {state}. Run `convsync db upgrade`.")
