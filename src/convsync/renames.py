"""Names that changed in the configuration, carried over into the ledger without counting again.

A conversion is named after its rule and source, so a rule under a new name would count every deal a
second time. `[moved]` says that a name changed; a plan that looks as if one had, and nobody said
so, is refused. Order IDs stay what they were: the platform knows the conversions by them.
"""

from collections.abc import Collection
from datetime import datetime

from convsync import audit
from convsync.errors import OperatorError, UnsafePlanError
from convsync.model.event import Event, EventKind
from convsync.model.terms import Moved
from convsync.store import retired
from convsync.store.database import Connection


def carry_over(connection: Connection, moved: Moved, *, run_id: int, at: datetime) -> None:
    """Rename what is kept under old names, once.

    Raises OperatorError where a deal has conversions under both names: then it was counted twice.
    """
    kinds = (
        ("rules", moved.rules, retired.move_rule, EventKind.RULE_MOVED),
        ("sources", moved.sources, retired.move_source, EventKind.SOURCE_MOVED),
    )
    events = []
    for kind, names, move, event in kinds:
        for before, now in names.items():
            renamed, in_the_way = move(connection, before, now)
            if in_the_way:
                raise OperatorError(
                    f"[moved] says that {kind}.{before} is {kind}.{now} now, but {in_the_way:,} "
                    "deals have conversions under both names. Take the line out of [moved]; what "
                    f"counts under {before} is listed by `convsync status`."
                )
            if renamed:
                events.append(Event(event, {"from": before, "to": now, "renamed": renamed}))
    if events:
        audit.record(connection, events, run_id=run_id, at=at)


def refuse_counting_again(
    connection: Connection, *, rules: Collection[str], sources: Collection[str]
) -> None:
    """Raise UnsafePlanError where what is planned counts already under a name that is gone."""
    found = retired.renames_in_plan(connection, rules=rules, sources=sources)
    if not found:
        return
    said = "; ".join(
        f"{one.count:,} conversions planned for {one.kind}.{one.now} count already under "
        f"{one.kind}.{one.before}, which is no longer in the configuration"
        for one in found
    )
    lines = ", ".join(f'"{one.kind}.{one.before}" = "{one.kind}.{one.now}"' for one in found)
    raise UnsafePlanError(
        f"{said}. Nothing was sent. If it was renamed, write under [moved]: {lines}. If it should "
        "count a second time, go on with --force."
    )
