"""Conversions: found by anything, listed by how they stand, and one deal in full."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from convsync.model.ledger import Side, State
from convsync.model.outcome import Reason
from convsync.report import explanation, finding
from convsync.store import selection, sums
from convsync.store.selection import Selected, Selection
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.rendering import Templates
from convsync.web.visits import RefusedError, Visit

_ON_A_PAGE: Final = 50
_FILTERS: Final = ("state", "reason", "code", "rule", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What each filter can be set to: the states and sides of the account, and what there is."""

    state: Sequence[str]
    reason: Sequence[str]
    code: Sequence[str]
    rule: Sequence[str]
    source: Sequence[str]


class Conversions:
    """Shows conversions and deals."""

    def __init__(self, company: Company, templates: Templates) -> None:
        self._company = company
        self._templates = templates

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [
            Route("/conversions", doors.page(self.listing)),
            Route("/deals/{deal:path}", doors.page(self.deal)),
        ]

    def listing(self, visit: Visit) -> Response:
        """Show what a search finds, or the conversions that the filters leave, newest first."""
        if text := visit.asked("find"):
            return self._found(visit, text)
        asked = {name: visit.asked(name) for name in _FILTERS}
        before = _number(visit.asked("before"))
        with self._company.database.reading() as connection:
            kept = sums.kept(connection)
            choices = Choices(
                state=[*Side, *State],
                reason=sorted({one.reason for one in kept if one.reason}),
                code=sorted({one.code for one in kept if one.code}),
                rule=sorted({one.rule for one in kept}),
                source=sorted({one.source for one in kept}),
            )
            wanted = _selection(asked)
            rows = selection.newest(connection, wanted, before=before, limit=_ON_A_PAGE + 1)
        return self._templates.response(
            "conversions.html",
            visit=visit,
            company=self._company,
            choices=choices,
            asked=asked,
            rows=[row for _, row in rows[:_ON_A_PAGE]],
            older=_older(rows, asked),
            is_first=before is None,
        )

    def _found(self, visit: Visit, text: str) -> Response:
        found = finding.find(self._company.database, text).found
        deals = list(dict.fromkeys((one.source, one.deal_id) for one in found))
        if len(deals) == 1:
            return RedirectResponse(deal_path(deals[0][1]), 303)
        return self._templates.response(
            "found.html", visit=visit, company=self._company, text=text, found=found
        )

    def deal(self, visit: Visit) -> Response:
        """Show every milestone of a deal: where it stands, why, and what to do about it."""
        company, deal_id = self._company, visit.request.path_params["deal"]
        found = explanation.explain(company.database, deal_id, company.agreed)
        problems = explanation.unreadable(company.database, deal_id)
        if not found and not problems:
            raise RefusedError(404, f"No deal {deal_id} has been read.")
        return self._templates.response(
            "deal.html",
            visit=visit,
            company=company,
            deal_id=deal_id,
            found=[explanation.with_codes(one, company.meaning_of) for one in found],
            problems=problems,
        )


def deal_path(deal_id: str) -> str:
    """Return the address of a deal's page."""
    return f"/deals/{quote(deal_id, safe='')}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _selection(asked: dict[str, str]) -> Selection:
    """Return which conversions filters mean; RefusedError for a state or reason there is not."""
    state, reason = asked["state"], asked["reason"]
    sides: dict[str, Side | State] = {one.value: one for one in State}
    sides |= {one.value: one for one in Side}
    if state and state not in sides:
        raise RefusedError(404, f"There is no state {state}.")
    return Selection(
        state=sides.get(state),
        reason=_reason(reason) if reason else None,
        code=asked["code"] or None,
        rule=asked["rule"] or None,
        source=asked["source"] or None,
    )


def _reason(text: str) -> Reason:
    try:
        return Reason(text)
    except ValueError:
        raise RefusedError(404, f"There is no reason {text}.") from None


def _older(rows: Sequence[tuple[int, Selected]], asked: dict[str, str]) -> str | None:
    """Return the address of the next page, None where this one is the last."""
    if len(rows) <= _ON_A_PAGE:
        return None
    last, _ = rows[_ON_A_PAGE - 1]
    chosen = {name: value for name, value in asked.items() if value}
    return f"/conversions?{urlencode({**chosen, 'before': last})}"
