"""Templates, and how pages write times, amounts and our own words.

Whatever a CRM or a platform wrote is escaped, and is without control characters and marks that
turn a text's direction.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from convsync import __version__
from convsync.plain_text import plain


class Templates:
    """The pages' templates, with times in the company's zone."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._environment = Environment(
            loader=PackageLoader("convsync.web"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "at": partial(at, zone=zone),
            "day": partial(day, zone=zone),
            "count": count,
            "money": money,
            "amount": amount,
            "took": took,
            "words": words,
        }
        self._environment.globals["version"] = __version__

    def response(self, name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """Return the page that a template gives with values."""
        return HTMLResponse(self._environment.get_template(name).render(values), status)


def _shown(value: Any) -> Any:
    """Return a value as a page has it, before it is escaped; nothing as an empty text."""
    if value is None:
        return ""
    return value if isinstance(value, Markup) else plain(str(value))


def at(instant: datetime | None, zone: tzinfo | None) -> str:
    """Return an instant to the minute, in a zone; UTC, and saying so, where there is none."""
    if instant is None:
        return ""
    return f"{instant.astimezone(zone or UTC):%Y-%m-%d %H:%M}" + ("" if zone else " UTC")


def day(instant: datetime, zone: tzinfo | None) -> str:
    """Return the day of an instant, in a zone, or in UTC."""
    return f"{instant.astimezone(zone or UTC):%Y-%m-%d}"


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
    """Return a span of time as people say it."""
    if time is None:
        return ""
    minutes, seconds = divmod(round(time.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def words(name: str) -> str:
    """Return our own word as people write it; a vendor's code stays as it came."""
    return name.replace("_", " ") if name.islower() else name
