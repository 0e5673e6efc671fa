"""Real databases for the SQL source to read, each in a folder of its own and gone afterwards.

SQLite and DuckDB are files. PostgreSQL comes as a package; MariaDB is there where Debian's package
is installed, and what needs it is skipped elsewhere. Both servers live in a zone five hours behind
UTC, so that a session that takes the server's zone is noticed.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.fakes.postgresql import started

ZONE = "-05:00"
_STARTS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class RealDatabase:
    """A database, and the words it has for what every one of them has."""

    kind: str
    url: str
    timestamp: str = "TIMESTAMP"
    instant: str = "TIMESTAMP"
    text: str = "VARCHAR(200)"
    quote: str = '"'

    def run(self, *statements: str) -> None:
        """Carry statements out, and keep what they did."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement.replace(":", "\\:")))

    def fill(self, table: str, columns: Sequence[tuple[str, str]], *rows: str) -> None:
        """Make a table anew, and put rows into it, written as SQL."""
        listed = ", ".join(f"{self.quoted(name)} {kind}" for name, kind in columns)
        name = self.quoted(table)
        self.run(
            f"DROP TABLE IF EXISTS {name}",
            f"CREATE TABLE {name} ({listed})",
            *(f"INSERT INTO {name} VALUES ({row})" for row in rows),
        )

    def quoted(self, name: str) -> str:
        """Return a name as this database quotes it."""
        return f"{self.quote}{name}{self.quote}"


@contextmanager
def sqlite() -> Iterator[RealDatabase]:
    """Make an SQLite file."""
    with tempfile.TemporaryDirectory(prefix="convsync-sqlite-") as folder:
        file = Path(folder) / "crm.db"
        file.touch()
        yield RealDatabase("sqlite", f"sqlite:///{file}")


@contextmanager
def duckdb() -> Iterator[RealDatabase]:
    """Make a DuckDB file."""
    with tempfile.TemporaryDirectory(prefix="convsync-duckdb-") as folder:
        yield RealDatabase("duckdb", f"duckdb:///{folder}/crm.duckdb", instant="TIMESTAMPTZ")


@contextmanager
def postgresql() -> Iterator[RealDatabase]:
    """Start a PostgreSQL server, or skip where it cannot run."""
    folder = Path(tempfile.mkdtemp(prefix="convsync-pg-"))  # short: a socket's path may not be long
    try:
        server = started(folder / "data")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        database = RealDatabase("postgresql", url, instant="TIMESTAMPTZ")
        database.run("ALTER ROLE CURRENT_USER SET TimeZone = 'America/Bogota'")
        yield database
        server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mariadb() -> Iterator[RealDatabase]:
    """Start a MariaDB server, or skip where its binary is not there."""
    binary = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    installer = shutil.which("mariadb-install-db")
    if not binary or not installer:
        pytest.skip("MariaDB is not installed here: Debian's package mariadb-server has it")
    folder = Path(tempfile.mkdtemp(prefix="convsync-my-"))
    socket = folder / "s"
    common = ["--no-defaults", f"--datadir={folder / 'data'}", f"--user={_user()}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [installer, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        **quiet,  # type: ignore[call-overload]
    )
    process = subprocess.Popen(
        [binary, *common, f"--socket={socket}", "--skip-networking",
         f"--default-time-zone={ZONE}", "--sql-mode="],
        **quiet,  # type: ignore[call-overload]
    )  # fmt: skip
    try:
        yield _ready(socket)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _ready(socket: Path) -> RealDatabase:
    """Return the server once it answers, with a database made in it."""
    begun = monotonic()
    while not socket.exists():
        assert monotonic() - begun < _STARTS_WITHIN_S, "MariaDB does not start"
        sleep(0.1)
    server = RealDatabase("mariadb", f"mysql+pymysql://root@localhost/mysql?unix_socket={socket}")
    server.run("CREATE DATABASE crm")
    url = server.url.replace("/mysql?", "/crm?")
    return RealDatabase("mariadb", url, timestamp="DATETIME", quote="`")


def _user() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()


DATABASES = {"sqlite": sqlite, "duckdb": duckdb, "postgresql": postgresql, "mariadb": mariadb}
