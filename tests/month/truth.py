"""What should be counted, by the CRM's own cells: worked out here, with nothing of convsync's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.month.script import Edit, Night

RULES = ("mql", "won")
_WORTH_OF_MQL = Decimal(20)

Key = tuple[str, str]
"""A deal and a rule."""


@dataclass(slots=True, kw_only=True)
class Truth:
    """The CRM as it shows itself, as it could last be read, and what the platform should count.

    `counted` holds all that ever counted, worth 0 once it was taken back. `reached` is every
    milestone that was ever read, and `refused` are the clicks the platform takes nothing for.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    read: dict[str, dict[str, Any]] = field(default_factory=dict)
    counted: dict[Key, Decimal] = field(default_factory=dict)
    reached: set[Key] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    def edit(self, edits: Sequence[Edit], night: Night) -> None:
        """Let people work in the CRM."""
        for edit in edits:
            if edit.is_deleted:
                self.rows.pop(edit.deal_id, None)
                continue
            fresh = {"id": edit.deal_id, "consent": "yes", "currency": "EUR", "lost": ""}
            row = self.rows.setdefault(edit.deal_id, fresh)
            row |= edit.cells
            if row["lost"] == "LOST":
                row["lost"] = night.evening.isoformat()
        self.refused |= night.verdicts

    @property
    def unreadable(self) -> set[str]:
        """Return the deals that nobody can read."""
        return {deal_id for deal_id, row in self.rows.items() if not _is_readable(row)}

    def is_read(self) -> None:
        """Let a run read the whole export."""
        kept = {deal_id: row for deal_id, row in self.read.items() if deal_id in self.rows}
        kept |= {deal_id: dict(row) for deal_id, row in self.rows.items() if _is_readable(row)}
        self.read = kept
        self.reached |= {
            (deal_id, rule) for deal_id, row in kept.items() for rule in RULES if row.get(rule)
        }

    def is_sent(self) -> None:
        """Let a run send all that was read."""
        wanted = dict(self._wanted())
        self.counted = {key: Decimal(0) for key in self.counted} | wanted

    def claimed(self) -> Iterator[tuple[Key, Decimal]]:
        """Yield what is to be reported, whatever the platform thinks of it."""
        for deal_id, row in self.read.items():
            for rule in RULES:
                if row.get(rule) and _counts(row, rule):
                    is_won = rule == "won"
                    yield (deal_id, rule), Decimal(row["amount"]) if is_won else _WORTH_OF_MQL

    def _wanted(self) -> Iterator[tuple[Key, Decimal]]:
        return (
            (key, value)
            for key, value in self.claimed()
            if self.read[key[0]]["gclid"] not in self.refused
        )


def _is_readable(row: Mapping[str, Any]) -> bool:
    return isinstance(row["amount"], int)


def _counts(row: Mapping[str, Any], rule: str) -> bool:
    return bool(row["consent"] == "yes" and not (rule == "won" and row["lost"]))
