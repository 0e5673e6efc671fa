"""`errors`: the codes that conversions have, what each means, and what to do about it."""

from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.report.sentences import NO_CODE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from convsync.report.code_list import CodeFound

_COLUMNS = (
    *("code", "destination", "count", "states", "since", "latest", "means", "fix", "examples"),
)


def errors(config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE) -> None:
    """List by code what was refused, put off, blocked or not matched: since when, why, the fix.

    Times are in the company's zone; as CSV and JSON they are in UTC.
    """
    from convsync import wiring
    from convsync.report.code_list import codes_found

    settings = options.load(config)
    with options.ledger(settings) as database:
        found = codes_found(database, partial(wiring.explain_code, settings))
    if form is Format.TABLE:
        _show(found, wiring.company_zone(settings))
    else:
        output.show([_row(one) for one in found], _COLUMNS, form)


def _row(one: "CodeFound") -> dict[str, Any]:
    return {
        "code": one.code,
        "destination": one.destination,
        "count": one.count,
        "states": dict(one.states),
        "since": one.since,
        "latest": one.latest,
        "means": one.means,
        "fix": one.fix,
        "examples": list(one.examples),
    }


def _show(found: "Sequence[CodeFound]", zone: "ZoneInfo") -> None:
    if not found:
        typer.echo(NO_CODE)
    for one in found:
        states = ", ".join(f"{state} {count:,}" for state, count in sorted(one.states.items()))
        typer.echo(f"{one.code} ({one.destination}): {states}")
        if one.latest:
            since = output.local_time(one.since, zone)[:16] or "before the log was sealed"
            typer.echo(f"  since {since}, last {output.local_time(one.latest, zone)[:16]}")
        typer.echo(f"  {one.means}")
        if one.fix:
            typer.echo(f"  → {one.fix}")
        if one.examples:
            typer.echo(f"  for example {', '.join(one.examples)}")
