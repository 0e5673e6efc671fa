"""What Microsoft counts: by click, goal and second once; by hashes alone as often as it is sent.

That a repeat without a click counts nothing new is not documented, so here it does count, and the
books show it. What became of a row beyond being taken is written down for the reports.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

from convsync.sandbox.clock import rfc3339

Row = Mapping[str, Any]
DUPLICATE = "DuplicateConversionKey"
ORIGINAL_NOT_FOUND = "AdjustmentOriginalNotFound"
ALREADY_RETRACTED = "ConversionAlreadyRetracted"
ACCOUNT_MISMATCH = "AccountMismatch"
NO_CLICK_FOUND = "NoMatchingClickFound"


@dataclass(slots=True)
class BookedConversion:
    """One conversion as it stands: what it said at first, its value now, and how often it counts.

    `changed_at` are the times that its adjustments gave.
    """

    first: Row
    value: float | None
    currency: str
    came_at: list[datetime] = field(default_factory=list)
    count: int = 1
    changed_at: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Return how often it was sent."""
        return len(self.came_at)

    def as_json(self) -> Mapping[str, Any]:
        """Return all that is known of it."""
        return {
            "value": self.value,
            "currency": self.currency,
            "count": self.count,
            "sent": self.sent,
            "came_at": [rfc3339(at) for at in self.came_at],
            "changed_at": self.changed_at,
            "row": self.first,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedRow:
    """One row that was taken, and why it was not attributed ("": it was)."""

    at: datetime
    account: str
    goal: str
    unattributed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardCall:
    """One call, and what was answered: 200, or a code."""

    at: datetime
    operation: str
    rows: int
    result: str


class MicrosoftBooks:
    """Conversions by `account/goal`, and by what each is known by. Safe across threads."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.clear()

    def clear(self) -> None:
        """Back to empty pages."""
        self.counted: defaultdict[str, dict[str, BookedConversion]] = defaultdict(dict)
        self.arrived: list[ArrivedRow] = []
        self.calls: list[HeardCall] = []

    def count(self, account: str, row: Row, at: datetime, *, once_a_click: bool, why: str) -> None:
        """Enter a conversion that was taken; `why` it is not attributed, "" where it is."""
        goal, page = row["ConversionName"], self._page(account, row)
        name = key_of(row)
        known = page.get(name)
        if known is not None:
            known.came_at.append(at)
            known.count += not row.get("MicrosoftClickId")
            why = DUPLICATE
        elif once_a_click and self._has_click(page, row):
            why = DUPLICATE
        else:
            page[name] = BookedConversion(
                row, row.get("ConversionValue"), row.get("ConversionCurrencyCode", ""), [at]
            )
        self.arrived.append(ArrivedRow(at=at, account=account, goal=goal, unattributed=why))

    def adjust(self, account: str, row: Row, at: datetime) -> None:
        """Enter an adjustment that was taken; of a conversion that is not there, nothing comes."""
        known = self._page(account, row).get(key_of(row))
        why = ""
        if known is None:
            why = ORIGINAL_NOT_FOUND
        elif not known.count:
            why = ALREADY_RETRACTED
        elif row["AdjustmentType"] == "Retract":
            known.value, known.count = 0.0, 0
            known.changed_at.append(row["AdjustmentTime"])
        elif not known.changed_at or row["AdjustmentTime"] > known.changed_at[-1]:
            known.value = row["AdjustmentValue"]
            known.currency = row["AdjustmentCurrencyCode"]
            known.changed_at.append(row["AdjustmentTime"])
        goal = row["ConversionName"]
        self.arrived.append(ArrivedRow(at=at, account=account, goal=goal, unattributed=why))

    def note(self, call: HeardCall) -> None:
        """Write down a call, however it ended."""
        with self.lock:
            self.calls.append(call)

    def as_json(self) -> Mapping[str, Any]:
        """Return the books, readable."""
        with self.lock:
            booked = [one for page in self.counted.values() for one in page.values()]
            alerts = Counter(one.unattributed for one in self.arrived if one.unattributed)
            return {
                "counted": {
                    name: {key: one.as_json() for key, one in page.items()}
                    for name, page in self.counted.items()
                },
                "requests": [
                    {
                        "at": rfc3339(one.at),
                        "operation": one.operation,
                        "rows": one.rows,
                        "result": one.result,
                    }
                    for one in self.calls
                ],
                "totals": {
                    "requests": len(self.calls),
                    "conversions_counted": sum(one.count for one in booked),
                    "counted_twice": sum(one.count > 1 for one in booked),
                    "events_sent": sum(one.sent for one in booked),
                    "unattributed": dict(alerts),
                },
            }

    def _page(self, account: str, row: Row) -> dict[str, BookedConversion]:
        return self.counted[f"{account}/{row['ConversionName']}"]

    @staticmethod
    def _has_click(page: Mapping[str, BookedConversion], row: Row) -> bool:
        click = row.get("MicrosoftClickId")
        return any(one.first.get("MicrosoftClickId") == click for one in page.values())


def key_of(row: Row) -> str:
    """Return by what a conversion is known: its click or hashes, and its second."""
    who = row.get("MicrosoftClickId") or "+".join(
        str(row[key]) for key in ("HashedEmailAddress", "HashedPhoneNumber") if row.get(key)
    )
    return f"{who} {row['ConversionTime']}"
