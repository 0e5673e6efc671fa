"""`report html`: all reports on one page that can be sent around."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import deals_behind, options, report_revenue, report_shortfalls
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config
from convsync.cli.report_answers import Answers
from convsync.cli.report_days import days_asked
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.report.page import Section
    from convsync.settings import Settings
    from convsync.store.database import Database

_DAYS = 90
_WEEKS = 13
_AGAINST = 4

To = Annotated[Path, typer.Option("--to", metavar="FILE", help="Where to write the page.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DAY", help="First day of the leads; by default 90 days ago."),
]
Page = Annotated[
    str | None,
    typer.Option(
        "--page",
        metavar="URL",
        help="Where `convsync serve` is served: figures lead to the lists there.",
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DAY", help="Last day, included; by default today.")
]


def html(
    to: To,
    config: Config = DEFAULT_CONFIG,
    since: Since = None,
    until: Until = None,
    page_url: Page = None,
    as_of: AsOf = None,
) -> None:
    """Write all reports as one page that loads nothing: to read, to print, to send around.

    Every chart has its table; every figure, its definition and the command that lists its deals, or
    with --page the list itself.
    """
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.process import private_file
    from convsync.report.page import ToCommands, ToThePage, localised, page

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    with options.ledger(settings) as database:
        period, sections = reported(settings, database, since, until, now)
    formats = wiring.formats_of(settings)
    if page_url is not None and not page_url.startswith(("https://", "http://")):
        raise OperatorError(
            f"--page {page_url} is no address such as https://convsync.example.com."
        )
    links = ToCommands() if page_url is None else ToThePage(page_url)
    text = page("What sells", period, [localised(one, formats) for one in sections], links)
    try:
        with private_file.replacing(to) as file:
            file.write(text)
    except OSError as error:
        raise OperatorError(f"{to} cannot be written: {error.strerror}.") from None
    typer.echo(f"Written to {to}.")


def reported(
    settings: "Settings",
    database: "Database",
    since: str | None,
    until: str | None,
    now: datetime,
) -> "tuple[str, list[Section]]":
    """Return the period that is meant, in words, and all reports on it.

    Without days it is the last 90. Raises OperatorError for what is no day, or no period.
    """
    from convsync import wiring

    days = days_asked(since, until, now, settings, most=_DAYS)
    first, last = map(wiring.formats_of(settings).day, days)
    sections = _sections(Answers(database, settings, days, now))
    return f"Leads and sales from {first} to {last}", [*sections]


def _sections(answers: Answers) -> "Iterator[Section]":
    """Yield the parts of the page, in their order."""
    from convsync.cli import coverage_page, html_sections

    days, settings, standings = answers.days, answers.settings, answers.standings()
    (whole, *_) = [*answers.funnel(), None]
    yield html_sections.funnel(whole, standings, days)
    if by_month := answers.funnel("month"):
        yield html_sections.months(by_month, days)
    if whole is not None:
        yield from html_sections.loops(whole, days)
        yield html_sections.customers(whole, days)
    yield html_sections.shortfalls(answers.shortfalls(), days)
    if (campaigns := answers.campaigns()).days_known:
        yield html_sections.campaigns(campaigns, days)
    weeks = days[1] - timedelta(days=7 * (_WEEKS - 1) + days[1].weekday()), days[1]
    *_, last = deals_behind.steps_of(settings)
    yield html_sections.trend(replace(answers, days=weeks).trend(against=_AGAINST), weeks, last)
    if settings.revenue:
        sales = replace(answers, days=(days[1] - timedelta(days=report_revenue.DAYS), days[1]))
        segments = report_shortfalls.segments_compared(settings)
        by_segment = {name: sales.revenue(name) for name in segments}
        yield from html_sections.revenue(sales.revenue(), by_segment, sales.days)
    yield from coverage_page.of_rules({None: answers.coverage()}, days)
    yield html_sections.agreed(standings)
    yield from html_sections.rates(answers.exchange)
