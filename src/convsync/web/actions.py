"""What an operator decides on the page.

Each is shown and asked for once more before it is done, runs as the command of the same name does,
and stands in the audit log under the operator's name. What comes while a run is going on is told
who holds the lock, as at the command line.
"""

from collections.abc import Mapping
from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from convsync.web import judging, running, sending
from convsync.web.decisions import Decide, Decision, Desk
from convsync.web.doors import Doors
from convsync.web.rendering import Templates
from convsync.web.visits import RefusedError, Visit

DECISIONS: Final[Mapping[str, Decide]] = {
    "run": running.start,
    "stop": running.stop,
    "retry": sending.retry,
    "release": sending.release,
    "acknowledge": judging.acknowledge,
    "reopen": judging.reopen,
    "allow-key": judging.allow_key,
    "disallow-key": judging.disallow_key,
    "accept-values": judging.accept_values,
}


class Actions:
    """Asks an operator, and does what was decided."""

    def __init__(self, desk: Desk, templates: Templates) -> None:
        self._desk = desk
        self._templates = templates

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        asked = doors.page(self.ask, is_for_operators=True)
        done = doors.form(self.do, is_for_operators=True)
        return [Route("/do/{what}", asked), Route("/do/{what}", done, methods=["POST"])]

    def ask(self, visit: Visit) -> Response:
        """Show what would be done, and ask."""
        decision = self._decision(visit, visit.asked("about"))
        return self._templates.response(
            "ask.html", visit=visit, company=self._desk.company, decision=decision
        )

    def do(self, visit: Visit) -> Response:
        """Do what was decided, and show how it ended."""
        done = self._decision(visit, visit.fields.get("about", "")).do(visit.user.name)
        if done.onward is not None:
            return RedirectResponse(done.onward, 303)
        return self._templates.response(
            "done.html", visit=visit, company=self._desk.company, done=done
        )

    def _decision(self, visit: Visit, about: str) -> Decision:
        what = visit.request.path_params["what"]
        if what not in DECISIONS:
            raise RefusedError(404, "There is no such action.")
        return DECISIONS[what](self._desk, about.strip())
