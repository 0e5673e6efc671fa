"""`audit list`, `audit show` and `audit verify`: what happened, and that nothing was edited."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption

if TYPE_CHECKING:
    from convsync.store.audit_log import Row

app = typer.Typer(help="The audit log: every deal accounted for.", no_args_is_help=True)
_COLUMNS = ("number", "at", "run", "event", "deal", "order_id", "detail")

Last = Annotated[int, typer.Option("--last", min=1, help="How many events, from the end.")]
RunId = Annotated[int | None, typer.Option("--run", help="Only events of this run.")]
EventOption = Annotated[str | None, typer.Option("--event", help="Only events of this kind.")]
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
        rows = list(audit_log.events(connection, deal_id=deal))
    if not rows:
        raise OperatorError(f"The audit log has no event of a deal {deal}.")
    output.show([_as_row(row) for row in rows], _COLUMNS, form)


@app.command("verify")
def verify(config: Config = DEFAULT_CONFIG) -> None:
    """Prove that no event was removed, edited or slipped in."""
    from convsync import audit

    with options.ledger(options.load(config)) as database:
        found = audit.verify(database)
    if found.broken is None:
        typer.echo(f"{found.events:,} events, and every one is as it was written.")
        return
    typer.echo(f"The audit log is broken at event {found.broken.number}: {found.broken.problem}.")
    raise typer.Exit(1)


def _as_row(row: "Row") -> dict[str, Any]:
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
