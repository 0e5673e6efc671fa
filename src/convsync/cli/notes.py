"""`note`: what happened on a day, shown beside the trend."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, By, Config, Format, FormatOption
from convsync.decisions.whoami import os_user
from convsync.errors import OperatorError

_COMMANDS = frozenset({"list", "remove"})
"""No notes: whoever writes an option before them means the command."""
_COLUMNS = ("number", "day", "text", "by", "added_at")


class _NotesFirst(TyperGroup):
    """Takes what is no command for a note: `note "new landing page"`."""

    def parse_args(self, ctx: Any, args: Sequence[str]) -> list[str]:
        """Read the words after `note`."""
        is_asked = not args or args[0] in {*self.commands, "--help", "-h"}
        return super().parse_args(ctx, list(args) if is_asked else ["add", *args])


app = typer.Typer(
    cls=_NotesFirst,
    help="Notes on what happened on a day, shown beside the trend.",
    no_args_is_help=True,
)

Text = Annotated[str, typer.Argument(metavar="TEXT", help="What happened, in a few words.")]
On = Annotated[
    str | None, typer.Option("--on", metavar="DAY", help="The day it happened; by default today.")
]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The note's number, as listed.")]


@app.command("add")
def add(text: Text, config: Config = DEFAULT_CONFIG, on_day: On = None, by: By = None) -> None:
    """Record what happened: `convsync note "new landing page"` does the same."""
    from convsync.clock import system_clock
    from convsync.opening import company_zone
    from convsync.store import notes

    settings = options.load(config)
    now = system_clock()
    today = now.astimezone(company_zone(settings)).date()
    day = options.day(on_day, "--on") if on_day else today
    if text in _COMMANDS:
        raise OperatorError(f"Write the command first: `convsync note {text} --config FILE`.")
    if not text.strip():
        raise OperatorError('A note needs words: `convsync note "new landing page"`.')
    with (
        options.ledger(settings) as database,
        database.transaction("note") as connection,
    ):
        number = notes.add(connection, day, text.strip(), by or os_user(), now=now)
    typer.echo(f"Noted as number {number}, for {day}.")


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE) -> None:
    """List all notes, oldest day first."""
    from convsync.store import notes

    with (
        options.ledger(options.load(config)) as database,
        database.reading() as connection,
    ):
        found = notes.listed(connection)
    output.show([one._asdict() for one in found], _COLUMNS, form)


@app.command("remove")
def remove(number: Number, config: Config = DEFAULT_CONFIG) -> None:
    """Delete a note."""
    from convsync.store import notes

    with (
        options.ledger(options.load(config)) as database,
        database.transaction("remove note") as connection,
    ):
        if not notes.remove(connection, number):
            raise OperatorError(
                f"There is no note {number}. `convsync note list` shows their numbers."
            )
    typer.echo(f"Note {number} was removed.")
