"""Codes that conversions have, the platforms' and our own: how often, since when, and why."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from convsync.model.event import EventKind
from convsync.model.ledger import State
from convsync.model.period import Period
from convsync.model.takes import CodeMeaning
from convsync.store import audit_search, ledger, lookup, sums
from convsync.store.audit_search import Wanted
from convsync.store.database import Connection, Database

EXAMPLES = 3
LAST_DAYS = 30
_UNKNOWN = "convsync does not know this code: its rows are tried again every day."
_LOOKED_AT = 200
"""How many of the latest events with a code are looked at for examples."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days of which codes are counted, by the clocks of a zone."""

    period: Period
    zone: tzinfo

    @classmethod
    def before(cls, now: datetime, zone: tzinfo) -> "Days":
        """Return the last thirty days, today included."""
        today = now.astimezone(zone).date()
        return cls(Period.of_days(today - timedelta(days=LAST_DAYS - 1), today, zone), zone)

    @property
    def all(self) -> list[date]:
        """Return each of them, the first first."""
        return [*self.period.days(self.zone)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFound:
    """A code that conversions have now, in which states, and deals that are examples of it.

    `since` is when a conversion had it first, `latest` when one was given it last; None where the
    first such events were sealed. `meaning` is None for a code that stands in no table of ours.
    `by_day` counts the conversions that were given it on each day that there were any.
    """

    code: str
    destination: str
    count: int
    states: Mapping[str, int]
    since: datetime | None
    latest: datetime | None
    meaning: CodeMeaning | None
    examples: Sequence[str]
    by_day: Mapping[date, int]

    @property
    def is_blocking(self) -> bool:
        """True where conversions wait for a person to fix the account's set-up."""
        return State.BLOCKED.value in self.states

    @property
    def means(self) -> str:
        """Return what it means, in a sentence."""
        return self.meaning.sentence if self.meaning else _UNKNOWN

    @property
    def fix(self) -> str:
        """Return what to do about it, empty where there is nothing."""
        return self.meaning.fix if self.meaning else ""


def codes_found(
    database: Database,
    explain_code: Callable[[str, str], CodeMeaning | None],
    days: Days,
) -> list[CodeFound]:
    """Return every code that a conversion has: what is blocked first, then the most frequent."""
    with database.reading() as connection:
        states: dict[tuple[str, str], Counter[str]] = {}
        for one in sums.kept(connection):
            if one.code:
                states.setdefault((one.destination, one.code), Counter())[one.state] += one.rows
        found = [
            _found(connection, destination, code, by_state, explain_code(destination, code), days)
            for (destination, code), by_state in states.items()
        ]
    return sorted(found, key=lambda one: (not one.is_blocking, -one.count, one.code))


def _found(
    connection: Connection,
    destination: str,
    code: str,
    states: Counter[str],
    meaning: CodeMeaning | None,
    days: Days,
) -> CodeFound:
    wanted = Wanted(code=code)
    first = next(audit_search.every(connection, wanted), None)
    latest = audit_search.newest(connection, wanted, 1)
    return CodeFound(
        code=code,
        destination=destination,
        count=states.total(),
        states=dict(states),
        since=None if first is None or first.event == EventKind.CARRIED else first.at,
        latest=latest[-1].at if latest else None,
        meaning=meaning,
        examples=_examples(connection, destination, code),
        by_day=_by_day(connection, code, days),
    )


def _by_day(connection: Connection, code: str, days: Days) -> Mapping[date, int]:
    counts: Counter[date] = Counter()
    for event in audit_search.every(connection, Wanted(code=code, period=days.period)):
        counts[event.at.astimezone(days.zone).date()] += audit_search.count_told(event)
    return counts


def _examples(connection: Connection, destination: str, code: str) -> list[str]:
    """Return the IDs of some deals that were given a code last and still have it."""
    events = audit_search.newest(connection, Wanted(code=code), _LOOKED_AT)
    deals: dict[str, None] = {}
    for event in reversed(events):
        numbers = audit_search.entries_named(connection, event)
        for some in lookup.parts_of(numbers):
            for entry in ledger.entries_numbered(connection, some):
                if (entry.code, entry.action.destination) == (code, destination):
                    deals[entry.deal_id] = None
                if len(deals) == EXAMPLES:
                    return list(deals)
    return list(deals)
