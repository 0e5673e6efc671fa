"""Numbers as the reader's browser asks for them; the company's way where it asks for none.

What a language makes of numbers comes from Babel, which has it from the Unicode CLDR. Words stay
English, and days as the company writes them: 03/04 would be two days to two readers.
"""

from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.numbers import parse_pattern

from convsync.report.formats import Formats

_MOST: Final = 200
"""Characters of a header that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadersFormats(Formats):
    """Numbers of a language and its country, days of the company."""

    locale: Locale

    def number(self, whole: str, part: str | None) -> str:
        """Return a number whose `whole` has a comma between thousands; None: no part follows."""
        pattern = copy(parse_pattern(self.locale.decimal_formats[None]))
        digits = 0 if part is None else len(part)
        pattern.frac_prec = digits, digits
        number = Decimal(f"{whole.replace(',', '')}.{part or 0}")
        return str(pattern.apply(number, self.locale))


def formats_for(accepted: str, company: Formats) -> Formats:
    """Return what an Accept-Language header asks for first and Babel knows; else the company's."""
    wanted = [_weighed(one) for one in accepted[:_MOST].split(",")]
    for weight, tag in sorted(wanted, key=lambda one: -one[0]):
        if weight > 0 and (locale := _locale(tag)):
            return ReadersFormats(date_format=company.date_format, locale=locale)
    return company


def _weighed(one: str) -> tuple[float, str]:
    tag, _, weight = one.partition(";")
    try:
        return float(weight.strip().removeprefix("q=") or 1), tag.strip()
    except ValueError:
        return 0.0, tag


def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None
