"""The second at which a conversion is sent to a platform that knows it by click, action and time.

Such a platform has no name of ours for it: at another second it is another conversion, and two
deals of one click at one second are one. So the second is chosen when the conversion is planned, a
free one near the milestone's, and kept: what was planned stays where it is while its click and its
milestone do, and what may have been received stays there whatever the deal becomes. Nor does such
a platform know at once what it was sent: a correction waits until it does.
"""

from collections.abc import Iterator, Mapping, Set
from datetime import datetime, timedelta
from itertools import count

from msgspec import Struct, field, structs

from convsync.model.click import ClickId
from convsync.model.conversion import Conversion
from convsync.model.ledger import LedgerEntry
from convsync.model.rule import ConversionAction
from convsync.model.statement import OrderId, Statement

_SECOND = timedelta(seconds=1)
Spot = tuple[ConversionAction, ClickId, datetime]


class Seconds(Struct, kw_only=True):
    """Chooses seconds for the destinations that need it; `taken` says which are whose.

    `correctable` is from when on an entry, by its number, can be corrected at its platform.
    """

    destinations: Set[str] = frozenset()
    taken: Mapping[Spot, OrderId] = field(default_factory=dict)
    correctable: Mapping[int, datetime] = field(default_factory=dict)
    _chosen: dict[Spot, OrderId] = field(default_factory=dict)

    def needed_by(self, action: ConversionAction) -> bool:
        """True where the platform of an action knows conversions by their time."""
        return action.destination in self.destinations

    def placed(
        self, conversion: Conversion, entry: LedgerEntry | None, *, now: datetime
    ) -> Conversion:
        """Return a conversion at the second that it has, or at a free one."""
        statement = conversion.statement
        if not self.needed_by(statement.action):
            return conversion
        if entry is not None and entry.statement is not None and _stays(entry, conversion):
            kept = {"event_at": entry.statement.event_at, "click_id": entry.statement.click_id}
            return structs.replace(conversion, statement=structs.replace(statement, **kept))
        at = self._free(statement, conversion.matched.clicked_at, now)
        return structs.replace(conversion, statement=structs.replace(statement, event_at=at))

    def counted_anew(self, statement: Statement, now: datetime) -> Statement:
        """Return what counts again at another second what was taken back at this one."""
        later = structs.replace(statement, event_at=statement.event_at + _SECOND)
        return structs.replace(later, event_at=self._free(later, later.event_at, now))

    def _free(self, statement: Statement, earliest: datetime | None, now: datetime) -> datetime:
        for at in _near(statement.event_at, earliest, now):
            if statement.click_id is None:
                return at
            spot = (statement.action, statement.click_id, at)
            owner = self._chosen.get(spot) or self.taken.get(spot)
            if owner in {None, statement.order_id}:
                self._chosen[spot] = statement.order_id
                return at
        raise AssertionError("seconds do not end")


def _stays(entry: LedgerEntry, conversion: Conversion) -> bool:
    """True where an entry's second holds for what was decided now."""
    if entry.is_unsure:
        return True
    assert entry.statement is not None, "only what has one is asked about"
    is_same_click = entry.statement.click_id == conversion.statement.click_id
    is_same_action = entry.action == conversion.statement.action
    return is_same_click and is_same_action and entry.milestone_at == conversion.milestone_at


def _near(at: datetime, earliest: datetime | None, now: datetime) -> Iterator[datetime]:
    """Yield whole seconds near an instant: after it up to now, then before it, then after now."""
    first = _rounded_up(earliest) if earliest is not None else at.replace(microsecond=0)
    start = max(at.replace(microsecond=0), first)
    last = now.replace(microsecond=0)
    yield start
    yield from (start + n * _SECOND for n in range(1, int((last - start) / _SECOND) + 1))
    yield from (start - n * _SECOND for n in range(1, int((start - first) / _SECOND) + 1))
    yield from (max(last, start) + n * _SECOND for n in count(1))


def _rounded_up(at: datetime) -> datetime:
    whole = at.replace(microsecond=0)
    return whole if whole == at else whole + _SECOND
