"""The ledger as the audit log tells it: every event applied in order."""

from collections.abc import Mapping
from typing import Any

from convsync.model.event import EventKind
from convsync.model.record import FIELDS, Scalar, numbers_in


class Replay:
    """Entries by their number, in the fields of `record_of`, after the events applied so far."""

    def __init__(self) -> None:
        self.entries: dict[int, dict[str, Scalar]] = {}
        self._number_of: dict[str, int] = {}

    def apply(self, kind: str, order_id: str | None, detail: Mapping[str, Any]) -> None:
        """Apply one event; those that say nothing of the ledger change nothing."""
        if kind == EventKind.RULE_MOVED:
            self._rename(detail["from"], detail["to"])
        elif order_id is not None:
            if "entry" in detail:
                self._number_of[order_id] = detail["entry"]
            self._change(self._number_of.get(order_id, 0), detail)
        elif "entries" in detail:
            for number in numbers_in(detail["entries"]):
                self._change(number, detail)

    def _rename(self, before: str, after: str) -> None:
        for entry in self.entries.values():
            if entry.get("rule") == before:
                entry["rule"] = after

    def _change(self, number: int, detail: Mapping[str, Any]) -> None:
        entry = self.entries.setdefault(number, {})
        for name in FIELDS & detail.keys():
            if detail[name] is None:
                entry.pop(name, None)
            else:
                entry[name] = detail[name]
