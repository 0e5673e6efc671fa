"""Entries that are new to the ledger and planned together, written column by column.

They are most rows of a first night: what all of them have alike is converted once, and what a new
entry cannot have yet (a batch, an answer, anything told) is left to its column's default.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from convsync.model.ledger import State
from convsync.model.planned import PlannedColumns, PlannedTogether, joined
from convsync.model.statement import Operation
from convsync.store import dialect, sums
from convsync.store.dialect import Alike
from convsync.store.entry_row import extras_of
from convsync.store.schema import QUEUES, ledger


def insert(connection: Connection, planned: Sequence[PlannedTogether]) -> None:
    """Insert the entries, those of a rule at once; the sums follow.

    Only `audit.write` calls this, with their events.
    """
    for _, of_rule in groupby(planned, key=_rule_of):
        alike, own = columns_of([*of_rule])
        dialect.insert_columns(connection, ledger, {**alike, **own}, len(own["id"]))
    sums.apply_planned(connection, planned)


def _rule_of(planned: PlannedTogether) -> str:
    return planned.rule.name


def columns_of(
    of_rule: Sequence[PlannedTogether],
) -> tuple[Mapping[str, Alike], Mapping[str, Sequence[Any]]]:
    """Return the columns in which a rule's entries are alike, and those in which they differ."""
    return _alike(of_rule[0]), _own(joined([planned.columns for planned in of_rule]))


def _alike(planned: PlannedTogether) -> Mapping[str, Alike]:
    """Return the columns that hold the same for all entries of a rule that were never sent."""
    rule = planned.rule
    return {
        "rule": Alike(rule.name),
        "destination": Alike(rule.action.destination),
        "action_id": Alike(rule.action.action_id),
        "milestone": Alike(rule.milestone),
        "state": Alike(State.PLANNED),
        "queue": Alike(QUEUES[State.PLANNED]),
        "operation": Alike(Operation.COUNT),
        "run_id": Alike(planned.run_id),
        "is_click_estimated": Alike(value=False),
    }


def _own(columns: PlannedColumns) -> Mapping[str, Sequence[Any]]:
    """Return the columns in which entries differ."""
    return {
        "id": columns.numbers,
        "deal": columns.deal_rows,
        "order_id": columns.order_ids,
        "milestone_at": columns.milestones_at,
        "value": columns.amounts,
        "currency": columns.currencies,
        "event_at": columns.events_at,
        "click_kind": [one.kind for one in columns.clicks],
        "click_id": [one.value for one in columns.clicks],
        "extras": columns.of_extras(extras_of),
        "basis": [basis.value for basis in columns.bases],
        "clicked_at": columns.clicked_at,
        "seconds_to_close": columns.seconds_to_close,
        "values_version": columns.values_versions,
    }
