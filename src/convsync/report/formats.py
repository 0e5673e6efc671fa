"""Numbers and days as their reader writes them, in texts that were written as ours are."""

import re
from dataclasses import dataclass
from datetime import date

_DAY = re.compile(r"(?<![\w-])(\d{4})-(\d{2})-(\d{2})(?![\w-])")
_NUMBER = re.compile(r"(?<![\w.,-])(\d{1,3}(?:,\d{3})*)(?:\.(\d+))?(?![\w-]|,\d)")


@dataclass(frozen=True, slots=True)
class Formats:
    """The signs in numbers, and strftime's format of days: a company's, as its settings say."""

    decimal: str = "."
    thousands: str = ","
    date_format: str = "%Y-%m-%d"

    def day(self, day: date) -> str:
        """Return a day."""
        return day.strftime(self.date_format)

    def localised(self, text: str) -> str:
        """Return a text with its numbers and days rewritten; what is part of a word stays."""
        days = _DAY.sub(lambda found: self.day(date(*map(int, found.groups()))), text)
        if days != text:
            return days
        return _NUMBER.sub(lambda found: self.number(*found.groups()), text)

    def number(self, whole: str, part: str | None) -> str:
        """Return a number whose `whole` has a comma between thousands; None: no part follows."""
        written = whole.replace(",", self.thousands)
        return written if part is None else f"{written}{self.decimal}{part}"
