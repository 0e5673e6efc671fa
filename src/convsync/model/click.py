"""Ad clicks and the IDs that ad networks give them.

A click ID is opaque: a network changes its length and alphabet, and its case matters, so it is kept
byte for byte and never judged by its shape. What wraps an ID is known and is taken off: a landing
URL, and the `<gclid>:G:s` form of Search Ads 360's `ef_id`.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum, StrEnum
from urllib.parse import unquote_plus

from msgspec import Struct

from convsync.model.key import Key


class ClickIdKind(StrEnum):
    """The query parameter a click ID came in, in order of preference for one click.

    Google's three, then Microsoft's, Meta's, LinkedIn's and TikTok's. A rule is credited only with
    kinds that its destination takes.
    """

    GCLID = "gclid"
    WBRAID = "wbraid"
    GBRAID = "gbraid"
    MSCLKID = "msclkid"
    FBCLID = "fbclid"
    LI_FAT_ID = "li_fat_id"
    TTCLID = "ttclid"


class ClickId(Struct, frozen=True):
    """A click ID of one network, exactly as captured."""

    kind: ClickIdKind
    value: str


class Click(Struct, frozen=True, kw_only=True):
    """One ad click.

    `clicked_at` is the earliest instant the ID was seen at (a session that comes back on an old ID
    is later than its click), None where nothing tells the time. `is_whole_day` marks a click known
    only by its day; `clicked_at` is then the start of that day.
    """

    click_id: ClickId
    clicked_at: datetime | None
    is_whole_day: bool = False


class Sighting(Struct, frozen=True, kw_only=True):
    """Click IDs seen together at an instant, on a landing or in a log, and who they belong to.

    `is_whole_day` marks a bare date; `seen_at` is then the start of that day, in UTC as always.
    """

    click_ids: tuple[ClickId, ...]
    seen_at: datetime | None
    is_whole_day: bool = False
    keys: tuple[Key, ...] = ()


class MatchBasis(IntEnum):
    """How a click was found. The order is the order in which matching prefers them."""

    DEAL = 1
    LEAD = 2
    CONTACT = 3
    KEY = 4
    IDENTIFIER = 5


class Candidate(Struct, frozen=True):
    """A click that may be the one a deal began with, and how it was found."""

    click: Click
    basis: MatchBasis


def click_ids_in_url(url: str) -> Iterator[ClickId]:
    """Yield every click ID a landing URL carries, in the URL's order, without repeats.

    Values keep their case and characters; only percent-encoding is undone. A `+` stays a `+`-for-
    space of a query, which no click ID contains. Fragments are read too: single-page sites move the
    query there.
    """
    seen: set[ClickId] = set()
    for name, value in _parameters(url):
        for click_id in _click_ids(name, value):
            if click_id not in seen:
                seen.add(click_id)
                yield click_id


def unwrapped(value: str) -> str:
    """Return a bare click ID of an `ef_id` value, `<gclid>:G:s` (Search Ads 360), else as it is."""
    click_id, separator, _ = value.partition(":G:")
    return click_id if separator else value


_KIND_OF = {kind.value: kind for kind in ClickIdKind}


def _click_ids(name: str, value: str) -> Iterator[ClickId]:
    if not value:
        return
    if kind := _KIND_OF.get(name):
        yield ClickId(kind, unwrapped(value))
    elif name == "ef_id" and ":G:" in value:
        yield ClickId(ClickIdKind.GCLID, unwrapped(value))


def _parameters(url: str) -> Iterator[tuple[str, str]]:
    for separator in "?#;":
        url = url.replace(separator, "&")
    for part in url.split("&"):
        name, equals, value = part.partition("=")
        if equals:
            yield name.strip().lower(), unquote_plus(value).strip()
