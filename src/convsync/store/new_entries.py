"""Entries that are new to the ledger and planned together, written column by column.

They are most rows of a first night: what all of them have alike is converted once, and what a new
entry cannot have yet (a batch, an answer, anything told) is left to its column's default.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from convsync.model.ledger import LedgerEntry, State
from convsync.model.planned import PlannedTogether
from convsync.store import dialect, sums
from convsync.store.dialect import Alike
from convsync.store.entry_row import extras_of
from convsync.store.schema import QUEUES, ledger


def insert(connection: Connection, planned: Sequence[PlannedTogether]) -> None:
    """Insert the entries, those of a rule at once; the sums follow.

    Only `audit.write` calls this, with their events.
    """
    for _, of_rule in groupby(planned, key=_rule_of):
        entries = [entry for together in of_rule for entry in together.entries]
        columns = {**_alike(entries[0]), **_own(entries)}
        dialect.insert_columns(connection, ledger, columns, len(entries))
    sums.apply_planned(connection, planned)


def _rule_of(planned: PlannedTogether) -> str:
    return planned.entries[0].rule


def _alike(entry: LedgerEntry) -> Mapping[str, Alike]:
    """Return the columns that hold the same for all entries of a rule that were never sent."""
    return {
        "rule": Alike(entry.rule),
        "destination": Alike(entry.action.destination),
        "action_id": Alike(entry.action.action_id),
        "milestone": Alike(entry.milestone),
        "state": Alike(State.PLANNED),
        "queue": Alike(QUEUES[State.PLANNED]),
        "run_id": Alike(entry.run_id),
    }


def _own(entries: Sequence[LedgerEntry]) -> Mapping[str, Sequence[Any]]:
    """Return the columns in which entries differ."""
    said = [entry.statement for entry in entries if entry.statement is not None]
    matches = [entry.matched for entry in entries]
    times = [entry.time_to_close for entry in entries]
    clicks = [statement.click_id for statement in said]
    return {
        "id": [entry.number for entry in entries],
        "deal": [entry.deal_row for entry in entries],
        "order_id": [entry.order_id for entry in entries],
        "milestone_at": [entry.milestone_at for entry in entries],
        "operation": [statement.operation for statement in said],
        "value": [statement.value.amount for statement in said],
        "currency": [statement.value.currency for statement in said],
        "event_at": [statement.event_at for statement in said],
        "click_kind": [None if one is None else one.kind for one in clicks],
        "click_id": [None if one is None else one.value for one in clicks],
        "extras": [extras_of(statement) for statement in said],
        "basis": [None if one is None else one.basis.value for one in matches],
        "clicked_at": [None if one is None else one.clicked_at for one in matches],
        "is_click_estimated": [None if one is None else one.is_estimated for one in matches],
        "seconds_to_close": [None if took is None else int(took.total_seconds()) for took in times],
        "values_version": [entry.values_version for entry in entries],
    }
