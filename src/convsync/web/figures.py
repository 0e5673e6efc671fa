"""What sells: a page for each report, with its filters, its charts and tables, and what is behind.

What is asked is in the address alone, so that a page can be sent around, and works without a
script. The figures come from whoever serves the page, which is the command line: they are those of
the commands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Event
from typing import Final

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from convsync import log
from convsync.errors import ConvsyncError
from convsync.report.page import Section, body, localised
from convsync.store.database import Database
from convsync.store.standing import Standing, standing
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.kept_figures import Apart, KeptFigures, key_of
from convsync.web.locales import formats_for
from convsync.web.readers import WORKS_AHEAD, give_way
from convsync.web.rendering import Templates
from convsync.web.visits import Visit

_LOOK_EVERY_S: Final = 30.0
Asked = Mapping[str, str]
"""What the address asks, by the names of a page's fields; empty where it asks nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A filter: one of some choices, or what `kind` says that HTML's input is to take.

    `usual` is what is meant where nothing is asked, `none` what that is called among the choices
    where there is nothing usual.
    """

    name: str
    label: str
    kind: str = "text"
    choices: Sequence[str] = ()
    usual: str = ""
    none: str = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A page of figures, and the command that says the same.

    `sections` returns what the figures are of, in words, and the parts of the page; OperatorError
    where what is asked makes no sense.
    """

    path: str
    title: str
    command: str
    fields: Sequence[Field]
    sections: Callable[[Database, Asked, datetime], tuple[str, Sequence[Section]]]


class FigurePages:
    """Shows each report on a page of its own."""

    def __init__(
        self,
        company: Company,
        templates: Templates,
        pages: Sequence[Figures],
        apart: Apart | None = None,
    ) -> None:
        self._company = company
        self._templates = templates
        self._pages = pages
        self._kept = KeptFigures(company.database, company.now, apart=apart)
        templates.add(figure_pages=[(page.path, page.title) for page in pages])

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [
            Route(page.path, doors.page(partial(self._show, page), may_take_long=True))
            for page in self._pages
        ]

    def work_ahead(self, stop: Event) -> None:
        """Work out what each page usually shows, and again whenever a run has ended, until told."""
        give_way(WORKS_AHEAD)
        seen: Standing | None = None
        usual = [
            (key_of(page.path, {field.name: "" for field in page.fields}), page.sections)
            for page in self._pages
        ]
        while not stop.is_set():
            try:
                with self._company.database.reading() as connection:
                    stands = standing(connection)
                if stands != seen:
                    self._kept.work_ahead(usual)
                seen = stands
            except ConvsyncError as error:
                log.warning("reports could not be worked out ahead", because=str(error))
            stop.wait(_LOOK_EVERY_S)

    def _show(self, page: Figures, visit: Visit) -> Response:
        asked = {field.name: visit.asked(field.name) for field in page.fields}
        company = self._company
        worked = self._kept.of(page.path, asked, page.sections)
        formats = formats_for(visit.languages, company.formats)
        shown = [localised(section, formats) for section in worked.sections]
        return self._templates.response(
            "figures.html",
            visit=visit,
            company=company,
            page=page,
            area=self._pages[0].path,
            asked=asked,
            period=worked.period,
            worked_out_at=worked.at,
            sections=Markup(body(shown)),  # noqa: S704 - escapes what is in it
        )
