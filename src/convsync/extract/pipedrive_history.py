"""What a Pipedrive deal went through, by its changelog, and what its record says it is in.

Won and lost are statuses and not stages, so they are stages of our own here. The changelog can lack
moves: the record says then which stage it is in, and since when.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final

from convsync.extract.crm_adapter import instant
from convsync.extract.funnel import ANY_PIPELINE, Entered, Stage, StageOutcome, Standing
from convsync.extract.pipedrive_api import PipedriveRecord

_WON, _LOST = "status:won", "status:lost"
CLOSED: Final = (
    Stage(stage_id=_WON, name="Won", pipeline=ANY_PIPELINE, position=1, outcome=StageOutcome.WON),
    Stage(
        stage_id=_LOST, name="Lost", pipeline=ANY_PIPELINE, position=2, outcome=StageOutcome.LOST
    ),
)


@dataclass(frozen=True, slots=True)
class PipedriveChange:
    """A row of the changelog; `key` is `stage_id` or `status`, `old` "" where it is not told."""

    at: datetime
    key: str
    old: str
    new: str
    is_estimated: bool = False


def by_changes(
    record: PipedriveRecord, added_at: datetime, newest_first: Sequence[PipedriveChange]
) -> Iterator[Entered]:
    """Yield the stages a deal came into, by its changelog.

    Moves of a closed deal do not open it again. A deleted deal that is restored is what it was.
    Creation has no row of its own (unconfirmed): the first stage is what the first move was from.
    """
    changes = _completed(record, added_at, newest_first)
    moved_from = [change.old for change in changes if change.key == "stage_id"]
    stage, status = (*moved_from, str(record["stage_id"]))[0], "open"
    if stage:
        yield Entered(stage, added_at)
    for change in changes:
        if change.key == "stage_id":
            stage = change.new
        elif change.new in (status, "deleted"):
            continue
        else:
            status = change.new
        now_in = stage if status == "open" else f"status:{status}"
        if now_in and (status == "open" or change.key == "status"):
            yield Entered(now_in, change.at, change.is_estimated)


def _completed(
    record: PipedriveRecord, added_at: datetime, newest_first: Sequence[PipedriveChange]
) -> list[PipedriveChange]:
    """Return a changelog, oldest first, with the move to the record's stage where it lacks that.

    The record says when it last moved. Where the log has no move at all, nobody knows from where.
    """
    changes = [*reversed(newest_first)]
    changes.sort(key=attrgetter("at"))  # keeps the log's order within a second
    moves = [change for change in changes if change.key == "stage_id"]
    now_in, moved_at = str(record["stage_id"]), instant(record.get("stage_change_time"))
    was_in, since = (moves[-1].new, moves[-1].at) if moves else ("", added_at)
    if was_in == now_in or not (moves or moved_at not in (None, added_at)):
        return changes
    at = max(since, moved_at or instant(record.get("update_time")) or since)
    missing = PipedriveChange(at, "stage_id", was_in, now_in, is_estimated=True)
    return sorted([*changes, missing], key=attrgetter("at"))


def _stage_of(record: PipedriveRecord) -> Standing:
    """Return the stage a deal is in, or was when it was closed."""
    return Standing(
        stage_id=str(record["stage_id"]),
        entered_at=instant(record.get("stage_change_time")),
        created_at=instant(record["add_time"]),
        modified_at=instant(record.get("update_time")),
    )


def now_in_of(record: PipedriveRecord) -> Standing:
    """Return what a deal's record says it is in, with the stamps that may say since when."""
    stage = _stage_of(record)
    if record["status"] == "open":
        return stage
    stamps = ("first_won_time", "won_time") if record["status"] == "won" else ("lost_time",)
    closed = [at for name in stamps if (at := instant(record.get(name)))]
    return Standing(
        stage_id=f"status:{record['status']}",
        entered_at=next(iter(closed), None),
        closed_at=next(iter(closed), None),
        created_at=stage.created_at,
        modified_at=stage.modified_at,
    )
