"""Conversions: found by anything, listed by how they stand, as a file, and one deal in full."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from convsync.errors import OperatorError
from convsync.model.period import Period
from convsync.report import explanation, finding, sentences
from convsync.report.deal_words import DealWords
from convsync.report.life import lives_of
from convsync.report.selecting import CLICKS, FOUND_BY, STATES, require_known, selection_of
from convsync.store import selection, sums
from convsync.store.database import Connection
from convsync.store.selection import Selected, Selection
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.figures import Field
from convsync.web.listings import FORMATS, file_of
from convsync.web.locales import formats_for
from convsync.web.rendering import Templates, deal_path, written_at, written_day
from convsync.web.visits import RefusedError, Visit, number_in

_ON_A_PAGE: Final = 50
_AT_ONCE: Final = 1_000
"""So many rows of a file are read at once: nothing is held open while they are on their way."""
_FIRST, _LAST = date(1971, 1, 1), date(9998, 1, 1)


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
        company, before = self._company, number_in(visit.asked("before"))
        with company.database.reading() as connection:
            fields = _fields(connection)
            asked = {one.name: value for one in fields if (value := visit.asked(one.name))}
            wanted = self._wanted(connection, asked)
            if visit.asked("as"):
                return self._file(visit.asked("as"), wanted)
            rows = selection.newest(connection, wanted, before=before, limit=_ON_A_PAGE + 1)
        return self._templates.response(
            "conversions.html",
            visit=visit,
            company=company,
            fields=fields,
            asked={one.name: asked.get(one.name, "") for one in fields},
            rows=[row for _, row in rows[:_ON_A_PAGE]],
            older=_older(rows, asked),
            is_first=before is None,
            files={form: _address({**asked, "as": form}) for form in FORMATS},
        )

    def _wanted(self, connection: Connection, asked: Mapping[str, str]) -> Selection:
        """Return which conversions are meant; OperatorError for words that there are not."""
        words = {name: value for name, value in asked.items() if name not in _REACHED}
        wanted = replace(selection_of(**words), reached=self._reached(asked))
        rules = [rule.name for rule in self._company.rules]
        require_known(connection, rules, self._company.sources, wanted)
        return wanted

    def _reached(self, asked: Mapping[str, str]) -> Period | None:
        if not any(name in asked for name in _REACHED):
            return None
        first, last = (asked.get(name) for name in _REACHED)
        days = _day(first) if first else _FIRST, _day(last) if last else _LAST
        if days[1] < days[0]:
            raise OperatorError(f"The last day, {days[1]}, lies before the first, {days[0]}.")
        return Period.of_days(*days, self._company.zone_or_utc)

    def _file(self, form: str, wanted: Selection) -> Response:
        return file_of("conversions", form, Selected._fields, self._all(wanted))

    def _all(self, wanted: Selection) -> Iterator[Mapping[str, Any]]:
        """Yield all conversions that are meant, newest first, some at a time."""
        before: int | None = None
        while True:
            with self._company.database.reading() as connection:
                rows = selection.newest(connection, wanted, before=before, limit=_AT_ONCE)
            for before, row in rows:  # noqa: B007 - the last number leads to the next rows
                yield row._asdict()
            if len(rows) < _AT_ONCE:
                return

    def _found(self, visit: Visit, text: str) -> Response:
        trail = finding.find(self._company.database, text)
        deals = list(dict.fromkeys((one.source, one.deal_id) for one in trail.found))
        if len(deals) == 1:
            return RedirectResponse(deal_path(deals[0][1]), 303)
        return self._templates.response(
            "found.html",
            visit=visit,
            company=self._company,
            text=text,
            found=trail.found,
            is_cut=trail.is_cut,
            most_names=finding.MOST_NAMES,
        )

    def deal(self, visit: Visit) -> Response:
        """Show every milestone of a deal: where it stands, why, and what to do about it."""
        company, deal_id = self._company, visit.request.path_params["deal"]
        found = explanation.explain(company.database, deal_id, company.agreed)
        problems = explanation.unreadable(company.database, deal_id)
        if not found and not problems:
            raise RefusedError(404, sentences.no_deal(deal_id, problems))
        return self._templates.response(
            "deal.html",
            visit=visit,
            company=company,
            deal_id=deal_id,
            found=[
                (explanation.with_codes(one, company.meaning_of), lives_of(company.database, one))
                for one in found
            ],
            say=self._words(visit),
            problems=problems,
        )

    def _words(self, visit: Visit) -> DealWords:
        company = self._company
        formats = formats_for(visit.languages, company.formats)
        return DealWords(
            at=lambda at: written_at(at, company.zone, formats),
            day=lambda at: written_day(at, company.zone, formats),
            amount=lambda money: formats.localised(str(money)),
            accounts=company.accounts,
            finality=company.finality,
        )


_REACHED: Final = ("reached_from", "reached_to")


def _fields(connection: Connection) -> Sequence[Field]:
    """Return the filters: what each can be set to is what there is."""
    kept = sums.kept(connection)
    choices = {
        "state": [*STATES],
        "reason": sorted({one.reason for one in kept if one.reason}),
        "code": sorted({one.code for one in kept if one.code}),
        "rule": sorted({one.rule for one in kept}),
        "source": sorted({one.source for one in kept}),
        "click": [*CLICKS],
        "found_by": [*FOUND_BY],
    }
    labels = {"found_by": "Found by"}
    listed = [
        Field(name=name, label=labels.get(name, name.capitalize()), choices=words)
        for name, words in choices.items()
        if words
    ]
    first, last = _REACHED
    days = (
        Field(name=first, label="Reached from", kind="date"),
        Field(name=last, label="to", kind="date"),
    )
    return [*listed, *days]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"{text} is not a day such as 2026-03-01.") from None


def _older(rows: Sequence[tuple[int, Selected]], asked: Mapping[str, str]) -> str | None:
    """Return the address of the next page, None where this one is the last."""
    if len(rows) <= _ON_A_PAGE:
        return None
    last, _ = rows[_ON_A_PAGE - 1]
    return _address({**asked, "before": str(last)})


def _address(asked: Mapping[str, str]) -> str:
    return f"/conversions?{urlencode(asked)}"
