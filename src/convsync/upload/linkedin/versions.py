"""Versions of LinkedIn's Marketing API: one a month, each for a year at least, and its last day.

https://learn.microsoft.com/en-us/linkedin/marketing/integrations/migrations. That a version for
which no day is listed ends on the 15th a year on is inferred from those that are.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

NEWEST: Final = "202607"
"""The newest that was seen in use."""
_LISTED: Final[Mapping[str, date]] = {
    "202510": date(2026, 10, 15),
    "202511": date(2026, 11, 16),
    "202601": date(2027, 1, 15),
    "202602": date(2027, 2, 15),
    "202603": date(2027, 3, 16),
}


def last_day_of(version: str) -> date:
    """Return the day after which LinkedIn answers a version with 426."""
    return _LISTED.get(version) or date(int(version[:4]) + 1, int(version[4:]), 15)


def is_listed(version: str) -> bool:
    """True where LinkedIn has named the version's last day; else it is inferred."""
    return version in _LISTED
