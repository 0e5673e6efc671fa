"""A deal as its CRM has it: the milestones it reached, what it is worth, and who is behind it."""

from collections.abc import Mapping, Set
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, field, structs

from convsync.model.click import Candidate, ClickId
from convsync.model.consent import UNSPECIFIED, Consent
from convsync.model.customer import CustomerType
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.key import Key, KeyKind
from convsync.model.revenue import Takings

WON = "won"
LOST = "lost"
KNOWN_MILESTONES = ("mql", "sql", "opportunity", WON, LOST)
"""The funnel's own words; a config may add more."""


class Milestone(Struct, frozen=True, gc=False):
    """A step of the agreed funnel that a deal reached at an instant (aware UTC).

    `is_whole_day` marks a bare date: `reached_at` is then the last second of that day in the
    company's calendar, so that every click of the day counts as before it. One that `is_estimated`
    was taken from the next best stamp, because the CRM's history does not say when; `estimated_at`
    is what it was last taken for before the history said better, as far as the store knows.
    """

    name: str
    reached_at: datetime
    is_whole_day: bool = False
    is_estimated: bool = False
    estimated_at: datetime | None = None


class Merged(Struct, frozen=True):
    """A deal was merged with others; since when is known, and what all had reached by then.

    `at` is None where it is seen for the first time.
    """

    at: datetime | None = None
    milestones: tuple[Milestone, ...] = ()


class Untold(Struct, frozen=True):
    """A deal's history begins at `since`, after the deal did, or is empty: what was before is lost.

    What it still tells does not go back below the `milestones`.
    """

    since: datetime | None
    milestones: tuple[str, ...]


class EarlierSale(Struct, frozen=True, gc=False):
    """The last deal that its customer had won before another deal of theirs was made.

    `click_ids` are those that the CRM has on it.
    """

    deal_id: str
    won_at: datetime
    click_ids: frozenset[ClickId] = frozenset()


class Gone(StrEnum):
    """Why a CRM no longer has a deal."""

    DELETED = "deleted"
    MERGED = "merged"


class Deal(Struct, frozen=True, kw_only=True, gc=False):
    """One deal, lead or opportunity, as read. Times are aware UTC, currency is ISO 4217.

    `amount` and `currency` are what the CRM states: both may be missing, and an amount may be zero
    or absurd; what that means is the value rule's to say. `clicks` are those the CRM itself keeps,
    on the deal, its lead or its contacts. `consented_at` is when consent was given or refused, None
    where the CRM does not say.

    The rest is not kept with the deal. `merged` are the deals that became this one, as the CRM says
    now, and `shared` the hashes that too many deals have to mean anybody, which are then not among
    its `identifiers`. `taken_over` are the times of changes that it was given by others that were
    merged into it, `untold` what its history says no longer, `earlier_sale` what the customer
    bought before, `takings` what came in for it since. Where several people are behind the deal,
    `refused` are the keys of those who refused; None: all its keys are one person's.
    """

    source: str
    deal_id: str
    created_at: datetime | None = None
    modified_at: datetime | None = None
    milestones: tuple[Milestone, ...] = ()
    amount: Decimal | None = None
    currency: str | None = None
    clicks: tuple[Candidate, ...] = ()
    keys: tuple[Key, ...] = ()
    identifiers: Identifiers = NO_IDENTIFIERS
    consent: Consent = UNSPECIFIED
    consented_at: datetime | None = None
    customer_type: CustomerType | None = None
    segments: Mapping[str, str] = field(default_factory=dict)
    gone: Gone | None = None
    merged: tuple[str, ...] = ()
    taken_over: tuple[datetime, ...] = ()
    untold: Untold | None = None
    refused: tuple[Key, ...] | None = None
    shared: Identifiers = NO_IDENTIFIERS
    earlier_sale: EarlierSale | None = None
    takings: Takings | None = None
    row_digest: bytes = b""
    """Stands for the row it was read from, and how; empty where its source keeps none."""

    def milestone(self, name: str) -> Milestone | None:
        """Return the milestone of that name, or None where the deal has not reached it."""
        for milestone in self.milestones:
            if milestone.name == name:
                return milestone
        return None

    def with_origin(self, origin: Mapping[str, str]) -> "Deal":
        """Return the deal with where it began among its segments; its own go before that."""
        return structs.replace(self, segments={**origin, **self.segments})

    def with_shared_apart(self, shared: Set[bytes]) -> "Deal":
        """Return the deal with those of its identifiers apart whose keys have these digests."""
        who = self.identifiers
        if not (shared and who):
            return self
        emails = [one for one in who.emails if Key(KeyKind.EMAIL, one).digest() in shared]
        phones = [one for one in who.phones if Key(KeyKind.PHONE, one).digest() in shared]
        apart = Identifiers(emails=tuple(emails), phones=tuple(phones))
        return structs.replace(self, identifiers=who.without(apart), shared=apart)
