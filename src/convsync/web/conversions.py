"""Conversions: found by anything, listed by how they stand, as a file, and one deal in full."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from convsync.report import explanation, finding, sentences
from convsync.report.conditions import GROUPINGS
from convsync.report.deal_words import DealWords
from convsync.report.leads_to import YES
from convsync.report.life import lives_of
from convsync.report.selecting import CLICKS, COVERED, FOUND_BY, STATES, require_known
from convsync.store import selection, sums
from convsync.store.database import Connection
from convsync.store.selection import Selected, Selection
from convsync.web.asking import Commands
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.figures import Field
from convsync.web.listings import FORMATS, file_of
from convsync.web.locales import formats_for
from convsync.web.narrowed import Asking, asking, day_fields, segment_fields
from convsync.web.rendering import Templates, deal_path, written_at, written_day
from convsync.web.visits import RefusedError, Visit, number_in

_ON_A_PAGE: Final = 50
_AT_ONCE: Final = 1_000
"""So many rows of a file are read at once: nothing is held open while they are on their way."""
_ADDED_UP: Final = 5_000
"""So many are added up at once; of more, only when somebody asks for it."""


class Conversions:
    """Shows conversions and deals."""

    def __init__(self, company: Company, templates: Templates, commands: Commands) -> None:
        self._company = company
        self._templates = templates
        self._conversions = commands.conversions
        self._added_up = commands.added_up
        self._names = [name for name in commands.names if name not in GROUPINGS]

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
            fields = [*_fields(connection), *segment_fields(self._names)]
            asked = asking(visit, "/conversions", fields)
            wanted = self._wanted(connection, asked)
            if visit.asked("as"):
                return self._file(visit.asked("as"), wanted)
            rows = selection.newest(connection, wanted, before=before, limit=_ON_A_PAGE + 1)
            is_short = selection.at_most(connection, wanted) <= _ADDED_UP
            is_added_up = is_short or bool(visit.asked("add"))
            added, notes = self._added_up(connection, wanted) if is_added_up else (None, ())
        return self._templates.response(
            "conversions.html",
            visit=visit,
            company=company,
            fields=fields,
            asked={one.name: asked.fields.get(one.name, "") for one in fields},
            narrowed=asked,
            rows=[row for _, row in rows[:_ON_A_PAGE]],
            added=added,
            notes=notes,
            add=asked.address(("add", YES)),
            older=_older(rows, asked),
            is_first=before is None,
            files={form: asked.address(("as", form)) for form in FORMATS},
        )

    def _wanted(self, connection: Connection, asked: Asking) -> Selection:
        """Return which conversions are meant; OperatorError for words that there are not."""
        said = {name: value for name, value in asked.fields.items() if value}
        first, last = (said.pop(f"reached_{which}", None) for which in ("from", "to"))
        wanted = self._conversions(said, reached=(first, last), where=asked.where)
        rules = [rule.name for rule in self._company.rules]
        require_known(connection, rules, self._company.sources, wanted)
        return wanted

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
        "covered": [*COVERED],
    }
    labels = {"found_by": "Found by", "covered": "Click or person known"}
    listed = [
        Field(name=name, label=labels.get(name, name.capitalize()), choices=words)
        for name, words in choices.items()
        if words
    ]
    return [*listed, *day_fields("reached", "Reached")]


def _older(rows: Sequence[tuple[int, Selected]], asked: Asking) -> str | None:
    """Return the address of the next page, None where this one is the last."""
    if len(rows) <= _ON_A_PAGE:
        return None
    last, _ = rows[_ON_A_PAGE - 1]
    return asked.address(("before", str(last)))
