"""How many reports a second the collector takes, each durably written before it is answered.

    python -m scripts.bench.collecting [--reports 20000] [--connections 64]

The collector runs as an operator runs it, on SQLite; browsers are played by connections that send
the next report once the last is answered. On a machine that has other things to do, the processor
time of the collector tells more than the clock.
"""

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit
from uuid import uuid4

from convsync.store import migrate
from convsync.store.database import Database
from scripts.serving import CONVSYNC

KEY, ORIGIN = "bench-site", "https://www.example.com"
CONFIG = f"""
[company]
time_zone = "Europe/Berlin"
country = "DE"
[collect.website]
url = "https://collect.example.com"
key = "{KEY}"
origins = "{ORIGIN}"
reports_per_minute = 100000
[deals.crm]
kind = "csv"
path = "deals.csv"
columns = {{ deal_id = "ID" }}
milestones = {{ won = "Won" }}
[rules.won]
milestone = "won"
action_id = 1
[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
"""


def main() -> None:
    """Measure, print, and hold what was written against what was answered."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="convsync-collect-") as name:
        folder = Path(name)
        requests = [_request() for _ in range(options.reports)]
        with collecting(folder) as (_, url):
            began = perf_counter()
            accepted = asyncio.run(_all_of(requests, url, options.connections))
            took = perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with closing(sqlite3.connect(folder / "convsync.db")) as database:
            (written,) = database.execute("SELECT count(*) FROM collected").fetchone()
    assert written == accepted == options.reports, (written, accepted)
    seconds = used.ru_utime + used.ru_stime
    print(
        f"{accepted:,} reports written and answered in {took:.1f} s: {accepted / took:,.0f} a"
        " second;"
        f" {seconds:.1f} CPU seconds of the collector, start included:"
        f" {accepted / seconds:,.0f} for each"
    )


def _request() -> bytes:
    """Return a whole request, as a browser sends it after a form with two clicks behind it."""
    said = {"ad_storage": "granted", "ad_user_data": "granted", "ad_personalization": "granted"}
    ids = [uuid4().hex for _ in range(4)]
    report = {
        "id": ids[0],
        "visitor": ids[1],
        "consent": {"age": 1000, "source": "update", **said},
        "landings": [
            {"age": 90_000_000, "values": {"gclid": f"Cj0KCQ{ids[2]}", "utm_source": "google"}},
            {"age": 60_000, "values": {"gclid": f"Cj0KCQ{ids[3]}", "utm_source": "google"}},
        ],
        "form": "contact",
        "identifiers": [["email", ids[0] * 2], ["phone", ids[1] * 2]],
    }
    body = json.dumps(report).encode()
    head = (
        f"POST /sites/{KEY}/reports HTTP/1.1\r\nHost: collect.example.com\r\nOrigin: {ORIGIN}\r\n"
        f"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _all_of(requests: Sequence[bytes], url: str, connections: int) -> int:
    """Send all requests over so many connections; return how many were answered 202."""
    left = iter(requests)
    return sum(await asyncio.gather(*(_sender(left, url) for _ in range(connections))))


async def _sender(left: Iterator[bytes], url: str) -> int:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    accepted = 0
    for request in left:
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        accepted += answer.startswith(b"HTTP/1.1 202")
    writer.close()
    return accepted


def set_up(folder: Path) -> Path:
    """Make a ledger and a config that collects; return the config's path."""
    with closing(Database(f"sqlite:///{folder}/convsync.db")) as database:
        migrate.upgrade(database)
    config = folder / "convsync.toml"
    config.write_text(CONFIG)
    return config


@contextmanager
def collecting(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the collector as an operator would; yield it with the URL it announces."""
    command = [str(CONVSYNC), "collect", "--port", "0", "--config", str(set_up(folder))]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().removeprefix("collecting: ").strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
