"""`digest`: the last week in five sentences, printed or sent to the receivers of alerts."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format
from convsync.cli.watching import now_of
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.report.week import CalendarWeek
    from convsync.settings import Settings
    from convsync.store.database import Database
    from convsync.watch.weekly import Message

Send = Annotated[
    bool,
    typer.Option(
        "--send", help="Send it to the receivers of alerts, if it is due and not yet sent."
    ),
]
Again = Annotated[
    bool, typer.Option("--again", help="With --send: even if it was sent already, or is not due.")
]
Form = Annotated[Format, typer.Option("--format", help="table (sentences) or json.")]


def digest(
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    form: Form = Format.TABLE,
    *,
    send: Send = False,
    again: Again = False,
) -> None:
    """Say in five sentences what the last week sold, changed and sent, and what is stuck or waits.

    Weeks go from Monday to Sunday. With --send each is sent once, however often you run this;
    [digest] says when it is due. Exits 1 if it reached nobody.
    """
    from convsync import wiring
    from convsync.report.week import CalendarWeek

    if form is Format.CSV:
        raise OperatorError("A digest has no CSV: --format is table or json.")
    if again and not send:
        raise OperatorError("--again needs --send.")
    settings = options.load(config)
    now = now_of(settings, as_of)
    week = CalendarWeek.last_before(now, wiring.company_zone(settings))
    with options.ledger(settings) as database:
        if send:
            _send(database, week, settings, now, again=again)
            return
        message = _message(database, week, settings, now)
    if form is Format.JSON:
        days = {"from": f"{week.monday}", "to": f"{week.sunday}"}
        output.show_json({"week": str(week), **days, **message.sentences})
        return
    typer.echo(message.title)
    for sentence in message.sentences.values():
        typer.echo(sentence)


def _send(
    database: "Database",
    week: "CalendarWeek",
    settings: "Settings",
    now: datetime,
    *,
    again: bool,
) -> None:
    from convsync import wiring
    from convsync.watch import weekly
    from convsync.watch.delivery import require_targets
    from convsync.watch.weekly import Delivery
    from convsync.wiring.watch import digest_times_of, watch_of

    alarm = watch_of(settings).alarm
    require_targets(alarm.targets)
    timetable = digest_times_of(settings)
    due_at = None if timetable is None else weekly.due_at(week, timetable)
    if due_at is not None and now < due_at and not again:
        due = output.local_time(due_at, wiring.company_zone(settings))[:16]
        typer.echo(f"The digest of {week} is due at {due}.")
        return
    message = _message(database, week, settings, now)
    delivery = weekly.send(database, message, alarm, now, again=again)
    hint = "; --again sends it anyhow" if delivery is Delivery.UNSURE else ""
    typer.echo(f"The digest of {week}: {delivery.value}{hint}.")
    if delivery is Delivery.NOT_DELIVERED:
        raise typer.Exit(1)


def _message(
    database: "Database", week: "CalendarWeek", settings: "Settings", now: datetime
) -> "Message":
    from convsync import wiring
    from convsync.report.week import week_in_figures
    from convsync.watch.weekly import message_of
    from convsync.wiring.watch import watch_of

    figures = week_in_figures(
        database,
        wiring.funnel_of(settings),
        wiring.agreements_of(settings),
        week,
        now=now,
        exchange=wiring.exchange_of(settings),
        absurd_above=wiring.absurd_above(settings),
    )
    return message_of(figures, watch_of(settings).alarm.name)
