"""Open deals by their chance to be won, as the accepted values have it: the lead score."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from convsync.model.deal import LOST, WON
from convsync.model.expected import ExpectedTable
from convsync.report.passages import standing_at
from convsync.store.database import Connection
from convsync.store.walks import Walk, walks
from convsync.values.score import Score, score_of_open


class Scored(NamedTuple):
    """A deal that stands at a milestone since an instant, and its score."""

    source: str
    deal_id: str
    milestone: str
    since: datetime
    score: Score


def scores(
    connection: Connection, table: ExpectedTable, *, now: datetime, source: str | None = None
) -> Iterator[Scored]:
    """Yield every deal that is open at a milestone which the table knows, in no order."""
    for walk in walks(connection, with_origins=table.needs_origins):
        if source in (None, walk.source) and (found := scored(walk, table, now)):
            yield found


def scored(walk: Walk, table: ExpectedTable, now: datetime) -> Scored | None:
    """Return the score of a deal at the furthest milestone it has reached; None: it has ended."""
    stands = standing_at(walk, now)
    if WON in stands or LOST in stands:
        return None
    reached = {name: one.reached_at for name, one in stands.items()}
    group = table.group_of(walk.source, walk.by_segment)
    found = score_of_open(table, reached, group, now)
    if found is None:
        return None
    milestone, its_score = found
    return Scored(walk.source, walk.deal_id, milestone, reached[milestone], its_score)
