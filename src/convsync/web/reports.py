"""What sells: all reports on a period, each chart with its table."""

from collections.abc import Callable, Sequence
from datetime import datetime

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from convsync.report.page import Section, body
from convsync.store.database import Database
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.rendering import Templates
from convsync.web.visits import Visit

Reported = Callable[[Database, str | None, str | None, datetime], tuple[str, Sequence[Section]]]
"""Gives the reports from a first to a last day, as of now, and the period in words. OperatorError
for what is no day; None: the usual days."""


class Reports:
    """Shows what the command line writes as one page."""

    def __init__(self, company: Company, templates: Templates, reported: Reported) -> None:
        self._company = company
        self._templates = templates
        self._reported = reported

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [Route("/reports", doors.page(self.all))]

    def all(self, visit: Visit) -> Response:
        """Show the reports on the days that are asked for."""
        since, until = visit.asked("since"), visit.asked("until")
        company = self._company
        period, sections = self._reported(
            company.database, since or None, until or None, company.now()
        )
        return self._templates.response(
            "reports.html",
            visit=visit,
            company=company,
            since=since,
            until=until,
            period=period,
            reports=Markup(body(sections)),  # noqa: S704 - escapes what is in it
        )
