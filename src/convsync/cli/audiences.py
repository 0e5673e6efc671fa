"""`audiences`: who is on which list of an ad account, what a night would change, and the lists."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync import log
from convsync.cli import options, output, runs
from convsync.cli.options import DEFAULT_CONFIG, AsOf, By, Config, Format, FormatOption
from convsync.cli.progress import showing_progress
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.model.audience import Audience, Renewal
    from convsync.report.closing import Closing
    from convsync.settings import Settings
    from convsync.store.audience_lists import AudienceBatch
    from convsync.store.database import Connection

app = typer.Typer(help="Audiences: who is on which list of an ad account.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="An [audiences.NAME].")]

_PLAN = ("audience", "people", "add", "remove", "renew", "size", "left_out")
LISTS = (
    *("audience", "destination", "list_id", "display_name", "membership_days", "people"),
    *("on_list", "being_added", "being_removed", "unsure", "awaiting_verdict"),
)
REQUESTS = (
    *("request", "at", "change", "state", "members", "identifiers"),
    *("outcome", "request_id"),
)
_MEMBERS = ("source", "deal_id", "email_sha256", "phone_sha256")
_LATEST = 10
NO_AUDIENCE = (
    "There is no [audiences.NAME] in the configuration; config/audiences.toml has examples."
)


@app.command("plan")
def plan(
    config: Config = DEFAULT_CONFIG, as_of: AsOf = None, form: FormatOption = Format.TABLE
) -> None:
    """Show what `audiences sync` would change now, and why people are left out. Sends nothing.

    It uses the deals as last read; a night reads them first.
    """
    from convsync import pipeline

    with showing_progress() as progress, runs.services_for(config, as_of, progress) as services:
        _require_audiences(services.audiences)
        planned, problems = pipeline.plan_audiences(services)
    _show_plan(planned, form)
    for problem in problems:
        output.note(f"convsync: {problem}", log_as=log.warning)


@app.command("sync")
def sync(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    by: By = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Update the lists to match their conditions, using the deals as last read.

    Every `run` does this at its end. The next one retries unanswered requests.
    """
    from convsync import pipeline

    closing: list[Closing] = []
    with (
        showing_progress() as progress,
        runs.services_for(config, as_of, progress, closing, by=by) as services,
    ):
        report, renewed = pipeline.keep_audiences(services)
    _show_plan(renewed, form)
    for problem in report.problems:
        output.note(f"convsync: {problem}", log_as=log.warning)
    if form is not Format.JSON:
        for ending in closing:
            output.show_closing(ending, form)
    raise typer.Exit(report.exit_code)


@app.command("list")
def list_audiences(config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE) -> None:
    """List the audiences, their lists, and how many people and identifiers each has.

    `people` met the condition at the last look; the others count hashed e-mails and phones.
    """
    from convsync import wiring

    settings = options.load(config)
    with options.ledger(settings) as database, database.reading() as connection:
        rows = [*list_rows(connection, wiring.audiences_of(settings))]
    output.show(rows, LISTS, form)


@app.command("show")
def show(name: Name, config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE) -> None:
    """Show the last requests that changed an audience's list, and what the platform said."""
    settings = options.load(config)
    with options.ledger(settings) as database, database.reading() as connection:
        rows = latest_requests(connection, settings, name)
    if form is Format.TABLE and name in settings.audiences:
        typer.echo(settings.audiences[name].definition or f"Audience {name}.")
    output.show(rows, REQUESTS, form)


@app.command("export")
def export(
    name: Name,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    form: FormatOption = Format.CSV,
) -> None:
    """Print who is in an audience now: the CRM's deal IDs, and the SHA-256 of e-mails and phones.

    convsync stores nothing else about anybody. A mail tool joins it to its own addresses by the
    CRM's ID or by their SHA-256. People who have refused by now are not in it.
    """
    from convsync import pipeline

    with showing_progress() as progress, runs.services_for(config, as_of, progress) as services:
        if name not in {one.name for one in services.audiences}:
            there = ", ".join(one.name for one in services.audiences) or "none"
            raise OperatorError(f"There is no audience {name}; there are: {there}.")
        with output.listing(_MEMBERS, form) as show_one:
            pipeline.read_audience(services, name, lambda members: _show_all(members, show_one))


def _show_all(members: "Iterator[Mapping[str, Any]]", show_one: Any) -> None:
    for member in members:
        show_one(member)


def _require_audiences(audiences: "Sequence[Audience]") -> None:
    if not audiences:
        raise OperatorError(NO_AUDIENCE)


def _show_plan(planned: "Sequence[Renewal]", form: Format) -> None:
    from convsync.model.audience import LEFT_OUT, SMALLEST_LIST

    rows = [
        {
            "audience": one.audience,
            "people": one.wanted,
            "add": one.added,
            "remove": one.removed,
            "renew": one.renewed,
            "size": "serves" if one.is_large_enough else f"below {SMALLEST_LIST}",
            "left_out": {reason.value: count for reason, count in sorted(one.left.items())},
        }
        for one in planned
    ]
    if form is not Format.TABLE:
        output.show(rows, _PLAN, form)
        return
    output.show([{**row, **_signed(row)} for row in rows], _PLAN[:-1], form)
    for one in planned:
        for reason, count in sorted(one.left.items(), key=lambda pair: -pair[1]):
            typer.echo(f"{one.audience:>20}  {count:>9,} deals left out: {LEFT_OUT[reason]}")


def _signed(row: Mapping[str, Any]) -> dict[str, str]:
    return {"add": f"+{row['add']:,}", "remove": f"-{row['remove']:,}"}


def latest_requests(
    connection: "Connection", settings: "Settings", name: str
) -> list[dict[str, Any]]:
    """Return the last requests that changed an audience's list; OperatorError for no audience."""
    from convsync.store import audience_lists

    kept = [one for one in audience_lists.all_lists(connection) if one.audience == name]
    if not kept and name not in settings.audiences:
        there = ", ".join(settings.audiences) or "none"
        raise OperatorError(f"There is no audience {name}; there are: {there}.")
    return [
        _request_row(batch)
        for one in kept
        for batch in audience_lists.latest(connection, one.row, limit=_LATEST)
    ]


def list_rows(
    connection: "Connection", audiences: "Sequence[Audience]"
) -> Iterator[dict[str, Any]]:
    """Yield each audience with the list that keeps it, and how many people and identifiers."""
    from convsync.store import audience_lists, audience_members

    kept = {(one.audience, one.destination): one for one in audience_lists.all_lists(connection)}
    names = dict.fromkeys([*((one.name, one.destination) for one in audiences), *kept])
    configured = {(one.name, one.destination): one.terms for one in audiences}
    for name, destination in names:
        one = kept.get((name, destination))
        terms = configured.get((name, destination)) or (one and one.terms)
        counts = audience_members.counts_by_state(connection, one.row) if one else {}
        yield {
            "audience": name,
            "destination": destination,
            "list_id": one.list_id if one else None,
            "display_name": terms.display_name if terms else None,
            "membership_days": terms.membership_days if terms else None,
            "people": audience_members.count_wanted(connection, name),
            "on_list": counts.get("held", 0),
            "being_added": counts.get("adding", 0),
            "being_removed": counts.get("removing", 0),
            "unsure": counts.get("unsure", 0),
            "awaiting_verdict": audience_lists.count_awaiting(connection, one.row) if one else 0,
        }


def _request_row(batch: "AudienceBatch") -> dict[str, Any]:
    return {
        "request": batch.number,
        "at": batch.reserved_at,
        "change": batch.change.value,
        "state": batch.state,
        "members": batch.members,
        "identifiers": batch.identifiers,
        "outcome": batch.outcome or None,
        "request_id": batch.request_id,
    }
