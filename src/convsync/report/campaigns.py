"""Which campaigns sell, and not only which bring leads: costs beside what became of the leads.

A deal is of the campaign, ad group, keyword, device, place or audience that it began with (see
`store.origins`). Deals of which that is not known are a line of their own, and so is what an
account spent on nothing that is told apart in this way: the lines add up to the whole.

Leads, and the steps they came to, are those of the funnel (`passages`); a sale is a deal that came
to its last step and was not lost since. *At lead date* counts the sales of the leads of a period,
whenever they were won; *at sale date* those that were won in it, whenever their lead was. Costs are
those of the period.

Money stays in its currency, unless there are rates for it: a return is of costs and sales in one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from functools import partial

from convsync.model.ad_spending import CostView, Place
from convsync.model.deal import LOST
from convsync.model.money import add_to
from convsync.model.period import Period
from convsync.report.conditions import GROUPINGS, Conditions, Grouping, no_place_known
from convsync.report.exchange import Exchange, Worth
from convsync.report.narrowing import Meant
from convsync.report.passages import Passage, passages, worth_in
from convsync.report.shares import Interval, share_of
from convsync.store import ad_costs
from convsync.store.ad_costs import Spent
from convsync.store.database import Connection, Database
from convsync.store.origins import Unknown
from convsync.store.walks import Walk

FEWEST = 10
"""Leads below which a line is not compared with others."""
MAY_BE_CHANCE = 0.1

ByCurrency = Mapping[str | None, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one campaign cost and brought, or what else is told apart; `key` is None of the rest.

    `came` counts the leads that came to each step, `sold` those that are sold by now, `decided`
    those that are sold or lost. `value` is what these leads' sales are worth; `sales` and
    `value_at_sale` are of the sales of the period. `sells` is a sale's share of what is decided.
    `is_barren` where there is no sale among so many decided leads that chance is an unlikely
    cause, if they sold as often as all others.
    """

    name: str
    key: Sequence[str] | None
    cost: ByCurrency
    clicks: int
    leads: int
    came: Sequence[int]
    decided: int
    sold: int
    value: ByCurrency
    sales: int
    value_at_sale: ByCurrency
    sells: Interval
    is_barren: bool = False

    @property
    def currency(self) -> str | None:
        """Return the currency of its costs, None where there are none, or of several."""
        return next(iter(self.cost)) if len(self.cost) == 1 else None

    def cost_per(self, many: int) -> Decimal | None:
        """Return what each of so many costs; None of nothing, or where costs are of several.

        None of what no place is known of either, here and in `return_on`: its leads mostly came
        from elsewhere, and cost nothing, and its costs brought the leads of other lines.
        """
        cost = self._cost_of_its_leads
        return cost / many if many and cost is not None else None

    def return_on(self, value: ByCurrency) -> Decimal | None:
        """Return how much of its costs a value brings back: what of it is in their currency."""
        cost = self._cost_of_its_leads
        return value.get(self.currency, Decimal(0)) / cost if cost else None

    @property
    def _cost_of_its_leads(self) -> Decimal | None:
        return None if self.key is None else self.cost.get(self.currency)

    def is_partial(self, value: ByCurrency) -> bool:
        """True where some of a value is in another currency than the costs."""
        return any(currency != self.currency for currency in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigns:
    """The lines: first those with many leads and no sale, then by leads; last what is not known.

    `whole` is all of them; `unknown` says why so many leads are of nothing known. Costs are known
    of `days_known` days of the period. `has_costs` is False where deals were narrowed in a way in
    which the account tells no costs.
    """

    by: str
    steps: Sequence[str]
    lines: Sequence[Line]
    whole: Line
    unknown: Mapping[Unknown, int]
    days_known: int
    has_costs: bool

    @property
    def cheapest(self) -> Line | None:
        """Return the line that brings the cheapest leads; None where none can be compared."""
        return min(self._compared(), key=lambda one: one.cost_per(one.leads) or 0, default=None)

    @property
    def best(self) -> Line | None:
        """Return the line that most surely sells to a great share of its leads; None: none does.

        Most surely: by the lower end of the interval, so that one lucky sale is not enough.
        """
        sold = [one for one in self._compared() if one.sold]
        return max(sold, key=lambda one: one.sells.low, default=None)

    def _compared(self) -> Sequence[Line]:
        known = [one for one in self.lines if one.key is not None and one.leads >= FEWEST]
        currency = self.whole.currency
        return [one for one in known if one.cost.get(currency) and one.currency == currency]


@dataclass(slots=True)
class _Tally:
    """A line as it is counted."""

    came: list[int]
    name: str = ""
    cost: dict[str | None, Decimal] = field(default_factory=dict)
    clicks: int = 0
    leads: int = 0
    decided: int = 0
    sold: int = 0
    sales: int = 0
    value: dict[str | None, Decimal] = field(default_factory=dict)
    value_at_sale: dict[str | None, Decimal] = field(default_factory=dict)

    def add_lead(self, seen: Passage, worth: Worth, *, is_sold: bool) -> None:
        self.leads += 1
        self.decided += is_sold or seen.is_lost
        for place in range(seen.place):
            self.came[place] += 1
        if is_sold:
            self.sold += 1
            _add(self.value, worth)

    def add_sale(self, worth: Worth) -> None:
        self.sales += 1
        _add(self.value_at_sale, worth)

    def line(self, key: Sequence[str] | None, whole: "_Tally") -> Line:
        others = whole.decided - self.decided
        usual = (whole.sold - self.sold) / others if others else 0.0
        chance_of_none = (1 - usual) ** self.decided
        return Line(
            name=self.name,
            key=key,
            cost=self.cost,
            clicks=self.clicks,
            leads=self.leads,
            came=self.came,
            decided=self.decided,
            sold=self.sold,
            value=self.value,
            sales=self.sales,
            value_at_sale=self.value_at_sale,
            sells=share_of(self.sold, self.decided),
            is_barren=not self.sold and chance_of_none <= MAY_BE_CHANCE,
        )


def _add(sums: dict[str | None, Decimal], worth: Worth) -> None:
    if worth.amount:
        add_to(sums, worth.currency, worth.amount)


class _Lines:
    """The lines as they are counted; what has no last part of its key is of nothing known."""

    def __init__(self, grouping: Grouping, by: str, steps: int, names: Mapping[str, str]) -> None:
        self._grouping = grouping
        self._names = names
        self.steps = steps
        self.whole = _Tally([0] * steps, "all")
        self._rest = _Tally([0] * steps, no_place_known(by))
        self._known: dict[tuple[str, ...], _Tally] = {}

    def at(self, place: Place | Unknown, *, names: bool = False) -> _Tally:
        """Return the line that a place is of; one that `names` it has the last word on that."""
        if isinstance(place, Unknown):
            return self._rest
        key = tuple(getattr(place, name) for name in self._grouping.key)
        if not key[-1]:
            return self._rest
        tally = self._known.setdefault(key, _Tally([0] * self.steps))
        if names or not tally.name:
            label = self._grouping.label(place)
            tally.name = self._names.get(label, label)
        return tally

    def add_cost(self, spent: Spent, worth: Worth) -> None:
        """Count costs into their line."""
        for tally in (self.at(spent.place, names=True), self.whole):
            _add(tally.cost, worth)
            tally.clicks += spent.clicks

    def leave_the_rest(self, costs: ByCurrency, clicks: int) -> None:
        """Count into the rest what campaigns cost and no line has: the whole is theirs."""
        for currency in {*costs, *self.whole.cost}:
            missing = costs.get(currency, Decimal(0)) - self.whole.cost.get(currency, Decimal(0))
            _add(self._rest.cost, Worth(missing, currency))
        self._rest.clicks += clicks - self.whole.clicks
        self.whole.cost, self.whole.clicks = dict(costs), clicks

    def finished(self) -> tuple[Line, Sequence[Line]]:
        """Return the whole, and the lines in their order."""
        known = [tally.line(key, self.whole) for key, tally in self._known.items()]
        in_order = sorted(known, key=lambda one: (not one.is_barren, -one.leads, one.name))
        rest = self._rest.line(None, self.whole)
        return self.whole.line(None, self.whole), [*in_order, rest]


def campaigns_of(
    database: Database,
    order: Sequence[str],
    by: str,
    period: tuple[date, date],
    *,
    zone: tzinfo,
    now: datetime,
    exchange: Exchange,
    absurd_above: Decimal | None = None,
    where: Conditions = (),
) -> Campaigns:
    """Return what each campaign cost and brought from the first day of a period to the last.

    `order` are the milestones as they follow one another; `by` is one of `GROUPINGS`. Of deals that
    `where` leaves out nothing is counted; costs are known with it where it names campaigns alone.
    """
    steps = [name for name in order if name != LOST]
    grouping, worth = GROUPINGS[by], partial(worth_in, exchange, absurd_above=absurd_above)
    days = Period.of_days(*period, zone)
    with database.reading() as connection:
        names = ad_costs.names(connection, grouping.view)
        lines = _Lines(grouping, by, len(steps), names)
        meant = Meant(connection, where)
        unknown = _add_deals(lines, passages(connection, steps, now=now), meant, days, worth)
        if meant.knows_costs:
            _add_costs(connection, lines, grouping.view, period, exchange, zone, meant)
        days_known = len(ad_costs.days_known(connection, *period))
    whole, in_order = lines.finished()
    return Campaigns(
        by=by,
        steps=steps,
        lines=in_order,
        whole=whole,
        unknown=unknown,
        days_known=days_known,
        has_costs=meant.knows_costs,
    )


def _add_deals(
    lines: "_Lines",
    walked: Iterable[tuple[Walk, Passage]],
    meant: Meant,
    days: Period,
    worth_of: Callable[[Walk, Passage], Worth],
) -> Counter[Unknown]:
    """Add a period's leads and sales; return why no place is known of how many leads."""
    unknown = Counter[Unknown]()
    for walk, seen in walked:
        is_sold = seen.place == lines.steps and not seen.is_lost
        sold = seen.times[-1] if lines.steps and is_sold else None
        is_lead, is_sale = seen.lead_at in days, sold is not None and sold.reached_at in days
        if not is_lead and not is_sale:
            continue
        if not meant.has(walk.row, walk.source, walk.segments):
            continue
        place = meant.origins.of(walk.row)
        worth = worth_of(walk, seen)
        for tally in (lines.at(place), lines.whole):
            if is_lead:
                tally.add_lead(seen, worth, is_sold=is_sold)
            if is_sale:
                tally.add_sale(worth)
        if is_lead and isinstance(place, Unknown):
            unknown[place] += 1
    return unknown


def _add_costs(
    connection: Connection,
    lines: _Lines,
    view: CostView,
    period: tuple[date, date],
    exchange: Exchange,
    zone: tzinfo,
    meant: Meant,
) -> None:
    """Count costs in, and what campaigns cost besides what this view tells apart."""

    def spent_on(view: CostView) -> Iterable[tuple[Spent, Worth]]:
        by_day = exchange.currency is not None
        for spent in ad_costs.spent(connection, view, *period, by_day=by_day):
            if not meant.has_cost(spent.place):
                continue
            at = datetime.combine(spent.day or period[1], time(12), zone)
            yield spent, exchange.worth(spent.cost, spent.currency, at)

    for spent, worth in spent_on(view):
        lines.add_cost(spent, worth)
    if view is not CostView.CAMPAIGN:
        costs: dict[str | None, Decimal] = {}
        clicks = 0
        for spent, worth in spent_on(CostView.CAMPAIGN):
            _add(costs, worth)
            clicks += spent.clicks
        lines.leave_the_rest(costs, clicks)
