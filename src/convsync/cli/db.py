"""`db upgrade`: the tables."""

import typer

from convsync.cli import options
from convsync.cli.options import DEFAULT_CONFIG, Config

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(config: Config = DEFAULT_CONFIG) -> None:
    """Make the tables, or bring them up to this version. Safe to repeat."""
    from convsync import wiring
    from convsync.store import migrate

    database = wiring.database_of(options.load(config))
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

    typer.echo(migrate.current(wiring.database_of(options.load(config))) or "none")
