"""The first page, *Last night*, and a run in full."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from convsync.errors import UnsafePlanError
from convsync.model.chain import Head
from convsync.model.ledger import Side
from convsync.report.formats import Formats
from convsync.report.page import Chart, svg
from convsync.report.past_runs import PastRun, in_full, in_words, past_runs
from convsync.report.sentences import no_run
from convsync.report.status import status_of
from convsync.store import kept_plans
from convsync.store.account import Sums
from convsync.store.runs import Progress
from convsync.watch.verdict import Level, verdict_of
from convsync.web import waiting
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.locales import formats_for
from convsync.web.rendering import Templates
from convsync.web.visits import RefusedError, Visit

_NIGHTS: Final = 30
_LOOKED_AT: Final = 200
"""How many runs of any kind are looked at for that many nights."""
LIGHTS: Final = {Level.OK: "green", Level.WARNING: "amber", Level.CRITICAL: "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSide:
    """One side of the account: its total, and what it is made of, the largest first."""

    side: Side
    total: int
    parts: Sequence[tuple[str, int]]


class Nights:
    """Shows how the nights stand."""

    def __init__(self, company: Company, templates: Templates) -> None:
        self._company = company
        self._templates = templates

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [
            Route("/", doors.page(self.last_night)),
            Route("/runs/{number:int}", doors.page(self.run)),
        ]

    def last_night(self, visit: Visit) -> Response:
        """Show whether all is well, why not, the account, and thirty nights."""
        company = self._company
        facts, findings = company.watch.look(company.database, company.now())
        verdict = verdict_of(facts, findings)
        status = status_of(company.database, company.rules, company.sources)
        runs = past_runs(company.database, _LOOKED_AT)
        formats = formats_for(visit.languages, company.formats)
        nights = [run for run in runs if run.command == "run"][-_NIGHTS:]
        return self._templates.response(
            "night.html",
            visit=visit,
            company=company,
            light=LIGHTS[verdict.level],
            sentence=verdict.line.rpartition(" | ")[0].partition(" ")[2],
            findings=findings,
            status=status,
            sides=sides_of(status.sums),
            blocked=[
                (one, company.meaning_of(one.action.destination, one.code))
                for one in status.blocked
            ],
            nights=nights,
            chart=Markup(svg(_uploads(nights, formats))) if len(nights) > 1 else None,  # noqa: S704 (our own)
            head=_head(runs),
            refused=self._refused(runs),
            waiting=waiting.of(company),
        )

    def _refused(self, runs: Sequence[PastRun]) -> list[tuple[PastRun, int]]:
        """Return the runs whose plans wait for a person, and how many conversions each holds."""
        with self._company.database.reading() as connection:
            sizes = kept_plans.sizes(connection)
        return [
            (run, sizes[run.run_id])
            for run in runs
            if run.run_id in sizes and run.exit_code == UnsafePlanError.exit_code
        ]

    def run(self, visit: Visit) -> Response:
        """Show all that is known of one run."""
        number = int(visit.request.path_params["number"])
        found = in_full(self._company.database, number)
        if found is None:
            raise RefusedError(404, no_run(number))
        return self._templates.response(
            "run.html",
            visit=visit,
            company=self._company,
            found=found,
            run=found.run,
            stages=stages_of(found.so_far),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a run that goes on: in words, what is done, and of how many if that is known."""

    words: str
    done: int
    total: int | None


def stages_of(so_far: Progress) -> list[Stage]:
    """Return how far a run has come, stage by stage."""
    return [
        Stage(words=words, done=done, total=total)
        for words, (done, total) in zip(in_words(so_far), so_far.values(), strict=True)
    ]


def sides_of(sums: Sums) -> list[AccountSide]:
    """Return the account, side by side."""
    return [
        AccountSide(
            side=side,
            total=sums.total(side),
            parts=sorted(
                ((detail, rows) for (of, detail), rows in sums.by_state.items() if of is side),
                key=lambda part: (-part[1], part[0]),
            ),
        )
        for side in Side
    ]


def _uploads(nights: Sequence[PastRun], formats: Formats) -> Chart:
    return Chart(
        title="Conversions sent by the last nights",
        bars=[(f"{run.as_of:%Y-%m-%d}", float(run.sent)) for run in nights],
        formats=formats,
    )


def _head(runs: Sequence[PastRun]) -> Head | None:
    return next((run.head for run in reversed(runs) if run.head is not None), None)
