"""`report coverage`: which conversions were matched and by what, and where the rest was lost."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.report_funnel import funnel
from convsync.cli.report_shortfalls import shortfalls
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.model.period import Period
    from convsync.report.coverage import Coverage, Group, How, Tally, TooLate
    from convsync.settings import Settings

app = typer.Typer(help="What the nights add up to.", no_args_is_help=True)

_DAYS = 90
"""The days before today that a report is of where nobody names others: a click is taken as long."""
_BY_WEEK = "week"
_COLUMNS = (
    *("rule", "group", "stands", "found_by", "click", "reason"),
    *("conversions", "share", "value", "currency"),
)
_HOW_TABLE = ("stands", "by what, or why not", "conversions", "share", "worth")
_GROUP_TABLE = ("group", "conversions", "covered", "share", "worth of the rest", "mostly lost to")

From = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="First day of the milestones; else 90 days ago."),
]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, included.")]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="WHAT", help="Grouped by source, week, or a segment's name."),
]
OnlyRule = Annotated[str | None, typer.Option("--rule", metavar="NAME", help="Only this rule.")]


@app.callback()
def _reports() -> None:
    """What the nights add up to."""


app.command("funnel")(funnel)
app.command("shortfalls")(shortfalls)


@app.command("coverage")
def coverage(
    config: Config = DEFAULT_CONFIG,
    from_day: From = None,
    to_day: To = None,
    by: By = None,
    rule: OnlyRule = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show by what the conversions of a period were matched, and to which reason others fell.

    What came too late for its click is listed with the earlier milestone that was in time.
    """
    from convsync import wiring
    from convsync.report.coverage import coverage_of

    settings = options.load(config)
    first, last = _days(from_day, to_day, as_of, settings)
    _require_group(by, settings)
    rules = [one for one in wiring.rules_of(settings) if rule in (None, one.name)]
    if not rules:
        raise OperatorError(f"There is no rule {rule}; there are: {', '.join(settings.rules)}.")
    with options.ledger(settings) as database:
        found = coverage_of(
            database,
            rules,
            _periods(first, last, settings, is_by_week=by == _BY_WEEK),
            by=None if by == _BY_WEEK else by,
        )
    match form:
        case Format.TABLE:
            _show(found, first, last)
        case Format.CSV:
            output.show([*_rows(found)], _COLUMNS, form)
        case Format.JSON:
            late = [_late_row(one) for one in found.too_late]
            days = {"from": first.isoformat(), "to": last.isoformat()}
            output.show_json({**days, "coverage": [*_rows(found)], "too_late": late})


def _days(
    from_day: str | None, to_day: str | None, as_of: str | None, settings: "Settings"
) -> tuple[date, date]:
    from convsync import wiring
    from convsync.clock import system_clock

    now = options.instant(as_of, settings) or system_clock()
    today = now.astimezone(wiring.company_zone(settings)).date()
    last = options.day(to_day, "--to") if to_day else today
    first = options.day(from_day, "--from") if from_day else last - timedelta(days=_DAYS)
    options.require_order(first, last)
    return first, last


def _periods(
    first: date, last: date, settings: "Settings", *, is_by_week: bool
) -> Mapping[str, "Period"]:
    """Return the period asked for, or its weeks from Monday to Sunday by their ISO 8601 names."""
    from convsync import wiring
    from convsync.model.period import Period

    zone = wiring.company_zone(settings)
    if not is_by_week:
        return {"": Period.of_days(first, last, zone)}
    periods = {}
    while first <= last:
        sunday = min(first + timedelta(days=6 - first.weekday()), last)
        year, week, _ = first.isocalendar()
        periods[f"{year}-W{week:02}"] = Period.of_days(first, sunday, zone)
        first = sunday + timedelta(days=1)
    return periods


def _require_group(by: str | None, settings: "Settings") -> None:
    from convsync.report.coverage import BY_SOURCE

    segments = {name for source in settings.deals.values() for name in source.segments}
    there = [BY_SOURCE, _BY_WEEK, *sorted(segments)]
    if by is not None and by not in there:
        raise OperatorError(f"Nothing can be grouped by {by}; there are: {', '.join(there)}.")


def _rows(found: "Coverage") -> Iterator[dict[str, Any]]:
    """Yield a row for each way conversions stand, and each currency they are worth something in."""
    for group in found.groups:
        in_group = group.all.conversions
        for how, tally in _most_first(group):
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


def _most_first(group: "Group") -> "list[tuple[How, Tally]]":
    return sorted(group.parts.items(), key=lambda pair: -pair[1].conversions)


def _show(found: "Coverage", first: date, last: date) -> None:
    if not found.groups:
        typer.echo(f"No conversion's milestone was reached from {first} to {last}.")
    by_rule: dict[str, list[Group]] = {}
    for group in found.groups:
        by_rule.setdefault(group.rule, []).append(group)
    for rule, groups in by_rule.items():
        typer.echo(f"{rule}, reached from {first} to {last}")
        if any(group.name for group in groups):
            output.show([_group_line(group) for group in groups], _GROUP_TABLE, Format.TABLE)
        else:
            _show_whole(groups[0])
        for one in found.too_late:
            if one.rule == rule:
                typer.echo(_too_late(one))
        typer.echo("")


def _show_whole(group: "Group") -> None:
    everything, covered = group.all, group.covered
    lines = [_how_line(how, tally, everything) for how, tally in _most_first(group)]
    output.show(lines, _HOW_TABLE, Format.TABLE)
    typer.echo(
        f"{everything.conversions:,} conversions, of which {covered.conversions:,}"
        f" ({_share(covered, everything)}) have a click or a person"
    )


def _how_line(how: "How", tally: "Tally", everything: "Tally") -> dict[str, str]:
    return {
        "stands": how.stands.value.replace("_", " "),
        "by what, or why not": ", ".join(filter(None, [_matched(how), _in_words(how.reason)])),
        "conversions": f"{tally.conversions:,}",
        "share": _share(tally, everything),
        "worth": _worth(tally),
    }


def _group_line(group: "Group") -> dict[str, str]:
    from convsync.report.coverage import Tally

    everything, covered, rest = group.all, group.covered, Tally()
    lost = [(how, tally) for how, tally in _most_first(group) if not how.is_covered]
    for _, tally in lost:
        rest.add(tally.conversions, tally.value)
    return {
        "group": group.name,
        "conversions": f"{everything.conversions:,}",
        "covered": f"{covered.conversions:,}",
        "share": _share(covered, everything),
        "worth of the rest": _worth(rest),
        "mostly lost to": _in_words(lost[0][0].reason) if lost else "",
    }


def _matched(how: "How") -> str:
    if not how.is_covered:
        return ""
    by = "consented hashes" if how.click == "person" else output.FOUND_BY[how.found_by]
    return f"{how.click} ({by})"


def _too_late(one: "TooLate") -> str:
    said = f"{one.conversions:,} came too late for their click"
    if not one.caught_at:
        return f"{said}; no earlier milestone of theirs was in time."
    caught = ", ".join(f"{name} {count:,}" for name, count in sorted(one.caught_at.items()))
    return f"{said}. A rule for an earlier milestone would have caught: {caught}."


def _in_words(reason: str) -> str:
    """Return one of our reasons as people write it; a vendor's code stays as it came."""
    return reason.replace("_", " ") if reason.islower() else reason


def _share(part: "Tally", whole: "Tally") -> str:
    return f"{part.conversions / whole.conversions:.0%}"


def _worth(tally: "Tally") -> str:
    return " + ".join(
        f"{value:,.2f} {currency or '(no currency)'}"
        for currency, value in tally.value.items()
        if value
    )
