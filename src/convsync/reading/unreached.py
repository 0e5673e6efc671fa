"""Deals that were read but have no milestone, by reason.

They are no part of the account of milestones, so they are counted apart: read is reached and not
reached. A source of which no deal reaches anything any more has most likely had its stages renamed
or its history closed, and no error says so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from convsync.extract.source import Record
from convsync.model.deal import Deal
from convsync.profile.nights import Counting
from convsync.reading import contents, habits
from convsync.store import unreached
from convsync.store.database import Connection

_MOST: Final = 20
"""Reasons kept of a read; the rest, such as stages of one deal each, are added up."""


class Reached(Struct, kw_only=True):
    """How many deals of a read reached something, why others did not, and what all of them hold."""

    source: str
    reached: int = 0
    without: Counter[str] = field(default_factory=Counter)
    held: Counting = field(default_factory=Counting)

    def watching(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield records as they are, and count the deals among them."""
        for record in self.held.watching(records):
            if isinstance(record, Deal) and record.gone is None:
                if record.milestones:
                    self.reached += 1
                else:
                    self.without[why(record)] += 1
            yield record

    def noted(self, connection: Connection) -> Sequence[str]:
        """Remember the counts of a read; return what is wrong with them."""
        news = contents.noted(connection, self.source, self.held.counts())
        if not self.reached and not self.without:
            return news
        listed = dict(self.without.most_common(_MOST))
        if rest := self.without.total() - sum(listed.values()):
            listed["other"] = rest
        unreached.keep(connection, self.source, listed)
        name = f"milestones of {self.source}"
        if not habits.has_dried_up(connection, name, self.reached, habits.READS_NEEDED):
            return news
        problem = (
            f"source '{self.source}': none of {self.without.total():,} deals that were read has"
            " reached a milestone, and always some had: look whether stages were renamed, or"
            " their history may no longer be read. `convsync status` says why, by reason."
        )
        return [*news, problem]


def why(deal: Deal) -> str:
    """Return why a deal has no milestone, as far as it tells."""
    if deal.created_at is None:
        return "no creation time"
    stage, pipeline = deal.segments.get("stage"), deal.segments.get("pipeline")
    if not stage:
        return "no time of any milestone"
    return f"in stage '{pipeline}: {stage}'" if pipeline else f"in stage '{stage}'"
