"""Numbers and days as the company writes them, in cells that were written as ours are."""

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convsync.settings import Settings

_DAY = re.compile(r"(?<![\w-])(\d{4})-(\d{2})-(\d{2})(?![\w-])")
_NUMBER = re.compile(r"(?<![\w.,-])(\d{1,3}(?:,\d{3})*)(?:\.(\d+))?(?![\w-]|,\d)")


@dataclass(frozen=True, slots=True)
class Formats:
    """The signs in numbers, and strftime's format of days."""

    decimal: str = "."
    thousands: str = ","
    date_format: str = "%Y-%m-%d"

    def day(self, day: date) -> str:
        """Return a day."""
        return day.strftime(self.date_format)

    def localised(self, text: str) -> str:
        """Return a text with its numbers and days rewritten; what is part of a word stays."""
        days = _DAY.sub(lambda found: self.day(date(*map(int, found.groups()))), text)
        return days if days != text else _NUMBER.sub(self._number, text)

    def _number(self, found: re.Match[str]) -> str:
        whole, part = found.groups()
        written = whole.replace(",", self.thousands)
        return written if part is None else f"{written}{self.decimal}{part}"


def formats_of(settings: "Settings") -> Formats:
    """Return how the company writes numbers and days."""
    table = settings.reports
    return Formats(table.decimal, table.thousands, table.date_format)
