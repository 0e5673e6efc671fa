"""Consent of the person behind a deal. What was not said is unspecified, never granted."""

from enum import StrEnum

from msgspec import Struct


class ConsentStatus(StrEnum):
    """What a person said about one use of their data."""

    GRANTED = "granted"
    DENIED = "denied"
    UNSPECIFIED = "unspecified"


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


UNSPECIFIED = Consent()
