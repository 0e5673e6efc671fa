"""A milestone that most deals of a source have lost at once, doubted before it is kept.

A column that comes empty, or a field that these credentials may no longer read, looks as if every
deal had gone back: all that is counted would be taken back. So where more than a share of the deals
that had a milestone lose it in one chunk of a read, however few they are, the run is refused until
a person says that it is true. What is spread over many chunks is a matter of `[limits]
retracted_share`, which weighs the whole plan.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from convsync.errors import UnsafePlanError
from convsync.store import milestone_rows
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal

_FEW: Final = 3
"""So many deals may go back on one day in any company."""


def doubt_lost_milestones(
    connection: Connection,
    source: str,
    chunk: Sequence[StoredDeal],
    names: Collection[str],
    *,
    now: datetime,
    share: Decimal,
    doubt: Callable[[UnsafePlanError], None],
) -> None:
    """Doubt a chunk in which too many deals that are still there have lost a milestone."""
    rows = [one.row for one in chunk if not one.is_new and one.deal.gone is None]
    if len(rows) < _FEW:
        return
    for name, lost in milestone_rows.withdrawn_at(connection, rows, now).items():
        if lost < _FEW or name not in names:
            continue
        had = lost + milestone_rows.count_reached(connection, source, name)
        if lost > share * had:
            doubt(
                UnsafePlanError(
                    f"source '{source}': {lost:,} of {had:,} deals have lost the milestone '{name}'"
                    " at once. Nothing of it was kept or sent. If they have not gone back, a column"
                    " came empty, or the credentials lost the right to a field: look there. If they"
                    " have, --force goes on."
                )
            )
