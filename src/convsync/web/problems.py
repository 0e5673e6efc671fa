"""What went wrong, by code and over time, and the records that could not be read."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from convsync.report.code_list import CodeFound, Days, codes_found
from convsync.report.page import Chart, Section, body, localised
from convsync.report.status import quarantined
from convsync.web.company import Company
from convsync.web.doors import Doors
from convsync.web.locales import formats_for
from convsync.web.rendering import Templates
from convsync.web.visits import Visit

_UNREADABLE: Final = 200


class Problems:
    """Shows codes and the quarantine."""

    def __init__(self, company: Company, templates: Templates) -> None:
        self._company = company
        self._templates = templates

    def routes(self, doors: Doors) -> list[Route]:
        """Return which addresses it answers."""
        return [Route("/errors", doors.page(self.errors))]

    def errors(self, visit: Visit) -> Response:
        """Show the codes that conversions have, those that block first, and unreadable records."""
        company = self._company
        days = Days.before(company.now(), company.zone_or_utc)
        codes = codes_found(company.database, company.meaning_of, days)
        over_time = localised(
            _over_time(codes, days.all), formats_for(visit.languages, company.formats)
        )
        unreadable = quarantined(company.database, _UNREADABLE + 1)
        return self._templates.response(
            "errors.html",
            visit=visit,
            company=company,
            codes=codes,
            over_time=Markup(body([over_time])),  # noqa: S704 - escapes what is in it
            quarantine=unreadable[:_UNREADABLE],
            are_there_more=len(unreadable) > _UNREADABLE,
        )


def _over_time(codes: Sequence[CodeFound], days: Sequence[date]) -> Section:
    """Return how many conversions were given each code, day by day, the latest first."""
    names = [*dict.fromkeys(one.code for one in codes)]
    by_code = {one.code: one.by_day for one in codes}
    counts = {day: [by_code[name].get(day, 0) for name in names] for day in reversed(days)}
    some = {day: each for day, each in counts.items() if any(each)}
    return Section(
        heading=f"Day by day, the last {len(days)} days",
        columns=["day", *names],
        rows=[[f"{day}", *(f"{count:,}" for count in each)] for day, each in some.items()],
        numbers=frozenset(["day", *names]),
        chart=Chart(
            title="Conversions with one of these codes",
            bars=[(f"{day}", float(sum(counts[day]))) for day in days if some and day >= min(some)],
        ),
        notes=[] if some else ["No conversion got a code in these days."],
    )
