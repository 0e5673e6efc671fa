"""A run's hold on the database: every commit renews the lock it protects, or is not made.

A preview is the same run on tables laid over the ledger (`overlay`): it sees and counts exactly
what the run would, leaves nothing behind, and keeps no run waiting, however long a CRM takes to
read.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from convsync.clock import Clock
from convsync.store import dialect, runs
from convsync.store.database import Database, OnStep, ignore_step


class Session(Protocol):
    """One run or preview: its number, the instant it takes as now, and its transactions."""

    run_id: int
    now: datetime

    def transaction(self, step: str) -> AbstractContextManager[Connection]:
        """Open a transaction for one named step of the run."""

    def step(self, name: str) -> None:
        """Note that the run has come to a named point outside a transaction."""


def lease_time(connection: Connection, real_clock: Clock) -> datetime:
    """Return the time by which leases are kept: the database's own, so that machines may differ.

    SQLite has no clock of its own, and all who use a file are on one machine: it is that one's.
    """
    return dialect.server_time(connection) or real_clock()


class RunSession:
    """A run, which holds the lock unless it needs none.

    `real_clock` is the machine's time, by which leases are kept where the database has no clock.
    How far it has come by `progress` is written with each transaction, for whoever watches it.
    """

    def __init__(
        self,
        database: Database,
        run_id: int,
        now: datetime,
        *,
        real_clock: Clock,
        on_step: OnStep = ignore_step,
        has_lock: bool = True,
        progress: Callable[[], runs.Progress] = dict,
    ) -> None:
        self.run_id = run_id
        self.now = now
        self._database = database
        self._real_clock = real_clock
        self._on_step = on_step
        self._has_lock = has_lock
        self._progress = progress

    @contextmanager
    def transaction(self, step: str) -> Iterator[Connection]:
        """Open a transaction; LockedError where another run has taken the lock."""
        with self._database.transaction(step) as connection:
            if self._has_lock:
                now = lease_time(connection, self._real_clock)
                runs.renew(connection, self.run_id, now, self._progress())
            yield connection

    def step(self, name: str) -> None:
        """Tell the step listener."""
        self._on_step(name)


class PreviewSession:
    """A run whose transactions are all one, and leave nothing behind."""

    def __init__(self, connection: Connection, run_id: int, now: datetime) -> None:
        self.run_id = run_id
        self.now = now
        self._connection = connection

    @contextmanager
    def transaction(self, step: str) -> Iterator[Connection]:
        """Hand out the one transaction."""
        yield self._connection

    def step(self, name: str) -> None:
        """Do nothing: a preview has no steps to stop at."""
