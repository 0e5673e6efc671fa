"""What happened, proof that none of it was edited, and continuing after a restored backup."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import audit_export, options, output, sealed_part, watching
from convsync.cli import audit_filters as filters
from convsync.cli.audit_export import FileFormat
from convsync.cli.options import DEFAULT_CONFIG, AsOf, By, Config, Format, FormatOption
from convsync.plain_text import several

if TYPE_CHECKING:
    from datetime import datetime

    from convsync.model.chain import Head
    from convsync.proof.verification import Verified
    from convsync.settings import Settings
    from convsync.store.audit_log import AuditRow
    from convsync.store.database import Database

app = typer.Typer(help="The audit log: every deal accounted for.", no_args_is_help=True)
_COLUMNS = ("number", "at", "run", "event", "deal", "order_id", "detail")

Last = Annotated[
    int, typer.Option("--last", metavar="N", min=1, help="How many of the latest events.")
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for stdout.")]
FileFormatOption = Annotated[
    FileFormat | None,
    typer.Option("--format", help="What to write; by default the file's suffix decides."),
]
HeadOption = Annotated[
    str | None,
    typer.Option("--head", metavar="NUMBER:DIGEST", help="A head kept elsewhere."),
]
CertainOption = Annotated[
    bool, typer.Option("--certain", help="It was restored, although nothing seems to be missing.")
]
SealedOption = Annotated[
    Path | None,
    typer.Option("--sealed", metavar="FILE", help="A file of `audit seal` to verify as well."),
]
BeforeOption = Annotated[
    str | None,
    typer.Option("--before", metavar="DAY", help="Seal events from before this day."),
]
OlderOption = Annotated[
    str | None,
    typer.Option("--older-than", metavar="TIME", help="Seal events older than this, e.g. 730d."),
]
ToOption = Annotated[
    Path, typer.Option("--to", metavar="FILE", help="The file to create, as JSON lines; keep it.")
]
Name = Annotated[
    str, typer.Argument(metavar="DEAL|ORDER_ID", help="The deal's ID in the CRM, or an order ID.")
]


@app.command("list")
def list_events(
    context: typer.Context,
    config: Config = DEFAULT_CONFIG,
    last: Last = 50,
    deal: filters.Deals = None,
    order: filters.Order = None,
    click: filters.Click = None,
    request: filters.Request = None,
    run: filters.Run = None,
    event: filters.Kind = None,
    state: filters.StateName = None,
    rule: filters.Rule = None,
    code: filters.Code = None,
    day: filters.Day = None,
    value: filters.Value = None,
    value_above: filters.ValueAbove = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """List the latest events that meet every option, oldest first.

    When all rows of a batch change together, that is one event. Options about conversions find it
    too, and it is then listed once for each matching one.
    """
    from convsync.store import audit_search

    asked_for = filters.Options.among(context.params)
    settings = options.load(config)
    wanted = asked_for.wanted(settings)
    with options.ledger(settings) as database, database.reading() as connection:
        sealed_part.note(connection)
        asked = asked_for.asked(connection)
        rows = audit_search.newest(connection, wanted, last, asked)
    output.show([_as_row(row) for row in rows], _COLUMNS, form)


@app.command("show")
def show_deal(
    name: Name, config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE
) -> None:
    """Show everything that ever happened to a deal, or to one conversion by its order ID."""
    from convsync.errors import OperatorError
    from convsync.extract.salesforce_ids import ids_meant
    from convsync.store import audit_search, lookup
    from convsync.store.audit_search import Wanted

    with options.ledger(options.load(config)) as database, database.reading() as connection:
        sealed_part.note(connection)
        asked = lookup.of_deals(connection, ids_meant(name))
        if not asked.deals:
            asked = lookup.of_order(connection, name)
        rows = list(audit_search.every(connection, Wanted(), asked))
    if not rows:
        raise OperatorError(f"The audit log has no event of a deal {name}, and no such order ID.")
    output.show([_as_row(row) for row in rows], _COLUMNS, form)


@app.command("export")
def export(
    context: typer.Context,
    file: File,
    config: Config = DEFAULT_CONFIG,
    deal: filters.Deals = None,
    order: filters.Order = None,
    click: filters.Click = None,
    request: filters.Request = None,
    run: filters.Run = None,
    event: filters.Kind = None,
    state: filters.StateName = None,
    rule: filters.Rule = None,
    code: filters.Code = None,
    day: filters.Day = None,
    value: filters.Value = None,
    value_above: filters.ValueAbove = None,
    form: FileFormatOption = None,
) -> None:
    """Write all events that meet every option to a file, oldest first, a column per field."""
    from convsync.report.event_table import row_of
    from convsync.store import audit_search

    asked_for = filters.Options.among(context.params)
    file_format = audit_export.format_of(file, form)
    settings = options.load(config)
    wanted = asked_for.wanted(settings)
    with options.ledger(settings) as database, database.reading() as connection:
        sealed_part.note(connection)
        found = audit_search.every(connection, wanted, asked_for.asked(connection))
        count = audit_export.write(file, file_format, map(row_of, found))
    if file != audit_export.STDOUT:
        output.note(f"{several(count, 'row')} written to {file}")


@app.command("verify")
def verify(
    config: Config = DEFAULT_CONFIG, head: HeadOption = None, sealed: SealedOption = None
) -> None:
    """Prove that no event was removed, edited or inserted, and that the ledger follows the log.

    With a head, a run's or by default the head file's, it also proves that the log continues it.
    With a file of sealed events, it also proves that the file is the right one, unchanged.
    """
    from convsync import opening
    from convsync.proof import head_file, verification

    settings = options.load(config)
    path = opening.head_file_of(settings)
    kept = head_file.read(path) if path is not None and head is None else None
    with options.ledger(settings) as database:
        known = kept.head if kept else _head(head)
        if sealed is not None:
            known = _proved(database, sealed, known)
        found = verification.verify(database, head=known)
        watching.note_of_log(config, database, found.problem)
    if found.broken is not None:
        typer.echo(
            f"The audit log is broken at event {found.broken.number}: {found.broken.problem}."
        )
        raise typer.Exit(1)
    typer.echo(f"{found.events:,} events, and every one is as it was written.")
    _say_what_is_sealed(found)
    if found.keyed_since is not None:
        typer.echo(f"They are keyed since event {found.keyed_since:,}.")
    if known is not None:
        typer.echo(f"They go on from the head that was kept elsewhere, event {known.number:,}.")
    _say_what_differs(found)
    if not found.is_sound:
        raise typer.Exit(1)


def _say_what_differs(found: "Verified") -> None:
    for difference in (*found.differences, *found.wrong_sums):
        typer.echo(str(difference))
    if found.different:
        typer.echo(f"{found.different:,} differences between the audit log and the tables.")
    else:
        typer.echo("Replayed, they give the ledger and the runs, row by row.")
    if found.wrong_sums:
        typer.echo(
            f"{len(found.wrong_sums):,} kept sums are not what the rows add up to; once the rows "
            "are right, `convsync db recount` counts them anew."
        )
    else:
        typer.echo("The kept sums are what the rows add up to.")


def _proved(database: "Database", file: Path, head: "Head | None") -> "Head | None":
    """Prove a sealed file, and a head that is in it; return the head if it is still to be found."""
    from convsync.proof import sealing

    is_in_file = head is not None and sealing.is_sealed(database, head)
    content = sealing.check_file(database, file, head=head if is_in_file else None)
    typer.echo(f"{file}: {content.events:,} events, sealed, and every one is as it was written.")
    if head is None or not is_in_file:
        return head
    typer.echo(f"Event {head.number:,} among them is the one that was kept elsewhere.")
    return None


@app.command("seal")
def seal(
    to: ToOption,
    before: BeforeOption = None,
    older_than: OlderOption = None,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    by: By = None,
) -> None:
    """Move the older part of the audit log to a file, and keep a sealed summary of it.

    `audit verify` proves the rest of the log as before, and the file with --sealed FILE.
    """
    from convsync import opening
    from convsync.clock import system_clock
    from convsync.decisions.whoami import os_user
    from convsync.proof import sealing

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    with options.ledger(settings) as database:
        sealed = sealing.seal(
            database,
            opening.head_file_of(settings),
            file=to,
            before=_sealed_before(settings, before, older_than, now),
            now=now,
            real_clock=system_clock,
            by=by or os_user(),
        )
    content = sealed.content
    typer.echo(
        f"{content.events:,} events, from {content.first_at:%Y-%m-%d} to {content.last_at:%Y-%m-%d}"
        f", are sealed in {to} and no longer in the database. Carried over: conversions"
        f" {sealed.conversions:,}, runs {sealed.runs:,}."
    )
    typer.echo(f"SHA-256 {content.sha256}. Keep the file: it is the only record of these events.")


def _sealed_before(
    settings: "Settings", before: str | None, older_than: str | None, now: "datetime"
) -> "datetime":
    from convsync import opening
    from convsync.errors import OperatorError
    from convsync.model.period import Period

    if (before is None) == (older_than is None):
        raise OperatorError("Say what to seal: either --before DAY, or --older-than TIME.")
    if older_than is not None:
        return now - options.span("--older-than", older_than)
    day = options.day(before or "", "--before")
    return Period.of_days(day, day, opening.company_zone(settings)).since


@app.command("accept-restore")
def accept_restore(config: Config = DEFAULT_CONFIG, certain: CertainOption = False) -> None:
    """Continue with a ledger that was restored from a backup.

    The next run looks at what may have been sent since, and sends it again or takes it back.
    """
    from convsync import opening
    from convsync.clock import system_clock
    from convsync.running import restore

    settings = options.load(config)
    with options.ledger(settings) as database:
        accepted = restore.accept(
            database, opening.head_file_of(settings), now=system_clock(), is_certain=certain
        )
    if accepted.lost is not None:
        typer.echo(f"What the ledger no longer knows: {accepted.lost}.")
    typer.echo(
        f"{accepted.unsure:,} conversions may have been sent or corrected since. The next "
        "`convsync run` tells them again or takes them back; look first with `convsync plan`."
    )


def _say_what_is_sealed(found: "Verified") -> None:
    if found.sealed is not None:
        total = found.sealed_events
        typer.echo(
            f"{total:,} events before them are sealed, the latest in {found.sealed['file']}: their"
            " last digest is where the chain begins. --sealed FILE proves a file."
        )


def _head(text: str | None) -> "Head | None":
    from convsync.errors import OperatorError
    from convsync.model.chain import Head

    try:
        return None if text is None else Head.parse(text)
    except ValueError as error:
        raise OperatorError(f"--head {text}: {error}.") from error


def _as_row(row: "AuditRow") -> dict[str, Any]:
    return {
        "number": row.number,
        "at": row.at,
        "run": row.run_id,
        "event": row.event,
        "source": row.source,
        "deal": row.deal_id,
        "order_id": row.order_id,
        "detail": json.loads(row.detail),
        "digest": row.digest.hex(),
    }
