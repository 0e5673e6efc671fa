"""`report revenue`: what sales bring over time, by cohort and segment, and what is yet to come."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import agreed, options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.report_days import (
    To,
    Where,
    days_asked,
    only,
    require_group,
    segments_of,
    where_of,
)
from convsync.errors import OperatorError
from convsync.plain_text import several

if TYPE_CHECKING:
    from datetime import date, datetime

    from convsync.report.agreements import Standing
    from convsync.report.conditions import Conditions
    from convsync.report.exchange import Exchange
    from convsync.report.lifetime import Trial
    from convsync.report.revenue import Cohort, GroupOf, LifetimeValue, Revenue
    from convsync.settings import Settings
    from convsync.store.database import Database
    from convsync.store.sold import SoldDeal
    from convsync.values.outlook import Projection

DAYS = 730
"""The days before today whose sales the report is of where nobody names others."""
_COLUMNS = (
    *("group", "cohort", "sales", "month", "is_over", "cumulated", "currency"),
    *("projected_to", "projected", "projected_low", "projected_high"),
)
MONTH = "month "
"""How a column of months begins; a number follows."""
_SHOWN = (0, 1, 2, 3, 6, 12, 24)
"""The months after the win of which a table has a column."""

From = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="First day of the sales; by default two years ago."),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="WHAT", help="By source, or by a segment's name."),
]
Months = Annotated[
    int,
    typer.Option(
        "--months",
        metavar="N",
        min=1,
        max=120,
        help="Project up to this many months after the win.",
    ),
]


def revenue(
    config: Config = DEFAULT_CONFIG,
    from_day: From = None,
    to_day: To = None,
    by: By = None,
    months: Months = 12,
    where: Where = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show what came in for sales by the month of their win, and what is expected to come in.

    Needs a [revenue.NAME]. The projection is tested on each past month, and the result is shown.
    """
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.report import agreements

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    first, last = days_asked(from_day, to_day, now, settings, most=DAYS)
    require_group(by, ["source", *sorted(segments_of(settings))])
    meant = where_of(settings, where)
    exchange = wiring.exchange_of(settings)
    with options.ledger(settings) as database:
        days = (first, last)
        found = found_in(database, settings, days, exchange, now, by=by, months=months, where=meant)
        standings = agreements.standings(database, won_alone(settings), now=now)
    if not settings.revenue and not any(one.so_far for one in found.cohorts):
        raise OperatorError(
            "The config has no [revenue.NAME], so nothing that came in after a sale is known:"
            " docs/money.md shows how to read it."
        )
    match form:
        case Format.TABLE:
            _show(found, f"from {first} to {last}{only(meant)}", exchange, standings)
        case Format.CSV:
            output.show([*rows_of(found)], _COLUMNS, form)
        case Format.JSON:
            of_days = {"from": first.isoformat(), "to": last.isoformat(), "months": months}
            output.show_json({**of_days, **as_json(found, exchange), **agreed.as_json(standings)})


def won_alone(settings: "Settings") -> Mapping[str, Any]:
    """Return what was agreed on a sale, the one milestone that the report goes by."""
    from convsync import wiring
    from convsync.model.deal import WON

    return {name: one for name, one in wiring.agreements_of(settings).items() if name == WON}


def found_in(
    database: "Database",
    settings: "Settings",
    days: "tuple[date, date]",
    exchange: "Exchange",
    now: "datetime",
    *,
    by: str | None,
    months: int,
    where: "Conditions" = (),
) -> "Revenue":
    """Return the report on sales of some days, told apart by source or a segment."""
    from convsync import wiring
    from convsync.model.period import Period
    from convsync.report.revenue import revenue_of

    zone = wiring.company_zone(settings)
    period = Period.of_days(*days, zone)
    return revenue_of(
        database,
        _grouped(by),
        lambda sale: sale.won_at in period,
        now=now,
        zone=zone,
        exchange=exchange,
        months=months,
        where=where,
    )


def _grouped(by: str | None) -> "GroupOf":
    from convsync.report.conditions import segment_in

    def group_of(sale: "SoldDeal") -> str:
        if by is None:
            return ""
        return sale.source if by == "source" else segment_in(sale.segments, by)

    return group_of


def rows_of(found: "Revenue") -> Iterator[dict[str, Any]]:
    """Yield a row for each month of a cohort; what is projected stands in its last."""
    for one in found.cohorts:
        for month, cumulated in enumerate(one.cumulated):
            is_over = month < len(one.cumulated) - 1
            projected = None if is_over else one.projection
            yield {
                "group": one.group,
                "cohort": str(one.month),
                "sales": one.sales,
                "month": month,
                "is_over": is_over,
                "cumulated": f"{cumulated:.2f}",
                "currency": one.currency,
                "projected_to": one.projected_to if projected else None,
                **_projected_row(projected),
            }


def _projected_row(projected: "Projection | None") -> dict[str, Any]:
    return {
        "projected": projected and round(projected.expected, 2),
        "projected_low": projected and round(projected.low, 2),
        "projected_high": projected and round(projected.high, 2),
    }


def as_json(found: "Revenue", exchange: "Exchange") -> dict[str, Any]:
    """Return all there is: cohorts, values of a sale, trials, and what is of no known deal."""
    return {
        "cohorts": [*rows_of(found)],
        "values": [
            {
                "group": one.group,
                "sales": one.sales,
                "so_far": f"{one.so_far:.2f}",
                "currency": one.currency,
                "is_of_all_groups": one.is_of_all,
                "after_months": [
                    {"months": months, **_projected_row(value)}
                    for months, value in one.after.items()
                ],
            }
            for one in found.values
        ],
        "trials": [
            {
                "currency": currency,
                "month": _month_of(found, trial),
                "ahead": trial.ahead,
                "came": round(trial.came, 2),
                "as_before": round(trial.as_before, 2),
                "held": trial.holds,
                **_projected_row(trial.expected),
            }
            for currency, trials in found.trials.items()
            for trial in trials
        ],
        "of_no_known_deal": [
            {"lines": one.lines, "amount": f"{one.amount:.2f}", "currency": one.currency}
            for one in found.unknown
        ],
        "rates": exchange.notes,
    }


def _month_of(found: "Revenue", trial: "Trial") -> str:
    return str(type(found.last_month)(found.last_month.number - trial.month))


def _show(
    found: "Revenue",
    days: str,
    exchange: "Exchange",
    standings: "Sequence[Standing]",
) -> None:
    typer.echo(f"Sales {days}, and what had come in by the end of each month since")
    if not found.cohorts:
        typer.echo("There are none.")
    elif any(one.group for one in found.cohorts):
        show_values(found.values)
    else:
        output.show([cohort_line(one) for one in found.cohorts], cohort_table(found), Format.TABLE)
        show_values(found.values)
    for note in [*notes_of(found), *exchange.notes]:
        typer.echo(note)
    typer.echo("")
    agreed.show(standings)


def cohort_table(found: "Revenue") -> Sequence[str]:
    """Return the columns of the table of cohorts."""
    oldest = max(len(one.cumulated) for one in found.cohorts)
    months = [f"{MONTH}{at}" for at in _SHOWN if at < oldest]
    return ("won in", "sales", *months, "so far", "expected")


def cohort_line(one: "Cohort") -> dict[str, str]:
    """Return a cohort as a line of that table."""
    months = {
        f"{MONTH}{at}": f"{one.cumulated[at]:,.2f}" for at in _SHOWN if at < len(one.cumulated) - 1
    }
    return {
        "won in": str(one.month),
        "sales": f"{one.sales:,}",
        **months,
        "so far": money(one.so_far, one.currency),
        "expected": projected(one),
    }


def projected(one: "Cohort") -> str:
    """Return what a cohort is expected to have brought in the end, and by when."""
    if one.projection is None:
        return ""
    by = f"by month {one.projected_to}"
    low, high = f"{one.projection.low:,.0f}", f"{one.projection.high:,.0f}"
    return f"{one.projection.expected:,.0f} ({low} to {high}) {by}"


VALUE_TABLE = ("sales of", "sales", "so far", "a sale has brought")


def value_line(one: "LifetimeValue") -> dict[str, str]:
    """Return what a sale of a group brings as a line of `VALUE_TABLE`."""
    after = "; ".join(
        f"{value.expected:,.2f} ({value.low:,.2f} to {value.high:,.2f})"
        f" in {several(months, 'month')}"
        for months, value in one.after.items()
    )
    whose = " (of all groups)" if one.is_of_all and after else ""
    return {
        "sales of": one.group or "all",
        "sales": f"{one.sales:,}",
        "so far": money(one.so_far, one.currency),
        "a sale has brought": f"{after}{whose}" if after else "too few are old enough to say",
    }


def show_values(values: "Sequence[LifetimeValue]") -> None:
    """Print what a sale brings, of each group."""
    output.show([value_line(one) for one in values], VALUE_TABLE, Format.TABLE)


def notes_of(found: "Revenue") -> Iterator[str]:
    """Yield how the projection did on past months, and what came in for no deal that is known."""
    for currency, trials in found.trials.items():
        if not trials:
            yield f"The projection in {currency} could be tried on no past month yet."
            continue
        held = sum(trial.holds for trial in trials)
        came = sum(trial.came for trial in trials)
        off = sum(abs(trial.expected.expected - trial.came) for trial in trials)
        naive = sum(abs(trial.as_before - trial.came) for trial in trials)
        share = f"{off / came:.0%} of it" if came else "nothing came"
        ahead = "month" if trials[0].ahead == 1 else f"{trials[0].ahead} months"
        other = f"; taking the {ahead} before again would be off by {naive / came:.0%}"
        yield (
            f"Tried at the end of {len(trials)} past months on what came in {currency} in the"
            f" {ahead} after: the interval held it in {held} of them (nine in ten are"
            f" meant), and it was off by {share}{other if came else ''}."
        )
    for one in found.unknown:
        yield (
            f"{one.lines:,} lines of {money(one.amount, one.currency)} are of no deal that is"
            " known; they are counted when it comes."
        )


def money(amount: Decimal, currency: str | None) -> str:
    """Return an amount as reports show it."""
    return f"{amount:,.2f} {currency or ''}".rstrip()
