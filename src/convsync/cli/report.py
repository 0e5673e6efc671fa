"""`report coverage`: which conversions were matched and by what, and where the rest was lost."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import agreed, coverage_asked, coverage_page, options, output
from convsync.cli.coverage_words import (
    FIELD_TABLE,
    GROUP_TABLE,
    HOW_TABLE,
    field_line,
    group_line,
    how_line,
    most_first,
    too_late,
    whole,
)
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.report_campaigns import campaigns
from convsync.cli.report_days import To, Where, days_asked, only, require_group, where_of
from convsync.cli.report_funnel import funnel
from convsync.cli.report_html import html
from convsync.cli.report_revenue import revenue
from convsync.cli.report_shortfalls import shortfalls
from convsync.cli.report_trend import trend

if TYPE_CHECKING:
    from convsync.cli.report_answers import Answers
    from convsync.report.coverage import Coverage, Group, TooLate
    from convsync.report.fields import FieldQuality

app = typer.Typer(help="What the nights add up to.", no_args_is_help=True)

_COLUMNS = (
    *("rule", "group", "stands", "found_by", "click", "reason"),
    *("conversions", "share", "value", "currency"),
)
_FIELD_COLUMNS = ("source", "field", "deals", "empty", "lower_case", "cut")

From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="DAY", help="First day of the milestones; by default 90 days ago."
    ),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="WHAT", help="Group by source, form, week, or a segment's name."),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write a page with charts and every possible grouping, which needs no network.",
    ),
]
Fields = Annotated[
    bool,
    typer.Option(
        "--fields",
        help="Show the deals' fields instead: empty, or with IDs lower-cased or truncated.",
    ),
]
OnlyRule = Annotated[str | None, typer.Option("--rule", metavar="NAME", help="Only this rule.")]


@app.callback()
def _reports() -> None:
    """What the nights add up to."""


app.command("funnel")(funnel)
app.command("shortfalls")(shortfalls)
app.command("revenue")(revenue)
app.command("html")(html)
app.command("campaigns")(campaigns)
app.command("trend")(trend)


@app.command("coverage")
def coverage(
    config: Config = DEFAULT_CONFIG,
    from_day: From = None,
    to_day: To = None,
    by: By = None,
    rule: OnlyRule = None,
    where: Where = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
    html: Html = None,
    *,
    fields: Fields = False,
) -> None:
    """Show what the conversions of a period were matched by, and why the others were not.

    If a milestone came too late for its click, an earlier milestone that was in time is listed.
    """
    from convsync import wiring
    from convsync.cli.report_answers import Answers
    from convsync.clock import system_clock

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    first, last = days_asked(from_day, to_day, now, settings, most=coverage_asked.DAYS)
    require_group(by, coverage_asked.groups(settings))
    meant = where_of(settings, where)
    with options.ledger(settings) as database:
        answers = Answers(database, settings, (first, last), now, meant)
        if html is not None:
            groups = (None, *coverage_asked.groups(settings))
            found_by = {name: answers.coverage(name, rule) for name in groups}
            coverage_page.write(html, found_by, answers, wiring.formats_of(settings))
            typer.echo(f"Written to {html}.")
        elif fields:
            _show_fields(answers.fields(), form)
        else:
            _show_coverage(answers.coverage(by, rule), answers, form)


def _show_coverage(found: "Coverage", answers: "Answers", form: Format) -> None:
    first, last = answers.days
    fields, standings = answers.fields(), answers.standings()
    match form:
        case Format.TABLE:
            _show(found, f"from {first} to {last}{only(answers.where)}")
            for note in answers.exchange.notes:
                typer.echo(note)
            if lacking := [one for one in fields if one.needs_a_look]:
                typer.echo("Fields of these deals that are empty, or whose IDs lost something")
                _show_fields(lacking, form)
            agreed.show(standings)
        case Format.CSV:
            output.show([*_rows(found)], _COLUMNS, form)
        case Format.JSON:
            of_days = {"from": first.isoformat(), "to": last.isoformat()}
            late = [_late_row(one) for one in found.too_late]
            of_fields = [_field_row(one) for one in fields]
            rows = {"coverage": [*_rows(found)], "too_late": late, "fields": of_fields}
            rates = {"rates": answers.exchange.notes}
            output.show_json({**of_days, **rows, **rates, **agreed.as_json(standings)})


def _show_fields(fields: "Sequence[FieldQuality]", form: Format) -> None:
    if form is Format.TABLE:
        output.show([field_line(one) for one in fields], FIELD_TABLE, form)
    else:
        output.show([_field_row(one) for one in fields], _FIELD_COLUMNS, form)


def _field_row(one: "FieldQuality") -> dict[str, Any]:
    return {name: getattr(one, name) for name in _FIELD_COLUMNS}


def _rows(found: "Coverage") -> Iterator[dict[str, Any]]:
    """Yield a row for each way conversions stand, and each currency they are worth something in."""
    for group in found.groups:
        in_group = group.all.conversions
        for how, tally in most_first(group):
            for currency, value in tally.value.items():
                yield {
                    "rule": group.rule,
                    "group": group.name,
                    "stands": how.stands.value,
                    "found_by": how.found_by,
                    "click": how.click,
                    "reason": how.reason,
                    "conversions": tally.conversions,
                    "share": round(tally.conversions / in_group, 4),
                    "value": str(value),
                    "currency": currency,
                }


def _late_row(one: "TooLate") -> dict[str, Any]:
    caught = dict(sorted(one.caught_at.items()))
    return {"rule": one.rule, "conversions": one.conversions, "caught_at": caught}


def _show(found: "Coverage", days: str) -> None:
    if not found.groups:
        typer.echo(f"No conversion's milestone was reached {days}.")
    by_rule: dict[str, list[Group]] = {}
    for group in found.groups:
        by_rule.setdefault(group.rule, []).append(group)
    for rule, groups in by_rule.items():
        typer.echo(f"{rule}, reached {days}")
        if any(group.name for group in groups):
            output.show([group_line(group) for group in groups], GROUP_TABLE, Format.TABLE)
        else:
            _show_whole(groups[0])
        for one in found.too_late:
            if one.rule == rule:
                typer.echo(too_late(one))
        typer.echo("")


def _show_whole(group: "Group") -> None:
    lines = [how_line(how, tally, group.all) for how, tally in most_first(group)]
    output.show(lines, HOW_TABLE, Format.TABLE)
    typer.echo(whole(group))
