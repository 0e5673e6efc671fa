"""`status`: the account of all deals, and what needs attention."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import agreed, options, output, platform_side, watching
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.watching import Check, MaxAge
from convsync.plain_text import several
from convsync.report.listing_cells import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convsync.cli.platform_side import PlatformSide
    from convsync.model.period import Period
    from convsync.report.agreements import Standing
    from convsync.report.nobody import Nobody
    from convsync.report.status import BlockedRows, Status
    from convsync.settings import Settings

_RUN_COLUMNS = ("run_id", "command", "as_of", "exit_code", "uploads", "message")
_QUARANTINE_COLUMNS = ("source", "place", "deal_id", "problem", "since")
_LISTED = 20


From = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help="Only milestones from this day on.")
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="DAY", help="Only milestones up to this day, included."),
]


Platform = Annotated[
    bool,
    typer.Option(
        "--platform",
        help="Also ask the ad account what it received in the last seven days, and flag where the "
        "ledger differs; --format csv prints that alone. Google does not say whether uploads by "
        "the Data Manager API are shown there.",
    ),
]

Breaches = Annotated[
    bool,
    typer.Option(
        "--breaches",
        help="List the deals instead that stayed at a milestone for longer than agreed in "
        "[milestones].",
    ),
]
ShowUncorrectable = Annotated[
    bool,
    typer.Option(
        "--uncorrectable",
        help="List the conversions instead that the platform counts wrongly and cannot correct.",
    ),
]
_UNCORRECTABLE_COLUMNS = (
    *("source", "deal_id", "rule", "order_id", "destination", "code", "value", "currency"),
    *("means", "fix"),
)
_BREACH_COLUMNS = (
    "milestone",
    "owner",
    "source",
    "deal_id",
    "reached_at",
    "due_at",
    "days_late",
)


def status(
    config: Config = DEFAULT_CONFIG,
    from_day: From = None,
    to_day: To = None,
    platform: Platform = False,
    breaches: Breaches = False,
    uncorrectable: ShowUncorrectable = False,
    check: Check = False,
    max_age: MaxAge = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the account of every deal, what is in flight or unreadable, and the recent runs."""
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.report import agreements
    from convsync.report import status as standing

    if sum((breaches, platform, uncorrectable, check)) > 1:
        raise typer.BadParameter(
            "--breaches, --uncorrectable, --platform and --check: use only one at a time."
        )
    if check or max_age:
        watching.check(config, as_of, max_age)
    settings = options.load(config)
    period = _period(from_day, to_day, settings)
    now = options.instant(as_of, settings) or system_clock()
    agreed_on = wiring.agreements_of(settings)
    with options.ledger(settings) as database:
        if breaches:
            late = agreements.breaches_of(database, agreed_on, now=now, period=period)
            output.show([asdict(breach) for breach in late], _BREACH_COLUMNS, form)
            return
        if uncorrectable:
            rows = standing.uncorrectable(database)
            shown = [_with_meaning(asdict(row), settings) for row in rows]
            output.show(shown, _UNCORRECTABLE_COLUMNS, form)
            return
        standings = agreements.standings(database, agreed_on, now=now, period=period)
        rules, sources = wiring.rules_of(settings), list(settings.deals)
        reads = wiring.deal_sources_by_name(settings)
        found = standing.status_of(database, rules, sources, reads=reads, period=period)
    blocked = [_with_meaning(_blocked_row(one), settings) for one in found.blocked]
    seen = platform_side.seen_by_platforms(settings, as_of) if platform else None
    _show_all(found, standings, blocked, seen, form)


def _show_all(
    found: "Status",
    standings: "Sequence[Standing]",
    blocked: list[dict[str, object]],
    seen: "PlatformSide | None",
    form: Format,
) -> None:
    if form is Format.JSON:
        asked = platform_side.as_json(seen) if seen else {}
        output.show_json(
            {"blocked": blocked, **_as_json(found), **agreed.as_json(standings), **asked}
        )
    elif form is Format.CSV and seen:
        platform_side.show_rows(seen, form)
    elif form is Format.CSV:
        output.show(_account_of(found), ["account", "detail", "count"], form)
    else:
        _show_blocked(blocked)
        _show(found)
        agreed.show(standings)
        if seen:
            platform_side.show(seen)


def _blocked_row(blocked: "BlockedRows") -> dict[str, object]:
    return {
        "destination": blocked.action.destination,
        "action": blocked.action.action_id,
        "code": blocked.code,
        "count": blocked.count,
    }


def _with_meaning(row: dict[str, object], settings: "Settings") -> dict[str, object]:
    """Return a row with what its code means, and what to do about it."""
    from convsync import wiring

    meaning = wiring.explain_code(settings, str(row["destination"]), str(row["code"]))
    sentence, fix = ("", "") if meaning is None else (meaning.sentence, meaning.fix)
    return {**row, "means": sentence, "fix": fix}


def _show_blocked(blocked: list[dict[str, object]]) -> None:
    for row in blocked:
        typer.echo(
            f"blocked by the account's set-up: {row['count']:,} conversions of "
            f"{row['destination']}, action {row['action']}: {row['code']}"
        )
        for text in (row["means"], row["fix"]):
            if text:
                typer.echo(f"  {text}")


def _account_of(found: "Status") -> list[dict[str, object]]:
    return [
        {"account": account.value, "detail": detail, "count": count}
        for (account, detail), count in sorted(found.sums.by_state.items())
    ]


def _period(from_day: str | None, to_day: str | None, settings: "Settings") -> "Period | None":
    """Return the days the account is asked for, None for all."""
    from convsync import wiring
    from convsync.model.period import Period

    if from_day is None and to_day is None:
        return None
    first = options.day(from_day, "--from") if from_day else date(1970, 1, 1)
    last = options.day(to_day, "--to") if to_day else date(9999, 12, 30)
    options.require_order(first, last)
    return Period.of_days(first, last, wiring.company_zone(settings))


def _as_json(found: "Status") -> dict[str, object]:
    return {
        "account": output.sums_as_json(found.sums, unreadable=len(found.quarantine)),
        "caught_earlier": [
            {"rule": late, "caught_by": early, "count": count}
            for (late, early), count in sorted(found.caught_earlier.items())
        ],
        "time_from_click": [
            {
                "milestone": time.milestone,
                "count": time.count,
                "median_days": output.days_of(time.median),
                "p90_days": output.days_of(time.p90),
            }
            for time in found.times
        ],
        "without_milestone": found.without_milestone,
        "estimated": dict(found.estimated),
        "sources": [
            {
                "source": source.name,
                "read_until": source.read_until,
                "lag_minutes": source.lag.total_seconds() / 60,
                "overlap_minutes": source.overlap.total_seconds() / 60,
            }
            for source in found.sources
        ],
        "uncorrectable": found.uncorrectable,
        "retired": [output.retired_as_json(retired) for retired in found.retired],
        "clicks": found.clicks,
        "unanswered_batches": found.unanswered_batches,
        "shared_keys": [asdict(shared) for shared in found.nobody.shared],
        "crowded_keys": [asdict(crowded) for crowded in found.nobody.crowded],
        "crowds": [asdict(crowd) for crowd in found.nobody.crowds],
        "quarantine": [asdict(entry) for entry in found.quarantine],
        "runs": [asdict(run) for run in found.runs],
    }


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:g} min"


def _show(found: "Status") -> None:
    output.show_sums(found.sums, unreadable=len(found.quarantine))
    for (late, early), count in sorted(found.caught_earlier.items()):
        typer.echo(f"  {count:,} too late for {late} were in time for {early}, and sent under it")
    for time in found.times:
        typer.echo(
            f"  click to {time.milestone}: half within {output.days_of(time.median):.1f} days, "
            f"nine in ten within {output.days_of(time.p90):.1f} ({time.count:,} sent)"
        )
    if found.uncorrectable:
        typer.echo(
            f"{found.uncorrectable:,} conversions count that should not, or not so, and cannot be "
            "corrected; list them with --uncorrectable"
        )
    for milestone, count in found.estimated.items():
        typer.echo(
            f"{count:,} times of {milestone} are estimates: the CRM's history does not say when;"
            " it is corrected as soon as it does"
        )
    for retired in found.retired:
        typer.echo(f"retired {retired}")
    for source, counts in found.without_milestone.items():
        typer.echo(
            f"{several(sum(counts.values()), 'deal')} of {source}'s last read without a milestone:"
        )
        for why, count in counts.items():
            typer.echo(f"  {count:,} {why}")
    _show_what_is_known(found)
    output.show([asdict(run) for run in found.runs], _RUN_COLUMNS, Format.TABLE)


def _show_what_is_known(found: "Status") -> None:
    for read in found.sources:
        until = text_of(read.read_until) or "not read yet"
        typer.echo(
            f"source {read.name}: read up to {until}; each read stays {_minutes(read.lag)}"
            f" behind, and reaches {_minutes(read.overlap)} back"
        )
    typer.echo(f"{several(found.clicks, 'click ID')} stored")
    if found.unanswered_batches:
        typer.echo(
            f"unanswered batches: {found.unanswered_batches:,}; the next run sends them again"
        )
    _show_what_joins_nobody(found.nobody)
    typer.echo(f"{several(len(found.quarantine), 'record')} in quarantine")
    if found.quarantine:
        listed = [asdict(entry) for entry in found.quarantine[:_LISTED]]
        output.show(listed, _QUARANTINE_COLUMNS, Format.TABLE)
        if len(found.quarantine) > _LISTED:
            typer.echo("and more; `convsync quarantine list` has all")


def _show_what_joins_nobody(found: "Nobody") -> None:
    for shared in found.shared[:_LISTED]:
        typer.echo(
            f"shared by {shared.deals:,} deals, {shared.example} among them, so it joins nobody and"
            f" is not sent: {shared.name}; `convsync keys allow` lets it join"
        )
    for crowded in found.crowded[:_LISTED]:
        typer.echo(
            f"shared by {crowded.clicks:,} clicks, {crowded.example or 'one erased'} among them,"
            f" so it joins nobody: {crowded.name}; `convsync keys allow` lets it join"
        )
    for crowd in found.crowds[:_LISTED]:
        typer.echo(
            f"{crowd.deals:,} deals are joined by their keys, too many for one customer, so each is"
            f" taken for a customer's only deal; see `convsync customer {crowd.example}`"
        )
