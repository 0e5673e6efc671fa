"""The funnel as the configuration has it, kept where the views for BI tools can read it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, insert, select

from convsync.model.deal import LOST
from convsync.model.rule import Agreement
from convsync.store.schema import funnel_steps

_A_DAY = timedelta(days=1)


def keep(connection: Connection, order: Sequence[str], agreements: Mapping[str, Agreement]) -> None:
    """Put the steps, and what was agreed on each word for word, in the place of those kept."""
    steps = [name for name in order if name != LOST]
    wanted = [
        _row(position, name, agreements.get(name)) for position, name in enumerate(steps, start=1)
    ]
    kept = select(funnel_steps).order_by(funnel_steps.c.position)
    if [dict(row) for row in connection.execute(kept).mappings()] == wanted:
        return
    connection.execute(delete(funnel_steps))
    if wanted:
        connection.execute(insert(funnel_steps), wanted)


def _row(position: int, milestone: str, agreement: Agreement | None) -> dict[str, object]:
    within = agreement.next_within if agreement else None
    return {
        "position": position,
        "milestone": milestone,
        "definition": agreement.definition if agreement else "",
        "owner": agreement.owner if agreement else "",
        "next_within_days": None if within is None else within / _A_DAY,
    }
