"""Consent of the person behind a deal. What is not known is unspecified, never granted.

A word that the configuration does not map may be a refusal in other words. It is unclear, which
is less than unspecified: nothing of the deal goes out until somebody says what the word means. Of
somebody who was forgotten nothing goes out any more, whatever the CRM says of them.
"""

from enum import StrEnum

from msgspec import Struct


class ConsentStatus(StrEnum):
    """What a person said about one use of their data."""

    GRANTED = "granted"
    DENIED = "denied"
    UNSPECIFIED = "unspecified"
    UNCLEAR = "unclear"
    FORGOTTEN = "forgotten"


class Consent(Struct, frozen=True, kw_only=True):
    """Consent for sending user data to the ad platform, and for personalised advertising."""

    ad_user_data: ConsentStatus = ConsentStatus.UNSPECIFIED
    ad_personalization: ConsentStatus = ConsentStatus.UNSPECIFIED

    @property
    def is_denied(self) -> bool:
        """True where the person refused that their data goes to the ad platform."""
        return self.ad_user_data is ConsentStatus.DENIED

    @property
    def is_granted(self) -> bool:
        """True where the person agreed that their data goes to the ad platform."""
        return self.ad_user_data is ConsentStatus.GRANTED

    @property
    def is_unclear(self) -> bool:
        """True where the person said something about consent, and nobody said what it means."""
        return ConsentStatus.UNCLEAR in (self.ad_user_data, self.ad_personalization)

    @property
    def is_forgotten(self) -> bool:
        """True where the person was forgotten, by `convsync forget`."""
        return self.ad_user_data is ConsentStatus.FORGOTTEN


UNSPECIFIED = Consent()
FORGOTTEN = Consent(
    ad_user_data=ConsentStatus.FORGOTTEN, ad_personalization=ConsentStatus.FORGOTTEN
)
