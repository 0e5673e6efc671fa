"""The parts of the page of all reports: each with its table, its chart, and what its figures mean.

The tables are those that the commands print, so that the page says what they say. Behind its
figures stand the deals that they count.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from convsync.cli import (
    figure_words,
    report_campaigns,
    report_funnel,
    report_returning,
    report_shortfalls,
    report_trend,
)
from convsync.cli.output import days_of
from convsync.cli.report_revenue import (
    MONTH,
    VALUE_TABLE,
    cohort_line,
    cohort_table,
    notes_of,
    value_line,
)
from convsync.report.conditions import GROUPINGS, Condition, Conditions
from convsync.report.leads_to import ALL_SO_FAR, Behind, ConversionsBehind, Days, DealsBehind
from convsync.report.page import Chart, Section

if TYPE_CHECKING:
    from convsync.report.agreements import Standing
    from convsync.report.campaigns import Campaigns, Line
    from convsync.report.exchange import Exchange
    from convsync.report.funnel import Cohort
    from convsync.report.revenue import Month, Revenue
    from convsync.report.shortfalls import Shortfall
    from convsync.report.trend import Week

LEAD, WON = "lead", "won"
_SHARE = "Leads that came to {}, in percent"


def agreed(standings: "Sequence[Standing]") -> Section:
    """Return what marketing and sales agreed on, word for word, and which deals breach it."""
    columns = ("milestone", "what it means", "owned by", "next within", "stayed longer")
    rows = []
    for standing in standings:
        one, within = standing.agreement, standing.agreement.next_within
        limit = "" if within is None else f"{days_of(within):g} days"
        late = "" if standing.breaches is None else f"{standing.breaches:,}"
        rows.append([one.milestone, one.definition or "not defined", one.owner, limit, late])
    return Section(
        heading="What the words mean",
        columns=columns,
        rows=rows,
        numbers=frozenset({"next within", "stayed longer"}),
        behind=[
            {"stayed longer": DealsBehind(came_to=one.agreement.milestone, late=True)}
            for one in standings
        ],
    )


def rates(exchange: "Exchange") -> Iterator[Section]:
    """Yield what is to be said of the rates that amounts were exchanged by, if anything is."""
    if exchange.notes:
        yield Section(heading="Exchange rates", notes=exchange.notes)


def funnel(
    cohort: "Cohort | None", standings: "Sequence[Standing]", days: Days, where: Conditions = ()
) -> Section:
    """Return the funnel of a period's leads, of those alone that meet all conditions."""
    if cohort is None:
        return Section(heading="Funnel", notes=["No deal became a lead in this period."])
    owners = {one.agreement.milestone: one.agreement.owner for one in standings}
    columns = [name for name in report_funnel.STEPS if name]
    lines, before = [_leads_line(cohort)], cohort.leads
    behind = [_stopped(DealsBehind(came_to=LEAD, lead=days, where=where))]
    for step in cohort.steps:
        line = report_funnel.step_line(step, before, cohort.leads)
        owner = owners.get(step.milestone)
        lines.append(line | {"step": f"{step.milestone} ({owner})" if owner else step.milestone})
        behind.append(_of_step(DealsBehind(came_to=step.milestone, lead=days, where=where)))
        before = step.came
    bars = [("leads", float(cohort.leads))]
    return Section(
        heading="Funnel",
        columns=columns,
        rows=_rows(lines, columns),
        numbers=frozenset(columns[1:]),
        behind=behind,
        chart=Chart(
            title="Deals that came to each step",
            bars=[*bars, *((step.milestone, float(step.came)) for step in cohort.steps)],
        ),
        notes=[*report_funnel.unfinished(cohort)],
        definitions=figure_words.FUNNEL,
    )


def _stopped(came: DealsBehind) -> dict[str, DealsBehind]:
    """Return the deals that came to a step, and those of them that stopped there."""
    return {
        "deals": came,
        "stand here": replace(came, fate="open"),
        "lost here": replace(came, fate="lost"),
    }


def _of_step(came: DealsBehind) -> dict[str, DealsBehind]:
    timed = replace(came, timed=True)
    sent = replace(came, came_to=LEAD, sent_for=came.came_to)
    shares = dict.fromkeys(("of before", "of leads", "worth"), came)
    times = dict.fromkeys(("half within", "nine in ten"), timed)
    return {**_stopped(came), **shares, **times, "sent": sent}


def _leads_line(cohort: "Cohort") -> dict[str, str]:
    return {
        "step": "leads",
        "deals": f"{cohort.leads:,}",
        "stand here": f"{cohort.open:,}",
        "lost here": f"{cohort.lost:,}",
    }


def loops(cohort: "Cohort", days: Days, where: Conditions = ()) -> Iterator[Section]:
    """Yield the deals that went round, where there are any."""
    if cohort.loops:
        yield Section(
            heading="Deals that went round",
            columns=("deals that", "deals"),
            rows=[[loop.value, f"{deals:,}"] for loop, deals in cohort.loops.items()],
            numbers=frozenset({"deals"}),
            behind=[
                {
                    "deals": DealsBehind(
                        came_to=LEAD, lead=days, where=where, went_round=loop.name.lower()
                    )
                }
                for loop in cohort.loops
            ],
            level=3,
        )


def customers(cohort: "Cohort", days: Days, where: Conditions = ()) -> Section:
    """Return new and returning customers, and how many buy again."""
    if cohort.customers is None:
        return Section(heading="Customers", notes=[report_returning.NOT_KNOWN], level=3)
    lines = [*report_returning.lines(cohort.name, cohort.customers)]
    columns = report_returning.COLUMNS
    whose = [
        DealsBehind(came_to=LEAD, lead=days, where=where, customers=line["customers"])
        for line in lines
    ]
    return Section(
        heading="Customers",
        columns=columns,
        rows=_rows(lines, columns),
        numbers=frozenset(columns[1:]),
        behind=[
            {"leads": one, **dict.fromkeys(("won", "share", "worth"), replace(one, came_to=WON))}
            for one in whose
        ],
        notes=[f"{report_returning.retention(cohort.name, cohort.customers)}."]
        if cohort.customers.first_sales
        else [],
        definitions=figure_words.CUSTOMERS,
        level=3,
    )


def months(found: "Sequence[Cohort]", days: Days, where: Conditions = ()) -> Section:
    """Return the funnel's cohorts by month."""
    steps = [step.milestone for step in found[0].steps]
    columns = ["month of the lead", "leads", *steps]
    rows = [
        [_marked(one), f"{one.leads:,}", *(f"{step.came:,}" for step in one.steps)] for one in found
    ]
    last = steps[-1] if steps else "leads"
    return Section(
        heading="By month of the lead",
        columns=columns,
        rows=rows,
        numbers=frozenset(columns[1:]),
        behind=[_to_each_step(_of_cohort("month", one.name, days, where), steps) for one in found],
        chart=Chart(title=_SHARE.format(last), bars=_shares(found)),
        notes=["* has open deals that are younger than nine in ten sales were: it is unfinished."],
        level=3,
    )


def cohorts(found: "Sequence[Cohort]", by: str, days: Days, where: Conditions = ()) -> Section:
    """Return the funnel's cohorts of one grouping, as the command prints them."""
    columns = report_funnel.cohort_table(found)
    lines = [*report_funnel.cohort_lines(found)]
    steps = [step.milestone for step in found[0].steps]
    last = steps[-1] if steps else "leads"
    return Section(
        heading=f"By {by.replace('_', ' ')}",
        columns=columns,
        rows=_rows(lines, columns),
        numbers=frozenset(columns[1:]),
        behind=[_behind_cohort(_of_cohort(by, one.name, days, where), steps) for one in found],
        chart=Chart(title=_SHARE.format(last), bars=_shares(found)),
        definitions=figure_words.COHORTS,
    )


def _behind_cohort(leads: DealsBehind, steps: Sequence[str]) -> Mapping[str, DealsBehind]:
    behind = _to_each_step(leads, steps)
    if steps:
        last = replace(leads, came_to=steps[-1])
        behind |= {f"half {steps[-1]} within": last, "worth": last}
    return behind


def _to_each_step(leads: DealsBehind, steps: Sequence[str]) -> dict[str, DealsBehind]:
    return {"leads": leads, **{step: replace(leads, came_to=step) for step in steps}}


def _of_cohort(by: str, name: str, days: Days, where: Conditions) -> DealsBehind:
    match by:
        case "week":
            days = days_of_week(name, days)
        case "month":
            days = _within(_days_of(name), days)
        case _:
            where = (*where, Condition(by, name))
    return DealsBehind(came_to=LEAD, lead=days, where=where)


def days_of_week(name: str, days: Days) -> Days:
    """Return which of some days are in a week such as 2026-W10."""
    monday = date.fromisocalendar(int(name[:4]), int(name[-2:]), 1)
    return _within((monday, monday + timedelta(days=6)), days)


def _within(some: Days, days: Days) -> Days:
    return max(some[0], days[0]), min(some[1], days[1])


def _shares(found: "Sequence[Cohort]") -> list[tuple[str, float]]:
    return [(one.name, 100 * one.steps[-1].share.share) for one in found if one.steps]


def _marked(cohort: "Cohort") -> str:
    return f"{cohort.name}{'*' if cohort.is_unfinished else ''}"


def shortfalls(found: "Sequence[Shortfall]", days: Days, where: Conditions = ()) -> Section:
    """Return where the funnel falls short, dearest first."""
    columns = report_shortfalls.TABLE
    lines = [report_shortfalls.line_of(one) for one in found]
    costs = [
        (f"{one.group_by} {one.group}: {one.step}", float(one.cost))
        for one in found
        if one.cost is not None
    ]
    currencies = {one.currency for one in found if one.cost is not None}
    unit = f", in {currencies.pop()}" if len(currencies) == 1 else ""
    chance = "No group differs from the rest by more than chance would explain."
    return Section(
        heading="Where we fall short",
        columns=columns if found else (),
        rows=_rows(lines, columns),
        numbers=frozenset(columns[2:]),
        behind=[_behind_shortfall(one, days, where) for one in found],
        chart=Chart(title=f"What it costs, about{unit}", bars=costs),
        notes=[] if found else [chance],
        definitions=figure_words.SHORTFALLS if found else (),
    )


def _behind_shortfall(one: "Shortfall", days: Days, where: Conditions) -> Mapping[str, DealsBehind]:
    group = Condition(one.group_by, one.group)
    theirs = DealsBehind(came_to=one.step, lead=days, where=(*where, group))
    went_on = replace(theirs, came_to=one.next_step)
    rest = replace(went_on, where=(*where, group._replace(is_not=True)))
    return {
        "decided": replace(theirs, decided_after=one.ripe),
        "go on": went_on,
        "take": went_on,
        "of the rest": rest,
        "the rest": rest,
    }


def campaigns(found: "Campaigns", days: Days, where: Conditions = ()) -> Section:
    """Return what each campaign cost and brought."""
    columns = report_campaigns.table_of(found)
    lines = [report_campaigns.line_of(found, one) for one in found.lines]
    return Section(
        heading="Campaigns" if found.by == "campaign" else f"By {found.by.replace('_', ' ')}",
        columns=columns,
        rows=_rows(lines, columns),
        numbers=frozenset(columns[1:]),
        behind=[_behind_line(found, one, days, where) for one in found.lines],
        chart=Chart(
            title="Sales of these leads", bars=[(one.name, float(one.sold)) for one in found.lines]
        ),
        notes=[report_campaigns.finding(found)],
        definitions=figure_words.CAMPAIGNS,
    )


def _behind_line(
    found: "Campaigns", one: "Line", days: Days, where: Conditions
) -> Mapping[str, DealsBehind]:
    """Return the leads of a line, those that came to each step, and those that are sold."""
    began = Condition(found.by, "/".join(one.key) if one.key else "")
    leads = DealsBehind(came_to=LEAD, lead=days, where=(*where, began))
    behind = _to_each_step(leads, found.steps) | {"a lead": leads}
    if found.steps:
        sold = replace(leads, came_to=found.steps[-1], fate="won")
        behind |= dict.fromkeys(("sold", "a sale", "value", "return"), sold)
        behind["at sale date"] = replace(sold, lead=None, reached=days)
    return behind


def trend(weeks: "Sequence[Week]", days: Days, last: str, where: Conditions = ()) -> Section:
    """Return the weeks, beside those before them; a sale is a deal that came to the last step."""
    columns = report_trend.TABLE
    return Section(
        heading="Week by week",
        columns=columns,
        rows=_rows([*report_trend.lines_of(weeks)], columns),
        numbers=frozenset(columns[1:-1]),
        behind=[_behind_week(week, days, last, where) for week in weeks],
        chart=Chart(
            title="Leads by week, each from its Monday",
            bars=[(f"{week.monday:%Y-%m-%d}", float(week.leads)) for week in weeks],
        ),
        notes=["* Chance alone is an unlikely cause."],
        definitions=figure_words.TREND,
    )


def _behind_week(week: "Week", days: Days, last: str, where: Conditions) -> Mapping[str, Behind]:
    within = _within((week.monday, week.monday + timedelta(days=6)), days)
    sales = DealsBehind(came_to=last, fate="won", reached=within, where=where)
    behind: dict[str, Behind] = {
        "leads": DealsBehind(came_to=LEAD, lead=within, where=where),
        "sales": sales,
        "value": sales,
        "ROI": replace(sales, with_click=True),
    }
    if not any(one.name in GROUPINGS for one in where):
        behind["sent"] = ConversionsBehind(state="sent", reached=within, where=where)
    return behind


def revenue(
    found: "Revenue", by_segment: "Mapping[str, Revenue]", days: Days, where: Conditions = ()
) -> Iterator[Section]:
    """Yield what sales brought, by cohort, and what one brings by segment."""
    if not found.cohorts:
        yield Section(heading="Revenue", notes=["There was no sale in this period."])
        return
    columns = cohort_table(found)
    currencies = {one.currency for one in found.cohorts}
    unit = f", in {currencies.pop()}" if len(currencies) == 1 and None not in currencies else ""
    yield Section(
        heading="Revenue",
        columns=columns,
        rows=_rows([cohort_line(one) for one in found.cohorts], columns),
        numbers=frozenset(columns[1:]),
        behind=[_behind_sales(str(one.month), columns, days, where) for one in found.cohorts],
        chart=Chart(
            title=f"What has come in, by the month of the win{unit}",
            bars=[(str(one.month), float(one.so_far)) for one in found.cohorts],
        ),
        notes=[*notes_of(found)],
        definitions=figure_words.REVENUE,
    )
    for name, report in {"": found, **by_segment}.items():
        yield _values(name, report, days, where)


def _behind_sales(
    month: str, columns: Sequence[str], days: Days, where: Conditions
) -> Mapping[str, DealsBehind]:
    sales = DealsBehind(came_to=WON, reached=_within(_days_of(month), days), where=where)
    by_month = {
        name: replace(sales, came_in=int(name.removeprefix(MONTH)))
        for name in columns
        if name.startswith(MONTH)
    }
    return {"sales": sales, "so far": replace(sales, came_in=ALL_SO_FAR), **by_month}


def _values(name: str, report: "Revenue", days: Days, where: Conditions) -> Section:
    bars = [
        (one.group or "all", one.after[max(one.after)].expected)
        for one in report.values
        if one.after
    ]
    behind = []
    for one in report.values:
        of_group = (*where, Condition(name, one.group)) if name else where
        sales = DealsBehind(came_to=WON, reached=days, where=of_group)
        behind.append({"sales": sales, "so far": replace(sales, came_in=ALL_SO_FAR)})
    return Section(
        heading=f"What a sale brings, by {name}" if name else "What a sale brings",
        columns=VALUE_TABLE,
        rows=_rows([value_line(one) for one in report.values], VALUE_TABLE),
        numbers=frozenset(VALUE_TABLE[1:]),
        behind=behind,
        chart=Chart(title="On average, after the longest time that is known", bars=bars),
        level=3,
    )


def _rows(lines: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[list[str]]:
    return [[line.get(name, "") for name in columns] for line in lines]


def _days_of(month: "str | Month") -> Days:
    """Return the first and the last day of a month such as 2026-03."""
    year, number = map(int, str(month).split("-"))
    return date(year, number, 1), date(year, number, monthrange(year, number)[1])
