"""`customer`: one customer's whole journey, from the first click to what the platform counts."""

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import addresses, options, output, sealed_part
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.errors import OperatorError
from convsync.report.sentences import NOBODY, TOO_MANY_DEALS

if TYPE_CHECKING:
    from convsync.report.journey import Journey, Step

Name = Annotated[
    str | None,
    typer.Argument(metavar="KEY", help="A deal ID, order ID, click ID or request ID of theirs."),
]
FromStdin = Annotated[
    bool,
    typer.Option(
        "--email-stdin",
        help="Whoever has the e-mail address typed or piped in; an argument would stay in"
        " the shell's history.",
    ),
]
_COLUMNS = (
    *("at", "kind", "what", "name", "deal_id", "value", "currency", "reason", "is_estimated"),
    *("campaign", "ad_group", "keyword", "device"),
)
_TABLE = ("when", "what", "deal", "value", "of")


def customer(
    key: Name = None,
    config: Config = DEFAULT_CONFIG,
    form: FormatOption = Format.TABLE,
    *,
    email_stdin: FromStdin = False,
) -> None:
    """Show a customer's clicks, deals, milestones and conversions in the order they happened.

    Keys link a customer's records: CRM and visitor IDs, click IDs, hashed e-mails and phones.
    Times are in the company's zone; as CSV and JSON they are in UTC.
    """
    from convsync.report import journey

    if (key is None) is not email_stdin:
        raise OperatorError(
            "Which customer? Give a deal, order, click or request ID, or use --email-stdin."
        )
    settings = options.load(config)
    digests = addresses.digests_from_stdin() if email_stdin else ()
    with options.ledger(settings) as database:
        found = (
            journey.of_keys(database, sorted(digests))
            if key is None
            else journey.of_name(database, key.strip())
        )
        sealed_part.note_of(database)
    if found is None:
        raise OperatorError(NOBODY)
    if form is Format.TABLE:
        _show(found, settings.company.time_zone)
    else:
        output.show([_row(step) for step in found.steps], _COLUMNS, form)


def _row(step: "Step") -> dict[str, Any]:
    told = step.ad_click
    return {
        "at": step.at,
        "kind": step.kind.value,
        "what": step.what,
        "name": step.name,
        "deal_id": step.deal_id,
        "value": None if step.value is None else str(step.value),
        "currency": step.currency,
        "reason": step.reason,
        "is_estimated": step.is_estimated,
        **{name: getattr(told, name, "") for name in _COLUMNS[9:]},
    }


def _show(found: "Journey", zone: tzinfo | None) -> None:
    typer.echo(found.heading)
    if found.is_cut:
        typer.echo(TOO_MANY_DEALS)
    output.show([_line(step, zone) for step in found.steps], _TABLE, Format.TABLE)


def _line(step: "Step", zone: tzinfo | None) -> dict[str, str]:
    at = output.local_time(step.at, zone)[:16] or "?"
    return {
        "when": f"about {at}" if step.is_estimated else at,
        "what": step.words,
        "deal": step.deal_id,
        "value": "" if step.value is None else f"{step.value:,.2f} {step.currency or ''}".rstrip(),
        "of": step.came_by,
    }
