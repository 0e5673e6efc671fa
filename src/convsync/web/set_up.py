"""The set-up: what is wrong with it, what each source holds, and what was agreed on.

What asks nobody is looked at for each visitor. Sources and ad accounts are asked where an operator
wants that, as `check` does; what was found then stays on the page until the next time, or until the
page is served anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from convsync.model.finding import Finding
from convsync.report import agreements
from convsync.report.check import RESULTS, Profiled, each_of
from convsync.report.profile_page import beside_columns
from convsync.web.asking import Commands
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.rendering import Templates
from convsync.web.visits import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What `check` found when somebody asked for it."""

    at: datetime
    by: str
    findings: Sequence[Finding]

    @property
    def profiles(self) -> Sequence[Profiled]:
        """Return what sources hold, of those that could be looked at."""
        return [one for one in self.findings if isinstance(one, Profiled)]

    @property
    def all(self) -> Sequence[Finding]:
        """Return all findings, and behind a profile what it shows."""
        return [*each_of(self.findings)]


class SetUp:
    """Shows the set-up, and asks sources and ad accounts for operators."""

    def __init__(self, company: Company, templates: Templates, commands: Commands) -> None:
        self._company = company
        self._templates = templates
        self._commands = commands
        self._checked: Checked | None = None
        templates.add(results=RESULTS, beside_columns=beside_columns)

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        check = doors.form(self.check, is_for_operators=True)
        return [
            Route("/set-up", doors.page(self.show)),
            Route("/set-up/check", check, methods=["POST"]),
        ]

    def show(self, visit: Visit) -> Response:
        """Show what is wrong, the agreement, the rules, and what sources held when last asked."""
        company = self._company
        return self._templates.response(
            "set_up.html",
            visit=visit,
            company=company,
            findings=self._commands.check_offline(company.database, company.now()),
            checked=self._checked,
            standings=agreements.standings(
                company.database, company.agreed.agreements, now=company.now()
            ),
        )

    def check(self, visit: Visit) -> Response:
        """Look at everything, as `check` does; nothing is sent, and nothing changed."""
        found = self._commands.check(self._company.as_of)
        self._checked = Checked(at=self._company.now(), by=visit.user.name, findings=found)
        return RedirectResponse("/set-up#checked", 303)
