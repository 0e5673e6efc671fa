"""`clicks import`, `clicks enrich`: stores click logs, and what the ad account says about them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.progress import showing_progress

app = typer.Typer(help="The click store.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file of clicks or landing URLs.")]
Mapping = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="The [clicks.NAME] whose columns the file has."),
]
_ENRICHED = ("customer_id", "days", "read", "stored")
EveryDay = Annotated[
    bool,
    typer.Option("--again", help="Ask for all 90 days, including settled ones."),
]
Again = Annotated[
    bool,
    typer.Option("--again", help="Read the whole file, including what was read before."),
]


@app.command("import")
def import_file(
    file: File,
    config: Config = DEFAULT_CONFIG,
    mapping: Mapping = None,
    again: Again = False,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Add every click ID of a file, keeping the first time each was seen. Safe to repeat.

    A file that only grew is read from where the last import ended, and an unchanged one not at
    all: `passed_over` counts its lines.
    """
    from convsync import pipeline, wiring
    from convsync.store import migrate

    settings = options.load(config)
    source = wiring.click_file(settings, file, mapping)
    now = options.instant(as_of, settings)
    with (
        showing_progress() as progress,
        wiring.opened(settings, as_of=now, progress=progress) as services,
    ):
        migrate.require_current(services.database)
        stored = pipeline.import_clicks(services, source, again=again)
    row = asdict(stored)
    output.show([row], list(row), form)


@app.command("enrich")
def enrich(
    config: Config = DEFAULT_CONFIG,
    every_day: EveryDay = False,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Ask the ad accounts for campaign, keyword, device and place of the stored gclids.

    Google answers for the last 90 days. `explain` shows what it knows.
    """
    from convsync.cli.asked_accounts import each_account
    from convsync.clock import system_clock
    from convsync.reading import enriching

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    with options.ledger(settings) as database, showing_progress() as progress:
        done = each_account(
            settings,
            lambda account: account.clicks(),
            lambda reader: enriching.enrich(
                database,
                reader,
                now=now,
                again=every_day,
                on_day=lambda _: progress.advance("days", 1),
            ),
            what="clicks",
        )
    output.show([asdict(one) for one in done], _ENRICHED, form)
