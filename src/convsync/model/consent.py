"""Consent of the person behind a deal. What is not known is unspecified, never granted.

A word that the configuration does not map may be a refusal in other words. It is unclear, which
is less than unspecified: nothing of the deal goes out until somebody says what the word means. Of
somebody who was forgotten nothing goes out any more, whatever the CRM says of them.

What a person says reaches convsync in several places: a CRM's field, a column, the site. Which of
two statements holds is settled here, for each use of their data by itself:

- The later one, by the time at which it was made; of two at once, the refusal.
- A statement without a time: a refusal counts as the latest, a consent as the earliest.
- A refusal without a time that stood in its record from the first speaks of that record alone: it
  is heard of no key (`consenting`).
- Somebody known by several keys (an e-mail, a phone, a browser) refused if the statement that holds
  of any one of them is a refusal. Through the other deals of a customer refusals alone are handed
  on: what a colleague agreed to is no consent of theirs.
- Between that and what the deal's own record says, again the later one.
- Whoever refuses `ad_storage` refuses `ad_user_data` with it: a click ID that a browser should not
  have kept is not to be reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct, structs


class ConsentStatus(StrEnum):
    """What a person said about one use of their data."""

    GRANTED = "granted"
    DENIED = "denied"
    UNSPECIFIED = "unspecified"
    UNCLEAR = "unclear"
    FORGOTTEN = "forgotten"


class Purpose(StrEnum):
    """What a person's data may be used for, by Google's names of the signals."""

    AD_STORAGE = "ad_storage"
    AD_USER_DATA = "ad_user_data"
    AD_PERSONALIZATION = "ad_personalization"


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


class Said(Struct, frozen=True, kw_only=True, gc=False):
    """What a person said about one use of their data: when, and where it was said.

    `said_at` is None where nobody knows the time. `source` is a source's name or a site's, `record`
    the deal or the visitor there, and `how` tells of a site by which signal it was said.
    """

    purpose: Purpose
    status: ConsentStatus
    said_at: datetime | None
    source: str
    record: str = ""
    how: str = ""

    @property
    def is_refusal(self) -> bool:
        """True where the person refused."""
        return self.status is ConsentStatus.DENIED


SaidByKey = Mapping[bytes, Sequence[Said]]
"""What was said, by the digests of the keys of whoever said it."""

ABOUT = {
    Purpose.AD_USER_DATA: (Purpose.AD_USER_DATA, Purpose.AD_STORAGE),
    Purpose.AD_PERSONALIZATION: (Purpose.AD_PERSONALIZATION,),
}
"""For each use that an ad platform asks about, the statements that decide on it."""
_ANSWERS = {ConsentStatus.GRANTED, ConsentStatus.DENIED}
_EVER = datetime.max.replace(tzinfo=UTC)
_NEVER = datetime.min.replace(tzinfo=UTC)


def statements_of(consent: Consent, said_at: datetime | None, **where: str) -> list[Said]:
    """Return what a record says, as statements; what it leaves open is none."""
    by_purpose = {
        Purpose.AD_USER_DATA: consent.ad_user_data,
        Purpose.AD_PERSONALIZATION: consent.ad_personalization,
    }
    return [
        Said(purpose=purpose, status=status, said_at=said_at, **where)
        for purpose, status in by_purpose.items()
        if status in _ANSWERS
    ]


def holding(statements: Iterable[Said]) -> Said | None:
    """Return which of a person's statements about one use holds, None where there is none."""
    return max(statements, key=_weight, default=None)


def _weight(said: Said) -> tuple[datetime, bool]:
    return said.said_at or (_EVER if said.is_refusal else _NEVER), said.is_refusal


def decisive(purpose: Purpose, own: Sequence[Said], others: SaidByKey) -> Said | None:
    """Return the statement that decides on one use of the data of whoever is behind a deal.

    `own` is what the deal's own record says, `others` what was said of its keys anywhere.
    """
    of_keys = [
        found
        for said in others.values()
        if (found := holding(one for one in said if _decides(one, purpose)))
    ]
    refusals = [one for one in of_keys if one.is_refusal]
    elsewhere = holding(refusals or of_keys)
    itself = [one for one in own if one.purpose is purpose]
    return holding([*itself, *([elsewhere] if elsewhere else [])])


def refusals_that_hold(said: SaidByKey) -> dict[bytes, list[Said]]:
    """Return of each key the refusals that no later statement of that key has taken back."""
    found: dict[bytes, list[Said]] = {}
    for key, of_key in said.items():
        holds = [decisive(purpose, (), {key: of_key}) for purpose in ABOUT]
        if refusals := [one for one in holds if one is not None and one.is_refusal]:
            found[key] = refusals
    return found


def _decides(said: Said, purpose: Purpose) -> bool:
    """A consent to `ad_storage` is none to anything else."""
    is_about = said.purpose in ABOUT[purpose] and said.status in _ANSWERS
    return is_about and (said.purpose is purpose or said.is_refusal)


def consent_with(own: Consent, said_at: datetime | None, others: SaidByKey) -> Consent:
    """Return the consent of whoever is behind a deal, by what was said in all places.

    `own` is what the deal's own record says, since `said_at`. A word there that nobody has mapped
    yields to a refusal alone, and somebody who was forgotten stays so.
    """
    if own.is_forgotten or not others:
        return own
    itself = statements_of(own, said_at, source="")
    return structs.replace(
        own,
        ad_user_data=_status(own.ad_user_data, decisive(Purpose.AD_USER_DATA, itself, others)),
        ad_personalization=_status(
            own.ad_personalization, decisive(Purpose.AD_PERSONALIZATION, itself, others)
        ),
    )


def _status(own: ConsentStatus, said: Said | None) -> ConsentStatus:
    if said is None or (own is ConsentStatus.UNCLEAR and not said.is_refusal):
        return own
    return said.status
