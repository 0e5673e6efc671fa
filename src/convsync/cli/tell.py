"""`tell`: notifying sales about known people who come back."""

from typing import Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.errors import OperatorError

app = typer.Typer(help="Notify sales about known people who come back.", no_args_is_help=True)
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many of the latest.")]
_COLUMNS = ("at", "kind", "deal_id", "source", "state", "stage", "campaign", "steps")


@app.command("list")
def list_comebacks(
    config: Config = DEFAULT_CONFIG, limit: Limit = 50, form: FormatOption = Format.TABLE
) -> None:
    """List who came back lately, and whether sales was notified.

    "waiting" is sent by the next run; "leaving" was interrupted in flight, may have arrived, and
    is not sent again.
    """
    from convsync.store import comebacks

    settings = options.load(config)
    with options.ledger(settings) as database, database.reading() as connection:
        found = comebacks.latest(connection, limit)
    rows = [
        {
            "at": one.at,
            "kind": one.kind.value,
            "deal_id": one.deal_id,
            "source": one.source,
            "state": one.state,
            **{name: one.said.get(name, "") for name in _COLUMNS[5:]},
        }
        for one in found
    ]
    output.show(rows, _COLUMNS, form)


@app.command("send")
def send(config: Config = DEFAULT_CONFIG) -> None:
    """Send sales the waiting messages now; exits 1 if one could not be delivered.

    Every run does this at its end.
    """
    from convsync.watch.sales import tell
    from convsync.wiring.watch import sales_of

    settings = options.load(config)
    sales = sales_of(settings)
    if sales is None:
        raise OperatorError("There is no [tell.routes.NAME]: docs/telling.md says how to add one.")
    with options.ledger(settings) as database:
        left = tell(database, sales)
    if left:
        typer.echo(f"NOT delivered: {left:,}; the next run tries again.")
        raise typer.Exit(1)
    typer.echo("Every waiting message that has a route was sent.")
