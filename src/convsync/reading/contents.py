"""What each night's read contains is kept for a week, and differences from that are reported.

The counts are few and stand in one row a source: `store/runs.py` keeps them as it keeps habits.
"""

from collections.abc import Sequence

import msgspec

from convsync.profile.nights import Counts, news_in, with_tonight
from convsync.store import runs
from convsync.store.database import Connection


def noted(connection: Connection, source: str, tonight: Counts) -> Sequence[str]:
    """Keep what a read of a source held; return what is new in it, as problems of the run."""
    name = f"contents of {source}"
    kept = runs.recall(connection, name)
    before = msgspec.json.decode(kept, type=list[Counts]) if kept else []
    news = [f"source '{source}': {one}." for one in news_in(tonight, before)]
    nights = with_tonight(tonight, before)
    if nights != before:
        runs.remember(connection, name, msgspec.json.encode(nights).decode())
    return news
