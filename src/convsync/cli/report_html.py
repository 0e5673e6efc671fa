"""`report html`: all reports on one page that can be sent around."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from convsync.cli import options, report_funnel, report_revenue, report_shortfalls
from convsync.cli.formats import Formats, formats_of
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config
from convsync.cli.report_days import days_asked
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convsync.report.campaigns import Campaigns
    from convsync.report.coverage import Coverage
    from convsync.report.exchange import Exchange
    from convsync.report.funnel import Cohort
    from convsync.report.page import Section
    from convsync.report.revenue import Revenue
    from convsync.report.shortfalls import Shortfall
    from convsync.report.trend import Week
    from convsync.settings import Settings
    from convsync.store.database import Database

_DAYS = 90
_WEEKS = 13
_MONTHS = 12

To = Annotated[Path, typer.Option("--to", metavar="FILE", help="Where to write the page.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DAY", help="First day of the leads; else 90 days ago."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DAY", help="Last day, included; else today.")
]


def html(
    to: To,
    config: Config = DEFAULT_CONFIG,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
) -> None:
    """Write all reports as one page that loads nothing: to read, to print, to send around.

    Every chart has its table, every figure its definition and the command that lists its deals.
    """
    from convsync import private_file
    from convsync.clock import system_clock
    from convsync.report.page import page

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    with options.ledger(settings) as database:
        period, sections = reported(settings, database, since, until, now)
    text = page("What sells", period, sections)
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
    formats = formats_of(settings)
    reports = _Reports(database, settings, days, now, wiring.exchange_of(settings))
    first, last = map(formats.day, days)
    sections = [_localised(one, formats) for one in reports.sections()]
    return f"Leads and sales from {first} to {last}", sections


def _localised(section: "Section", formats: Formats) -> "Section":
    """Return a section with its figures as the company writes them; names and words stay."""
    is_figure = [name in section.numbers for name in section.columns]
    rows = [
        [
            formats.localised(text) if figure else text
            for text, figure in zip(row, is_figure, strict=True)
        ]
        for row in section.rows
    ]
    return replace(section, rows=rows)


class _Asked(TypedDict):
    """What all reports on deals are asked alike."""

    now: datetime
    exchange: "Exchange"
    absurd_above: Decimal | None


@dataclass(frozen=True, slots=True)
class _Reports:
    """All reports of a period."""

    database: "Database"
    settings: "Settings"
    days: tuple[date, date]
    now: datetime
    exchange: "Exchange"

    def sections(self) -> "Iterator[Section]":
        """Yield the parts of the page, in their order."""
        from convsync import wiring
        from convsync.cli import coverage_page, html_sections
        from convsync.report import agreements
        from convsync.report.page import Section

        agreed = wiring.agreements_of(self.settings)
        standings = agreements.standings(self.database, agreed, now=self.now)
        whole, by_month = self._funnel(None), self._funnel("month")
        yield from html_sections.funnel(whole, by_month, standings, self.days)
        yield html_sections.shortfalls(self._shortfalls(), self.days)
        if (campaigns := self._campaigns()).days_known:
            yield html_sections.campaigns(campaigns, self.days)
        yield html_sections.trend(self._trend())
        if self.settings.revenue:
            segments = report_shortfalls.segments_compared(self.settings)
            by_segment = {name: self._revenue(name) for name in segments}
            yield from html_sections.revenue(self._revenue(None), by_segment)
        yield from coverage_page.of_rules({None: self._coverage()})
        yield html_sections.agreed(standings)
        if self.exchange.notes:
            yield Section(heading="Exchange rates", notes=self.exchange.notes)

    @property
    def _asked(self) -> "_Asked":
        from convsync import wiring

        return _Asked(
            now=self.now,
            exchange=self.exchange,
            absurd_above=wiring.absurd_above(self.settings),
        )

    def _funnel(self, by: str | None) -> "Sequence[Cohort]":
        from convsync import wiring
        from convsync.report.funnel import funnel_of

        group_of = report_funnel.grouped(by, *self.days, self.settings)
        return funnel_of(self.database, wiring.funnel_of(self.settings), group_of, **self._asked)

    def _shortfalls(self) -> "Sequence[Shortfall]":
        from convsync import wiring
        from convsync.model.period import Period
        from convsync.report.shortfalls import shortfalls_of

        period = Period.of_days(*self.days, wiring.company_zone(self.settings))
        segments = report_shortfalls.segments_compared(self.settings)
        order = wiring.funnel_of(self.settings)
        return shortfalls_of(self.database, order, segments, period, **self._asked)

    def _campaigns(self) -> "Campaigns":
        from convsync import wiring
        from convsync.report.campaigns import campaigns_of

        order, zone = wiring.funnel_of(self.settings), wiring.company_zone(self.settings)
        return campaigns_of(self.database, order, "campaign", self.days, zone=zone, **self._asked)

    def _trend(self) -> "Sequence[Week]":
        from convsync import wiring
        from convsync.report.trend import trend_of

        last = self.days[1]
        first = last - timedelta(days=7 * (_WEEKS - 1) + last.weekday())
        order, zone = wiring.funnel_of(self.settings), wiring.company_zone(self.settings)
        return trend_of(self.database, order, (first, last), against=4, zone=zone, **self._asked)

    def _revenue(self, by: str | None) -> "Revenue":
        days = self.days[1] - timedelta(days=report_revenue.DAYS), self.days[1]
        return report_revenue.found_in(
            self.database, self.settings, days, self.exchange, self.now, by=by, months=_MONTHS
        )

    def _coverage(self) -> "Coverage":
        from convsync import wiring
        from convsync.model.period import Period
        from convsync.report.coverage import coverage_of

        period = Period.of_days(*self.days, wiring.company_zone(self.settings))
        rules = wiring.rules_of(self.settings)
        return coverage_of(self.database, rules, {"": period}, by=None)
