"""Templates, and how pages write times, amounts and our own words.

Whatever a CRM or a platform wrote is escaped, and is without control characters and marks that
turn a text's direction.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from convsync import __version__
from convsync.model.money import amounts_in_words
from convsync.plain_text import plain, several
from convsync.report import sentences
from convsync.report.formats import Formats
from convsync.report.page import BETWEEN_AMOUNTS
from convsync.web.locales import formats_for


class Templates:
    """The pages' templates: times in the company's zone, numbers as their reader writes them."""

    def __init__(self, zone: tzinfo | None, formats: Formats) -> None:
        self._formats = formats
        self._environment = Environment(
            loader=PackageLoader("convsync.web"),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "at": pass_context(partial(_at, zone=zone)),
            "day": pass_context(partial(_day, zone=zone)),
            "count": _localised(count),
            "money": _in_parts(money),
            "amount": _localised(amount),
            "sums": _in_parts(amounts_in_words),
            "tenths": _localised(tenths),
            "prose": _in_prose,
            "took": took,
            "words": words,
            "days": days,
            "several": _localised(several),
            "deal_path": deal_path,
        }
        self._environment.globals |= {"version": __version__, "sentences": sentences}

    def response(self, name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """Return the page that a template gives with values; with a `visit`, as it is asked for."""
        visit = values.get("visit")
        formats = formats_for(visit.languages, self._formats) if visit else self._formats
        page = self._environment.get_template(name).render(values, formats=formats)
        return HTMLResponse(page, status)

    def add(self, **values: Any) -> None:
        """Let all templates know of values."""
        self._environment.globals |= values


def _shown(value: Any) -> Any:
    """Return a value as a page has it, before it is escaped; nothing as an empty text."""
    if value is None:
        return ""
    return value if isinstance(value, Markup) else plain(str(value))


def _localised(written: Callable[..., str]) -> Callable[..., str]:
    """Return a filter that writes numbers as the reader of the page does."""

    @pass_context
    def write(context: Context, *values: Any) -> str:
        formats: Formats = context["formats"]
        return formats.localised(written(*values))

    return write


def _in_parts(written: Callable[..., str]) -> Callable[..., Markup]:
    """Return the same for sums over several currencies, which may go on in the next line."""
    localised = _localised(written)

    @pass_context
    def write(context: Context, *values: Any) -> Markup:
        return Markup(str(escape(localised(context, *values))).replace(" + ", BETWEEN_AMOUNTS))  # noqa: S704

    return write


@pass_context
def _in_prose(context: Context, text: str) -> str:
    formats: Formats = context["formats"]
    return formats.in_prose(text)


def _at(context: Context, instant: datetime | None, *, zone: tzinfo | None) -> str:
    return written_at(instant, zone, context["formats"])


def _day(context: Context, instant: datetime, *, zone: tzinfo | None) -> str:
    return written_day(instant, zone, context["formats"])


def written_at(instant: datetime | None, zone: tzinfo | None, formats: Formats) -> str:
    """Return an instant to the minute, in a zone; UTC, and saying so, where there is none."""
    if instant is None:
        return ""
    time = f"{instant.astimezone(zone or UTC):%H:%M}" + ("" if zone else " UTC")
    return f"{written_day(instant, zone, formats)} {time}"


def written_day(instant: datetime, zone: tzinfo | None, formats: Formats) -> str:
    """Return the day of an instant, in a zone, or in UTC."""
    return formats.day(instant.astimezone(zone or UTC).date())


def tenths(number: float) -> str:
    """Return a number to a tenth."""
    return f"{number:,.1f}"


def count(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"


def amount(value: Decimal | None, currency: str | None) -> str:
    """Return an amount with its currency; nothing for none."""
    return "" if value is None else f"{value:,.2f} {currency or ''}".rstrip()


def money(sums: Mapping[str, Decimal]) -> str:
    """Return sums by currency: never added up."""
    return " + ".join(amount(value, currency) for currency, value in sorted(sums.items()))


def took(time: timedelta | None) -> str:
    """Return a span of time as the commands print it."""
    return "" if time is None else sentences.duration(time)


def days(time: timedelta) -> str:
    """Return a span of time in days."""
    number = time / timedelta(days=1)
    return "1 day" if number == 1 else f"{number:g} days"


def words(name: str) -> str:
    """Return our own word as people write it; a vendor's code stays as it came."""
    return name.replace("_", " ") if name.islower() else name


def deal_path(deal_id: str) -> str:
    """Return the address of a deal's page."""
    return f"/deals/{quote(deal_id, safe='')}"
