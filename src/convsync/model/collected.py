"""What a visitor's browser reported: where it landed, by which clicks, and which form was sent."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from convsync.model.click import ClickId, Sighting
from convsync.model.consent import Consent, ConsentStatus, Purpose, Said
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.key import Key, KeyKind
from convsync.model.seen_clicks import digests_of_ids

_DEFAULT = "default"
"""How a site is told of the consent that it presumes before it has asked: gtag's word."""


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
    def digests(self) -> Iterator[bytes]:
        """Yield the digests of all that leads to the visitor: keys, and click IDs as keys."""
        yield from (key.digest() for key in self.keys)
        for landing in self.landings:
            for click_id in landing.click_ids:
                yield from digests_of_ids(click_id.kind, [click_id.value])

    @property
    def statements(self) -> list[Said]:
        """Return what the visitor said of each use.

        What was left open is no statement, and neither is a site's default of "denied": that holds
        until somebody is asked, and nobody was.
        """
        unsaid = {ConsentStatus.UNSPECIFIED}
        if self.consent_source == _DEFAULT:
            unsaid.add(ConsentStatus.DENIED)
        by_purpose = {
            Purpose.AD_STORAGE: self.ad_storage,
            Purpose.AD_USER_DATA: self.consent.ad_user_data,
            Purpose.AD_PERSONALIZATION: self.consent.ad_personalization,
        }
        return [
            Said(
                purpose=purpose,
                status=status,
                said_at=self.consented_at,
                source=self.site,
                record=self.visitor,
                how=self.consent_source,
            )
            for purpose, status in by_purpose.items()
            if status not in unsaid
        ]

    @property
    def sightings(self) -> Iterator[Sighting]:
        """Yield the clicks, each at the time of its landing."""
        for landing in self.landings:
            if landing.click_ids:
                yield Sighting(click_ids=landing.click_ids, seen_at=landing.at, keys=self.keys)
