"""What ledger rows add up to, counted of rows that are read anyway.

`audit verify` reads every row to compare it. To read them once more for the kept sums was a tenth
of what it took.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from convsync.store.row_record import COLUMNS, Row
from convsync.store.sums import Key

_ALIKE = (
    *("rule", "destination", "action_id", "milestone", "state", "operation"),
    *("reason", "code", "told_currency"),
)


class RowSums:
    """What `sums.count_ledger` would return of all rows that were added: `amounts`."""

    def __init__(self) -> None:
        self.amounts: dict[Key, list[int]] = {}

    def add(self, rows: Collection[Row], names: Mapping[int, tuple[str, str]]) -> None:
        """Count rows in; `names` has source and ID of their deals."""
        if not rows:
            return
        found = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
        sources = [names[deal][0] for deal in found["deal"]]
        columns = sources, *(found[name] for name in _ALIKE)
        if all(len({*column}) == 1 for column in columns):
            self._count([column[0] for column in columns], found["told_value"])
            return
        told: dict[tuple[Any, ...], list[int | None]] = {}
        for *alike, amount in zip(*columns, found["told_value"], strict=True):
            told.setdefault((*alike,), []).append(amount)
        for of_all, amounts in told.items():
            self._count(of_all, amounts)

    def _count(self, alike: Sequence[Any], told: Sequence[int | None]) -> None:
        """Count rows in that have all but what was told of them alike."""
        source, rule, *place, reason, code, currency = alike
        worth = [*filter(None, told)]
        for is_worth, rows in ((True, len(worth)), (False, len(told) - len(worth))):
            if rows:
                key = (rule, source, *place, reason or "", code or "", currency or "", is_worth)
                amounts = self.amounts.setdefault(key, [0, 0])
                amounts[0] += rows
                amounts[1] += sum(worth) if is_worth else 0
