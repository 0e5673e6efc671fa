"""Numbers and days as their reader writes them, in texts that were written as ours are."""

import re
from dataclasses import dataclass
from datetime import date

_DAY = re.compile(r"(?<![\w-])(\d{4})-(\d{2})-(\d{2})(?![\w-])")
_NUMBER = re.compile(r"(?<![\w.,-])(\d{1,3}(?:,\d{3})*)(?:\.(\d+))?(?![\w-]|,\d)")

_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|`[^`]*`")
"""Names and commands in a sentence; an apostrophe within a word begins none."""


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

    def in_prose(self, text: str) -> str:
        """Return sentences with their numbers and days rewritten; what is quoted stays as it is."""
        quoted = iter(_QUOTED.findall(text))
        parts = [self._each(part) for part in _QUOTED.split(text)]
        return parts[0] + "".join(f"{next(quoted)}{part}" for part in parts[1:])

    def _each(self, text: str) -> str:
        spoken, days = _DAY.split(text), _DAY.finditer(text)
        between = spoken[:: _DAY.groups + 1]
        rewritten = [self.day(date(*map(int, found.groups()))) for found in days]
        numbers = [
            _NUMBER.sub(lambda found: self.number(*found.groups()), part) for part in between
        ]
        return numbers[0] + "".join(
            f"{day}{part}" for day, part in zip(rewritten, numbers[1:], strict=True)
        )

    def number(self, whole: str, part: str | None) -> str:
        """Return a number whose `whole` has a comma between thousands; None: no part follows."""
        written = whole.replace(",", self.thousands)
        return written if part is None else f"{written}{self.decimal}{part}"


OURS = Formats()
"""As texts are written before anybody's formats are known."""
