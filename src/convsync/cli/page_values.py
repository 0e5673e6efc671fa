"""Learned values and audiences as pages that `serve` shows, in the lines of their commands."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from convsync import wiring
from convsync.cli import audiences, figure_words, values
from convsync.cli.value_words import (
    CELL_TABLE,
    FORECAST_TABLE,
    NO_PAST_MONTH,
    PAST_MONTHS,
    cell_line,
    cells_are_of,
    forecast_line,
    notes_on,
)
from convsync.errors import OperatorError
from convsync.model.expected import SOURCE, Cell, ExpectedTable, Forecast
from convsync.report.conditions import NOT_FILLED_IN, Condition
from convsync.report.leads_to import DealsBehind
from convsync.report.listing_cells import text_of
from convsync.report.page import Chart, Section
from convsync.report.shortfalls import LEAD
from convsync.settings import Settings
from convsync.store.database import Database
from convsync.web.figures import Asked, Field, Figures

Shown = tuple[str, Sequence[Section]]
_COUNTS = ("people", "on list", "being added", "being removed", "unsure", "awaiting verdict")


def values_page() -> Figures:
    """Return the page of what a lead is worth at each milestone."""

    def sections(database: Database, asked: Asked, _: datetime) -> Shown:
        version = _version(asked["version"])
        with database.reading() as connection:
            try:
                found, listed = values.version_asked(connection, version)
            except OperatorError as error:
                if version is not None:
                    raise
                return str(error), []
        return f"Version {found.number}", [
            _cells(found.table),
            _forecasts(found.forecasts),
            Section(heading="Versions", notes=[values.version_line(one) for one in listed]),
        ]

    return Figures(
        path="/values",
        title="Values",
        command="convsync values show",
        fields=(Field(name="version", label="Version", kind="number"),),
        sections=sections,
    )


def audiences_page(settings: Settings) -> Figures:
    """Return the page of who is kept on which list of an ad account."""

    def sections(database: Database, asked: Asked, _: datetime) -> Shown:
        with database.reading() as connection:
            rows = [*audiences.list_rows(connection, wiring.audiences_of(settings))]
            names = [asked["audience"]] if asked["audience"] else [*settings.audiences]
            requests = {
                name: audiences.latest_requests(connection, settings, name) for name in names
            }
        if not rows:
            return audiences.NO_AUDIENCE, []
        zone = wiring.company_zone(settings)
        of_each = (_requests(name, made, zone) for name, made in requests.items())
        shown = [_lists(rows, settings), *of_each]
        return "Who met each condition at the last look, and what the platform's lists hold", shown

    return Figures(
        path="/audiences",
        title="Audiences",
        command="convsync audiences list",
        fields=(Field(name="audience", label="Requests of", choices=[*settings.audiences]),),
        sections=sections,
    )


def _version(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise OperatorError(f"{text} is not the number of a version.")
    return int(text) if text else None


def _cells(table: ExpectedTable) -> Section:
    listed = [*table.listed()]
    lines = [cell_line(cell, table) for cell in listed]
    bars = [
        (f"{line['milestone']}: {line['group']}", cell.value.value)
        for cell, line in zip(listed, lines, strict=True)
        if cell.value is not None
    ]
    return Section(
        heading="What a lead is worth",
        columns=CELL_TABLE,
        rows=_rows(lines, CELL_TABLE),
        numbers=frozenset(CELL_TABLE[2:]),
        behind=[_behind(cell, table) for cell in listed],
        chart=Chart(title=f"Value in {table.currency}", bars=bars),
        notes=[f"{cells_are_of(table)}.", *notes_on(table)],
        definitions=figure_words.VALUES,
    )


def _behind(cell: Cell, table: ExpectedTable) -> Mapping[str, DealsBehind]:
    """Return the deals of a group that came to its milestone: not all are ripe to learn from."""
    where = [
        Condition(name, value if value or name == SOURCE else NOT_FILLED_IN)
        for name, value in zip(table.by, cell.group, strict=False)
    ]
    return {"group": DealsBehind(came_to=cell.milestone, where=where)}


def _forecasts(found: Sequence[Forecast]) -> Section:
    lines = [forecast_line(one) for one in found]
    return Section(
        heading=PAST_MONTHS,
        columns=FORECAST_TABLE,
        rows=_rows(lines, FORECAST_TABLE),
        numbers=frozenset(FORECAST_TABLE[2:-1]),
        chart=Chart(
            title="Sales that came of the leads of a month",
            bars=[(f"{one.month} {one.milestone}", float(one.won)) for one in found],
        ),
        notes=[] if found else [NO_PAST_MONTH],
        definitions=figure_words.FORECASTS,
    )


def _lists(rows: Sequence[Mapping[str, Any]], settings: Settings) -> Section:
    columns = [name.replace("_", " ") for name in audiences.LISTS]
    told = [
        [f"{row[name]:,}" if name in _LARGE else text_of(row[name]) for name in audiences.LISTS]
        for row in rows
    ]
    said = [(name, one.definition) for name, one in settings.audiences.items() if one.definition]
    return Section(
        heading="Lists",
        columns=columns,
        rows=told,
        numbers=frozenset(_COUNTS),
        behind=[
            {"people": DealsBehind(came_to=LEAD, in_audience=row["audience"])}
            if row["audience"] in settings.audiences
            else {}
            for row in rows
        ],
        chart=Chart(title="People", bars=[(row["audience"], float(row["people"])) for row in rows]),
        definitions=[*said, *figure_words.AUDIENCES],
    )


_LARGE = frozenset(name.replace(" ", "_") for name in _COUNTS)


def _requests(name: str, rows: Sequence[Mapping[str, Any]], zone: tzinfo) -> Section:
    local = [{**row, "at": f"{row['at'].astimezone(zone):%Y-%m-%d %H:%M}"} for row in rows]
    return Section(
        heading=f"The last requests of {name}",
        columns=[one.replace("_", " ") for one in audiences.REQUESTS],
        rows=[[text_of(row[one]) for one in audiences.REQUESTS] for row in local],
        numbers=frozenset({"request", "members", "identifiers"}),
        notes=[] if rows else ["None has changed its list yet."],
    )


def _rows(lines: Sequence[Mapping[str, str]], columns: Sequence[str]) -> list[list[str]]:
    return [[line.get(name, "") for name in columns] for line in lines]
