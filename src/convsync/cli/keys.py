"""`keys`: e-mails, phones and IDs that too many share to link records, and those allowed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, By, Config, Format, FormatOption
from convsync.cli.watching import now_of

if TYPE_CHECKING:
    from convsync.store.database import Connection

app = typer.Typer(
    help="Keys that too many deals or clicks share, and keys that are allowed all the same.",
    no_args_is_help=True,
)
_COLUMNS = ("key", "kind", "shared_by", "example", "allowed_by", "allowed_at")

Key = Annotated[
    str,
    typer.Argument(metavar="KEY", help="As shown by `list`, key:…, or the e-mail or phone itself."),
]


@app.command("list")
def list_keys(config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE) -> None:
    """List the keys that too many records share to link them, and those that are allowed.

    An allowed key links records from the next run on, and is listed as shared until then.
    """
    with (
        options.ledger(options.load(config)) as database,
        database.reading() as connection,
    ):
        rows = _rows(connection)
    output.show(rows, _COLUMNS, form)


@app.command("allow")
def allow(key: Key, config: Config = DEFAULT_CONFIG, as_of: AsOf = None, by: By = None) -> None:
    """Let a key link deals and clicks from the next run on, however many have it."""
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.decisions import allowing
    from convsync.decisions.whoami import os_user

    settings = options.load(config)
    with options.ledger(settings) as database:
        name = allowing.allow(
            database,
            wiring.digests_of(settings, key),
            by=by or os_user(),
            now=now_of(settings, as_of),
            real_clock=system_clock,
        )
    typer.echo(f"{name} is allowed: the next run joins by it. `convsync plan` shows what it does.")


@app.command("disallow")
def disallow(key: Key, config: Config = DEFAULT_CONFIG, as_of: AsOf = None, by: By = None) -> None:
    """Undo `allow`, from the next run on."""
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.decisions import allowing
    from convsync.decisions.whoami import os_user

    settings = options.load(config)
    with options.ledger(settings) as database:
        name = allowing.disallow(
            database,
            wiring.digests_of(settings, key),
            by=by or os_user(),
            now=now_of(settings, as_of),
            real_clock=system_clock,
        )
    typer.echo(f"{name} is allowed no longer: from the next run on it joins nobody.")


def _rows(connection: "Connection") -> list[dict[str, Any]]:
    from convsync.decisions.allowing import shared_by
    from convsync.model.key import kind_of
    from convsync.report import nobody
    from convsync.store import allowed_keys

    rows: dict[str, dict[str, Any]] = {
        one.name: {"key": one.name, "shared_by": shared_by(one), "example": one.example}
        for one in nobody.listed(connection).keys
    }
    for allowed in allowed_keys.listed(connection):
        row = rows.setdefault(allowed.name, {"key": allowed.name})
        row |= {"allowed_by": allowed.allowed_by, "allowed_at": allowed.allowed_at}
    for name, row in rows.items():
        row["kind"] = kind_of(allowed_keys.digest_of(name)).value
    return [{column: row.get(column) for column in _COLUMNS} for row in rows.values()]
