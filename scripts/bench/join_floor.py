"""The least that the big join needs: csv, sqlite3 and hashlib, on two tables of its own.

    python -m scripts.bench.join_floor FOLDER DEALS_CSV CLICKS_CSV

Every click once, and its keys in an index; every deal with the last click that one of its keys
leads to. Nothing is read twice, nothing is kept of the deals but the click. Prints its CPU seconds.
"""

import csv
import hashlib
import resource
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

_TABLES = """
    CREATE TABLE click (number INTEGER PRIMARY KEY, gclid TEXT, at TEXT);
    CREATE TABLE click_key (key BLOB, click INTEGER, PRIMARY KEY (key, click)) WITHOUT ROWID;
    CREATE TABLE deal (deal_id TEXT PRIMARY KEY, click INTEGER);
"""
_CHUNK = 5_000
_FOUND = """
    SELECT click.number FROM click_key JOIN click ON click.number = click_key.click
    WHERE click_key.key IN (?, ?, ?) AND click.at <= ? ORDER BY click.at DESC LIMIT 1
"""


def main() -> None:
    """Import, join and match."""
    folder, deals, clicks = map(Path, sys.argv[1:])
    tables = sqlite3.connect(folder / "floor.db", isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
        tables.execute(statement)
    tables.executescript(_TABLES)
    _import(tables, clicks)
    _match(tables, deals)
    unmatched = tables.execute("SELECT count(*) FROM deal WHERE click IS NULL").fetchone()[0]
    assert unmatched == 0, f"{unmatched:,} deals found no click"
    spent = resource.getrusage(resource.RUSAGE_SELF)
    print(spent.ru_utime + spent.ru_stime)


def _import(tables: sqlite3.Connection, path: Path) -> None:
    number = 0
    for chunk in _chunks(path):
        rows, keys = [], []
        for at, visitor, gclid, email, phone in chunk:
            number += 1
            rows.append((number, gclid, at))
            keys += [(key, number) for key in _keys(gclid, visitor, email, phone)]
        tables.execute("BEGIN IMMEDIATE")
        tables.executemany("INSERT INTO click VALUES (?, ?, ?)", rows)
        tables.executemany("INSERT OR IGNORE INTO click_key VALUES (?, ?)", keys)
        tables.execute("COMMIT")


def _match(tables: sqlite3.Connection, path: Path) -> None:
    for chunk in _chunks(path):
        tables.execute("BEGIN IMMEDIATE")
        for row in chunk:
            keys = _keys(row[5], row[9], row[6])
            found = tables.execute(_FOUND, (*keys, row[2])).fetchone()
            tables.execute("INSERT INTO deal VALUES (?, ?)", (row[0], found and found[0]))
        tables.execute("COMMIT")


def _keys(gclid: str, visitor: str, email: str, phone: str = "") -> list[bytes]:
    """Return a digest for each key; an e-mail and a phone are hashed as the platform wants them."""
    emails, phones = (hashlib.sha256(text.encode()).hexdigest() for text in (email, phone))
    named = [f"click {gclid}", f"visitor {visitor}", f"email {emails}"]
    return [
        hashlib.blake2b(text.encode(), digest_size=16).digest()
        for text in (*named, *([f"phone {phones}"] if phone else []))
    ]


def _chunks(path: Path) -> Iterator[Sequence[list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows: Iterable[list[str]] = csv.reader(file)
        rows = islice(rows, 1, None)
        while chunk := list(islice(rows, _CHUNK)):
            yield chunk


if __name__ == "__main__":
    main()
