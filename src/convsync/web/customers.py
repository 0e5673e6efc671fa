"""A customer's journey: clicks, deals, milestones and conversions in the order they happened."""

from starlette.responses import Response
from starlette.routing import Route

from convsync.report import journey
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.rendering import Templates
from convsync.web.visits import Visit


class Customers:
    """Shows customers, found by an ID of theirs: nobody's e-mail address is asked for."""

    def __init__(self, company: Company, templates: Templates) -> None:
        self._company = company
        self._templates = templates

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [Route("/customer", doors.page(self.show))]

    def show(self, visit: Visit) -> Response:
        """Show whoever a deal, order, click or request ID leads to."""
        key = visit.asked("key")
        found = journey.of_name(self._company.database, key) if key else None
        status = 404 if key and found is None else 200
        return self._templates.response(
            "customer.html", status, visit=visit, company=self._company, key=key, found=found
        )
