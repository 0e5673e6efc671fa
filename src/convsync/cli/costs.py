"""`costs fetch`: what the ad accounts spent by day, and what they counted, into the database."""

from dataclasses import asdict
from typing import Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.progress import showing_progress

app = typer.Typer(help="What the ads cost.", no_args_is_help=True)

_COLUMNS = ("customer_id", "days", "restated", "cost", "currency")
Since = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="Go back to this day; 37 months at most."),
]


@app.callback()
def _costs() -> None:
    """What the ads cost."""


@app.command("fetch")
def fetch(
    config: Config = DEFAULT_CONFIG,
    from_day: Since = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Ask the ad accounts what each day cost, and what was counted for its clicks.

    It fetches days that are not known yet, and those that Google may still change, as [costs]
    says. `report campaigns` and `report trend` show them.
    """
    from convsync import wiring
    from convsync.cli.asked_accounts import each_account
    from convsync.clock import system_clock
    from convsync.reading import costing

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    since = options.day(from_day, "--from") if from_day else None
    with options.ledger(settings) as database, showing_progress() as progress:
        done = each_account(
            settings,
            lambda account: account.costs(),
            lambda reader: costing.fetch(
                database,
                reader,
                wiring.cost_terms_of(settings),
                wiring.retry_of(settings),
                now=now,
                since=since,
                on_day=lambda _: progress.advance("months", 1),
            ),
            what="costs",
        )
    output.show([asdict(one) for one in done], _COLUMNS, form)
    if refused := [text for one in done for text in one.refused]:
        for text in refused:
            output.note(f"Left out, since the ad account does not accept the query on {text}")
        raise typer.Exit(1)
