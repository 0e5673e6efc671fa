"""Audiences: who belongs on which of an ad platform's lists, by a condition on deals.

A list is a set of people, not a series of events: whoever is added twice is on it once, and leaves
it with one removal. The members of a list are hashed e-mails and phones, each by itself, because a
platform matches them one by one and a removal has to name what was added.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum

from msgspec import Struct, field

from convsync.model.identifiers import Identifiers

SMALLEST_LIST = 100
"""A list of fewer members serves on none of Google's networks.

https://developers.google.com/data-manager/api/devguides/audiences/send-audience-members
"""


class Standing(StrEnum):
    """How a deal stands: won or lost, whichever came last, else open."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Condition(Struct, frozen=True, kw_only=True):
    """Which deals an audience is of. What is empty or None asks for nothing.

    A deal's stage is the furthest milestone it stands at in the order of the `funnel`, a loss
    aside. `since` and `until` are how long ago it reached the last of its milestones, a loss
    included: at least, and at most. `untouched` is how long nothing of it has changed in the CRM.
    The scores bound the chance that an open deal is won, at least and below: others have none.
    """

    states: frozenset[Standing] = frozenset()
    stages: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()
    not_reached: frozenset[str] = frozenset()
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    since: timedelta | None = None
    until: timedelta | None = None
    untouched: timedelta | None = None
    amount_at_least: Decimal | None = None
    currency: str | None = None
    score_at_least: float | None = None
    score_below: float | None = None
    funnel: tuple[str, ...] = ()

    @property
    def needs_score(self) -> bool:
        """True where the chance of a sale is asked for, which the learned values tell."""
        return self.score_at_least is not None or self.score_below is not None

    @property
    def looks_back(self) -> timedelta:
        """Return how long a deal may have been still before it first meets the condition."""
        return max(self.since or timedelta(0), self.untouched or timedelta(0))


class Audience(Struct, frozen=True, kw_only=True):
    """A condition that is kept as a list of an ad account.

    `but_not` are audiences whose deals' people are left out. Members leave the list by themselves
    once they were last added `membership_days` ago, and are added anew after half that time.
    """

    name: str
    destination: str
    condition: Condition
    display_name: str
    definition: str = ""
    but_not: tuple[str, ...] = ()
    membership_days: int = 90

    @property
    def renewed_after(self) -> timedelta:
        """Return how long after they were last added members are added anew."""
        return timedelta(days=self.membership_days) / 2

    @property
    def terms(self) -> "ListTerms":
        """Return what the platform's list is made with."""
        return ListTerms(
            display_name=self.display_name,
            description=self.definition,
            membership_days=self.membership_days,
        )


_MISSED = timedelta(days=7)
"""So many nights may be missed before somebody meets a condition too late to be known."""


def longest_wait(audiences: Sequence[Audience]) -> timedelta:
    """Return how long a deal may have been still and yet be wanted by one of these audiences."""
    return max((one.condition.looks_back + _MISSED for one in audiences), default=timedelta(0))


class ListTerms(Struct, frozen=True, kw_only=True):
    """What an ad platform's list is made with, and can be changed later."""

    display_name: str
    description: str
    membership_days: int


class Left(StrEnum):
    """Why the people behind a deal that meets a condition are not on the list."""

    FORGOTTEN = "forgotten"
    REFUSED = "refused"
    NOT_GRANTED = "not_granted"
    UNCLEAR = "unclear"
    SHARED = "shared"
    NO_IDENTIFIER = "no_identifier"
    EXCLUDED = "excluded"


LEFT_OUT: Mapping[Left, str] = {
    Left.FORGOTTEN: "The person was forgotten.",
    Left.REFUSED: "The person refused advertising with their data, or personalised advertising.",
    Left.NOT_GRANTED: "The person has not agreed to both uses of their data: ad_user_data and"
    " ad_personalization.",
    Left.UNCLEAR: "The consent field has a word that the configuration does not define.",
    Left.SHARED: "So many deals have the same e-mail or phone that it does not identify anybody.",
    Left.NO_IDENTIFIER: "Neither an e-mail nor a phone is known.",
    Left.EXCLUDED: "The person is in an audience that `but_not` names.",
}
"""Each reason in a sentence."""


class Kind(IntEnum):
    """What an identifier is the hash of."""

    EMAIL = 1
    PHONE = 2


class Listed(Struct, frozen=True, gc=False):
    """One identifier on a list, or that should be: its SHA-256, and a deal it stands on."""

    identifier: bytes
    kind: Kind
    deal: int


Member = Identifiers
"""What one member of a request is known by."""

IDENTIFIERS_OF_A_MEMBER = 10


def members_of(listed: Sequence[Listed]) -> list[Member]:
    """Return identifiers as members, those of one deal together, in the order of the deals."""
    by_deal: dict[int, list[Listed]] = {}
    for one in listed:
        by_deal.setdefault(one.deal, []).append(one)
    return [
        _member(found[first : first + IDENTIFIERS_OF_A_MEMBER])
        for found in by_deal.values()
        for first in range(0, len(found), IDENTIFIERS_OF_A_MEMBER)
    ]


def _member(listed: Sequence[Listed]) -> Member:
    return Identifiers(
        emails=tuple(one.identifier.hex() for one in listed if one.kind is Kind.EMAIL),
        phones=tuple(one.identifier.hex() for one in listed if one.kind is Kind.PHONE),
    )


def listed_of(who: Identifiers, deal: int) -> list[Listed]:
    """Return the identifiers behind a deal, as a list has them."""
    return [
        Listed(bytes.fromhex(one), kind, deal)
        for kind, hashes in ((Kind.EMAIL, who.emails), (Kind.PHONE, who.phones))
        for one in hashes
    ]


class Change(StrEnum):
    """What a request does to a list."""

    ADD = "add"
    REMOVE = "remove"


class Renewal(Struct, frozen=True, kw_only=True):
    """How many people a night adds to a list, takes off it and adds anew, and how many it has.

    `wanted` is how many meet the condition and may be on the list; `left` counts deals whose people
    are not, by the reason.
    """

    audience: str
    wanted: int = 0
    added: int = 0
    removed: int = 0
    renewed: int = 0
    left: Mapping[Left, int] = field(default_factory=dict)

    @property
    def is_large_enough(self) -> bool:
        """True where the platform shows ads to a list of this size."""
        return self.wanted >= SMALLEST_LIST
