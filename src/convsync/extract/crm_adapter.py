"""What every vendor's adapter promises, and what it returns.

An adapter (a `Crm`, one file per vendor) speaks the vendor's API: it lists what changed in a
window, page by page, and completes each page with as few calls as the vendor allows: the stages the
deals went through, the people behind them, what their fields hold. Associations are read live with
each deal, and deals are read again when a person behind them changes: a click ID that is added to a
contact does not touch the deal. The owner is the CRM's ID of a user, not a name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from convsync.extract.cells import text_of
from convsync.extract.funnel import Entered, Stage, Standing
from convsync.extract.source import Departed, Quarantined
from convsync.model.period import Period

T = TypeVar("T")
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before it no CRM held anything."""
FAR_AHEAD: Final = datetime(9999, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
Fields = Mapping[str, Any]
FieldHistory = Mapping[str, Sequence[tuple[Any, datetime]]]
"""What fields held over time, each value with the instant (aware UTC) it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact or lead behind a deal, as the CRM has it. It is hashed before it goes any further.

    `kind` is CONTACT or LEAD. `history` holds earlier values of click-ID fields, where the CRM
    keeps them.
    """

    kind: str
    record_id: str
    created_at: datetime | None = None
    fields: Fields = field(default_factory=dict, repr=False)
    history: FieldHistory = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmDeal:
    """A deal as its CRM tells it, complete: with its stages' history and its people.

    `entered` is in the vendor's own order where stamps are equal; `standing` is what the record
    itself says, and `merged` which deals became this one, where the vendor says so. `taken_over`
    are the times of changes it was given by deals that were merged into it. `amount` is
    what the API wrote, text or number, in `currency`. `attributes` are what every CRM has under
    other names: owner, pipeline, stage; blank ones may be left out.
    """

    deal_id: str
    created_at: datetime | None
    modified_at: datetime | None
    entered: Sequence[Entered]
    standing: Standing | None = None
    merged: tuple[str, ...] = ()
    taken_over: tuple[datetime, ...] = ()
    amount: Any = None
    currency: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    fields: Fields = field(default_factory=dict, repr=False)
    history: FieldHistory = field(default_factory=dict, repr=False)
    people: Sequence[Person] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some deals that were listed together, and deals that these show to have left the CRM.

    `place` is where to go on after them, if one can.
    """

    deals: Sequence[CrmDeal | Quarantined]
    departed: Sequence[Departed] = ()
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmField:
    """A field of a kind of record: `kind` is DEAL, CONTACT or LEAD, `longest` its length if known.

    `is_readable` is False where the API lists a field that these credentials may not read.
    """

    kind: str
    name: str
    label: str
    type: str
    longest: int | None = None
    is_readable: bool = True


class Crm(Protocol):
    """One vendor's API. Iterating and calling raise what `Http` raises.

    `lag` is how long the vendor's index trails behind, `overlap` how far each window reaches back
    into the one before; both may be overridden by the config. `names_survivors` is False where
    deals can be merged and the loser only seems to have been deleted, `has_history` where a deal
    tells of no stage but the one it is in, `empties_stages` where deals stay in retired stages.
    `links_unseen` is True where a person may be linked to a deal without changing either, and
    `lists_deleted_for` is how long a deleted deal is listed, None where it is asked for by its ID.
    """

    lag: timedelta
    overlap: timedelta
    names_survivors: bool
    has_history: bool
    empties_stages: bool
    links_unseen: bool
    lists_deleted_for: timedelta | None

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every pipeline of deals."""

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of deals, contacts and leads."""

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield every deal that was modified inside the window, or had a person who was.

        With `after`, a place in the same window, what stands before it may be left out.
        """

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal that may have entered a stage inside the period, and perhaps others."""

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield those of the deals that these credentials can see, by the vendor's batch calls."""

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield every deal that left the CRM inside the window, where the CRM tells of them."""

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what a hundred or so recent records of a kind hold in these fields."""


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items so many at a time, as batch calls take them."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def is_first_read(window: Period) -> bool:
    """Return whether a window is of everything: then every deal comes, with everybody behind it."""
    return window.since < LONG_AGO


def ever_since(period: Period) -> Period:
    """Return the time since a period began: what moved in the period was modified in it."""
    return Period(since=period.since, until=FAR_AHEAD)


_NO_DATE: Final = ("0000-00-00", "0001-01-01", "1753-01-01", "1899-12-30", "1900-01-01")
"""What systems write for no date: zeros, and the first day that they know."""


def instant(text: object) -> datetime | None:
    """Return the instant an API's timestamp states, None for none; without a zone it is UTC.

    Raises ValueError, or another of what reading raises, for what is no time of anybody's.
    """
    written = text_of(text)
    if not written or written.startswith(_NO_DATE):
        return None
    moment = datetime.fromisoformat(written)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not is_sound(moment):
        raise ValueError("a time beyond all sense")
    return moment


def is_sound(moment: datetime) -> bool:
    """Return whether anything can have happened at an instant: the year 9999 means nothing."""
    return _EARLIEST <= moment < _LATEST


def end_of_day(text: object) -> datetime | None:
    """Return the last second, in UTC, of the day that a bare date names; None for none."""
    at = instant(text)
    return at and datetime.combine(at.date(), time(23, 59, 59), UTC)


def oldest_first(rows: Sequence[T], at: Callable[[T], datetime]) -> list[T]:
    """Return a list that a vendor keeps in the order of time, one way or the other.

    What has one stamp stays in the vendor's order; where all have it, that is taken as it is.
    """
    is_reversed = len(rows) > 1 and at(rows[0]) > at(rows[-1])
    return sorted(reversed(rows) if is_reversed else rows, key=at)
