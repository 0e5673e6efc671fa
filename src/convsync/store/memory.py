"""What is kept of a source between reads: stages and merged deals, because its CRM forgets them,
and how its file ended.

A stage has a row for each name it had. What a CRM says of one that is there is written only where
it differs from what was last seen, so a quiet night writes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic_core import to_json
from sqlalchemy import Connection, delete, insert, select, update

from convsync.model.deal import Merged, Milestone
from convsync.model.stage import Stage, StageOutcome
from convsync.store import runs
from convsync.store.schema import merges, stages, survivors

_WHOLE: Final = "whole"
_LONGEST = 200


def stages_of(connection: Connection, source: str) -> list[Stage]:
    """Return what the stages of a source were once seen as, oldest first."""
    found = select(stages).where(stages.c.source == source).order_by(stages.c.seen_at)
    return [
        Stage(
            stage_id=row.stage_id,
            name=row.name,
            pipeline=row.pipeline,
            position=row.position,
            outcome=StageOutcome(row.outcome),
        )
        for row in connection.execute(found)
    ]


def keep_stages(
    connection: Connection, source: str, seen: Sequence[Stage], *, now: datetime
) -> None:
    """Remember the stages that a source has now, where that is news."""
    known = {_key(stage): stage for stage in stages_of(connection, source)}
    last = {stage.stage_id: stage for stage in known.values()}
    for stage in dict.fromkeys(map(_short, seen)):
        if last.get(stage.stage_id) == stage:
            continue
        same_row = (
            (stages.c.source == source)
            & (stages.c.stage_id == stage.stage_id)
            & (stages.c.pipeline == stage.pipeline)
            & (stages.c.name == stage.name)
        )
        connection.execute(delete(stages).where(same_row))
        connection.execute(
            insert(stages).values(
                source=source,
                stage_id=stage.stage_id,
                pipeline=stage.pipeline,
                name=stage.name,
                position=stage.position,
                outcome=stage.outcome,
                seen_at=now,
            )
        )


def merged_deals(connection: Connection, source: str) -> dict[str, Merged]:
    """Return what is known of the deals of a source that others were merged into, by their IDs."""
    found = select(merges).where(merges.c.source == source)
    return {
        row.survivor: Merged(
            row.noticed_at, tuple(_milestone(*one) for one in json.loads(row.reached))
        )
        for row in connection.execute(found)
    }


def keep_merged(connection: Connection, source: str, merged: Mapping[str, Merged]) -> None:
    """Remember what merged deals had reached, instead of what was known of them."""
    for survivor, known in merged.items():
        same_row = (merges.c.source == source) & (merges.c.survivor == survivor)
        connection.execute(delete(merges).where(same_row))
        reached = [
            [one.name, one.reached_at.isoformat(), one.is_whole_day, one.is_estimated]
            for one in known.milestones
        ]
        connection.execute(
            insert(merges).values(
                source=source,
                survivor=survivor,
                noticed_at=known.at,
                reached=to_json(reached).decode(),
            )
        )


def keep_survivors(connection: Connection, source: str, became: Mapping[str, str]) -> None:
    """Remember which deal each of some that were merged has become, by their IDs.

    What had become one of these before has now become what that did.
    """
    for deal_id, survivor in became.items():
        of_source = survivors.c.source == source
        is_it = of_source & (survivors.c.deal_id == deal_id)
        known = connection.execute(select(survivors.c.survivor).where(is_it)).scalar()
        if known == survivor:
            continue
        connection.execute(delete(survivors).where(is_it))
        connection.execute(
            insert(survivors).values(source=source, deal_id=deal_id, survivor=survivor)
        )
        earlier = of_source & (survivors.c.survivor == deal_id)
        connection.execute(update(survivors).where(earlier).values(survivor=survivor))


def _milestone(name: str, at: str, is_whole_day: bool, is_estimated: bool) -> Milestone:
    return Milestone(name, datetime.fromisoformat(at), is_whole_day, is_estimated)


def _key(stage: Stage) -> tuple[str, str, str]:
    return stage.stage_id, stage.pipeline, stage.name


def _short(stage: Stage) -> Stage:
    """Return a stage with what its row has room for."""
    return Stage(
        stage_id=stage.stage_id[:_LONGEST],
        name=stage.name[:_LONGEST],
        pipeline=stage.pipeline[:_LONGEST],
        position=stage.position,
        outcome=stage.outcome,
    )


def ended_whole(connection: Connection, source: str) -> bool | None:
    """Return whether a source's file ended with a line break when it was last read."""
    kept = runs.recall(connection, _ending_of(source))
    return None if kept is None else kept == _WHOLE


def keep_ending(connection: Connection, source: str, *, whole: bool) -> None:
    """Remember how a source's file ended."""
    runs.remember(connection, _ending_of(source), _WHOLE if whole else "open")


def _ending_of(source: str) -> str:
    return f"ending of {source}"
