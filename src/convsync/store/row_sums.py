"""What ledger rows add up to, counted of rows that are read anyway.

`audit verify` reads every row to compare it. To read them once more for the kept sums was a tenth
of what it took.
"""

from collections import Counter
from collections.abc import Collection, Mapping

from convsync.store.row_record import COLUMNS, Row
from convsync.store.sums import Key

_ALIKE = (
    *("rule", "destination", "action_id", "milestone", "state", "operation"),
    *("reason", "code", "told_currency", "told_value"),
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
        alike = Counter(zip(sources, *(found[name] for name in _ALIKE), strict=True))
        for (source, rule, *place, reason, code, currency, told), count in alike.items():
            key = (rule, source, *place, reason or "", code or "", currency or "", bool(told))
            amounts = self.amounts.setdefault(key, [0, 0])
            amounts[0] += count
            amounts[1] += count * (told or 0)
