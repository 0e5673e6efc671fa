"""`clicks import`, `clicks enrich`: click logs into the store, and what the ad account says."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.progress import showing_progress
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from datetime import datetime

    from convsync.cli.progress import Shown
    from convsync.enriching import Enriched
    from convsync.store.database import Database
    from convsync.upload.ad_account import AdAccount

app = typer.Typer(help="The click store.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file of clicks or landing URLs.")]
Mapping = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="The [clicks.NAME] whose columns the file has."),
]
_ENRICHED = ("customer_id", "days", "read", "stored")
EveryDay = Annotated[
    bool,
    typer.Option("--again", help="Ask for all 90 days, also those that were settled."),
]
Again = Annotated[
    bool,
    typer.Option("--again", help="Read the whole file, also what was read before."),
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

    A file that only grew is read from where the last import ended, and one that stands as it did
    not at all: `passed_over` counts its lines.
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
    """Ask the ad accounts which campaign, keyword, device and place the stored gclids came by.

    Google tells it for 90 days. What it does not know stays as it is; `explain` shows the rest.
    """
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.enriching import Enriched

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    done: dict[str, Enriched] = {}
    fixes: list[str] = []
    with options.ledger(settings) as database, showing_progress() as progress:
        for account in wiring.accounts_of(settings):
            told = enriched_by(account, database, now, progress, done, again=every_day)
            fixes += [told] if told else []
    if not done:
        raise OperatorError(f"No ad account can be asked for its clicks: {'; '.join(fixes)}.")
    output.show([asdict(one) for one in done.values()], _ENRICHED, form)


def enriched_by(
    account: "AdAccount",
    database: "Database",
    now: "datetime",
    progress: "Shown",
    done: "dict[str, Enriched]",
    *,
    again: bool,
) -> str | None:
    """Let an account tell, unless another destination's was the same; return why it cannot."""
    from convsync.enriching import enrich as learn
    from convsync.upload.ad_account import CannotAsk

    with account.clicks() as reader:
        if isinstance(reader, CannotAsk):
            return reader.fix
        if reader.customer_id not in done:
            done[reader.customer_id] = learn(
                database,
                reader,
                now=now,
                again=again,
                on_day=lambda _: progress.advance("days", 1),
            )
    return None
