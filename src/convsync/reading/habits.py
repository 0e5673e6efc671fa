"""What a source usually does, so that one that has dried up is noticed.

A source that gave something night after night, and now gives nothing, may have lost a right or a
mapped folder, and no error says so. It is reported until it gives something again. From then on it
is known to rest at times, as a CRM does on Sundays, and an empty read of it is nothing new.
"""

import json
from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from convsync.store import runs
from convsync.store.database import Connection

READS_NEEDED = 8
"""After so many reads in a row that gave something, a weekend among them, an empty one is news. One
is enough for a source that gives everything it has with every read."""


class Habit(Struct, frozen=True, kw_only=True):
    """Reads that gave something so far; whether the last was empty; whether that is usual."""

    reads: int = 0
    is_empty: bool = False
    rests: bool = False

    def after(self, records: int, needed: int) -> "Habit":
        """Return the habit after a read of so many records."""
        if records:
            reads = min(self.reads + 1, needed)
            return replace(self, reads=reads, is_empty=False, rests=self.rests or self.is_empty)
        if self.reads < needed:
            return replace(self, rests=True)
        return replace(self, is_empty=True)

    @property
    def has_dried_up(self) -> bool:
        """True where nothing came from what always gave something."""
        return self.is_empty and not self.rests


def has_dried_up(connection: Connection, source: str, records: int, needed: int) -> bool:
    """Remember how a read of a source went; True where it gave nothing and always had before."""
    before = _recalled(connection, source)
    habit = before.after(records, needed)
    if habit != before:
        _keep(connection, source, habit)
    return habit.has_dried_up


def accept_rest(connection: Connection, sources: Collection[str]) -> None:
    """Take it from a person that these sources, which gave nothing, rest at times."""
    for source in sources:
        _keep(connection, source, replace(_recalled(connection, source), rests=True))


def _recalled(connection: Connection, source: str) -> Habit:
    kept = runs.recall(connection, f"habit of {source}")
    return Habit() if kept is None else _loaded(kept)


def _keep(connection: Connection, source: str, habit: Habit) -> None:
    counters = [habit.reads, habit.is_empty, habit.rests]
    runs.remember(connection, f"habit of {source}", json.dumps(counters))


def _loaded(kept: str) -> Habit:
    reads, is_empty, rests = json.loads(kept)
    return Habit(reads=reads, is_empty=is_empty, rests=rests)
