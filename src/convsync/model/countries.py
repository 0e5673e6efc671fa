"""Which country a cell names: by its two-letter code, or by its name in the languages people use.

Names are those that `phonenumbers` ships with its area codes, in some thirty languages, and a few
that CRMs offer beside them. A name that two countries share in different languages means neither.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from phonenumbers import SUPPORTED_REGIONS

_AS_WELL: Final[Mapping[str, str]] = {
    "UK": "GB",
    "Great Britain": "GB",
    "England": "GB",
    "Scotland": "GB",
    "Wales": "GB",
    "Northern Ireland": "GB",
    "United Kingdom of Great Britain and Northern Ireland": "GB",
    "USA": "US",
    "United States of America": "US",
    "Holland": "NL",
    "The Netherlands": "NL",
    "Czechia": "CZ",
    "Korea, Republic of": "KR",
    "Republic of Korea": "KR",
    "Korea, South": "KR",
    "Russian Federation": "RU",
    "Türkiye": "TR",
    "Viet Nam": "VN",
    "Republic of Ireland": "IE",
    "United Arab Emirates (UAE)": "AE",
    "UAE": "AE",
    "BRD": "DE",
    "Hong Kong SAR": "HK",
    "Mainland China": "CN",
    "People's Republic of China": "CN",
    "North Macedonia": "MK",
    "Macedonia, the former Yugoslav Republic of": "MK",
    "Moldova, Republic of": "MD",
    "Iran, Islamic Republic of": "IR",
    "Tanzania, United Republic of": "TZ",
    "Taiwan, Province of China": "TW",
    "Venezuela, Bolivarian Republic of": "VE",
    "Bolivia, Plurinational State of": "BO",
}  # fmt: skip
"""Names in use beside those of `phonenumbers`: everyday ones, and ISO 3166's of picklists."""


def country_named(text: str) -> str | None:
    """Return the ISO 3166 two-letter code of the country that a text names, None for no country."""
    code = text.upper()
    return code if code in SUPPORTED_REGIONS else _by_name().get(_folded(text))


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, str]:
    """Return countries by their folded names; loaded where a cell is no code, for it takes time."""
    meant: defaultdict[str, set[str]] = defaultdict(set)
    for name, region in _names():
        meant[_folded(name)].add(region)
    certain = {name: regions.pop() for name, regions in meant.items() if len(regions) == 1}
    return {**certain, **{_folded(name): region for name, region in _AS_WELL.items()}}


def _names() -> Iterator[tuple[str, str]]:
    from phonenumbers.geodata.locale import LOCALE_DATA

    for region, by_language in LOCALE_DATA.items():
        if region in SUPPORTED_REGIONS:
            for name in by_language.values():
                if not name.startswith("*"):  # the name of another language is meant
                    yield name, region


def _folded(name: str) -> str:
    """Return a name without case, accents, spaces and signs."""
    parts = unicodedata.normalize("NFKD", name).casefold()
    return "".join(char for char in parts if char.isalnum())
