"""What an operator decides on the page: a code tried again, a plan released.

Each is shown and asked for once more before it is done, runs as the command of the same name does,
and stands in the audit log under the operator's name. One at a time: what comes while a run is
going on is told who holds the lock, as at the command line.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from convsync import pipeline, wiring
from convsync.model.chosen import Chosen
from convsync.report.closing import Closing
from convsync.services import Report, Services
from convsync.settings import Settings
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.rendering import Templates
from convsync.web.visits import RefusedError, Visit

Do = Callable[[Services], Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something that is about to be done: its question, and what the button says."""

    what: str
    about: str
    question: str
    button: str
    do: Do


def _retry(code: str) -> Decision:
    if not code:
        raise RefusedError(404, "Say which code is to be tried again.")
    chosen = Chosen(codes=frozenset({code}), deal_ids=frozenset(), run_id=None)
    return Decision(
        what="retry",
        about=code,
        question=f"Send every conversion with the code {code} again, as far as it may be sent?",
        button="Send again",
        do=lambda services: pipeline.retry(services, chosen),
    )


def _release(run: str) -> Decision:
    if not (run.isascii() and run.isdigit()):
        raise RefusedError(404, "Say which run's plan is to be released.")
    return Decision(
        what="release",
        about=run,
        question=f"Send exactly the plan that run {run} has refused, as far as it still agrees?",
        button="Release",
        do=lambda services: pipeline.release(services, int(run)),
    )


DECISIONS: Final[dict[str, Callable[[str], Decision]]] = {"retry": _retry, "release": _release}


class Actions:
    """Asks an operator, and does what was decided."""

    def __init__(self, settings: Settings, company: Company, templates: Templates) -> None:
        self._settings = settings
        self._company = company
        self._templates = templates

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        asked = doors.page(self.ask, is_for_operators=True)
        done = doors.form(self.do, is_for_operators=True)
        return [Route("/do/{what}", asked), Route("/do/{what}", done, methods=["POST"])]

    def ask(self, visit: Visit) -> Response:
        """Show what would be done, and ask."""
        decision = _decision(visit, visit.asked("about"))
        return self._templates.response(
            "ask.html", visit=visit, company=self._company, decision=decision
        )

    def do(self, visit: Visit) -> Response:
        """Do what was decided, and show how it ended."""
        decision = _decision(visit, visit.fields.get("about", ""))
        closings: list[Closing] = []
        company = self._company
        wiring.let_sandbox_follow(self._settings, company.as_of)
        with wiring.opened(self._settings, as_of=company.as_of) as services:
            services = replace(services, by=visit.user.name, on_close=closings.append)
            report = decision.do(services)
        company.watch.tell(company.database, company.now(), closing=str(closings[-1]))
        return self._templates.response(
            "done.html",
            visit=visit,
            company=company,
            decision=decision,
            report=report,
            closing=closings[-1],
        )


def _decision(visit: Visit, about: str) -> Decision:
    what = visit.request.path_params["what"]
    if what not in DECISIONS:
        raise RefusedError(404, "There is no such action.")
    return DECISIONS[what](about.strip())
