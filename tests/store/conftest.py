"""Every test of the store runs twice: on an SQLite file and on a PostgreSQL server, both real.

The server is started once a session, with the tables made once; each test gets a copy of its own.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from convsync.sandbox.server import Sandbox
from convsync.store import migrate
from convsync.store.database import Database
from tests.fakes.postgresql import started
from tests.nights.company import Company, folder_in_memory
from tests.store.rows import Passing, rolled_back

_FASTER = ("fsync", "synchronous_commit", "full_page_writes")  # no test cuts the power


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server: makes databases, empty ones or copies of another."""

    url: URL
    connection: psycopg.Connection
    numbers: Iterator[int]

    def create(self, *, like: str = "template1") -> URL:
        name = f"test_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url.set(database=name)

    def drop(self, url: URL) -> None:
        self.execute(f"DROP DATABASE {url.database} WITH (FORCE)")

    def execute(self, sql: str) -> None:
        self.connection.execute(sql.encode())


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="convsync-pg-"))  # short: a socket's path may not be long
    try:
        postgresql = started(folder / "data")
        with psycopg.connect(postgresql.get_uri(), autocommit=True) as connection:
            server = Server(make_url(postgresql.get_uri()), connection, count(1))
            for setting in _FASTER:
                server.execute(f"ALTER SYSTEM SET {setting} = off")
            server.execute("SELECT pg_reload_conf()")
            yield server
        postgresql.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two databases, and how a new one is had."""

    name: str
    empty: Callable[[], URL]
    migrated: Callable[[], URL]
    drop: Callable[[URL], None]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kind:
    name = str(request.param)
    if name == "postgresql":
        server: Server = request.getfixturevalue("server")
        made = _migrated(server.create())
        return Kind(
            name, server.create, lambda: server.create(like=str(made.database)), server.drop
        )
    folder = tmp_path_factory.mktemp("sqlite")
    numbers = count()

    def empty() -> URL:
        return URL.create("sqlite", database=str(folder / f"{next(numbers)}.db"))

    template = _migrated(empty())

    def migrated() -> URL:
        copy = empty()
        shutil.copy(str(template.database), str(copy.database))
        return copy

    return Kind(name, empty, migrated, lambda url: Path(str(url.database)).unlink())


def _migrated(url: URL) -> URL:
    with closing(Database(text_of(url))) as database:
        migrate.upgrade(database)
    return url


@pytest.fixture
def empty_url(kind: Kind) -> Iterator[str]:
    """A database in which nothing has been made yet."""
    url = kind.empty()
    yield text_of(url)
    kind.drop(url)


@pytest.fixture
def url(kind: Kind) -> Iterator[str]:
    """A database with all tables, and nothing in them."""
    url = kind.migrated()
    yield text_of(url)
    kind.drop(url)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    with closing(Database(empty_url)) as database:
        yield database


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with closing(Database(url)) as database:
        yield database


@pytest.fixture
def another(url: str) -> Iterator[Database]:
    """The same database, as another process has it open."""
    with closing(Database(url)) as database:
        yield database


@pytest.fixture(scope="session")
def shared(kind: Kind) -> Iterator[Database]:
    url = kind.migrated()
    with closing(Database(text_of(url))) as database:
        yield database
    kind.drop(url)


@pytest.fixture
def passing(shared: Database) -> Iterator[Passing]:
    """A database for tests of many cases that look at values alone: quicker than a new one."""
    with rolled_back(shared) as connection:
        yield Passing(connection)


@pytest.fixture
def company(sandbox: Sandbox, url: str) -> Iterator[Company]:
    """A company for whole nights, whose ledger is in the database."""
    with folder_in_memory() as folder:
        company = Company(folder=folder, sandbox=sandbox)
        company.configure(("sqlite:///ledger.db", url))
        yield company
        company.close()
