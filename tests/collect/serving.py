"""The collector on a port of its own, in a thread, for tests that ask it over HTTP."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import requests
import uvicorn
from starlette.applications import Starlette

from convsync.collect.application import Collector, Site
from convsync.model.collected import Report
from convsync.model.period import Period
from convsync.store import collected, migrate
from convsync.store.database import Database
from tests.collect.browser_reports import a_report, body_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALWAYS = Period(since=datetime(2000, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC))
KEY, ORIGIN, TOKEN = "site-key-1", "https://www.example.com", "figures"


@dataclass
class Served:
    """A collector that listens, with the database it writes to and the seconds it counts by."""

    url: str
    database: Database
    seconds: list[float] = field(default_factory=lambda: [0.0])

    @property
    def reports_url(self) -> str:
        return f"{self.url}/sites/{KEY}/reports"

    def post(self, body: bytes | None = None, *, origin: str = ORIGIN) -> requests.Response:
        sent = body_of(a_report()) if body is None else body
        return requests.post(self.reports_url, sent, headers={"Origin": origin}, timeout=60)

    def written(self, site: str = "website") -> list[Report]:
        with self.database.reading() as connection:
            return list(collected.received(connection, site, ALWAYS))


@contextmanager
def listening(application: Starlette) -> Iterator[str]:
    """Serve an application on a free port until the end; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, ws="none"))
        thread = Thread(target=server.run, args=([place],), daemon=True)
        thread.start()
        begun = monotonic()
        while not server.started:
            assert monotonic() - begun < 60, "the server does not start"
            sleep(0.01)
        try:
            yield f"http://127.0.0.1:{place.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def collecting(folder: Path, *, reports_per_minute: int = 1_000) -> Iterator[Served]:
    """Serve a collector whose clock stands at noon."""
    with closing(Database(f"sqlite:///{folder}/convsync.db")) as database:
        migrate.upgrade(database)
        site = Site(
            name="website",
            key=KEY,
            origins=frozenset({ORIGIN}),
            country="DE",
            reports_per_minute=reports_per_minute,
            script="/* the snippet */",
        )
        served = Served("", database)

        def save(reports: object) -> None:
            with database.transaction("collect") as connection:
                collected.save(connection, reports)  # type: ignore[arg-type]

        collector = Collector(
            [site], save, clock=lambda: NOON, ticks=lambda: served.seconds[0], token=TOKEN
        )
        with listening(collector.application()) as url:
            served.url = url
            yield served
