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
    report_shortfalls,
    report_trend,
)
from convsync.cli.output import days_of
from convsync.cli.report_revenue import (
    VALUE_TABLE,
    cohort_line,
    cohort_table,
    notes_of,
    value_line,
)
from convsync.report.leads_to import Days, DealsBehind
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
    """Return what marketing and sales agreed on, word for word."""
    definitions = []
    for standing in standings:
        one = standing.agreement
        owner = f", owned by {one.owner}" if one.owner else ""
        definitions.append((f"{one.milestone}{owner}", one.definition or "not defined"))
        if one.next_within is not None:
            late = f"{standing.breaches:,} deals stayed there for longer"
            within = f"The next step follows within {days_of(one.next_within):g} days; {late}."
            definitions.append((f"{one.milestone}: time limit", within))
    return Section(heading="What the words mean", definitions=definitions)


def rates(exchange: "Exchange") -> Iterator[Section]:
    """Yield what is to be said of the rates that amounts were exchanged by, if anything is."""
    if exchange.notes:
        yield Section(heading="Exchange rates", notes=exchange.notes)


def funnel(
    cohort: "Cohort | None",
    standings: "Sequence[Standing]",
    days: Days,
    where: Mapping[str, str] | None = None,
) -> Section:
    """Return the funnel of a period's leads, of those alone that have what `where` names."""
    if cohort is None:
        return Section(heading="Funnel", notes=["No deal became a lead in this period."])
    owners = {one.agreement.milestone: one.agreement.owner for one in standings}
    columns = [name for name in report_funnel.STEPS if name]
    lines, behind, before = [_leads_line(cohort)], [_stopped(LEAD, days, where)], cohort.leads
    for step in cohort.steps:
        line = report_funnel.step_line(step, before, cohort.leads)
        owner = owners.get(step.milestone)
        lines.append(line | {"step": f"{step.milestone} ({owner})" if owner else step.milestone})
        behind.append(_stopped(step.milestone, days, where))
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
        notes=[*report_funnel.around(cohort)],
        definitions=figure_words.FUNNEL,
    )


def _stopped(step: str, days: Days, where: Mapping[str, str] | None) -> Mapping[str, DealsBehind]:
    """Return the deals that came to a step, and those of them that stopped there."""
    came = DealsBehind(came_to=step, lead=days, where=where or {})
    return {
        "deals": came,
        "stand here": replace(came, fate="open"),
        "lost here": replace(came, fate="lost"),
    }


def _leads_line(cohort: "Cohort") -> dict[str, str]:
    return {
        "step": "leads",
        "deals": f"{cohort.leads:,}",
        "stand here": f"{cohort.open:,}",
        "lost here": f"{cohort.lost:,}",
    }


def months(cohorts: "Sequence[Cohort]") -> Section:
    """Return the funnel's cohorts by month."""
    steps = [step.milestone for step in cohorts[0].steps]
    columns = ["month of the lead", "leads", *steps]
    rows = [
        [_marked(one), f"{one.leads:,}", *(f"{step.came:,}" for step in one.steps)]
        for one in cohorts
    ]
    last = steps[-1] if steps else "leads"
    return Section(
        heading="By month of the lead",
        columns=columns,
        rows=rows,
        numbers=frozenset(columns[1:]),
        behind=[{"leads": _leads(_days_of(one.name))} for one in cohorts],
        chart=Chart(title=_SHARE.format(last), bars=_shares(cohorts)),
        notes=["* has open deals that are younger than nine in ten sales were: it is unfinished."],
        level=3,
    )


def cohorts(
    found: "Sequence[Cohort]", by: str, days: Days, where: Mapping[str, str] | None = None
) -> Section:
    """Return the funnel's cohorts of one grouping, as the command prints them."""
    columns = report_funnel.cohort_table(found)
    lines = [*report_funnel.cohort_lines(found)]
    last = found[0].steps[-1].milestone if found[0].steps else "leads"
    return Section(
        heading=f"By {by}",
        columns=columns,
        rows=_rows(lines, columns),
        numbers=frozenset(columns[1:]),
        behind=[{"leads": _of_cohort(by, one.name, days, where or {})} for one in found],
        chart=Chart(title=_SHARE.format(last), bars=_shares(found)),
        definitions=figure_words.COHORTS,
    )


def _of_cohort(by: str, name: str, days: Days, where: Mapping[str, str]) -> DealsBehind:
    match by:
        case "week":
            monday = date.fromisocalendar(int(name[:4]), int(name[-2:]), 1)
            days = _within((monday, monday + timedelta(days=6)), days)
        case "month":
            days = _within(_days_of(name), days)
        case _:
            where = {**where, by: name}
    return DealsBehind(came_to=LEAD, lead=days, where=where)


def _within(some: Days, days: Days) -> Days:
    return max(some[0], days[0]), min(some[1], days[1])


def _leads(days: Days) -> DealsBehind:
    return DealsBehind(came_to=LEAD, lead=days)


def _shares(found: "Sequence[Cohort]") -> list[tuple[str, float]]:
    return [(one.name, 100 * one.steps[-1].share.share) for one in found if one.steps]


def _marked(cohort: "Cohort") -> str:
    return f"{cohort.name}{'*' if cohort.is_unfinished else ''}"


def shortfalls(found: "Sequence[Shortfall]", days: Days) -> Section:
    """Return where the funnel falls short, dearest first."""
    columns = report_shortfalls.TABLE
    lines = [report_shortfalls.line_of(one) for one in found]
    costs = [
        (f"{one.group_by} {one.group}: {one.step}", float(one.cost))
        for one in found
        if one.cost is not None
    ]
    chance = "No group differs from the rest by more than chance would explain."
    return Section(
        heading="Where we fall short",
        columns=columns if found else (),
        rows=_rows(lines, columns),
        numbers=frozenset(columns[2:]),
        behind=[
            {"deals of": DealsBehind(came_to=one.step, lead=days, where={one.group_by: one.group})}
            for one in found
        ],
        chart=Chart(title="What it costs, about", bars=costs),
        notes=[] if found else [chance],
        definitions=figure_words.SHORTFALLS,
    )


def campaigns(found: "Campaigns", days: Days) -> Section:
    """Return what each campaign cost and brought."""
    columns = report_campaigns.table_of(found)
    lines = [report_campaigns.line_of(found, one) for one in found.lines]
    return Section(
        heading="Campaigns",
        columns=columns,
        rows=_rows(lines, columns),
        numbers=frozenset(columns[1:]),
        behind=[_behind_line(found, one, days) for one in found.lines],
        chart=Chart(
            title="Sales of these leads", bars=[(one.name, float(one.sold)) for one in found.lines]
        ),
        notes=[report_campaigns.finding(found)],
        definitions=figure_words.CAMPAIGNS,
    )


def _behind_line(found: "Campaigns", one: "Line", days: Days) -> Mapping[str, DealsBehind]:
    """Return the leads of a line, and those that came to each step."""
    began_with = {found.by: "/".join(one.key) if one.key else ""}
    return {
        name: DealsBehind(came_to=step, lead=days, where=began_with)
        for name, step in (("leads", LEAD), *zip(found.steps, found.steps, strict=True))
    }


def trend(weeks: "Sequence[Week]") -> Section:
    """Return the weeks, beside those before them."""
    columns = report_trend.TABLE
    return Section(
        heading="Week by week",
        columns=columns,
        rows=_rows([*report_trend.lines_of(weeks)], columns),
        numbers=frozenset(columns[1:-1]),
        behind=[_behind_week(week) for week in weeks],
        chart=Chart(
            title="Leads", bars=[(f"{week.monday:%Y-%m-%d}", float(week.leads)) for week in weeks]
        ),
        notes=["* Chance alone is an unlikely cause."],
        definitions=figure_words.TREND,
    )


def _behind_week(week: "Week") -> Mapping[str, DealsBehind]:
    days = week.monday, week.monday + timedelta(days=6)
    return {"leads": _leads(days), "sales": DealsBehind(came_to=WON, reached=days)}


def revenue(found: "Revenue", by_segment: "Mapping[str, Revenue]") -> Iterator[Section]:
    """Yield what sales brought, by cohort, and what one brings by segment."""
    if not found.cohorts:
        yield Section(heading="Revenue", notes=["There was no sale in this period."])
        return
    columns = cohort_table(found)
    yield Section(
        heading="Revenue",
        columns=columns,
        rows=_rows([cohort_line(one) for one in found.cohorts], columns),
        numbers=frozenset(columns[1:]),
        behind=[
            {"sales": DealsBehind(came_to=WON, reached=_days_of(str(one.month)))}
            for one in found.cohorts
        ],
        chart=Chart(
            title="What has come in, by the month of the win",
            bars=[(str(one.month), float(one.so_far)) for one in found.cohorts],
        ),
        notes=[*notes_of(found)],
        definitions=figure_words.REVENUE,
    )
    for name, report in {"": found, **by_segment}.items():
        yield _values(name, report)


def _values(name: str, report: "Revenue") -> Section:
    bars = [
        (one.group or "all", one.after[max(one.after)].expected)
        for one in report.values
        if one.after
    ]
    return Section(
        heading=f"What a sale brings, by {name}" if name else "What a sale brings",
        columns=VALUE_TABLE,
        rows=_rows([value_line(one) for one in report.values], VALUE_TABLE),
        numbers=frozenset(VALUE_TABLE[1:]),
        behind=[
            {"sales": DealsBehind(came_to=WON, where={name: one.group} if name else {})}
            for one in report.values
        ],
        chart=Chart(title="On average, after the longest time that is known", bars=bars),
        level=3,
    )


def _rows(lines: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[list[str]]:
    return [[line.get(name, "") for name in columns] for line in lines]


def _days_of(month: "str | Month") -> Days:
    """Return the first and the last day of a month such as 2026-03."""
    year, number = map(int, str(month).split("-"))
    return date(year, number, 1), date(year, number, monthrange(year, number)[1])
