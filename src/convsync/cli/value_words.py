"""Learned values in words and lines of tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from convsync.cli import output
from convsync.cli.options import Format
from convsync.model.expected import FEWEST_LEADS

if TYPE_CHECKING:
    from convsync.model.expected import Cell, ExpectedTable, Forecast
    from convsync.values.backtest import Bin
    from convsync.values.score import Fact

CELL_TABLE = (
    *("milestone", "group", "leads", "won", "young", "chance", "nine in ten sure"),
    *("a sale brings", "value", "sure of the value"),
)
FORECAST_TABLE = (
    *("month", "milestone", "leads", "foretold", "nine in ten", "came", "log loss"),
    *("of one rate", ""),
)
PAST_MONTHS = "Past months, each foretold from what was known at its beginning"
NO_PAST_MONTH = "No past month can be foretold: no sale was known before it."
TOO_FEW = "too few to say"
BIN_TABLE = ("chance", "leads", "foretold", "came")


def show_cells(table: "ExpectedTable") -> None:
    """Print what each group is worth at each milestone, and from how many leads that is known."""
    typer.echo(cells_are_of(table))
    output.show([cell_line(cell, table) for cell in table.listed()], CELL_TABLE, Format.TABLE)
    for note in notes_on(table):
        typer.echo(note)


def cells_are_of(table: "ExpectedTable") -> str:
    """Return what the cells of a table are of."""
    grouped = f", by {', then '.join(table.by)}" if table.by else ""
    return f"Won within {table.window_days} days of each milestone{grouped}"


def notes_on(table: "ExpectedTable") -> Iterator[str]:
    """Yield what is to be known of groups that are small or missing."""
    if table.by:
        yield (
            f"Fewer than {FEWEST_LEADS} leads of a group at a milestone are {TOO_FEW}: they have"
            " the value of the group above it, and so has a group that is not listed."
        )


def show_forecasts(forecasts: "Sequence[Forecast]") -> None:
    """Print what was foretold of past months, and what came."""
    if not forecasts:
        typer.echo(f"\n{NO_PAST_MONTH}")
        return
    typer.echo(f"\n{PAST_MONTHS}")
    output.show([forecast_line(one) for one in forecasts], FORECAST_TABLE, Format.TABLE)


def show_calibration(bins: "Sequence[Bin]") -> None:
    """Print how often what was foretold with a chance came."""
    if bins:
        typer.echo("\nWhat was foretold with a chance of so much, in fifths of all these leads")
        output.show([bin_line(one) for one in bins], BIN_TABLE, Format.TABLE)


def cell_line(cell: "Cell", table: "ExpectedTable") -> Mapping[str, str]:
    """Return a group at a milestone as a line of `CELL_TABLE`."""
    line = {
        "milestone": cell.milestone,
        "group": group_in_words(cell.group),
        "leads": f"{cell.leads:,}",
        "won": f"{cell.won:,}",
        "young": f"{cell.young:,}",
        "chance": percent(cell.chance.value),
        "nine in ten sure": sure(cell),
    }
    if cell.amount is not None and cell.value is not None:
        line["a sale brings"] = f"{cell.amount.value:,.2f} {table.currency}"
        line["value"] = f"{cell.value.value:,.2f} {table.currency}"
        line["sure of the value"] = (
            f"{cell.value.low:,.2f} to {cell.value.high:,.2f}" if cell.is_known else ""
        )
    return line


def group_in_words(group: "Sequence[str]") -> str:
    """Return what leads of a group have in each segment; "all" for the whole."""
    return " · ".join(name or "(nothing)" for name in group) or "all"


def forecast_line(one: "Forecast") -> Mapping[str, str]:
    """Return a month as a line of `FORECAST_TABLE`."""
    notes = ["drift"] if one.has_drifted else []
    notes += [] if one.is_closed else ["so far"]
    return {
        "month": one.month,
        "milestone": one.milestone,
        "leads": f"{one.leads:,}",
        "foretold": f"{one.expected.value:,.1f}",
        "nine in ten": f"{one.expected.low:,.1f} to {one.expected.high:,.1f}",
        "came": f"{one.won:,}",
        "log loss": f"{one.log_loss:.4f}",
        "of one rate": f"{one.of_one_rate:.4f}",
        "": ", ".join(notes),
    }


def bin_line(one: "Bin") -> Mapping[str, str]:
    """Return leads of about the same chance as a line of `BIN_TABLE`."""
    return {
        "chance": f"{percent(one.low)} to {percent(one.high)}",
        "leads": f"{one.leads:,}",
        "foretold": f"{one.expected:,.1f}",
        "came": f"{one.won:,}",
    }


def facts_in_words(facts: "Sequence[Fact]") -> str:
    """Return what moved a chance: each fact with its factor."""
    return "; ".join(f"{fact.what} × {fact.factor:.2f}" for fact in facts)


def sure(cell: "Cell") -> str:
    """Return the interval of a group's chance."""
    if not cell.is_known:
        return TOO_FEW
    return f"{percent(cell.chance.low)} to {percent(cell.chance.high)}"


def percent(share: float) -> str:
    """Return a chance with a digit behind the point: many are below ten in a hundred."""
    return f"{share:.1%}"
