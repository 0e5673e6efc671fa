"""The snippet as a site gets it: `snippet.js` with the site's settings in it, minified.

A phone number without a `+` can only be read where the country is known, and a browser is not
handed all that phonenumbers knows: it gets what one country's numbers look like and what is dialled
before them at home, and leaves out what these do not settle. E-mails and phones as people write
them come out as by `model/identifiers.py`; one table of cases holds both to that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
import phonenumbers

from convsync.errors import OperatorError

_PLACE_OF_SETTINGS: Final = "CONVSYNC_SETTINGS"
_LONGEST_PATTERN: Final = 20
_NONE: Final = "$."
"""A pattern that matches nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnippetSettings:
    """What a site's snippet is told: where it reports, and how its forms are to be read.

    `fields` says which input means what, by its name, where it is not called as the parameter is;
    `country` is the ISO 3166 country in which its visitors write numbers without a `+`.
    """

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)
    country: str | None = None


def source() -> str:
    """Return the snippet as it is written."""
    return files(__package__).joinpath("snippet.js").read_text(encoding="utf-8")


def snippet(settings: SnippetSettings) -> str:
    """Return the script for a site. OperatorError where the minifier is not installed."""
    phone = dialled_in(settings.country)
    told = [settings.url, dict(settings.fields), *phone.values()]
    as_json = msgspec.json.encode(told).decode().replace("<", "\\u003c")  # a page may hold it
    return _minified().replace(_PLACE_OF_SETTINGS, as_json[1:-1])  # as arguments, not as an array


@cache
def _minified() -> str:
    try:
        import minify
    except ImportError as error:
        raise OperatorError(
            "The snippet cannot be minified. `pip install 'convsync[collect]'` brings what does it."
        ) from error
    return str(minify.string("text/javascript", source()))


def dialled_in(country: str | None) -> Mapping[str, str]:
    """Return how numbers are dialled within a country and abroad, in the snippet's own order.

    Countries in which what precedes a number changes it count as unknown: no number without a `+`
    is read there, but for one that begins as if dialled abroad.
    """
    rules = phonenumbers.PhoneMetadata.metadata_for_region(country) if country else None
    told = {"code": "?", "prefix": "", "abroad": _abroad(rules)}
    if not rules or rules.national_prefix_transform_rule or rules.general_desc is None:
        return {**told, "numbers": _NONE}
    prefix = rules.national_prefix_for_parsing or ""
    numbers = _numbers(rules.general_desc, home_prefix=rules.national_prefix or "")
    return {**told, "code": str(rules.country_code), "prefix": prefix, "numbers": numbers}


def _abroad(rules: phonenumbers.PhoneMetadata | None) -> str:
    """Return what is dialled before another country's code, where that is one thing."""
    if rules is None:
        return _NONE
    said = rules.preferred_international_prefix or rules.international_prefix or ""
    dialled = said.replace("~", "")  # where one waits for a tone
    return dialled if dialled.isdigit() else _NONE


def _numbers(all_of_country: phonenumbers.PhoneNumberDesc, *, home_prefix: str) -> str:
    """Return a pattern of a country's numbers: what they are, or where that is long, how long.

    A prefix that is no 0 may as well be a number's first digit, which their length does not tell.
    """
    pattern = all_of_country.national_number_pattern or ""
    if not home_prefix.startswith("0") or len(pattern) <= _LONGEST_PATTERN:
        return pattern
    return "|".join(
        _of_lengths(first, last) for first, last in _runs(all_of_country.possible_length)
    )


def _runs(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending lengths as ranges, each from its first to its last."""
    runs: list[tuple[int, int]] = []
    for length in lengths:
        if runs and runs[-1][1] == length - 1:
            runs[-1] = runs[-1][0], length
        else:
            runs.append((length, length))
    return runs


def _of_lengths(first: int, last: int) -> str:
    return f"\\d{{{first}}}" if first == last else f"\\d{{{first},{last}}}"
