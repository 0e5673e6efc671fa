"""`errors`: the codes that conversions have, what each means, and what to do about it."""

from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.past_runs import spark_line
from convsync.report.sentences import NO_CODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convsync.report.code_list import CodeFound, Days

_COLUMNS = (
    *(
        "code",
        "destination",
        "count",
        "states",
        "since",
        "latest",
        "means",
        "fix",
        "examples",
        "by_day",
    ),
)


def errors(
    config: Config = DEFAULT_CONFIG, as_of: AsOf = None, form: FormatOption = Format.TABLE
) -> None:
    """List by code what was rejected, deferred, blocked or unmatched: since when, why, the fix.

    What the account's set-up blocks comes first. `by_day` covers the last thirty days.

    Times are in the company's zone; as CSV and JSON they are in UTC.
    """
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.report.code_list import Days, codes_found

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    days = Days.before(now, wiring.company_zone(settings))
    with options.ledger(settings) as database:
        found = codes_found(database, partial(wiring.explain_code, settings), days)
    if form is Format.TABLE:
        _show(found, days)
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
        "by_day": {day.isoformat(): count for day, count in one.by_day.items()},
    }


def _show(found: "Sequence[CodeFound]", days: "Days") -> None:
    if not found:
        typer.echo(NO_CODE)
    for one in found:
        states = ", ".join(f"{state} {count:,}" for state, count in sorted(one.states.items()))
        typer.echo(f"{one.code} ({one.destination}): {states}")
        if one.latest:
            since = output.local_time(one.since, days.zone)[:16] or "before the log was sealed"
            typer.echo(f"  since {since}, last {output.local_time(one.latest, days.zone)[:16]}")
        if one.by_day:
            line = spark_line(one.by_day.get(day, 0) for day in days.all)
            typer.echo(f"  the last {len(days.all)} days, day by day: |{line}|")
        typer.echo(f"  {one.means}")
        if one.fix:
            typer.echo(f"  → {one.fix}")
        if one.examples:
            typer.echo(f"  for example {', '.join(one.examples)}")
