"""What the ad accounts spend, by day, fetched again while the platform changes it.

Google dates a conversion to the day of its click and takes it for up to 90 days, and takes back
what it finds to be no customer's clicks: a day is therefore asked for again until it has been
asked for that long after its end. What is said last stands in the place of what was said before.

A month is asked for at a time and committed as a whole, so that what breaks off continues there.

Only campaigns hold all costs. A finer view whose query the platform does not accept is left out,
and named: which fields can be selected together is its own affair, and changes with its versions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec import structs

from convsync.errors import UnexpectedResponseError
from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.retrying import RetryPolicy, keep_trying
from convsync.store import ad_costs
from convsync.store.database import Database
from convsync.upload.ad_account import CostReader

_DAY = timedelta(days=1)
_AT_ONCE = 31
_NAMES_AT_ONCE = 500
_FINER = tuple(view for view in CostView if view is not CostView.CAMPAIGN)
_Row = TypeVar("_Row")
_HAS_ITEM = frozenset({CostView.KEYWORD, CostView.LOCATION, CostView.AUDIENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTerms:
    """How many days back the first fetch goes, and how long after its end a day still changes."""

    first_days: int = 365
    restated: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one account said: the days asked for, how many of those known cost another sum now.

    `cost` is what the days cost, in `currency`. `refused` says what the platform did not accept.
    """

    customer_id: str
    days: int = 0
    restated: int = 0
    cost: Decimal = Decimal(0)
    currency: str = ""
    refused: Sequence[str] = ()


def fetch(
    database: Database,
    reader: CostReader,
    terms: CostTerms,
    retry: RetryPolicy,
    *,
    now: datetime,
    since: date | None = None,
    on_day: Callable[[date], None] = lambda _: None,
) -> Fetched:
    """Ask an account for each day that is due, and keep what it says.

    `since` goes further back than the terms do. Raises what the reader does once it was tried often
    enough; the months before are kept.
    """
    zone = ZoneInfo(reader.time_zone)
    today = now.astimezone(zone).date()
    first = min(filter(None, (since, today - terms.first_days * _DAY)))
    with database.reading() as connection:
        asked = ad_costs.days_asked(connection, reader.customer_id)
    due = [*_due(first, today, asked, zone, terms)]
    restated, cost = 0, Decimal(0)
    asking = _Asking(reader, retry)
    for days in _spans(due):
        costs, results = asking.costs_and_results(days)
        with database.transaction("costs") as connection:
            before = ad_costs.spent_by_day(connection, reader.customer_id, days)
            ad_costs.save(
                connection, reader.customer_id, reader.currency, days, costs, results, now=now
            )
            after = ad_costs.spent_by_day(connection, reader.customer_id, days)
        restated += sum(before.get(day) != after.get(day) for day in days if day in asked)
        cost += sum(after.values())
        on_day(days[-1])
    for view in ad_costs.NAMED:
        _fetch_names(database, asking, view)
    return Fetched(
        customer_id=reader.customer_id,
        days=len(due),
        restated=restated,
        cost=cost,
        currency=reader.currency,
        refused=list(asking.refused.values()),
    )


class _Asking:
    """Asks an account, each query again where that helps; `refused` keeps its word by the view."""

    def __init__(self, reader: CostReader, retry: RetryPolicy) -> None:
        self._reader = reader
        self._retry = retry
        self.refused: dict[str, str] = {}

    def costs_and_results(
        self, days: Sequence[date]
    ) -> tuple[Sequence[AdCost], Sequence[AdResult]]:
        """Return what the account says of days that follow each other."""
        period = days[0], days[-1]
        campaigns = partial(self._reader.costs_between, CostView.CAMPAIGN, *period)
        costs = [*keep_trying(self._retry, campaigns)]
        for view in _FINER:
            costs += self._if_accepted(view, partial(self._reader.costs_between, view, *period))
        results = partial(self._reader.results_between, *period)
        return added_up(costs), self._if_accepted("conversions", results)

    def names(self, view: CostView, items: Sequence[str]) -> Mapping[str, str]:
        """Return what places or audiences are called."""
        asked = partial(self._reader.names_of, view, items)
        found = self._if_accepted(f"names of {view}", lambda: [*asked().items()])
        return dict(found)

    def _if_accepted(self, what: str, call: Callable[[], Sequence[_Row]]) -> Sequence[_Row]:
        if what in self.refused:
            return []
        try:
            return keep_trying(self._retry, call)
        except UnexpectedResponseError as error:
            self.refused[what] = f"{what}: {error}"
            return []


def _fetch_names(database: Database, asking: _Asking, view: CostView) -> None:
    """Ask what places or audiences are called that have no name yet."""
    with database.reading() as connection:
        unnamed = ad_costs.unnamed(connection, view)
    for first in range(0, len(unnamed), _NAMES_AT_ONCE):
        found = asking.names(view, unnamed[first : first + _NAMES_AT_ONCE])
        with database.transaction("names") as connection:
            ad_costs.keep_names(connection, view, found)


def added_up(costs: Iterable[AdCost]) -> Sequence[AdCost]:
    """Return one cost for all that are alike but in what they cost, as several criteria may be.

    Those of a view that should name an item and does not are left out: its campaigns hold them.
    """
    sums: dict[AdCost, AdCost] = {}
    for one in costs:
        if one.view in _HAS_ITEM and not one.item:
            continue
        alike = structs.replace(
            one, campaign="", ad_group="", cost=Decimal(0), clicks=0, impressions=0
        )
        so_far = sums.get(alike, alike)
        sums[alike] = structs.replace(
            one,
            cost=so_far.cost + one.cost,
            clicks=so_far.clicks + one.clicks,
            impressions=so_far.impressions + one.impressions,
        )
    return list(sums.values())


def _due(
    first: date, today: date, asked: Mapping[date, datetime], zone: ZoneInfo, terms: CostTerms
) -> Iterator[date]:
    """Yield the days that were not asked for yet, or not since they were settled."""
    for age in range((today - first).days + 1):
        day = first + age * _DAY
        settled_at = datetime.combine(day + _DAY, time(), zone) + terms.restated
        if day not in asked or asked[day] < settled_at:
            yield day


def _spans(days: Sequence[date]) -> Iterator[Sequence[date]]:
    """Yield days that follow each other without a gap, no more than a month at once."""
    span: list[date] = []
    for day in days:
        if span and (day - span[-1] > _DAY or len(span) == _AT_ONCE):
            yield span
            span = []
        span.append(day)
    if span:
        yield span
