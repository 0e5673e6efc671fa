"""What a visitor's browser reported: where it landed, by which clicks, and which form was sent."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from convsync.model.click import ClickId, Sighting
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.key import Key, KeyKind


class Landing(Struct, frozen=True):
    """A visit that came with click IDs or UTM parameters, or a cookie that tells of a click."""

    at: datetime
    click_ids: tuple[ClickId, ...] = ()
    campaign: Mapping[str, str] = {}


class Report(Struct, frozen=True, kw_only=True):
    """One report of the snippet: a form that was sent, or a consent that was taken back.

    `visitor` is the random ID that a browser keeps. `consented_at` and `consent_source` say when
    and how the site was told of the consent as it stands here.
    """

    id: bytes
    site: str
    received_at: datetime
    visitor: str
    ad_storage: ConsentStatus
    consent: Consent
    consented_at: datetime
    consent_source: str
    form: str | None = None
    landings: tuple[Landing, ...] = ()
    identifiers: Identifiers = NO_IDENTIFIERS

    @property
    def keys(self) -> tuple[Key, ...]:
        """Return what joins the clicks to deals: the visitor, and who filled in the form."""
        return (
            Key(KeyKind.VISITOR, self.visitor),
            *(Key(KeyKind.EMAIL, email) for email in self.identifiers.emails),
            *(Key(KeyKind.PHONE, phone) for phone in self.identifiers.phones),
        )

    @property
    def sightings(self) -> Iterator[Sighting]:
        """Yield the clicks, each at the time of its landing."""
        for landing in self.landings:
            if landing.click_ids:
                yield Sighting(click_ids=landing.click_ids, seen_at=landing.at, keys=self.keys)
