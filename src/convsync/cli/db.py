"""`db upgrade`: the tables; `db recount`: the sums kept of them; `db copy`: all that is in them."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options
from convsync.cli.options import DEFAULT_CONFIG, Config
from convsync.errors import ConvsyncError

if TYPE_CHECKING:
    from convsync.store.copying import Content
    from convsync.store.database import Connection

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(config: Config = DEFAULT_CONFIG) -> None:
    """Create the tables, or migrate them to this version. Safe to repeat."""
    from convsync import opening
    from convsync.store import migrate

    with closing(opening.database_of(options.load(config))) as database:
        before = migrate.current(database)
        migrate.upgrade(database)
        after = migrate.current(database)
    if before == after:
        typer.echo(f"{database.name} is at revision {after} already.")
    else:
        typer.echo(f"{database.name}: revision {before or 'none'} → {after}.")


@app.command("current")
def current(config: Config = DEFAULT_CONFIG) -> None:
    """Show the revision of the tables."""
    from convsync import opening
    from convsync.store import migrate

    with closing(opening.database_of(options.load(config))) as database:
        typer.echo(migrate.current(database) or "none")


@app.command("recount")
def count_anew(config: Config = DEFAULT_CONFIG) -> None:
    """Recompute the stored sums, if `audit verify` says that they are wrong."""
    from convsync.store.recount import recount

    with (
        options.ledger(options.load(config)) as database,
        database.transaction("recount") as connection,
    ):
        wrong = recount(connection)
    typer.echo(f"{wrong:,} sums were wrong, and are what the rows add up to.")


FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="URL", help="The database to copy; by default the config's own."
    ),
]
ToOption = Annotated[
    str, typer.Option("--to", metavar="URL", help="The empty database to copy it into.")
]


@app.command("copy")
def copy(to: ToOption, from_: FromOption = None, config: Config = DEFAULT_CONFIG) -> None:
    """Copy the whole ledger into another database, and prove both equal.

    Each table is read back, and the audit log verified; a copy that differs is removed.
    """
    from convsync import opening
    from convsync.clock import system_clock
    from convsync.store import copying

    settings = options.load(config)
    with (
        closing(opening.database_of(settings, from_)) as source,
        closing(opening.database_of(settings, to)) as target,
    ):
        copying.copy(source, target, check=_verify, on_table=_show, now=system_clock())
        typer.echo(
            f"{target.name} holds what {source.name} holds. Set [store] url to it: the next run"
            " goes on there."
        )


def _show(table: str, content: "Content") -> None:
    typer.echo(f"{table:<14}{content.rows:>12,} rows  {content.digest}")


def _verify(connection: "Connection") -> None:
    from convsync import audit
    from convsync.proof import verification

    found = verification.verify_within(connection)
    if not found.is_sound:
        broken = found.broken
        wrong = f"event {broken.number}: {broken.problem}" if broken else str(found.differences[0])
        raise ConvsyncError(
            f"The audit log does not hold: {wrong}. Nothing was copied. `convsync audit verify`"
            " says more of the ledger as it is."
        )
    typer.echo(
        f"audit log     {found.events:>12,} events verified, head {audit.head_of(connection)}"
    )
