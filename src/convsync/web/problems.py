"""What went wrong, by code, and the records that could not be read."""

from starlette.responses import Response
from starlette.routing import Route

from convsync.report.code_list import codes_found
from convsync.report.status import quarantined
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.rendering import Templates
from convsync.web.visits import Visit


class Problems:
    """Shows codes and the quarantine."""

    def __init__(self, company: Company, templates: Templates) -> None:
        self._company = company
        self._templates = templates

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [Route("/errors", doors.page(self.errors))]

    def errors(self, visit: Visit) -> Response:
        """Show the codes that conversions have, and the records that could not be read."""
        return self._templates.response(
            "errors.html",
            visit=visit,
            company=self._company,
            codes=codes_found(self._company.database, self._company.meaning_of),
            quarantine=quarantined(self._company.database),
        )
