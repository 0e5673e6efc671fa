"""Normalised, hashed e-mail and phone: the only form in which they leave the reader of a source.

The rules are Google's current ones (Data Manager API, "Formatting guidelines", 2026-11): trim and
remove inner white space, lower-case; for gmail.com and googlemail.com alone drop the dots of the
local part and everything from a `+`; phones as E.164 with the `+`; SHA-256, lower-case hex.
https://developers.google.com/data-manager/api/devguides/concepts/formatting
"""

import re
from dataclasses import dataclass
from hashlib import sha256

import phonenumbers

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_E164 = re.compile(r"\+[1-9]\d{7,14}\Z")
_PHONE_PUNCTUATION = str.maketrans("", "", " \t\u00a0-.()/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifiers:
    """SHA-256 hex of the e-mails and phones behind a deal, without repeats, in order."""

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.emails or self.phones)


NO_IDENTIFIERS = Identifiers()


def normalised_email(raw: str) -> str | None:
    """Return an e-mail address as Google hashes it, or None where it is not one address."""
    address = "".join(raw.split()).lower()
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or "@" in local or "." not in domain.strip("."):
        return None
    if domain in _GMAIL:
        local = local.partition("+")[0].replace(".", "")
    return f"{local}@{domain}" if local else None


def normalised_phone(raw: str, region: str | None) -> str | None:
    """Return a phone number in E.164, or None where it is not a possible number.

    `region` is the ISO 3166 country whose national form is assumed where there is no `+`.
    """
    compact = raw.strip().translate(_PHONE_PUNCTUATION)
    if _E164.match(compact) and "(0)" not in raw:
        return compact
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def hashed(normalised: str) -> str:
    """Return the SHA-256 of a normalised identifier as 64 lower-case hex digits."""
    return sha256(normalised.encode()).hexdigest()
