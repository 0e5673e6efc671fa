"""The reports as pages that `serve` shows: their filters, and the figures in answer.

A page that is asked nothing is of the days that its command is of without options.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from convsync import wiring
from convsync.cli import (
    coverage_asked,
    coverage_page,
    deals_behind,
    html_sections,
    page_values,
    report_campaigns,
    report_days,
    report_funnel,
    report_html,
    report_revenue,
    report_trend,
)
from convsync.cli.report_answers import Answers
from convsync.errors import OperatorError
from convsync.report.conditions import GROUPINGS, Conditions
from convsync.report.leads_to import Days
from convsync.report.page import Section
from convsync.settings import Settings
from convsync.store.database import Database
from convsync.web.figures import Asked, Field, Figures
from convsync.web.narrowed import condition_of, segment_fields

_DAYS = (
    Field(name="since", label="From", kind="date"),
    Field(name="until", label="to", kind="date"),
)
Shown = tuple[str, Sequence[Section]]


def figures_of(settings: Settings) -> Sequence[Figures]:
    """Return the pages of a company's reports."""
    pages = _Pages(settings)
    return [
        pages.funnel(),
        pages.shortfalls(),
        pages.campaigns(),
        pages.coverage(),
        *([pages.revenue()] if settings.revenue else []),
        pages.trend(),
        page_values.values_page(),
        page_values.audiences_page(settings),
        pages.all(),
    ]


@dataclass(frozen=True, slots=True)
class _Pages:
    """Makes the pages of one company."""

    settings: Settings

    def funnel(self) -> Figures:
        """Return the page of the funnel, whole or by cohorts."""
        segments = ["source", *sorted(report_days.segments_of(self.settings))]

        def sections(answers: Answers, asked: Asked) -> Sequence[Section]:
            of, by = (answers.days, answers.where), asked["by"] or None
            (whole, *_) = [*answers.funnel(), None]
            shown = [html_sections.funnel(whole, answers.standings(), *of)]
            if by is not None and (found := answers.funnel(by)):
                shown.append(html_sections.cohorts(found, by, *of))
            if whole is not None:
                shown += [*html_sections.loops(whole, *of), html_sections.customers(whole, *of)]
            return shown

        return self._page(
            path="/funnel",
            title="Funnel",
            fields=(_by(["week", "month", *segments]),),
            most=report_funnel.DAYS,
            words="Deals that became leads from {} to {}",
            sections_of=sections,
        )

    def shortfalls(self) -> Figures:
        """Return the page of where the funnel falls short."""

        def sections(answers: Answers, _: Asked) -> Sequence[Section]:
            return [html_sections.shortfalls(answers.shortfalls(), answers.days, answers.where)]

        return self._page(
            path="/shortfalls",
            title="Shortfalls",
            fields=(),
            most=report_funnel.DAYS,
            words="Deals that became leads from {} to {}",
            sections_of=sections,
        )

    def campaigns(self) -> Figures:
        """Return the page of campaigns, or of what else is told apart in the ad account."""

        def sections(answers: Answers, asked: Asked) -> Sequence[Section]:
            report_days.require_group(asked["by"] or None, GROUPINGS)
            found = answers.campaigns(asked["by"] or "campaign")
            return [html_sections.campaigns(found, answers.days, answers.where)]

        return self._page(
            path="/campaigns",
            title="Campaigns",
            fields=(Field(name="by", label="Group by", choices=[*GROUPINGS], usual="campaign"),),
            most=report_campaigns.DAYS,
            words="Costs, and leads, from {} to {}, and what the leads became by now",
            sections_of=sections,
        )

    def coverage(self) -> Figures:
        """Return the page of what conversions were matched by, and where the rest was lost."""
        groups = coverage_asked.groups(self.settings)

        def sections(answers: Answers, asked: Asked) -> Sequence[Section]:
            by, rule = asked["by"] or None, asked["rule"] or None
            report_days.require_group(by, groups)
            found = {one: answers.coverage(one, rule) for one in dict.fromkeys([None, by])}
            return [
                *coverage_page.of_rules(found, answers.days, answers.where),
                *coverage_page.of_fields(answers.fields()),
            ]

        rules = Field(name="rule", label="Rule", choices=[*self.settings.rules])
        return self._page(
            path="/coverage",
            title="Coverage",
            fields=(_by(groups), rules),
            most=coverage_asked.DAYS,
            words="Conversions whose milestone was reached from {} to {}",
            sections_of=sections,
        )

    def revenue(self) -> Figures:
        """Return the page of what sales bring over time."""
        segments = ["source", *sorted(report_days.segments_of(self.settings))]

        def sections(answers: Answers, asked: Asked) -> Sequence[Section]:
            by = asked["by"] or None
            report_days.require_group(by, segments)
            by_segment = {by: answers.revenue(by)} if by else {}
            return [
                *html_sections.revenue(answers.revenue(), by_segment, answers.days, answers.where)
            ]

        return self._page(
            path="/revenue",
            title="Revenue",
            fields=(_by(segments),),
            most=report_revenue.DAYS,
            words="Sales from {} to {}, and what had come in by the end of each month since",
            sections_of=sections,
        )

    def trend(self) -> Figures:
        """Return the page of the weeks, each beside those before it."""

        def sections(answers: Answers, asked: Asked) -> Sequence[Section]:
            against = _number("weeks before", asked["against"] or usual, most=52)
            return [html_sections.trend(answers.trend(against), answers.days, last, answers.where)]

        *_, last = deals_behind.steps_of(self.settings)
        usual = str(report_trend.AGAINST)
        against = Field(name="against", label="Weeks to compare with", kind="number", usual=usual)
        return self._page(
            path="/trend",
            title="Trend",
            fields=(against,),
            most=report_trend.DAYS,
            begins=report_trend.from_monday,
            words="Weeks from {} to {}, each beside those before it",
            sections_of=sections,
        )

    def all(self) -> Figures:
        """Return all reports on one page, as `report html` writes it."""

        def sections(database: Database, asked: Asked, now: datetime) -> Shown:
            since, until = asked["since"] or None, asked["until"] or None
            return report_html.reported(self.settings, database, since, until, now)

        return Figures(
            path="/reports",
            title="All on one page",
            command="convsync report html --to FILE",
            fields=_DAYS,
            sections=sections,
        )

    def _page(
        self,
        *,
        path: str,
        title: str,
        fields: Sequence[Field],
        most: int,
        begins: Callable[[Days], Days] | None = None,
        words: str,
        sections_of: Callable[[Answers, Asked], Sequence[Section]],
    ) -> Figures:
        """Return the page of a report; `words` say of what days it is.

        They are those that are asked for, or else the last `most`, from where these begin.
        """

        def sections(database: Database, asked: Asked, now: datetime) -> Shown:
            since, until = asked["since"] or None, asked["until"] or None
            days = report_days.days_asked(since, until, now, self.settings, most=most)
            if since is None and begins is not None:
                days = begins(days)
            where = self._where(asked)
            answers = Answers(database, self.settings, days, now, where)
            period = words.format(*map(wiring.formats_of(self.settings).day, days))
            return f"{period}{report_days.only(where)}", [
                *sections_of(answers, asked),
                html_sections.agreed(answers.standings()),
                *html_sections.rates(answers.exchange),
            ]

        return Figures(
            path=path,
            title=title,
            command=f"convsync report {path.removeprefix('/')}",
            fields=(*_DAYS, *fields, *self._segment()),
            sections=sections,
        )

    def _segment(self) -> Sequence[Field]:
        return segment_fields(report_days.names_of(self.settings))

    def _where(self, asked: Asked) -> Conditions:
        condition = condition_of(asked["segment"], asked["value"])
        return report_days.where_of(self.settings, [condition] if condition else ())


def _by(choices: Sequence[str]) -> Field:
    return Field(name="by", label="Group by", choices=choices, none="(not grouped)")


def _number(what: str, text: str, *, most: int) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise OperatorError(f"{what}: {text} is not a number from 1 to {most}.")
    return int(text)
