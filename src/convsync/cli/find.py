"""`find`: from any ID or part of one to the deals behind it."""

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options, output, sealed_part
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.report.sentences import more_are_named, nothing_is_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convsync.report.finding import Found

Anything = Annotated[
    str,
    typer.Argument(
        metavar="ANYTHING", help="A deal ID, order ID, click ID or request ID, or a part of one."
    ),
]
_COLUMNS = (
    *("by", "name", "source", "deal_id", "order_id", "rule", "state", "reason", "code"),
    *("value", "currency"),
)
_TABLE = ("by", "deal", "rule", "state", "value", "order")
_LISTED = 20


def find(
    anything: Anything, config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE
) -> None:
    """Find deals and their conversions by a deal, order, click or request ID, or a part of one."""
    from convsync.errors import OperatorError
    from convsync.report.finding import MOST_NAMES
    from convsync.report.finding import find as find_names

    text = anything.strip()
    if not text:
        raise OperatorError("Give a deal ID, order ID, click ID or request ID, or a part of one.")
    with options.ledger(options.load(config)) as database:
        trail = find_names(database, text)
        if not trail.found:
            sealed_part.note_of(database)
    if not trail.found:
        raise OperatorError(nothing_is_named(text))
    if form is Format.TABLE:
        _show_table(trail.found)
    else:
        output.show([asdict(one) for one in trail.found], _COLUMNS, form)
    if trail.is_cut:
        output.note(f"convsync: {more_are_named(text, MOST_NAMES)}")


def _show_table(found: "Sequence[Found]") -> None:
    output.show([_line(one) for one in found[:_LISTED]], _TABLE, Format.TABLE)
    deals = list(dict.fromkeys(one.deal_id for one in found))
    if len(found) > _LISTED:
        typer.echo(f"and {len(found) - _LISTED:,} more; --format csv lists them")
    typer.echo(f"`convsync explain {shlex.quote(deals[0])}` says how it stands, and why")


def _line(one: "Found") -> dict[str, str]:
    value = "" if one.value is None else f"{one.value:,.2f} {one.currency}"
    return {
        "by": one.by,
        "deal": one.deal_id,
        "rule": one.rule or "",
        "state": one.state or "not planned yet",
        "value": value,
        "order": one.order_id or "",
    }
