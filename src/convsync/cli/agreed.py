"""What marketing and sales agreed on, as `status` and the reports print it: word for word."""

from typing import TYPE_CHECKING

import typer

from convsync.cli.output import days_of
from convsync.plain_text import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convsync.report.agreements import Standing


def as_json(standings: "Sequence[Standing]") -> dict[str, object]:
    """Return each agreement, and how many deals breach it, under one name."""
    return {
        "agreements": [
            {
                "milestone": standing.agreement.milestone,
                "definition": standing.agreement.definition,
                "owner": standing.agreement.owner,
                "next_within_days": _next_within_days(standing),
                "breaches": standing.breaches,
            }
            for standing in standings
        ]
    }


def _next_within_days(standing: "Standing") -> float | None:
    within = standing.agreement.next_within
    return None if within is None else days_of(within)


def show(standings: "Sequence[Standing]") -> None:
    """Print each agreement, and how many deals breach it."""
    for standing in standings:
        agreement = standing.agreement
        owner = f", owned by {agreement.owner}" if agreement.owner else ""
        typer.echo(f"{agreement.milestone}{owner}: {agreement.definition or 'not defined'}")
        if agreement.next_within is not None:
            typer.echo(
                f"  {several(standing.breaches or 0, 'deal')} stayed there for longer than the "
                f"{days_of(agreement.next_within):g} days agreed on"
                + ("; `convsync status --breaches` lists them" if standing.breaches else "")
            )
