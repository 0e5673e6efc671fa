"""A conversion's life, from the click to the platform's last verdict, as the audit log has it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from convsync.report.event_table import row_of
from convsync.report.explanation import DealExplanation, Line
from convsync.report.journey import Step, StepKind, reason_of
from convsync.store import audit_search, lookup
from convsync.store.audit_search import Wanted
from convsync.store.database import Database

_NEVER = datetime.max.replace(tzinfo=UTC)
_KINDS = list(StepKind)


def lives_of(database: Database, explained: DealExplanation) -> Mapping[str, list[Step]]:
    """Return what happened to each conversion of a deal, in order, by its order ID.

    It begins with the click that is used and with the milestone; then comes every event. What was
    sealed in a file is told by one event that says what it had come to.
    """
    lives = {
        line.order_id: [*_before(line)]
        for line in explained.lines
        if line.order_id is not None and line.entry is not None
    }
    with database.reading() as connection:
        asked = lookup.of_deals(connection, [explained.deal.deal_id])
        for event in audit_search.every(connection, Wanted(), asked):
            if event.order_id in lives:
                row = row_of(event)
                lives[event.order_id].append(
                    Step(
                        at=event.at,
                        kind=StepKind.CONVERSION,
                        what=event.event,
                        value=row["value"],
                        currency=row["currency"],
                        reason=_why(row),
                    )
                )
    for steps in lives.values():
        steps.sort(key=lambda step: (step.at or _NEVER, _KINDS.index(step.kind)))
    return lives


def _why(row: Mapping[str, Any]) -> str:
    """Return the reason in words, and the code that came with it."""
    if row["reason"] and row["code"]:
        return f"{row['reason'].replace('_', ' ')}, {row['code']}"
    return reason_of(row)


def _before(line: Line) -> Iterator[Step]:
    """Yield what came before anything was planned."""
    for one in line.clicks:
        if one.is_used:
            click_id = one.click.candidate.click.click_id
            yield Step(
                at=one.click.clicked_at,
                kind=StepKind.CLICK,
                what=click_id.kind.value,
                name=click_id.value,
                is_estimated=one.click.is_estimated,
            )
    if line.milestone is not None:
        yield Step(
            at=line.milestone.reached_at,
            kind=StepKind.MILESTONE,
            what=line.milestone.name,
            is_estimated=line.milestone.is_estimated,
        )
