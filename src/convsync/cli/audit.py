"""What happened, that nothing of it was edited, and how to go on after a restored backup."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.collector import spare_the_collector
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption

if TYPE_CHECKING:
    from convsync.model.chain import Head
    from convsync.store.audit_log import AuditRow

app = typer.Typer(help="The audit log: every deal accounted for.", no_args_is_help=True)
_COLUMNS = ("number", "at", "run", "event", "deal", "order_id", "detail")

Last = Annotated[int, typer.Option("--last", min=1, help="How many events, from the end.")]
RunId = Annotated[int | None, typer.Option("--run", help="Only events of this run.")]
EventOption = Annotated[str | None, typer.Option("--event", help="Only events of this kind.")]
HeadOption = Annotated[
    str | None,
    typer.Option("--head", metavar="NUMBER:DIGEST", help="A head kept elsewhere."),
]
CertainOption = Annotated[
    bool, typer.Option("--certain", help="It was restored, although nothing seems to be lost.")
]
DealId = Annotated[str, typer.Argument(metavar="DEAL", help="The deal's ID in the CRM.")]


@app.command("list")
def list_events(
    config: Config = DEFAULT_CONFIG,
    last: Last = 50,
    run: RunId = None,
    event: EventOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """List the latest events, oldest first."""
    from convsync.errors import OperatorError
    from convsync.model.event import EventKind
    from convsync.store import audit_log

    if event is not None and event not in set(EventKind):
        raise OperatorError(f"There is no event {event}; there are: {', '.join(EventKind)}.")
    with options.ledger(options.load(config)) as database, database.reading() as connection:
        rows = list(audit_log.events(connection, run_id=run, event=event, newest=last))
    output.show([_as_row(row) for row in rows], _COLUMNS, form)


@app.command("show")
def show_deal(
    deal: DealId, config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE
) -> None:
    """Show all that ever happened to a deal, from the first plan to the last verdict."""
    from convsync.errors import OperatorError
    from convsync.store import audit_log

    with options.ledger(options.load(config)) as database, database.reading() as connection:
        rows = audit_log.of_deal(connection, deal)
    if not rows:
        raise OperatorError(f"The audit log has no event of a deal {deal}.")
    output.show([_as_row(row) for row in rows], _COLUMNS, form)


@app.command("verify")
def verify(config: Config = DEFAULT_CONFIG, head: HeadOption = None) -> None:
    """Prove that no event was removed, edited or slipped in, and that the ledger follows the log.

    With a head, a run's or else the head file's: also that the log is a continuation of it.
    """
    from convsync import head_file, verification, wiring

    spare_the_collector()
    settings = options.load(config)
    path = wiring.head_file_of(settings)
    kept = head_file.read(path) if path is not None and head is None else None
    with options.ledger(settings) as database:
        known = kept.head if kept else _head(head)
        found = verification.verify(database, head=known)
    if found.broken is not None:
        typer.echo(
            f"The audit log is broken at event {found.broken.number}: {found.broken.problem}."
        )
        raise typer.Exit(1)
    typer.echo(f"{found.events:,} events, and every one is as it was written.")
    if found.keyed_since is not None:
        typer.echo(f"They are keyed since event {found.keyed_since:,}.")
    if known is not None:
        typer.echo(f"They go on from the head that was kept elsewhere, event {known.number:,}.")
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
    if not found.is_sound:
        raise typer.Exit(1)


@app.command("accept-restore")
def accept_restore(config: Config = DEFAULT_CONFIG, certain: CertainOption = False) -> None:
    """Go on with a ledger that was restored from a backup.

    What may have been sent since the backup is looked at by the next run: sent again or taken back.
    """
    from convsync import restore, wiring
    from convsync.clock import system_clock

    settings = options.load(config)
    with options.ledger(settings) as database:
        accepted = restore.accept(
            database, wiring.head_file_of(settings), now=system_clock(), is_certain=certain
        )
    if accepted.lost is not None:
        typer.echo(f"What the ledger no longer knows: {accepted.lost}.")
    typer.echo(
        f"{accepted.unsure:,} conversions may have been sent or corrected since. The next "
        "`convsync run` tells them again or takes them back; look first with `convsync plan`."
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
