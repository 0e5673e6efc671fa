"""`report shortfalls`: which groups of deals go on more seldom, or later, than the others."""

from typing import TYPE_CHECKING, Any

import typer

from convsync.cli import agreed, options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.report_days import To, Where, days_asked, only, segments_of, where_of
from convsync.cli.report_funnel import DAYS, From

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convsync.report.shortfalls import Shortfall
    from convsync.settings import Settings

_STAGE = "stage"
"""Where a deal stands now is no group to compare: it says how far the deal came."""
_COLUMNS = (
    *("group_by", "group", "step", "next_step", "deals", "went_on", "low", "high", "of_rest"),
    *("missing", "cost", "currency", "median_days", "median_days_of_rest"),
)
TABLE = (
    "deals of",
    "at",
    "decided",
    "go on",
    "of the rest",
    "missing",
    "costs about",
    "take",
    "the rest",
)


def shortfalls(
    config: Config = DEFAULT_CONFIG,
    from_day: From = None,
    to_day: To = None,
    where: Where = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show where the funnel falls short: by source and segment, what costs most first.

    Lists what chance is unlikely to explain, for groups of 20 deals and more.
    """
    from convsync.cli.report_answers import Answers
    from convsync.clock import system_clock

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    first, last = days_asked(from_day, to_day, now, settings, most=DAYS)
    meant = where_of(settings, where)
    with options.ledger(settings) as database:
        answers = Answers(database, settings, (first, last), now, meant)
        found, standings, exchange = answers.shortfalls(), answers.standings(), answers.exchange
    match form:
        case Format.TABLE:
            typer.echo(f"Deals that became leads from {first} to {last}{only(meant)}")
            _show(found, exchange.notes)
            agreed.show(standings)
        case Format.CSV:
            output.show([_row(one) for one in found], _COLUMNS, form)
        case Format.JSON:
            days = {"from": first.isoformat(), "to": last.isoformat()}
            rows = {"shortfalls": [_row(one) for one in found], "rates": exchange.notes}
            output.show_json({**days, **rows, **agreed.as_json(standings)})


def segments_compared(settings: "Settings") -> "Sequence[str]":
    """Return the segments whose groups are compared: where a deal stands now is none of them."""
    return sorted(segments_of(settings) - {_STAGE})


def _show(found: "Sequence[Shortfall]", notes: "Sequence[str]") -> None:
    if found:
        output.show([line_of(one) for one in found], TABLE, Format.TABLE)
    else:
        typer.echo("No group differs from the rest by more than chance would explain.")
    for note in notes:
        typer.echo(note)
    typer.echo("")


def _row(one: "Shortfall") -> dict[str, Any]:
    return {
        "group_by": one.group_by,
        "group": one.group,
        "step": one.step,
        "next_step": one.next_step,
        "deals": one.deals,
        "went_on": round(one.went_on.share, 4),
        "low": round(one.went_on.low, 4),
        "high": round(one.went_on.high, 4),
        "of_rest": round(one.of_rest, 4),
        "missing": None if one.missing is None else round(one.missing, 1),
        "cost": None if one.cost is None else f"{one.cost:.2f}",
        "currency": one.currency if one.cost is not None else None,
        "median_days": one.days,
        "median_days_of_rest": one.days_of_rest,
    }


def line_of(one: "Shortfall") -> dict[str, str]:
    """Return a shortfall as a line of `TABLE`."""
    share = one.went_on
    return {
        "deals of": f"{one.group_by} {one.group}",
        "at": f"{one.step} → {one.next_step}",
        "decided": f"{one.deals:,}",
        "go on": f"{share.share:.0%} ({share.low:.0%} to {share.high:.0%})",
        "of the rest": f"{one.of_rest:.0%}",
        "missing": "" if one.missing is None else f"{one.missing:,.0f}",
        "costs about": "" if one.cost is None else f"{one.cost:,.0f} {one.currency}",
        "take": "" if one.days is None else f"{one.days} d",
        "the rest": "" if one.days_of_rest is None else f"{one.days_of_rest} d",
    }
