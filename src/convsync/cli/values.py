"""`values`: what a lead is worth at each milestone, learned from one's own deals, and accepted."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, By, Config, Format, FormatOption
from convsync.cli.value_words import (
    CELL_TABLE,
    TOO_FEW,
    cell_line,
    facts_in_words,
    group_in_words,
    percent,
    show_calibration,
    show_cells,
    show_forecasts,
    sure,
)
from convsync.errors import OperatorError
from convsync.model.expected import FEWEST_LEADS

if TYPE_CHECKING:
    from datetime import datetime

    from convsync.model.expected import Cell, ExpectedTable, Forecast
    from convsync.report.scores import Scored
    from convsync.store.value_versions import Version
    from convsync.store.walks import Walk
    from convsync.values.versions import Learned

app = typer.Typer(
    help="What a lead is worth at each milestone, learned from your own deals.",
    no_args_is_help=True,
)
_COLUMNS = (
    *("milestone", "group", "leads", "won", "young", "chance", "chance_low", "chance_high"),
    *("amount", "amount_low", "amount_high", "value", "value_low", "value_high", "currency"),
)

VersionNumber = Annotated[
    int | None, typer.Argument(metavar="[VERSION]", help="Its number; by default the latest.")
]
DealId = Annotated[str, typer.Argument(metavar="DEAL", help="The deal's ID in the CRM.")]
Restate = Annotated[
    bool,
    typer.Option(
        "--restate",
        help="Let the next run also correct what is counted already, as far as the platform still"
        " accepts it; `convsync plan` shows it beforehand.",
    ),
]


@app.command("learn")
def learn(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    by: By = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Learn values, test them on past months, and store a version that nothing uses yet."""
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.decisions.whoami import os_user
    from convsync.values.versions import learn_version

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    with options.ledger(settings) as database:
        learned = learn_version(
            database,
            wiring.learning_terms_of(settings),
            now=now,
            by=by or os_user(),
            real_clock=system_clock,
        )
    if form is Format.TABLE:
        _show_learned(learned)
    else:
        _show_rows(learned.table, learned.backtest.forecasts, form)


@app.command("accept")
def accept(
    version: VersionNumber = None,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    by: By = None,
    *,
    restate: Restate = False,
) -> None:
    """Let rules of kind "expected" use a version from their next run on.

    Conversions that are counted already keep their value, unless --restate is given.
    """
    from convsync.clock import system_clock
    from convsync.decisions.whoami import os_user
    from convsync.settings.value_checks import rules_that_learn
    from convsync.values.versions import accept_version

    settings = options.load(config)
    with options.ledger(settings) as database:
        accepted = accept_version(
            database,
            version,
            now=options.instant(as_of, settings) or system_clock(),
            by=by or os_user(),
            restates=restate,
            real_clock=system_clock,
        )
    using = rules_that_learn(settings)
    who = (
        f"Rules that use it: {', '.join(using)}."
        if using
        else ('No rule uses it: give one value = { kind = "expected" }.')
    )
    counted = (
        "The next run also restates what is counted already; `convsync plan` shows it."
        if restate
        else "What is counted already keeps its value."
    )
    typer.echo(f"Version {accepted.number} of the values is accepted. {who} {counted}")


@app.command("show")
def show(
    version: VersionNumber = None,
    config: Config = DEFAULT_CONFIG,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the version that rules use, or another one: its values, and its test on past months."""
    settings = options.load(config)
    with options.ledger(settings) as database, database.reading() as connection:
        found, listed = version_asked(connection, version)
    if form is not Format.TABLE:
        _show_rows(found.table, found.forecasts, form)
        return
    for one in listed:
        typer.echo(version_line(one))
    typer.echo(f"\nVersion {found.number}")
    show_cells(found.table)
    show_forecasts(found.forecasts)


@app.command("explain")
def explain(
    deal: DealId,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show what a deal is worth at each milestone it reached, its chance now, and the reasons."""
    from convsync.clock import system_clock
    from convsync.store.walks import walks_of

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    with options.ledger(settings) as database, database.reading() as connection:
        used = accepted_or_raise(connection)
        walks = list(walks_of(connection, deal, with_origins=used.table.needs_origins))
    if not walks:
        raise OperatorError(f"No deal {deal} has been read from the CRM.")
    from convsync.report.scores import scored

    rows = []
    for walk in walks:
        cells = _cells_of(walk, used.table, now)
        found = scored(walk, used.table, now)
        if form is Format.TABLE:
            _show_deal(walk, cells, found, used)
        rows += [_explained_row(walk, cell, found, used) for cell in cells]
    if form is not Format.TABLE:
        output.show(rows, ("deal_id", "source", "version", *_COLUMNS, "chance_now", "facts"), form)


def version_asked(connection: Any, version: int | None) -> "tuple[Version, Sequence[Version]]":
    """Return a version of the values, or the one that rules use, or the latest; and all there are.

    Raises OperatorError where there is none.
    """
    from convsync.store import value_versions

    found = (
        value_versions.accepted(connection) or value_versions.version(connection)
        if version is None
        else value_versions.version(connection, version)
    )
    listed = value_versions.listed(connection)
    if found is None:
        there = (
            f"there are: {', '.join(str(one.number) for one in listed)}"
            if listed
            else ("there are none yet; `convsync values learn` makes one")
        )
        named = "" if version is None else f" {version}"
        raise OperatorError(f"There is no version{named} of the values; {there}.")
    return found, listed


def accepted_or_raise(connection: Any) -> "Version":
    """Return the version that rules use; OperatorError, naming the command, where there is none."""
    from convsync.store import value_versions

    found = value_versions.accepted(connection)
    if found is None:
        raise OperatorError(
            "No version of the learned values is accepted: run `convsync values learn`, look at"
            " what it prints, then `convsync values accept`."
        )
    return found


def _show_learned(learned: "Learned") -> None:
    from convsync.values.drift import drift_in_words

    show_cells(learned.table)
    show_forecasts(learned.backtest.forecasts)
    show_calibration(learned.backtest.calibration)
    typer.echo("")
    for currency, sales in sorted(learned.history.without_amount.items()):
        reason = f"in {currency}" if currency != learned.table.currency else "blank, zero or absurd"
        typer.echo(
            f"{sales:,} sales count for chances and not for amounts:"
            f" {reason if currency else 'without a currency'}"
        )
    for one in learned.drift:
        typer.echo(f"drift: by the values that rules use, {drift_in_words(one)}")
    if learned.drift:
        typer.echo("drift: this version is proposed in their place")
    typer.echo(
        f"Kept as version {learned.number}; `convsync values accept {learned.number}` lets rules"
        " use it."
    )


def _show_rows(table: "ExpectedTable", forecasts: "Sequence[Forecast]", form: Format) -> None:
    cells = [_cell_row(cell, table) for cell in table.listed()]
    if form is Format.CSV:
        output.show(cells, _COLUMNS, form)
        return
    from msgspec import to_builtins

    output.show_json({"values": cells, "backtest": to_builtins(list(forecasts))})


def _cell_row(cell: "Cell", table: "ExpectedTable") -> dict[str, Any]:
    names = zip(table.by, cell.group, strict=False)
    row: dict[str, Any] = {"milestone": cell.milestone, "group": dict(names)}
    row |= {"leads": cell.leads, "won": cell.won, "young": cell.young}
    measured = (("chance", cell.chance, 5), ("amount", cell.amount, 2), ("value", cell.value, 2))
    for name, one, places in measured:
        row[name] = one and round(one.value, places)
        is_sure = one is not None and cell.is_known
        row[f"{name}_low"] = round(one.low, places) if one and is_sure else None
        row[f"{name}_high"] = round(one.high, places) if one and is_sure else None
    return row | {"currency": table.currency}


def version_line(one: "Version") -> str:
    """Return when a version was learned and accepted, and by whom."""
    learned = f"version {one.number}: learned {one.learned_at:%Y-%m-%d} by {one.learned_by}"
    if one.accepted_at is None:
        return f"{learned}, not accepted"
    restated = ", restating what was counted" if one.restates else ""
    return f"{learned}, accepted {one.accepted_at:%Y-%m-%d} by {one.accepted_by}{restated}"


def _cells_of(walk: "Walk", table: "ExpectedTable", now: "datetime") -> "list[Cell]":
    from convsync.report.passages import standing_at

    group, stands = table.group_of(walk.source, walk.by_segment), standing_at(walk, now)
    reached = [name for name in table.milestones if name in stands]
    return [path[-1] for name in reached if (path := table.path(name, group))]


def _show_deal(
    walk: "Walk", cells: "Sequence[Cell]", found: "Scored | None", used: "Version"
) -> None:
    typer.echo(f"Deal {walk.deal_id} of {walk.source}, by version {used.number} of the values")
    if not cells:
        typer.echo("  It has reached no milestone that has a value.")
        return
    output.show([cell_line(cell, used.table) for cell in cells], CELL_TABLE, Format.TABLE)
    group = used.table.group_of(walk.source, walk.by_segment)
    if not all(cell.is_known and cell.group == group for cell in cells):
        typer.echo(
            f"Fewer than {FEWEST_LEADS} leads of {group_in_words(group)} are known at some of these"
            f" milestones, {TOO_FEW}: there it has the value of the group above."
        )
    for line in _now_in_words(found):
        typer.echo(line)


def _now_in_words(found: "Scored | None") -> Iterator[str]:
    if found is None:
        yield "It has ended: there is no chance any more."
        return
    yield (
        f"Now: {percent(found.score.chance)}, at {found.milestone} since {found.since:%Y-%m-%d};"
        f" on the first day {percent(found.score.cell.chance.value)}"
        f" ({sure(found.score.cell)})"
    )
    yield f"What moved it: {facts_in_words(found.score.facts) or 'nothing, it is like any lead'}"


def _explained_row(
    walk: "Walk", cell: "Cell", found: "Scored | None", used: "Version"
) -> dict[str, Any]:
    is_now = found is not None and found.milestone == cell.milestone
    return {
        "deal_id": walk.deal_id,
        "source": walk.source,
        "version": used.number,
        **_cell_row(cell, used.table),
        "chance_now": round(found.score.chance, 5) if found and is_now else None,
        "facts": facts_in_words(found.score.facts) if found and is_now else "",
    }
