"""The first page, *Last night*, and a run in full."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from convsync.model.ledger import Side
from convsync.model.outcome import Reason
from convsync.proof.verification import RecentChain
from convsync.report import nobody, past_runs
from convsync.report.formats import Formats
from convsync.report.leads_to import ConversionsBehind
from convsync.report.page import Chart, svg
from convsync.report.past_runs import PastRun, in_full, in_words
from convsync.report.selecting import REASONS, STATES
from convsync.report.sentences import no_run
from convsync.report.status import BlockedRows
from convsync.store import clicks
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
_WITHOUT_LIST: Final = frozenset(
    {
        *("taken_back", "cannot_be_corrected", "next_run"),
        *(Reason.OUTSIDE_RULE.value, Reason.MILESTONE_WITHDRAWN.value),
    }
)
_LOOKED_AT: Final = 200
"""How many runs of any kind are looked at for that many nights."""
LIGHTS: Final = {Level.OK: "green", Level.WARNING: "amber", Level.CRITICAL: "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSide:
    """One side of the account: its total, and what it is made of, the largest first.

    Each part has the address of its conversions, None where no filter lists just these.
    """

    side: Side
    total: int
    parts: Sequence[tuple[str, int, str | None]]


class Nights:
    """Shows how the nights stand."""

    def __init__(self, company: Company, templates: Templates) -> None:
        self._company = company
        self._templates = templates
        self._chain = RecentChain(monotonic)

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [
            Route("/", doors.page(self.last_night)),
            Route("/runs/{number:int}", doors.page(self.run)),
        ]

    def last_night(self, visit: Visit) -> Response:
        """Show whether all is well, why not, the account, and thirty nights: of one state."""
        company = self._company
        with company.database.reading() as connection:
            facts, findings = company.watch.look_within(
                connection, company.now(), self._chain.recent_break
            )
            recent = past_runs.recent(connection, last=_LOOKED_AT, nights=_NIGHTS)
            clicks_stored = clicks.count(connection)
            joins_nobody = nobody.listed(connection)
            waits = waiting.within(connection)
        verdict = verdict_of(facts, findings)
        formats = formats_for(visit.languages, company.formats)
        has_chart = len(recent.nights) > 1
        return self._templates.response(
            "night.html",
            visit=visit,
            company=company,
            light=LIGHTS[verdict.level],
            sentence=verdict.line.rpartition(" | ")[0].partition(" ")[2],
            findings=findings,
            facts=facts,
            sides=sides_of(facts.sums) if facts.sums else [],
            blocked=[
                (
                    BlockedRows(action=action, code=code, count=count),
                    company.meaning_of(action.destination, code),
                )
                for action, code, count in facts.blocked
            ],
            recent=recent,
            chart=Markup(svg(_uploads(recent.nights, formats))) if has_chart else None,  # noqa: S704 (our own)
            waiting=waits,
            nobody=joins_nobody,
            clicks=clicks_stored,
        )

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
    sides = []
    for side in Side:
        parts = {detail: rows for (of, detail), rows in sums.by_state.items() if of is side}
        in_order = sorted(parts.items(), key=lambda part: (-part[1], part[0]))
        listed = [(detail, rows, _address(side, detail, parts)) for detail, rows in in_order]
        sides.append(AccountSide(side=side, total=sums.total(side), parts=listed))
    return sides


def _address(side: Side, detail: str, there: Collection[str]) -> str | None:
    """Return where a part of the account is listed, None where its filter would list others, too.

    What no rule looked at has no conversion, and what was taken back is confirmed like the rest.
    """
    word, _, code = detail.partition(":")
    if detail in _WITHOUT_LIST or (side is Side.SENT and not _WITHOUT_LIST.isdisjoint(there)):
        return None
    if code:
        return ConversionsBehind(state=word, code=code).address()
    if side is not Side.SENT and word in REASONS:
        return ConversionsBehind(state=side.value, reason=word).address()
    if side is Side.NOT_SENT and word not in STATES:
        return ConversionsBehind(state=side.value, code=word).address()
    return ConversionsBehind(state=word).address()


def _uploads(nights: Sequence[PastRun], formats: Formats) -> Chart:
    return Chart(
        title="Conversions sent in the last nights",
        bars=[(f"{run.as_of:%Y-%m-%d}", float(run.sent)) for run in nights],
        formats=formats,
    )
