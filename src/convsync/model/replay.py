"""The ledger as the audit log tells it: every event applied in order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict

from convsync.model.event import EventKind
from convsync.model.record import FIELDS, TOLD_AS_STATED, Scalar

Record = dict[str, Scalar]
"""An entry in the fields of `record_of`."""


class Recorded(Struct, gc=False):
    """An entry as `record_of` gives it, beside its run and order ID. What is missing is None.

    Two of these are compared at once, and an event is read as one, where a mapping of each entry
    of a million is most of what comparing them costs.
    """

    entry: Any = None
    run_id: Any = None
    order_id: Any = None
    rule: Any = None
    destination: Any = None
    action: Any = None
    milestone: Any = None
    milestone_at: Any = None
    state: Any = None
    reason: Any = None
    code: Any = None
    due_at: Any = None
    batch: Any = None
    is_unsure: Any = None
    seconds_to_close: Any = None
    told: Any = None
    told_currency: Any = None
    operation: Any = None
    value: Any = None
    currency: Any = None
    event_at: Any = None
    click: Any = None
    about: Any = None
    matched_by: Any = None
    clicked_at: Any = None
    is_click_estimated: Any = None
    values_version: Any = None

    def as_record(self) -> Record:
        """Return the same as a mapping, without what is missing."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Together(NamedTuple):
    """What events about many entries make of each: fields, and whether it is told as stated."""

    fields: tuple[tuple[str, Any], ...]
    is_told_as_stated: bool

    def apply(self, entry: Recorded) -> None:
        """Change an entry as they say."""
        for name, value in self.fields:
            setattr(entry, name, value)
        if self.is_told_as_stated:
            entry.told, entry.told_currency = entry.value, entry.currency

    def in_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        """Return the fields of many entries, a column each, changed as they say."""
        rows = len(columns["entry"])
        changed = {**columns, **{name: [value] * rows for name, value in self.fields}}
        if self.is_told_as_stated:
            nothing = [None] * rows
            changed["told"] = changed.get("value", nothing)
            changed["told_currency"] = changed.get("currency", nothing)
        return changed


_STATED = frozenset({"value", "currency", "told", "told_currency"})


def together(changes: Iterable[tuple[int, str, Mapping[str, Any]]]) -> Together | None:
    """Return what events do to any entry alike; None where that depends on the entry."""
    fields: dict[str, Any] = {}
    is_told_as_stated = False
    for _, kind, detail in changes:
        said = FIELDS & detail.keys()
        if kind == EventKind.RULE_MOVED or _STATED & said:
            return None
        fields |= {name: detail[name] for name in said}
        is_told_as_stated |= detail.items() >= TOLD_AS_STATED.items()
    return Together(tuple(fields.items()), is_told_as_stated)


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
