"""The least that the same work needs: csv, sqlite3, hashlib and protobuf, on tables of its own.

    python -m scripts.bench.floor FOLDER DEALS_CSV CLICKS_CSV

No names, no settings, no second milestone, nothing that can change its mind: a click found by one
key, one narrow row a deal, an audit log of two chained events a deal, `synchronous = FULL`, and a
reservation that is committed before its request of 2,000 rows is built. Prints the CPU seconds of
each part as JSON; each is what the same part of convsync is divided by.
"""

import csv
import json
import resource
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from typing import Any

from google.ads import datamanager_v1

CHUNK = 5_000
BATCH = 2_000
_Request = datamanager_v1.IngestEventsRequest.pb()
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "cache_size = -40960",
    "wal_autocheckpoint = 131072",
)
_TABLES = """
    CREATE TABLE click (key BLOB PRIMARY KEY, gclid TEXT, at INTEGER) WITHOUT ROWID;
    CREATE TABLE conversion (
        number INTEGER PRIMARY KEY, deal_id TEXT NOT NULL UNIQUE, digest BLOB NOT NULL,
        order_id TEXT, state INTEGER, won_at INTEGER, micros INTEGER, currency TEXT, gclid TEXT,
        clicked_at INTEGER, batch INTEGER
    );
    CREATE TABLE event (
        number INTEGER PRIMARY KEY, kind INTEGER, conversion INTEGER, detail TEXT, digest BLOB
    );
"""
_PLANNED, _SENDING, _ACCEPTED, _CONFIRMED = range(4)
_RUN = "2026-06-01T02:00:00+00:00 run 1"

Said = tuple[int, int, str]
"""An event before it is chained: its kind, the conversion, the detail."""


@dataclass(slots=True, kw_only=True)
class Spent:
    """CPU seconds by part, how many events were verified, and the night's peak memory."""

    clicks: float
    night: float
    verdicts: float
    verify: float
    reading: float
    events: int
    peak_mb: float


class Bare:
    """The bare tables."""

    def __init__(self, path: Path) -> None:
        self._tables = sqlite3.connect(path, isolation_level=None)
        for pragma in _PRAGMAS:
            self._tables.execute(f"PRAGMA {pragma}")
        self._tables.executescript(_TABLES)
        self._head, self._events = bytes(32), 0

    def import_clicks(self, path: Path) -> None:
        """Store every click under its own key and under its visitor's."""
        for chunk in _chunks(_read(path), CHUNK):
            keyed = []
            for clicked_at, visitor, gclid in chunk:
                at = _seconds(clicked_at)
                keyed += [(_key("click", gclid), gclid, at), (_key("visitor", visitor), gclid, at)]
            self._tables.execute("BEGIN IMMEDIATE")
            self._tables.executemany("INSERT OR IGNORE INTO click VALUES (?, ?, ?)", keyed)
            self._tables.execute("COMMIT")

    def plan(self, path: Path) -> None:
        """Read every deal, find its click, and write down what will be sent."""
        number = 0
        for chunk in _chunks(_read(path), CHUNK):
            self._tables.execute("BEGIN IMMEDIATE")
            keys = [_key("click", row[5]) if row[5] else _key("visitor", row[9]) for row in chunk]
            self._select("SELECT deal_id, digest FROM conversion WHERE deal_id", _column(chunk, 0))
            found = self._select("SELECT key, gclid, at FROM click WHERE key", keys)
            clicks = {key: (gclid, at) for key, gclid, at in found}
            rows, said = [], []
            for row, key in zip(chunk, keys, strict=True):
                number += 1
                gclid, clicked_at = clicks[key]
                conversion = _conversion(number, row, gclid, clicked_at)
                rows.append(conversion)
                said.append(_planned(conversion))
            self._tables.executemany(_insert("conversion", 11), rows)
            self._append(said)
            self._tables.execute("COMMIT")

    def send(self) -> None:
        """Reserve, build and settle one request after the other; none leaves."""
        last = batch = 0
        while rows := self._reserved(last, batch := batch + 1):
            _request(rows)
            last = rows[-1][0]
            self._tables.execute("BEGIN IMMEDIATE")
            self._move(batch, _ACCEPTED)
            self._append([_answered(row, batch) for row in rows])
            self._tables.execute("COMMIT")
        self._tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def confirm(self) -> None:
        """Settle one verdict a batch."""
        (batches,) = self._tables.execute("SELECT max(batch) FROM conversion").fetchone()
        for batch in range(1, batches + 1):
            self._tables.execute("BEGIN IMMEDIATE")
            self._move(batch, _CONFIRMED)
            self._append([(_CONFIRMED, batch, '{"verdict":"SUCCESS"}')])
            self._tables.execute("COMMIT")

    def verify(self) -> int:
        """Chain every event again, and count the conversions that follow; return the events."""
        head, count = bytes(32), 0
        state: dict[int, int] = {}
        for number, kind, conversion, detail, digest in self._tables.execute(
            "SELECT number, kind, conversion, detail, digest FROM event ORDER BY number"
        ):
            head = _chained(head, number, kind, conversion, detail)
            assert head == digest
            if kind != _CONFIRMED:
                state[conversion] = kind
            count += 1
        return count

    def _reserved(self, last: int, batch: int) -> list[Any]:
        self._tables.execute("BEGIN IMMEDIATE")
        rows = self._tables.execute(
            "SELECT number, order_id, won_at, micros, currency, gclid FROM conversion"
            " WHERE number > ? ORDER BY number LIMIT ?",
            (last, BATCH),
        ).fetchall()
        if rows:
            self._tables.execute(
                "UPDATE conversion SET state = ?, batch = ? WHERE number BETWEEN ? AND ?",
                (_SENDING, batch, rows[0][0], rows[-1][0]),
            )
        self._tables.execute("COMMIT")
        return rows

    def _move(self, batch: int, state: int) -> None:
        first, last = (batch - 1) * BATCH + 1, batch * BATCH
        self._tables.execute(
            "UPDATE conversion SET state = ? WHERE number BETWEEN ? AND ?", (state, first, last)
        )

    def _append(self, said: Iterable[Said]) -> None:
        rows = []
        for kind, conversion, detail in said:
            self._events += 1
            self._head = _chained(self._head, self._events, kind, conversion, detail)
            rows.append((self._events, kind, conversion, detail, self._head))
        self._tables.executemany(_insert("event", 5), rows)

    def _select(self, what: str, keys: Sequence[Any]) -> list[Any]:
        return self._tables.execute(f"{what} IN ({_marks(len(keys))})", keys).fetchall()


def _conversion(
    number: int, row: Sequence[str], gclid: str, clicked_at: int
) -> tuple[int | str | bytes | None, ...]:
    deal_id, micros, won_at = row[0], round(float(row[3]) * 1_000_000), _seconds(row[11])
    assert clicked_at <= won_at
    _hashed = sha256(row[6].encode()).hexdigest()
    digest = blake2b("\0".join(row).encode(), digest_size=16).digest()
    order_id = "cs-" + _key(f"crm\0{deal_id}", "won").hex()
    return (
        *(number, deal_id, digest, order_id, _PLANNED, won_at, micros, row[4], gclid),
        *(clicked_at, None),
    )


def _planned(conversion: Sequence[Any]) -> Said:
    number, _, _, order_id, _, _, micros, currency, gclid, clicked_at, _ = conversion
    detail = (
        f'{{"rule":"won","step":"new","order_id":"{order_id}","value":"{micros / 1e6}",'
        f'"currency":"{currency}","click":"gclid:{gclid}","clicked_at":{clicked_at}}}'
    )
    return _PLANNED, number, detail


def _answered(row: Sequence[Any], batch: int) -> Said:
    number, order_id, _, micros, currency, _ = row
    detail = (
        f'{{"rule":"won","operation":"count","order_id":"{order_id}","value":"{micros / 1e6}",'
        f'"currency":"{currency}","batch":{batch},"request":"2000-0123456789abcdef"}}'
    )
    return _ACCEPTED, number, detail


def _request(rows: Iterable[Sequence[Any]]) -> bytes:
    request = _Request()
    destination = request.destinations.add()
    destination.operating_account.account_type = 1
    destination.operating_account.account_id = "1234567890"
    destination.product_destination_id = "333"
    for _, order_id, won_at, micros, currency, gclid in rows:
        event = request.events.add()
        event.transaction_id = order_id
        event.event_timestamp.seconds = won_at
        event.event_source = 1
        event.currency = currency
        event.conversion_value = micros / 1e6
        event.ad_identifiers.gclid = gclid
        event.consent.ad_user_data = 1
    said: bytes = request.SerializeToString()
    return said


def requests_of(path: Path) -> Iterator[bytes]:
    """Yield the requests that say the resolved rows of a file, ready to be sent."""
    for chunk in _chunks(_read(path), BATCH):
        yield _request(
            (0, f"cs-{deal_id:0>32}", _seconds(won_at), round(float(value) * 1e6), currency, gclid)
            for deal_id, gclid, won_at, value, currency in chunk
        )


def _chained(head: bytes, number: int, kind: int, conversion: int, detail: str) -> bytes:
    said = f"{number}\0{_RUN}\0{kind}\0{conversion}\0{detail}"
    return sha256(head + said.encode()).digest()


def _key(kind: str, value: str) -> bytes:
    return blake2b(f"{kind}\0{value}".encode(), digest_size=16).digest()


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _read(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        yield from rows


def _chunks(rows: Iterator[list[str]], size: int) -> Iterator[list[list[str]]]:
    while chunk := list(islice(rows, size)):
        yield chunk


def _column(rows: Iterable[Sequence[str]], number: int) -> list[str]:
    return [row[number] for row in rows]


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({_marks(columns)})"


def _marks(count: int) -> str:
    return ", ".join("?" * count)


class _Lap:
    """CPU seconds since the last time it was asked."""

    def __init__(self) -> None:
        self._before = time.process_time()

    def __call__(self) -> float:
        now = time.process_time()
        spent, self._before = now - self._before, now
        return spent


def main() -> None:
    """Do each part once, and print what it took."""
    folder, deals, clicks = map(Path, sys.argv[1:])
    bare, lap = Bare(folder / "floor.db"), _Lap()
    bare.import_clicks(clicks)
    clicks_s = lap()
    bare.plan(deals)
    bare.send()
    night_s, peak_mb = lap(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bare.confirm()
    verdicts_s = lap()
    events = bare.verify()
    verify_s = lap()
    for _ in _read(deals):
        pass
    spent = Spent(
        clicks=clicks_s,
        night=night_s,
        verdicts=verdicts_s,
        verify=verify_s,
        reading=lap(),
        events=events,
        peak_mb=peak_mb,
    )
    print(json.dumps(asdict(spent)))


if __name__ == "__main__":
    main()
