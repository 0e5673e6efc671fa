"""`db upgrade`: the tables, and the sums kept of them."""

from contextlib import closing

import typer

from convsync.cli import options
from convsync.cli.options import DEFAULT_CONFIG, Config

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(config: Config = DEFAULT_CONFIG) -> None:
    """Make the tables, or bring them up to this version. Safe to repeat."""
    from convsync import wiring
    from convsync.store import migrate

    with closing(wiring.database_of(options.load(config))) as database:
        before = migrate.current(database)
        migrate.upgrade(database)
        after = migrate.current(database)
    if before == after:
        typer.echo(f"{database.name} is at revision {after} already.")
    else:
        typer.echo(f"{database.name}: revision {before or 'none'} → {after}.")


@app.command("current")
def current(config: Config = DEFAULT_CONFIG) -> None:
    """Show which revision the tables have."""
    from convsync import wiring
    from convsync.store import migrate

    with closing(wiring.database_of(options.load(config))) as database:
        typer.echo(migrate.current(database) or "none")


@app.command("recount")
def count_anew(config: Config = DEFAULT_CONFIG) -> None:
    """Count the kept sums anew, where `audit verify` says that they are wrong."""
    from convsync.store.recount import recount

    with (
        options.ledger(options.load(config)) as database,
        database.transaction("recount") as connection,
    ):
        wrong = recount(connection)
    typer.echo(f"{wrong:,} sums were wrong, and are what the rows add up to.")
