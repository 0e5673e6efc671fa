"""What would be sent, a line a conversion: `+` counts it, `~` restates it, `-` takes it back.

+ won D-17 1,000.00 EUR gclid, 20 days before
~ won D-3 5,701.77 → 4,711.00 EUR
- won D-9 1,000.00 EUR deal lost
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from convsync.model.identifiers import Identifiers
from convsync.model.ledger import LedgerEntry
from convsync.model.money import add_to
from convsync.model.outcome import Matched
from convsync.model.record import amount_text
from convsync.model.statement import Operation, Statement

SIGNS: Mapping[Operation, str] = {
    Operation.COUNT: "+",
    Operation.RESTATE: "~",
    Operation.RETRACT: "-",
}

COLUMNS = (
    *("operation", "rule", "source", "deal_id", "order_id", "destination", "action"),
    *("value_before", "value", "currency", "identifiers", "clicked_at", "is_click_estimated"),
    *("days_before", "milestone_at", "reason"),
)


class Outgoing(Struct):
    """Adds up what would go out while it is looked at: how many, and worth what, by destination."""

    count: dict[str, int] = field(default_factory=dict)
    value: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    def counting(self, entries: Iterable[LedgerEntry]) -> Iterator[LedgerEntry]:
        """Yield the same entries, each counted in as it passes."""
        for entry in entries:
            name = entry.action.destination
            self.count[name] = self.count.get(name, 0) + 1
            if entry.value is not None:
                sums = self.value.setdefault(name, {})
                add_to(sums, entry.value.currency, entry.value.amount)
            yield entry

    @property
    def total(self) -> int:
        """Return how many conversions have passed."""
        return sum(self.count.values())


def line_of(entry: LedgerEntry) -> str:
    """Return a conversion that is to be sent as a line of the preview."""
    parts = [SIGNS[entry.operation], entry.rule, entry.deal_id, _money(entry), _because(entry)]
    return " ".join(part for part in parts if part)


def row_of(entry: LedgerEntry) -> dict[str, Any]:
    """Return the same by `COLUMNS`, for machines."""
    statement = _statement_of(entry)
    matched, told = entry.matched, entry.told
    return {
        "operation": entry.operation.value,
        "rule": entry.rule,
        "source": entry.source,
        "deal_id": entry.deal_id,
        "order_id": entry.order_id,
        "destination": entry.action.destination,
        "action": entry.action.action_id,
        "value_before": None if told is None else amount_text(told.amount),
        "value": amount_text(statement.value.amount),
        "currency": statement.value.currency,
        "identifiers": ", ".join(identifier_kinds(statement)),
        "clicked_at": None if matched is None else matched.clicked_at,
        "is_click_estimated": bool(matched and matched.is_estimated),
        "days_before": _days_before(entry),
        "milestone_at": entry.milestone_at,
        "reason": entry.reason.value if entry.reason else None,
    }


def identifier_kinds(statement: Statement) -> list[str]:
    """Return by which kinds of identifier a request names a conversion; never their values."""
    click = [] if statement.click_id is None else [statement.click_id.kind.value]
    return [*click, *_hashed(statement.identifiers)]


def _hashed(who: Identifiers) -> list[str]:
    found = (("hashed e-mail", len(who.emails)), ("hashed phone", len(who.phones)))
    return [name if count == 1 else f"{count} × {name}" for name, count in found if count]


def _statement_of(entry: LedgerEntry) -> Statement:
    assert entry.statement is not None, "only what is to be sent is shown"
    return entry.statement


def _money(entry: LedgerEntry) -> str:
    value, told = _statement_of(entry).value, entry.told
    match entry.operation:
        case Operation.RETRACT:
            return "" if told is None else str(told)
        case Operation.RESTATE if told is not None and told.currency == value.currency:
            return f"{str(told).removesuffix(told.currency).strip()} → {value}"
        case Operation.RESTATE if told is not None:
            return f"{told} → {value}"
        case _:
            return str(value)


def _because(entry: LedgerEntry) -> str:
    match entry.operation:
        case Operation.RETRACT:
            return entry.reason.value.replace("_", " ") if entry.reason else ""
        case Operation.COUNT:
            kinds = ", ".join(identifier_kinds(_statement_of(entry)))
            return ", ".join(part for part in (kinds, _when(entry)) if part)
        case Operation.RESTATE:
            return ""


def _when(entry: LedgerEntry) -> str:
    days, matched = _days_before(entry), entry.matched
    if days is None:
        return "" if matched is None or matched.click is None else "at an unknown time"
    about = "about " if matched is not None and matched.is_estimated else ""
    return f"{about}{days:,} {'day' if days == 1 else 'days'} before" if days else "the same day"


def _days_before(entry: LedgerEntry) -> int | None:
    match entry.matched:
        case Matched(clicked_at=clicked_at) if clicked_at is not None:
            return max(0, (entry.milestone_at - clicked_at).days)
        case _:
            return None
