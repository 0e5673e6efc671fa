"""What commands print: listings as table, JSON or CSV, the plan, and the account."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import typer

from convsync import log
from convsync.cli.options import Format
from convsync.cli.streams import COLOURS, Outlet, marked
from convsync.plain_text import plain, several
from convsync.report.listing_cells import cell_of, text_of

if TYPE_CHECKING:
    from convsync.report.closing import Closing
    from convsync.running.services import Report
    from convsync.store.account import Sums
    from convsync.store.retired import Retired


def painted(text: str, state: str) -> str:
    """Return a text in the colour of a state, on a terminal that has colours and may show them."""
    colour = COLOURS.get(state)
    is_wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    is_able = os.environ.get("TERM") != "dumb"
    return marked(text, colour) if colour and is_wanted and is_able else text


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], form: Format) -> None:
    """Print a listing. JSON keeps types; CSV and tables show times as ISO 8601 in UTC."""
    match form:
        case Format.JSON:
            show_json(list(rows))
        case Format.CSV:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([cell_of(row.get(column)) for column in columns] for row in rows)
            typer.echo(text.getvalue(), nl=False)
        case Format.TABLE:
            from convsync.cli import tables

            cells = [[plain(text_of(row.get(column))) for column in columns] for row in rows]
            drawing = tables.console_of_stdout()
            width = drawing.width if sys.stdout.isatty() else None
            tables.draw(drawing, columns, cells, width=width)


@contextmanager
def listing(columns: Sequence[str], form: Format) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield what prints one row of a long listing, as CSV or as an element of a JSON array."""
    if form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)

        def show_cells(row: Mapping[str, Any]) -> None:
            writer.writerow([cell_of(row.get(column)) for column in columns])
            _stop_if_unread()

        yield show_cells
        return
    before = "["

    def show_element(row: Mapping[str, Any]) -> None:
        nonlocal before
        said = json.dumps(row, default=text_of, ensure_ascii=False)
        typer.echo(f"{before}\n  {said}", nl=False)
        before = ","
        _stop_if_unread()

    yield show_element
    typer.echo("[]" if before == "[" else "\n]")


def _stop_if_unread() -> None:
    """End a listing that nobody reads on; what it was read from is left as it is."""
    if isinstance(sys.stdout, Outlet) and sys.stdout.is_gone:
        raise typer.Exit


def show_json(value: Any) -> None:
    """Print JSON; times as ISO 8601, amounts as text."""
    typer.echo(json.dumps(value, default=text_of, ensure_ascii=False, indent=2))


def local_time(at: datetime | None, zone: tzinfo | None) -> str:
    """Return an instant for people: in a zone, UTC where none is given; nothing as no text."""
    return "" if at is None else at.astimezone(zone or UTC).isoformat(" ", "seconds")


def days_of(time: timedelta) -> float:
    """Return a span of time in days, to a tenth."""
    return round(time / timedelta(days=1), 1)


def note(text: str, *, log_as: Callable[[str], None] = log.info) -> None:
    """Print a line beside what was asked for, on stderr: as a line of the log if that is JSON."""
    if log.is_json():
        log_as(text)
    else:
        typer.echo(plain(text), err=True)


def show_plan(report: "Report", *, to_stderr: bool = False) -> None:
    """Print what would be sent, in total, and why the rest is not."""
    from convsync.model.outcome import EXPLANATIONS
    from convsync.plan import Step

    plan = report.plan
    for step in Step:
        typer.echo(f"{_in_words(step.value):>10}  {plan.steps[step]:>9,}", err=to_stderr)
        reasons = ((r, n) for (of, r), n in plan.reasons.items() if of is step)
        for reason, count in sorted(reasons, key=lambda pair: -pair[1]):
            sentence = EXPLANATIONS[reason].sentence
            typer.echo(f"{'':>10}  {count:>9,}  {sentence}", err=to_stderr)
    for currency, amount in sorted(plan.value.items()):
        typer.echo(f"{'value':>10}  {amount:>12,.2f} {currency}", err=to_stderr)
    for lacking in report.to_write_back:
        fields = ", ".join(f"{name} {number:,}" for name, number in lacking.fields.items())
        deals = f"{lacking.deals:,} deals of {lacking.source} ({fields or 'nothing new'})"
        typer.echo(f"{'write back':>10}  {deals}", err=to_stderr)
    for retired in report.retired:
        typer.echo(f"{'retired':>10}  {retired}", err=to_stderr)
    for entry in report.unreadable:
        deal = f" (deal {entry.deal_id})" if entry.deal_id else ""
        where = f"{entry.source}, {entry.place}{deal}"
        typer.echo(f"{'unreadable':>10}  {where}: {entry.problem}", err=to_stderr)


def show_sums(sums: "Sums", *, unreadable: int) -> None:
    """Print the account of every milestone under every rule, and that it adds up.

    Records that could not be read have no milestones, so they stand below the sum.
    """
    from convsync.model.ledger import Side

    parts = " + ".join(f"{_in_words(account.value)} {sums.total(account):,}" for account in Side)
    sign = "=" if sums.is_balanced else "≠"
    typer.echo(f"extracted {sums.extracted:,} {sign} {parts}")
    for account in Side:
        details = [(d, n) for (of, d), n in sums.by_state.items() if of is account]
        for detail, count in sorted(details, key=lambda pair: -pair[1]):
            typer.echo(f"  {_in_words(account.value):>9}  {count:>9,}  {_in_words(detail)}")
    if unreadable:
        typer.echo(
            f"unreadable {several(unreadable, 'record')}, which the sum is without;"
            " `convsync quarantine list` has the reasons"
        )


def _in_words(detail: str) -> str:
    """Return our own word as people write it; a vendor's code stays as it came."""
    word, _, code = detail.partition(":")
    words = word.replace("_", " ") if word.islower() else word
    return f"{words}: {code}" if code else words


def show_closing(closing: "Closing", form: Format) -> None:
    """Print how a run ended, as the last line of stdout; beside CSV on stderr."""
    if form is Format.JSON:
        show_json({"closing": closing.as_json()})
    else:
        word, _, rest = str(closing).partition(" ")
        is_beside = form is Format.CSV
        for name, told in closing.platforms.items():
            typer.echo(f"{name}: {told}", err=is_beside)
        typer.echo(
            f"{word if is_beside else painted(word, word)}{rest and f' {rest}'}", err=is_beside
        )


def report_as_json(report: "Report", closing: "Closing | None") -> dict[str, Any]:
    """Return what a run did, and how it ended, for `--format json`; a preview has no end."""
    from convsync.running.conclusion import summary_of

    return {
        "run": report.run_id,
        "exit_code": report.exit_code,
        "plan": summary_of(report.plan),
        "outcomes": {kind.value: count for kind, count in report.uploaded.outcomes.items()},
        "sent": report.uploaded.sent,
        "account": sums_as_json(report.sums, unreadable=report.quarantined),
        "quarantined": report.quarantined,
        "unreadable": [asdict(entry) for entry in report.unreadable],
        "problems": list(report.problems),
        "retired": [retired_as_json(retired) for retired in report.retired],
        "to_write_back": [
            {"source": one.source, "deals": one.deals, "fields": one.fields}
            for one in report.to_write_back
        ],
        "closing": None if closing is None else closing.as_json(),
    }


def retired_as_json(retired: "Retired") -> dict[str, Any]:
    """Return what counts under a removed name, for `--format json`."""
    value = None if retired.value is None else str(retired.value)
    return {**asdict(retired), "value": value}


def sums_as_json(sums: "Sums", *, unreadable: int) -> dict[str, Any]:
    """Return the account, for `--format json`."""
    from convsync.model.ledger import Side

    return {
        "extracted": sums.extracted,
        "is_balanced": sums.is_balanced,
        "unreadable": unreadable,
        **{
            account.value: {
                detail: count
                for (of, detail), count in sorted(sums.by_state.items())
                if of is account
            }
            for account in Side
        },
    }
