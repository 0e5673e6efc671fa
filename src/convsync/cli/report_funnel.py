"""`report funnel`: of the deals that became leads, how many came how far, and how fast."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import agreed, options, output, report_returning
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.report_days import (
    To,
    Where,
    days_asked,
    only,
    require_group,
    segments_of,
    week_of,
    where_of,
)
from convsync.cli.report_money import exact
from convsync.model.money import amounts_in_words

if TYPE_CHECKING:
    from convsync.report.agreements import Standing
    from convsync.report.conditions import Conditions
    from convsync.report.exchange import Exchange
    from convsync.report.funnel import Cohort, GroupOf, Step
    from convsync.report.leads_to import Days
    from convsync.settings import Settings

DAYS = 365
"""The days before today whose leads a funnel is of where nobody names others."""
_COHORTS = ("week", "month")
_COLUMNS = (
    *("cohort", "unfinished", "leads", "milestone", "came", "reached", "of_before", "of_leads"),
    *("of_leads_low", "of_leads_high", "open", "lost", "median_days", "p90_days", "days_of"),
    *("median_days_from_lead", "p90_days_from_lead", "expected", "expected_low", "expected_high"),
    *("worth", "sent", "currency"),
)
STEPS = (
    *("step", "", "deals", "of before", "of leads", "half within", "nine in ten"),
    *("stand here", "lost here", "worth", "sent"),
)
_NOTHING = Decimal(0)
_BAR = 20
"""Characters of a bar that stands for all leads."""

From = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="First day of the leads; by default a year ago."),
]
By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="WHAT",
        help="Cohorts by week or month of the lead, by source, or by a segment's name.",
    ),
]


def funnel(
    config: Config = DEFAULT_CONFIG,
    from_day: From = None,
    to_day: To = None,
    by: By = None,
    where: Where = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show how far the leads of a period came, how fast, and where the others stand or were lost.

    Cohorts that are too young to be complete are marked, and their result is projected.
    """
    from convsync.cli.report_answers import Answers
    from convsync.clock import system_clock

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    first, last = days_asked(from_day, to_day, now, settings, most=DAYS)
    meant = where_of(settings, where)
    with options.ledger(settings) as database:
        answers = Answers(database, settings, (first, last), now, meant)
        cohorts, standings, exchange = answers.funnel(by), answers.standings(), answers.exchange
    match form:
        case Format.TABLE:
            typer.echo(f"Deals that became leads from {first} to {last}{only(meant)}")
            _show(cohorts, standings, (first, last), meant)
            for note in exchange.notes:
                typer.echo(note)
            agreed.show(standings)
        case Format.CSV:
            output.show([*_rows(cohorts)], _COLUMNS, form)
        case Format.JSON:
            days = {"from": first.isoformat(), "to": last.isoformat()}
            output.show_json({**days, **_as_json(cohorts, exchange), **agreed.as_json(standings)})


def _as_json(cohorts: "Sequence[Cohort]", exchange: "Exchange") -> dict[str, Any]:
    rows = {"funnel": [*_rows(cohorts)], "loops": [*_loop_rows(cohorts)]}
    return {**rows, **report_returning.as_json(cohorts), "rates": exchange.notes}


def grouped(
    by: str | None,
    first: date,
    last: date,
    settings: "Settings",
) -> "GroupOf":
    """Return what names a deal's cohort; None where it became a lead on another day."""
    from convsync import wiring
    from convsync.report.passages import segment_of

    zone = wiring.company_zone(settings)
    require_group(by, [*_COHORTS, "source", *sorted(segments_of(settings))])

    def group_of(walk: Any, lead_at: datetime) -> str | None:
        day = lead_at.astimezone(zone).date()
        if not first <= day <= last:
            return None
        match by:
            case None:
                return ""
            case "week":
                return week_of(day)
            case "month":
                return f"{day:%Y-%m}"
            case "source":
                return str(walk.source)
            case segment:
                return segment_of(walk, segment)

    return group_of


def _rows(cohorts: "Sequence[Cohort]") -> Iterator[dict[str, Any]]:
    """Yield a row a step, and more where its deals are worth something in several currencies."""
    for cohort in cohorts:
        before = cohort.leads
        for step in cohort.steps:
            row = {
                "cohort": cohort.name,
                "unfinished": cohort.is_unfinished,
                "leads": cohort.leads,
                "milestone": step.milestone,
                "came": step.came,
                "reached": step.reached,
                "of_before": _ratio(step.came, before),
                "of_leads": round(step.share.share, 4),
                "of_leads_low": round(step.share.low, 4),
                "of_leads_high": round(step.share.high, 4),
                "open": step.open,
                "lost": step.lost,
                **_days_row(step),
                **_projected_row(step),
            }
            for currency in {**step.worth, **step.sent} or (None,):
                worth, sent = (of.get(currency, _NOTHING) for of in (step.worth, step.sent))
                yield {**row, "worth": exact(worth), "sent": exact(sent), "currency": currency}
            before = step.came


def _days_row(step: "Step") -> dict[str, Any]:
    days, from_lead = step.days, step.days_from_lead
    return {
        "median_days": days and output.days_of(days.median),
        "p90_days": days and output.days_of(days.p90),
        "days_of": days.count if days else 0,
        "median_days_from_lead": from_lead and from_lead.median.days,
        "p90_days_from_lead": from_lead and from_lead.p90.days,
    }


def _projected_row(step: "Step") -> dict[str, Any]:
    projected = step.projection
    return {
        "expected": projected and round(projected.expected, 1),
        "expected_low": projected and round(projected.low, 1),
        "expected_high": projected and round(projected.high, 1),
    }


def _loop_rows(cohorts: "Sequence[Cohort]") -> Iterator[dict[str, Any]]:
    for cohort in cohorts:
        for loop, deals in cohort.loops.items():
            yield {"cohort": cohort.name, "loop": loop.value, "deals": deals}


def _show(
    cohorts: "Sequence[Cohort]", standings: "Sequence[Standing]", days: "Days", where: "Conditions"
) -> None:
    owners = {one.agreement.milestone: one.agreement.owner for one in standings}
    if not cohorts:
        typer.echo("There are none.")
    elif cohorts[0].name:
        _show_cohorts(cohorts)
    else:
        _show_steps(cohorts[0], owners)
        for line in (*around(cohorts[0], days, where), *unfinished(cohorts[0])):
            typer.echo(line)
    if cohorts:
        report_returning.show(cohorts)
    typer.echo("")


def _show_steps(cohort: "Cohort", owners: Mapping[str, str]) -> None:
    lines = [
        {
            "step": "leads",
            "": _bar(cohort.leads, cohort.leads),
            "deals": f"{cohort.leads:,}",
            "stand here": f"{cohort.open:,}",
            "lost here": f"{cohort.lost:,}",
        }
    ]
    before, owner = cohort.leads, ""
    for step in cohort.steps:
        now_owned_by = owners.get(step.milestone, "")
        if owner and now_owned_by and now_owned_by != owner:
            lines.append({"step": f"{owner} → {now_owned_by}"})
        lines.append(step_line(step, before, cohort.leads))
        before, owner = step.came, now_owned_by or owner
    output.show(lines, STEPS, Format.TABLE)


def step_line(step: "Step", before: int, leads: int) -> dict[str, str]:
    """Return a step as a line of `STEPS`."""
    return {
        "step": step.milestone,
        "": _bar(step.came, leads),
        "deals": f"{step.came:,}",
        "of before": _percent(step.came, before),
        "of leads": _percent(step.came, leads),
        "half within": _in_days(step.days.median if step.days else None),
        "nine in ten": _in_days(step.days.p90 if step.days else None),
        "stand here": f"{step.open:,}",
        "lost here": f"{step.lost:,}",
        "worth": amounts_in_words(step.worth),
        "sent": amounts_in_words(step.sent),
    }


def around(cohort: "Cohort", days: "Days", where: "Conditions") -> Iterator[str]:
    """Yield the deals that went round, with what lists them."""
    from convsync.report.leads_to import DealsBehind
    from convsync.report.shortfalls import LEAD

    for loop, deals in cohort.loops.items():
        went_round = loop.name.lower()
        behind = DealsBehind(came_to=LEAD, lead=days, where=where, went_round=went_round)
        yield f"{deals:,} {loop.value}: `{behind.command()}`"


def unfinished(cohort: "Cohort") -> Iterator[str]:
    """Yield what is expected of the deals of a cohort that are still open."""
    if cohort.is_unfinished:
        projected = [text for step in cohort.steps if (text := _projected(step))]
        yield (
            f"Unfinished: of these leads, in the end {', '.join(projected)} are expected."
            if projected
            else "Unfinished; too few have ended to say what is to be expected."
        )


def _show_cohorts(cohorts: "Sequence[Cohort]") -> None:
    output.show([*cohort_lines(cohorts)], cohort_table(cohorts), Format.TABLE)


def cohort_table(cohorts: "Sequence[Cohort]") -> Sequence[str]:
    """Return the columns of the table of cohorts, of which there is one at least."""
    milestones = [step.milestone for step in cohorts[0].steps]
    within = f"half {milestones[-1] if milestones else ''} within"
    return ("cohort", "leads", *milestones, "nine in ten sure", within, "worth", "unfinished")


def cohort_lines(cohorts: "Sequence[Cohort]") -> Iterator[dict[str, str]]:
    """Yield each cohort as a line of that table."""
    for cohort in cohorts:
        line = {"cohort": cohort.name, "leads": f"{cohort.leads:,}"}
        for step in cohort.steps:
            line[step.milestone] = f"{step.came:,} ({step.share.share:.0%})"
        for step in cohort.steps[-1:]:
            days, within = step.days_from_lead, f"half {step.milestone} within"
            line["nine in ten sure"] = f"{step.share.low:.0%} to {step.share.high:.0%}"
            line[within] = f"{days.median.days} d of the lead" if days else ""
            line["worth"] = amounts_in_words(step.worth)
            line["unfinished"] = _yet(cohort, step)
        yield line


def _yet(cohort: "Cohort", step: "Step") -> str:
    """Return what an unfinished cohort is expected to come to; nothing of one that is finished."""
    if not cohort.is_unfinished:
        return ""
    projected = _projected(step)
    return f"expected {projected}" if projected else "too early to say"


def _projected(step: "Step") -> str:
    projected = step.projection
    if projected is None:
        return ""
    return (
        f"{projected.expected:,.0f} {step.milestone}"
        f" ({projected.low:,.0f} to {projected.high:,.0f})"
    )


def _bar(deals: int, leads: int) -> str:
    return "█" * round(_BAR * deals / leads) if leads else ""


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _in_days(time: timedelta | None) -> str:
    return "" if time is None else f"{output.days_of(time):.1f} d"
