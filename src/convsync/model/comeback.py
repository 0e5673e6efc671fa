"""What sales is notified about: a known person clicks an ad again, visits again, or is back."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct, field


class ComebackKind(StrEnum):
    """What somebody did who was known by then."""

    CLICKED = "clicked_again"
    VISITED = "came_back"
    RETURNED = "returned"


class Shown(StrEnum):
    """What a message may say beside that somebody is back."""

    DEAL = "deal"
    OWNER = "owner"
    STAGE = "stage"
    CAMPAIGN = "campaign"
    STEPS = "steps"


class Comeback(Struct, frozen=True, kw_only=True):
    """Something that a known person did, about the newest of their deals, by its row.

    `sign` tells it from anything else of its kind that the deal's person does. `steps` are the
    milestones reached last, as words with their days.
    """

    kind: ComebackKind
    deal: int
    at: datetime
    sign: str
    stage: str = ""
    campaign: str = ""
    steps: Sequence[str] = ()

    @property
    def digest(self) -> bytes:
        """Return 16 bytes that stand for it: it is told once."""
        told = f"{self.kind}\0{self.deal}\0{self.sign}"
        return blake2b(told.encode(), digest_size=16).digest()


class KeptComeback(Struct, frozen=True, kw_only=True):
    """A comeback as it is kept, with the deal's names and segments; `state` says whether told."""

    number: int
    kind: ComebackKind
    at: datetime
    state: str
    source: str
    deal_id: str
    said: Mapping[str, str]
    segments: Mapping[str, str] = field(default_factory=dict)


class TellTerms(Struct, frozen=True, kw_only=True):
    """What is told to sales: of which kinds, and who counts as nurtured.

    `again_after` is how long somebody must have been known before they come back. `sites` are those
    whose visitors are collected.
    """

    kinds: frozenset[ComebackKind]
    nurtured: tuple[str, ...] = ()
    again_after: timedelta = timedelta(days=1)
    sites: tuple[str, ...] = ()
    funnel: tuple[str, ...] = ()
