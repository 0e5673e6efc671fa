"""`runs` and `runs show`: what each night did, one line a night, and one night in full."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.report.listing_cells import text_of
from convsync.report.sentences import duration, no_run

if TYPE_CHECKING:
    from convsync.report.past_runs import PastRun, RunInFull
    from convsync.settings import Settings

app = typer.Typer(help="What past runs did.", invoke_without_command=True)

_COLUMNS = (
    *("run", "command", "as_of", "started_at", "seconds", "state", "exit_code", "read"),
    *("new", "restated", "retracted", "rejected", "unreadable", "sent", "value", "head", "message"),
)
_TABLE = ("run", "as of", "state", "read", "+", "~", "-", "x", "?", "value", "took", "head")
_LEGEND = "+ new   ~ restated   - retracted   x rejected   ? newly unreadable"
_REQUEST_COLUMNS = (
    *("batch", "destination", "action", "state", "rows", "request_id", "answered_at"),
)
_LISTED = 20
_BARS = "▁▂▃▄▅▆▇█"

Last = Annotated[
    int, typer.Option("--last", metavar="N", min=1, help="How many of the latest runs.")
]
RunNumber = Annotated[int, typer.Argument(metavar="N", help="The run's number.")]


@app.callback()
def list_runs(
    context: typer.Context,
    config: Config = DEFAULT_CONFIG,
    last: Last = 30,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the last runs, one line each, and how uploads and value went."""
    from convsync.report.past_runs import past_runs

    if context.invoked_subcommand is not None:
        return
    settings = options.load(config)
    with options.ledger(settings) as database:
        found = past_runs(database, last)
    if form is Format.TABLE:
        _show_table(found, settings)
    else:
        output.show([_row(run) for run in found], _COLUMNS, form)


@app.command("show")
def show_run(
    number: RunNumber, config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE
) -> None:
    """Show everything known about one run: its plan, refusals, requests and events."""
    from convsync.errors import OperatorError
    from convsync.report.past_runs import in_full

    settings = options.load(config)
    with options.ledger(settings) as database:
        found = in_full(database, number)
    if found is None:
        raise OperatorError(no_run(number))
    if form is Format.JSON:
        output.show_json({**asdict(found), "run": _row(found.run)})
    elif form is Format.CSV:
        output.show([_row(found.run)], _COLUMNS, form)
    else:
        _show_in_full(found, settings)


def _row(run: "PastRun") -> dict[str, Any]:
    row = asdict(run)
    return {
        **{name: row.get(name) for name in _COLUMNS},
        "run": run.run_id,
        "seconds": None if run.took is None else round(run.took.total_seconds(), 1),
        "value": {currency: str(amount) for currency, amount in run.value.items()},
        "head": None if run.head is None else str(run.head),
    }


def _show_table(found: Sequence["PastRun"], settings: "Settings") -> None:
    zone = settings.company.time_zone
    output.show([_line(run, zone) for run in found], _TABLE, Format.TABLE)
    typer.echo(_LEGEND)
    nights = [run for run in found if run.command == "run"]
    if len(nights) > 1:
        typer.echo(f"uploads  {spark_line([run.sent for run in nights])}")
    for currency in sorted({currency for run in nights for currency in run.value}):
        values = [run.value.get(currency, Decimal(0)) for run in nights]
        if len(nights) > 1:
            typer.echo(f"{currency:<7}  {spark_line(values)}")


def _line(run: "PastRun", zone: tzinfo | None) -> dict[str, str]:
    """Return a run as a line that fits 80 columns: large numbers in short, the head's beginning."""
    counts = zip(_TABLE[3:9], _counts(run), strict=True)
    return {
        "run": str(run.run_id),
        "as of": f"{run.as_of.astimezone(zone):%m-%d %H:%M}"
        if zone
        else f"{run.as_of:%m-%d %H:%M}",
        "state": run.state if run.command == "run" else f"{run.state} {run.command}",
        **{name: short(count) for name, count in counts},
        "value": _value(run.value),
        "took": "" if run.took is None else duration(run.took),
        "head": "" if run.head is None else f"{run.head.number}:{run.head.digest.hex()[:4]}",
    }


def _counts(run: "PastRun") -> tuple[int, ...]:
    return run.read, run.new, run.restated, run.retracted, run.rejected, run.unreadable


def _value(value: Mapping[str, Decimal]) -> str:
    """Return the largest sum, and how many other currencies there are."""
    if not value:
        return ""
    currency = max(value, key=lambda name: value[name])
    others = f" +{len(value) - 1}" if len(value) > 1 else ""
    return f"{short(value[currency])} {currency}{others}"


def short(number: int | Decimal) -> str:
    """Return a number in five characters or fewer: 12, 9,876, 123k, 4.6M."""
    size = float(number)
    for unit, one in (("G", 1e9), ("M", 1e6)):
        if abs(size) >= one:
            return f"{size / one:.1f}{unit}"
    return f"{size / 1000:.0f}k" if abs(size) >= 10_000 else f"{size:,.0f}"


def spark_line(values: Iterable[int | Decimal]) -> str:
    """Return numbers as a line of bars, the largest as high as the line; nothing is a space."""
    known = [*values]
    most = max(known, default=0)
    shares = [float(value) / float(most) if value > 0 else 0 for value in known]
    return "".join(_BARS[int(share * (len(_BARS) - 1))] if share else " " for share in shares)


def _show_in_full(found: "RunInFull", settings: "Settings") -> None:
    from convsync.report.past_runs import in_words

    run = found.run
    ended = "still running" if run.took is None else f"took {duration(run.took)}"
    typer.echo(f"run {run.run_id} ({run.command}): {run.state}, {ended}")
    typer.echo(f"  as of {_at(run.as_of, settings)}, started {_at(run.started_at, settings)}")
    if run.message:
        typer.echo(f"  {run.message}")
    if run.took is None and found.so_far:
        typer.echo(f"  so far: {', '.join(in_words(found.so_far))}")
    for what, counts in (
        ("done", found.done),
        ("planned", found.plan),
        ("answered", found.outcomes),
        ("newly unreadable", found.unreadable),
    ):
        if listed := ", ".join(
            f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count
        ):
            typer.echo(f"  {what}: {listed}")
    for step, reasons in found.reasons.items():
        for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1]):
            typer.echo(f"    {step.replace('_', ' ')}: {count:,} {reason.replace('_', ' ')}")
    for currency, amount in run.value.items():
        typer.echo(f"  sent: {amount:,.2f} {currency}")
    if found.events:
        first, last = found.events
        typer.echo(f"  events {first:,} to {last:,}: `convsync audit list --run {run.run_id}`")
    if run.head:
        typer.echo(f"  head {run.head}")
    if found.requests:
        typer.echo(f"  {len(found.requests):,} requests:")
        rows = [asdict(request) for request in found.requests[:_LISTED]]
        output.show(rows, _REQUEST_COLUMNS, Format.TABLE)
        if len(found.requests) > _LISTED:
            typer.echo(f"  and {len(found.requests) - _LISTED:,} more; --format json has all")


def _at(at: datetime, settings: "Settings") -> str:
    """Return an instant in the company's zone, if it has one."""
    return text_of(at.astimezone(settings.company.time_zone or at.tzinfo))
