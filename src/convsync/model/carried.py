"""What is carried over when the older part of the audit log is sealed in a file.

Events say, of many entries and of many runs at once, what a replay of the sealed part would have
given. They are chained like any other, and a replay of what is left begins with them: the latest
one that names an entry says all of it anew, and whatever older events are left of it explain it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from convsync.model.each import EACH, of_each
from convsync.model.event import Event, EventKind
from convsync.model.record import FIELDS
from convsync.model.replay import Recorded
from convsync.model.seal import SEALED

PLANNED_BY = "planned_by"
"""The field of such an event that names the run that planned an entry last."""
RUNS = "runs"
"""The field of an event about runs: what each one's first and last event said, by its number."""
OF_RUNS = frozenset({EventKind.RUN_STARTED, EventKind.RUN_FINISHED})
_COLUMNS = sorted(FIELDS - {"entry"})


class CarriedEntry(NamedTuple):
    """An entry to be carried over: the row and ID of its deal, and its record, unsealed."""

    deal: int
    deal_id: str
    record: Recorded


def entries_carried(source: str, entries: Sequence[CarriedEntry]) -> Event:
    """Return the event that carries entries over, all of one source, given in their order."""
    records = [one.record for one in entries]
    columns: dict[str, Sequence[Any]] = {
        name: [getattr(record, name) for record in records] for name in _COLUMNS
    }
    columns[PLANNED_BY] = [record.run_id for record in records]
    who = (
        [one.deal for one in entries],
        [one.deal_id for one in entries],
        [record.order_id for record in records],
    )
    numbers = [record.entry for record in records]
    return Event(EventKind.CARRIED, of_each(numbers, who, columns, apart=frozenset(SEALED)), source)


RunsSaid = Mapping[int, Mapping[str, Mapping[str, Any]]]
"""What the first and last event of runs said, by run and kind of event."""


def runs_carried(runs: RunsSaid) -> Event:
    """Return the event that carries over what runs said."""
    return Event(EventKind.RUNS_CARRIED, {RUNS: {str(run): said for run, said in runs.items()}})


def runs_in(detail: Mapping[str, Any]) -> RunsSaid:
    """Return what such an event says of runs."""
    return {int(run): said for run, said in detail[RUNS].items()}


def newest_entry(detail: Mapping[str, Any]) -> int:
    """Return the largest number of an entry of whose beginning an event may tell, 0 for none."""
    if EACH in detail:
        return int(detail["entries"].rpartition(",")[2].rpartition("-")[2])
    return int(detail.get("entry", 0))
