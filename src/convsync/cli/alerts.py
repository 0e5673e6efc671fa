"""`alerts`: who is alerted when something is wrong, whether that works, and what they were told."""

from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, By, Config, Format, FormatOption
from convsync.cli.watching import now_of

if TYPE_CHECKING:
    from convsync.watch.alerts import Told

app = typer.Typer(
    help="Who is alerted when something is wrong, and what they were told.", no_args_is_help=True
)
_COLUMNS = ("state", "since", "told_at", "acknowledged_by", "acknowledged_at", "text", "fix")

State = Annotated[
    str, typer.Argument(metavar="STATE", help="What is wrong, as `alerts list` names it.")
]
Undo = Annotated[bool, typer.Option("--undo", help="Undo it instead: the state is sent again.")]


@app.command("test")
def send_test(config: Config = DEFAULT_CONFIG) -> None:
    """Send a test message to each target and say which accepted it; exit 1 if one did not.

    The dead man's switch gets only a note.
    """
    from convsync.watch.delivery import Ping, ping, require_targets
    from convsync.wiring.watch import watch_of

    alarm = watch_of(options.load(config)).alarm
    if alarm.targets or not alarm.ping_url:
        require_targets(alarm.targets)
    results = [
        (
            target.name,
            target.deliver(
                f"convsync {alarm.name}: a test",
                "This is a test, asked for by `convsync alerts test`. Nothing is wrong.",
                is_good_news=True,
            ),
        )
        for target in alarm.targets
    ]
    if alarm.ping_url:
        switch = "the dead man's switch"
        results.append((switch, ping(alarm.ping_url, Ping.NOTE, "a test of convsync alerts")))
    for name, is_taken in results:
        typer.echo(f"{name}: {'delivered' if is_taken else 'NOT delivered'}")
    if not all(is_taken for _, is_taken in results):
        raise typer.Exit(1)


@app.command("check")
def check(config: Config = DEFAULT_CONFIG, as_of: AsOf = None) -> None:
    """Check the nights now, send alerts for what is new, worse or over, and write the figures.

    Run it by a separate timer, on another machine if possible: it reports a night that never
    started, and what quiet hours delayed. Exits 1 if something could not be delivered.
    """
    from convsync.wiring.watch import watch_of

    settings = options.load(config)
    with options.ledger(settings) as database:
        told = watch_of(settings).tell(database, now_of(settings, as_of))
    typer.echo(_in_words(told))
    if not told.is_delivered and not told.is_quiet:
        raise typer.Exit(1)


@app.command("list")
def list_states(
    config: Config = DEFAULT_CONFIG, as_of: AsOf = None, form: FormatOption = Format.TABLE
) -> None:
    """List what is wrong at the moment: since when it was seen, and when people were alerted."""
    from convsync.store import alert_states
    from convsync.wiring.watch import watch_of

    settings = options.load(config)
    with options.ledger(settings) as database:
        _, findings = watch_of(settings).look(database, now_of(settings, as_of))
        with database.reading() as connection:
            known = alert_states.recall(connection)
    rows = []
    for finding in findings:
        state = known.get(finding.key)
        rows.append(
            {
                "state": finding.key,
                "since": state.since if state else None,
                "told_at": state.told_at if state else None,
                "acknowledged_by": state.acknowledged_by if state else None,
                "acknowledged_at": state.acknowledged_at if state else None,
                "text": finding.text,
                "fix": finding.fix,
            }
        )
    output.show(rows, _COLUMNS, form)


@app.command("acknowledge")
def acknowledge(
    state: State,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    by: By = None,
    *,
    undo: Undo = False,
) -> None:
    """Take over a problem, so that it is not sent to anybody again.

    It is sent again if it grows tenfold, and once more when it is over.
    """
    from convsync.clock import system_clock
    from convsync.decisions.whoami import os_user
    from convsync.watch import acknowledging
    from convsync.wiring.watch import watch_of

    settings = options.load(config)
    now, who = now_of(settings, as_of), by or os_user()
    with options.ledger(settings) as database:
        if undo:
            acknowledging.reopen(database, state, by=who, now=now, real_clock=system_clock)
            typer.echo(f"{state} is open again: the next look tells it.")
            return
        _, findings = watch_of(settings).look(database, now)
        finding = acknowledging.acknowledge(
            database, findings, state, by=who, now=now, real_clock=system_clock
        )
    typer.echo(f"Acknowledged by {who}: {finding.text}")


def _in_words(told: "Told") -> str:
    digest = told.digest
    if digest.is_empty:
        return "Nothing new to tell."
    what = f"{len(digest.new)} to look at, {len(digest.ended)} resolved"
    if told.is_quiet:
        return f"Quiet hours: {what}, told by the first look after them."
    return f"Told: {what}." if told.is_delivered else f"NOT delivered: {what}."
