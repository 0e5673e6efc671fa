"""The profile of a source: counts of what its records and their cells hold, and nothing raw.

A value is shown by its shape alone (`aaa.aaa@aaaa.aa`, `99.99.9999`), but for words about consent
and codes of currencies, which are nobody's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from convsync.extract.looks import MappedColumn


class Sign(StrEnum):
    """What a filled cell shows beside what it means; a column is judged by how many show it."""

    UNREADABLE = "unreadable"
    LOWER_CASE = "lower case"
    ODD_CHARACTERS = "odd characters"
    FAR_OFF = "far off"
    WRAPPED = "wrapped"
    PLACEHOLDER = "placeholder"
    OTHER_KIND = "other kind"
    DAMAGED = "damaged"
    ROUNDED = "rounded"
    MIDNIGHT = "midnight"
    FULL_HOUR = "full hour"
    SWAPPABLE = "day or month"
    REPEATED_HOUR = "repeated hour"
    SKIPPED_HOUR = "skipped hour"
    ZERO = "zero"
    NEGATIVE = "negative"
    THREE_DECIMALS = "three decimals"
    NOT_READ = "not read"
    HASHED = "hashed"
    UNMAPPED_WORD = "unmapped word"
    MEANS_NOTHING = "means nothing"


@dataclass(frozen=True, slots=True)
class Seen:
    """How many cells show a sign, and the shape and place of the first; `problem` says more."""

    count: int
    example: str
    place: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TimeSample:
    """One time as it stands in its column, and as it is read."""

    written: str
    read: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What one column holds. `readable` counts the filled cells of which something is made.

    `most_alike` is how many cells hold the most frequent value. `words` are counted for consent
    (those that nobody mapped), currencies and segments; `lengths` for click IDs, `hours` for times
    on the full hour (UTC). `largest` and `median` are of amounts above zero.
    """

    column: MappedColumn
    filled: int = 0
    readable: int = 0
    distinct: int = 0
    most_alike: int = 0
    example: str = ""
    signs: Mapping[Sign, Seen] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[int, int] = field(default_factory=dict)
    hours: Mapping[int, int] = field(default_factory=dict)
    sample: TimeSample | None = None
    largest: Decimal | None = None
    median: Decimal | None = None

    def count(self, sign: Sign) -> int:
        """Return how many cells show a sign."""
        return self.signs[sign].count if sign in self.signs else 0


LONGEST_LOOKBACK: Final = timedelta(days=90)
"""A conversion so long after its click is not counted any more by Google, nor by most networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneProfile:
    """How many deals reached a milestone, when the first and the last did, how many before birth.

    `estimated` counts those whose time the CRM's history does not say, `late` those that reached it
    longer after their creation than any click counts.
    """

    name: str
    deals: int = 0
    since: datetime | None = None
    until: datetime | None = None
    estimated: int = 0
    before_creation: int = 0
    late: int = 0
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedValue:
    """An e-mail, phone or key that many deals have, by its shape and the name it is allowed by."""

    kind: str
    name: str
    shape: str
    deals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedDeals:
    """Deals that stand in several rows; `differing` are those whose rows do not say the same."""

    deals: int = 0
    rows: int = 0
    differing: int = 0
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What was seen of a source, in one pass over its records.

    `is_cut` says that there are more than were looked at. `footer` are rows without a deal ID
    behind the last deal, beginning at `footer_at`. `currencies` count the deals with an amount,
    None those without a currency.
    """

    name: str
    table: str
    records: int = 0
    deals: int = 0
    clicks: int = 0
    is_cut: bool = False
    unreadable: int = 0
    unreadable_at: str = ""
    footer: int = 0
    footer_at: str = ""
    left_out: int = 0
    unreadable_stamps: int = 0
    decimal_is_declared: bool = True
    date_columns: frozenset[str] = frozenset()
    columns: Sequence[ColumnProfile] = ()
    milestones: Sequence[MilestoneProfile] = ()
    repeated: RepeatedDeals = RepeatedDeals()
    shared: Sequence[SharedValue] = ()
    shared_limit: int = 0
    currencies: Mapping[str | None, int] = field(default_factory=dict)
