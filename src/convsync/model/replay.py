"""The ledger as the audit log tells it: every event applied in order."""

from collections.abc import Iterable, Mapping
from typing import Any

from convsync.model.event import EventKind
from convsync.model.record import FIELDS, TOLD_AS_STATED, Scalar

Record = dict[str, Scalar]
"""An entry in the fields of `record_of`."""


def after(changes: Iterable[tuple[int, str, Mapping[str, Any]]]) -> Record:
    """Return the entry that events about it lead to: number, kind and what each says, in order."""
    entry: Record = {}
    for _, kind, detail in changes:
        if kind == EventKind.RULE_MOVED:
            _rename_rule(entry, detail)
        else:
            entry.update(detail)
            _tell_as_stated(entry, detail)
    return {name: value for name, value in entry.items() if value is not None and name in FIELDS}


def _tell_as_stated(entry: Record, detail: Mapping[str, Any]) -> None:
    if detail.items() >= TOLD_AS_STATED.items():
        entry["told"], entry["told_currency"] = entry.get("value"), entry.get("currency")


def _rename_rule(entry: Record, detail: Mapping[str, Any]) -> None:
    """Apply a RULE_MOVED event to an entry."""
    if entry.get("rule") == detail["from"]:
        entry["rule"] = detail["to"]
