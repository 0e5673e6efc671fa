"""The deals behind a figure of a report, as a list that can be narrowed further, and as a file."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from convsync.report.behind import Behind, Fate
from convsync.web.asking import Commands
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.figures import Field
from convsync.web.listings import FORMATS, file_of
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
            *_days("lead", "lead"),
            *_days("reached", "reached it"),
        )

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [Route("/deals", doors.page(self.listing, may_take_long=True))]

    def listing(self, visit: Visit) -> Response:
        """Show some of the deals that are meant, and how many there are; or all of them as a file.

        To know how far a deal came each is looked at, as by the report that led here.
        """
        company = self._company
        asked = {field.name: visit.asked(field.name) for field in self._fields}
        where = [text for text in visit.request.query_params.getlist("where") if text]
        found = self._commands.deals_behind(company.database, asked, where, company.now())
        if form := visit.asked("as"):
            return file_of("deals", form, Behind._fields, (one._asdict() for one in found))
        first = number_in(visit.asked("first")) or 0
        passed = len(deque(islice(found, first)))
        rows = list(islice(found, _ON_A_PAGE))
        total = passed + len(rows) + sum(1 for _ in found)
        here = [(name, value) for name, value in asked.items() if value]
        here += [("where", one) for one in where]
        return self._templates.response(
            "deals.html",
            visit=visit,
            company=company,
            fields=self._fields,
            asked=asked,
            where=where,
            rows=rows,
            first=first,
            total=total,
            file=f"/deals?{urlencode(here)}",
            formats_of_files=FORMATS,
            earlier=_page(here, first - _ON_A_PAGE) if first else None,
            later=_page(here, first + _ON_A_PAGE) if first + _ON_A_PAGE < total else None,
        )


def _days(what: str, label: str) -> Sequence[Field]:
    return (
        Field(name=f"{what}_from", label=f"{label} from", kind="date"),
        Field(name=f"{what}_to", label="to", kind="date"),
    )


def _page(here: Sequence[tuple[str, str]], first: int) -> str:
    return f"/deals?{urlencode([*here, ('first', str(max(first, 0)))])}"
