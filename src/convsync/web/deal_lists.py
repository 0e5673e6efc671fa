"""The deals behind a figure of a report, as a list that can be narrowed further, and as a file."""

from collections import deque
from itertools import islice
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from convsync.report.behind import Behind, Fate
from convsync.web.asking import Commands
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.figures import Field
from convsync.web.listings import FORMATS, file_of
from convsync.web.narrowed import MORE, asking, day_fields, segment_fields
from convsync.web.rendering import Templates
from convsync.web.visits import Visit, number_in

_ON_A_PAGE: Final = 100


class DealLists:
    """Shows the deals that came to a step of the funnel."""

    def __init__(self, company: Company, templates: Templates, commands: Commands) -> None:
        self._company = company
        self._templates = templates
        self._commands = commands
        self._fields = (
            Field(name="came_to", label="Came to", choices=commands.steps, usual=commands.steps[0]),
            Field(name="fate", label="and is", choices=[*Fate]),
            *day_fields("lead", "Lead"),
            *day_fields("reached", "Reached it"),
            *segment_fields(commands.names),
        )

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [Route("/deals", doors.page(self.listing, may_take_long=True))]

    def listing(self, visit: Visit) -> Response:
        """Show some of the deals that are meant, and what all add up to; or all of them as a file.

        To know how far a deal came each is looked at, as by the report that led here.
        """
        company, asked = self._company, asking(visit, "/deals", self._fields, [*MORE])
        words = {**asked.fields, **asked.more}
        found, totals = self._commands.deals_behind(
            company.database, words, asked.where, company.now()
        )
        if form := visit.asked("as"):
            return file_of("deals", form, Behind._fields, (one._asdict() for one in found))
        first = number_in(visit.asked("first")) or 0
        deque(islice(found, first), maxlen=0)
        rows = list(islice(found, _ON_A_PAGE))
        deque(found, maxlen=0)
        later, earlier = first + _ON_A_PAGE, max(first - _ON_A_PAGE, 0)
        return self._templates.response(
            "deals.html",
            visit=visit,
            company=company,
            fields=self._fields,
            asked={field.name: asked.fields.get(field.name, "") for field in self._fields},
            narrowed=asked,
            rows=rows,
            sentences_of=[*totals.sentences()],
            first=first,
            total=totals.deals,
            has_days=any(row.days_from_lead is not None for row in rows),
            files={form: asked.address(("as", form)) for form in FORMATS},
            earlier=asked.address(("first", str(earlier))) if first else None,
            later=asked.address(("first", str(later))) if later < totals.deals else None,
        )
