"""Normalised, hashed e-mail and phone: the only form in which they leave the reader of a source.

Deals and clicks are joined by hashes of Google's form, whichever platform they are reported to.
Some platforms find people by the address as it stands and by a phone's digits alone (Form.PLAIN).
Where a company reports to one, its sources pair each hash with the plain one: later nothing could.

Google's current rules (Data Manager API, "Formatting guidelines", 2026-11): trim and remove inner
white space, lower-case; for gmail.com and googlemail.com alone drop the dots of the local part and
everything from a `+`; phones as E.164 with the `+`; SHA-256, lower-case hex.
https://developers.google.com/data-manager/api/devguides/concepts/formatting

A phone without a `+` is one of its country's, unless only a `+` before it makes it a valid number,
or makes it one of that country's: 4915112345678 in Germany is a mobile, not Juist (04915) without
its zero. A spreadsheet's `'` and `.0` are no part of it, however its digits are grouped. One in
which a letter stands for a digit (`O` for 0) is none: it would be somebody else's.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from unicodedata import normalize

import phonenumbers
from msgspec import Struct

_NOBODY = frozenset(
    f"{no}{between}{thing}"
    for no in ("no", "not")
    for between in ("", "-", "_", ".")
    for thing in ("email", "mail", "provided", "given", "available", "reply")
) | {"none", "unknown", "undefined", "null", "na", "n/a", "donotreply", "do-not-reply", "dummy"}
"""Mailboxes that stand where no address was known: whoever shares one shares nothing."""
_NOBODYS_DOMAINS = (".invalid", ".localhost")
"""Domains that are nobody's; Salesforce puts `.invalid` behind the addresses of its sandboxes."""
_ONE_DIGIT = re.compile(r"([0-9])\1*\Z")
_IN_A_ROW = frozenset(
    {"12345678", "123456789", "1234567890", "0123456789", "01234567890", "987654321", "9876543210"}
)
_ENDS_IN_A_ROW = frozenset({"78", "89", "90", "10", "21"})
_FOR_A_DIGIT = re.compile(r"[0-9][ ./-]?[OoIl](?![A-Za-z])|(?<![A-Za-z])[OoIl][ ./-]?[0-9]{2}")
_REMARK = re.compile(r"\s*\([^()0-9]*\)\Z")
_LINK = re.compile(r"(?:https?://)?wa\.me/\+?(?=[0-9])", re.IGNORECASE)
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_ADDRESS = re.compile(
    r"([^\s\x00-\x1f\x7f\ud800-\udfff@\"(),:;<>\[\\\]]+)"
    r"@([^\W_][\w.-]*\.[\w-]*[^\W_])\Z"
)
_E164 = re.compile(r"\+[1-9][0-9]{7,14}\Z")
_DIGITS = re.compile(r"[0-9]{4,17}\Z")
_SHORTEST_E164 = 8
_AS_A_NUMBER = re.compile(r"\A([^0-9]*(?:[0-9][^0-9]*){5,}[0-9])\.0\Z")
_PHONE_PUNCTUATION = str.maketrans("", "", " \t\u00a0-.()/")


class Identifiers(Struct, frozen=True, kw_only=True, gc=False):
    """SHA-256 hex of the e-mails and phones behind a deal, without repeats, in order.

    `plain` pairs some of them with the hash of the same address or number in Form.PLAIN: where that
    is another one, and a platform of the company finds people by it.
    """

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    plain: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.emails or self.phones)

    def without(self, other: "Identifiers") -> "Identifiers":
        """Return those that are not among others."""
        apart = {*other.emails, *other.phones}
        return Identifiers(
            emails=tuple(one for one in self.emails if one not in other.emails),
            phones=tuple(one for one in self.phones if one not in other.phones),
            plain=tuple(pair for pair in self.plain if pair[0] not in apart),
        )


NO_IDENTIFIERS = Identifiers()


class Form(StrEnum):
    """In which form an address or a number is hashed.

    GOOGLE: see the module. PLAIN: an address in lower case without the space around it, with its
    dots and what follows a `+`; of a phone the digits alone, the country's code first.
    """

    GOOGLE = "google"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class HashForms:
    """By which hashes a platform finds people; None: it takes none of that kind.

    An address that is paired with no plain hash is the same in both forms; a phone never is.
    """

    emails: Form | None = Form.GOOGLE
    phones: Form | None = Form.GOOGLE

    def of(self, who: Identifiers) -> Identifiers:
        """Return the hashes of these people that the platform takes."""
        if not who.plain and self == GOOGLES_FORMS:
            return who
        plain = dict(who.plain)
        emails = {
            None: (),
            Form.GOOGLE: who.emails,
            Form.PLAIN: [plain.get(one, one) for one in who.emails],
        }
        phones = {
            None: (),
            Form.GOOGLE: who.phones,
            Form.PLAIN: [plain[one] for one in who.phones if one in plain],
        }
        return Identifiers(
            emails=tuple(dict.fromkeys(emails[self.emails])),
            phones=tuple(dict.fromkeys(phones[self.phones])),
        )


GOOGLES_FORMS = HashForms()


def normalised_email(raw: str) -> str | None:
    """Return an e-mail address as Google hashes it, or None where it is not one address.

    Quoted local parts, comments and addresses of bare hosts are none: nobody signs in with them.
    """
    address = "".join(raw.split()).lower()
    if not (parts := _ADDRESS.match(address)):
        return None
    local, domain = parts.groups()
    if local in _NOBODY or ".." in domain or domain.endswith(_NOBODYS_DOMAINS):
        return None
    if domain not in _GMAIL:
        return address
    mailbox = local.partition("+")[0].replace(".", "")
    return f"{mailbox}@{domain}" if mailbox else None


def normalised_phone(raw: str, region: str | None) -> str | None:
    """Return a phone number in E.164, or None where it is not a possible number.

    `region` is the ISO 3166 country whose national form is assumed where there is no `+`.
    """
    if _E164.match(raw) and _is_as_dialled_abroad(raw):  # as most are written
        return raw
    raw = raw.removeprefix('="').strip(" '\"")
    raw = _AS_A_NUMBER.sub(r"\1", raw) if raw.endswith(".0") else raw
    if not (raw.isascii() and raw[-1:].isdigit() and raw[:1] in "+0123456789("):
        raw = _REMARK.sub("", _LINK.sub("+", normalize("NFKC", raw)))
    if _FOR_A_DIGIT.search(raw):
        return None
    compact = raw if _E164.match(raw) else raw.translate(_PHONE_PUNCTUATION)
    if _E164.match(compact) and _is_as_dialled_abroad(compact):
        return compact
    if region and _DIGITS.match(compact):
        found = _without_its_plus(compact, region) or _dialled_at_home(compact, region)
        if found:
            return found
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_nobodys_number(raw: str) -> bool:
    """True for one digit over and over, or all in a row, as is typed where no number was known."""
    ends_in_two = raw[-2:-1].isdigit() and raw[-1].isdigit() and raw[-2] != raw[-1]
    if ends_in_two and raw[-2:] not in _ENDS_IN_A_ROW:  # as most do, seen at a fraction of the cost
        return False
    digits = raw.translate(_PHONE_PUNCTUATION)
    return digits in _IN_A_ROW or bool(_ONE_DIGIT.match(digits))


def _without_its_plus(digits: str, region: str) -> str | None:
    """Return in E.164 what is valid with a `+` before it, and is the region's then or only then."""
    international = digits.removeprefix("00")
    if digits.startswith("011") and _valid(digits, region) is None:  # as dialled from the US
        international = digits.removeprefix("011")
    if international.startswith("0") or len(international) < _SHORTEST_E164:
        return None
    number = _valid(f"+{international}", None)
    if number is None:
        return None
    is_at_home = number.country_code == phonenumbers.country_code_for_region(region)
    if not is_at_home and _valid(digits, region) is not None:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _valid(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _is_as_dialled_abroad(compact: str) -> bool:
    """Return whether a `+` number is possible and holds nothing that is only dialled at home.

    Of `+44 (0)7700 900123` the 0 must go. What this affirms, phonenumbers would return unchanged at
    fifty times the cost.
    """
    if (rules := _rules_of_code_in(compact[1:4])) is None:
        return False
    digits_of_code, lengths, home_prefix = rules
    national = compact[1 + digits_of_code :]
    return len(national) in lengths and not (home_prefix and home_prefix.match(national))


_AbroadRules = tuple[frozenset[int], re.Pattern[str] | None]


@cache
def _rules_of_code_in(first_digits: str) -> tuple[int, *_AbroadRules] | None:
    """Return the rules of the country whose code three digits begin with, and its code's length."""
    for length in (1, 2, 3):
        if rules := _abroad_rules(first_digits[:length]):
            return length, *rules
    return None


@cache
def _abroad_rules(country_code: str) -> _AbroadRules | None:
    """Return how long a country's numbers are, and what may precede them at home."""
    code = int(country_code)
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ("ZZ",))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0])
    if metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    lengths = frozenset(metadata.general_desc.possible_length)
    return lengths, re.compile(prefix) if prefix else None


def _dialled_at_home(compact: str, region: str) -> str | None:
    """Return in E.164 what is plainly a number as dialled within its country, None for any other.

    What this returns, phonenumbers would return at thirty times the cost.
    """
    home = _home_rules(region)
    if home is None or home.leads_elsewhere.match(compact):
        return None
    prefix = home.prefix.match(compact) if home.prefix else None
    if prefix and home.may_be_whole.fullmatch(compact):
        return None
    national = compact[prefix.end() :] if prefix else compact
    return f"+{home.country_code}{national}" if len(national) in home.lengths else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _HomeRules:
    """How numbers are dialled within a region, and what a number there may begin with but a prefix.

    `leads_elsewhere` finds numbers that begin as if dialled abroad, `may_be_whole` those in which
    the prefix may be a part of the number.
    """

    country_code: str
    prefix: re.Pattern[str] | None
    leads_elsewhere: re.Pattern[str]
    may_be_whole: re.Pattern[str]
    lengths: frozenset[int]


@cache
def _home_rules(region: str) -> _HomeRules | None:
    """Return the rules of a region, None where what precedes a number there changes it."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.national_prefix_transform_rule:
        return None
    numbers, prefix = metadata.general_desc, metadata.national_prefix_for_parsing
    of_code = _abroad_rules(str(metadata.country_code))
    if numbers is None or of_code is None or (prefix and re.compile(prefix).groups):
        return None
    return _HomeRules(
        country_code=str(metadata.country_code),
        prefix=re.compile(prefix) if prefix else None,
        leads_elsewhere=re.compile(f"{metadata.country_code}|{metadata.international_prefix}"),
        may_be_whole=re.compile(numbers.national_number_pattern or ""),
        lengths=of_code[0] & set(numbers.possible_length),
    )


HASH_LENGTH = 64
_HASHES = re.compile(r"[0-9A-Fa-f]{64}(?:[;,|\s]+[0-9A-Fa-f]{64})*\Z")


def hashes_in(text: str) -> list[str]:
    """Return the SHA-256 hashes that a text consists of, in lower case; none for any other text."""
    return re.split(r"[;,|\s]+", text.lower()) if _HASHES.match(text) else []


def hashed(normalised: str) -> str:
    """Return the SHA-256 of a normalised identifier as 64 lower-case hex digits."""
    return sha256(normalised.encode()).hexdigest()


HASHES_OF_NOTHING = frozenset(
    hashed(word) for word in ("", " ", "null", "none", "undefined", "nan", "n/a", "0", "-")
)
"""What a column of hashes holds where somebody hashed an empty field: nobody."""
