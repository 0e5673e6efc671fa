"""The ledger as the audit log tells it: every event applied in order."""

from collections.abc import Iterable, Mapping
from typing import Any

from convsync.model.event import EventKind
from convsync.model.record import FIELDS, TOLD_AS_STATED, Scalar, numbers_in

Record = dict[str, Scalar]
"""An entry in the fields of `record_of`."""


class Replay:
    """Entries by their number, after the events applied so far."""

    def __init__(self) -> None:
        self.entries: dict[int, Record] = {}
        self._number_of: dict[str, int] = {}

    def apply(self, kind: str, order_id: str | None, detail: Mapping[str, Any]) -> None:
        """Apply one event; those that say nothing of the ledger change nothing."""
        if kind == EventKind.RULE_MOVED:
            for entry in self.entries.values():
                rename_rule(entry, detail)
        elif order_id is not None and kind == EventKind.MERGED_AWAY:
            self.entries.pop(self._number_of.get(order_id, 0), None)
        elif order_id is not None:
            if "entry" in detail:
                self._number_of[order_id] = detail["entry"]
            change(self.entries.setdefault(self._number_of.get(order_id, 0), {}), detail)
        elif "entries" in detail:
            for number in numbers_in(detail["entries"]):
                change(self.entries.setdefault(number, {}), detail)


def change(entry: Record, detail: Mapping[str, Any]) -> None:
    """Apply what one event says to the entry it is about."""
    for name, value in detail.items():
        if name not in FIELDS:
            continue
        if value is None:
            entry.pop(name, None)
        else:
            entry[name] = value
    _tell_as_stated(entry, detail)


def _tell_as_stated(entry: Record, detail: Mapping[str, Any]) -> None:
    if detail.items() >= TOLD_AS_STATED.items():
        entry["told"], entry["told_currency"] = entry.get("value"), entry.get("currency")


def after(changes: Iterable[tuple[int, str, Mapping[str, Any]]]) -> Record:
    """Return the entry that events about it lead to: number, kind and what each says, in order."""
    entry: Record = {}
    for _, kind, detail in changes:
        if kind == EventKind.RULE_MOVED:
            rename_rule(entry, detail)
        else:
            entry.update(detail)
            _tell_as_stated(entry, detail)
    return {name: value for name, value in entry.items() if value is not None and name in FIELDS}


def rename_rule(entry: Record, detail: Mapping[str, Any]) -> None:
    """Apply a RULE_MOVED event to an entry."""
    if entry.get("rule") == detail["from"]:
        entry["rule"] = detail["to"]
