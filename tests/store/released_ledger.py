"""A ledger with data, kept as a released version left it, for the migrations that come after it.

    python -m tests.store.released_ledger

writes `tests/store/released/REVISION.json.gz` for the newest revision. It is run once, when a
version is released, and the file is never written again: a migration that is added later has to
bring that very ledger up. Rows are kept as the database keeps them, by the names that tables and
columns had then, so that a file is loaded without any table that the code has now.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, LargeBinary, MetaData, select

from convsync.sandbox.server import Sandbox
from convsync.store import dialect, migrate
from convsync.store.database import Database
from tests.nights.company import Company, folder_in_memory

FOLDER = Path(__file__).parent / "released"
Kept = Mapping[str, Sequence[Mapping[str, Any]]]
"""The rows of each table, by the names of their columns; bytes as hex behind `hex:`."""

_CLICKED, _WON = "2026-02-20T10:00Z", "2026-03-02T15:00Z"


def work_some_nights(company: Company) -> None:
    """Let there be a conversion in most states: told, restated, taken back, waiting, refused."""
    for deal in ("D-1", "D-2", "D-3"):
        company.has(deal, mql="2026-02-21T10:00Z", won=_WON, amount=100, gclid=f"G-{deal}")
        company.has(deal, clicked=_CLICKED, email=f"{deal}@example.org".lower())
    company.has("D-4", won=_WON, amount=100)
    company.has("D-5", won=_WON, amount=100, gclid="G-D-5", clicked=_CLICKED, consent="no")
    company.has("D-6", won="no day", amount=100, gclid="G-D-6", clicked=_CLICKED)
    company.clicked("G-LATE", "2026-02-25T10:00Z", visitor="V-1")
    company.night("2026-03-03T02:00Z")
    company.has("D-1", amount=150)
    company.has("D-2", lost="2026-03-03T15:00Z")
    company.has("D-4", visitor="V-1")
    company.night("2026-03-04T02:00Z")
    company.has("D-7", won="2026-03-04T15:00Z", amount=70, gclid="G-D-7", clicked=_CLICKED)
    company.night("2026-03-05T02:00Z")


def kept_rows(database: Database) -> Kept:
    """Return every row of a database, but the revision of its tables."""
    with database.reading() as connection:
        tables = _tables(connection)
        return {
            table.name: [
                {name: _written(value) for name, value in row.items()}
                for row in connection.execute(select(table)).mappings()
            ]
            for table in tables
        }


def load(kept: Kept, database: Database, revision: str) -> None:
    """Make the tables of a revision in an empty database, and put the rows into them."""
    migrate.upgrade(database, revision)
    with database.transaction("load") as connection:
        tables = _tables(connection)
        for table in tables:
            rows = [
                {name: _read(value, table.c[name].type) for name, value in row.items()}
                for row in kept.get(table.name, ())
            ]
            connection.execute(table.delete())
            if rows:
                connection.execute(table.insert(), rows)
        dialect.continue_numbering(connection, tables)


def read(revision: str) -> Kept:
    """Return the rows that were kept of a released revision."""
    with gzip.open(FOLDER / f"{revision}.json.gz", "rt", encoding="utf-8") as file:
        kept: Kept = json.load(file)
        return kept


def _tables(connection: Connection) -> list[Any]:
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _written(value: Any) -> Any:
    return f"hex:{value.hex()}" if isinstance(value, bytes | memoryview) else value


def _read(value: Any, kind: Any) -> Any:
    if isinstance(kind, LargeBinary) and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("hex:"))
    return bool(value) if isinstance(kind, Boolean) and value is not None else value


def main() -> None:
    """Write the ledger of the newest revision."""
    with (
        Sandbox() as sandbox,
        folder_in_memory() as folder,
        closing(Company.founded(folder, sandbox)) as company,
    ):
        work_some_nights(company)
        kept = kept_rows(company.database)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{migrate.newest()}.json.gz"
    path.write_bytes(gzip.compress(json.dumps(kept, indent=1).encode(), mtime=0))


if __name__ == "__main__":
    main()
