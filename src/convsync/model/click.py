"""Ad clicks and the IDs that ad networks give them.

A click ID is opaque: a network changes its length and alphabet, and its case matters, so it is kept
byte for byte and never judged by its shape. What wraps an ID is opened by `model/captured.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum

from msgspec import Struct

from convsync.model.key import Key, KeyKind


class ClickIdKind(StrEnum):
    """The query parameter a click ID came in, in order of preference for one click.

    Google's three, then Microsoft's, Meta's, LinkedIn's and TikTok's. FB_LEAD_ID comes in none: it
    is Meta's ID of a lead that was given on an instant form of an ad, and stands for its click. A
    rule is credited only with kinds that its destination takes.
    """

    GCLID = "gclid"
    WBRAID = "wbraid"
    GBRAID = "gbraid"
    MSCLKID = "msclkid"
    FB_LEAD_ID = "fb_lead_id"
    FBCLID = "fbclid"
    LI_FAT_ID = "li_fat_id"
    TTCLID = "ttclid"


class ClickId(Struct, frozen=True, gc=False):
    """A click ID of one network, exactly as captured."""

    kind: ClickIdKind
    value: str


class Click(Struct, frozen=True, kw_only=True, gc=False):
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
    `clicked_at` is when an ID was clicked where its cookie says so, which nothing knows better.
    """

    click_ids: tuple[ClickId, ...]
    seen_at: datetime | None
    is_whole_day: bool = False
    clicked_at: Mapping[ClickId, datetime] = {}
    keys: tuple[Key, ...] = ()


class MatchBasis(IntEnum):
    """How a click was found, or IDENTIFIER where consented hashes stand in for one.

    A click that is found in several ways is noted with the first of these. Which click counts is
    decided by `rank`: a CRM ID is no better than a visitor's, nor an e-mail than a phone.
    """

    DEAL = 1
    LEAD = 2
    CONTACT = 3
    CRM = 4
    VISITOR = 5
    EMAIL = 6
    PHONE = 7
    IDENTIFIER = 8
    PERSON = 9

    @property
    def rank(self) -> int:
        """Return the place in the order in which matching prefers clicks; the least goes first."""
        return _RANKS[self]


_RANKS = {basis: basis.value for basis in MatchBasis} | {
    MatchBasis.VISITOR: MatchBasis.CRM.value,
    MatchBasis.PHONE: MatchBasis.EMAIL.value,
    MatchBasis.IDENTIFIER: MatchBasis.EMAIL.value,
}


BASIS_OF = {
    KeyKind.CLICK: MatchBasis.DEAL,
    KeyKind.CRM: MatchBasis.CRM,
    KeyKind.VISITOR: MatchBasis.VISITOR,
    KeyKind.EMAIL: MatchBasis.EMAIL,
    KeyKind.PHONE: MatchBasis.PHONE,
}
"""How a click is found by each kind of key."""


class Candidate(Struct, frozen=True, gc=False):
    """A click that may be the one a deal began with, and how it was found."""

    click: Click
    basis: MatchBasis
