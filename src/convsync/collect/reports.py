"""A report from a browser, checked before any of it is stored.

Anybody can write to a public endpoint, so nothing is taken on trust: an e-mail or a phone is a
SHA-256 and nothing else, and a report is refused for an ID that looks like a person, and for what
the visitor did not consent to. A refusal names the part of the report and repeats nothing of it.

A browser repeats what it has kept for 90 days. So what is merely no click (a placeholder of a
mistaken ad template, a word for nothing, a campaign that holds a number to dial) is left out, and
costs neither the other clicks nor the form.

Times arrive as ages, because a visitor's clock may be wrong: what happened so many milliseconds
before the report was sent happened so long before it was received.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from convsync.extract.cell_error import CellError
from convsync.extract.sound_ids import is_dialled, raise_if_damaged, raise_if_personal
from convsync.model.captured import captured_in
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.collected import Landing, Report
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.identifiers import HASHES_OF_NOTHING, Identifiers

MOST_BYTES: Final = 64 * 1024
"""What browsers send after a page is left, at most: https://fetch.spec.whatwg.org (keepalive)."""
_KINDS: Final = {kind.value: kind for kind in ClickIdKind}
_CAMPAIGN: Final = re.compile(r"utm_[A-Za-z0-9_]{1,60}\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_LONGEST_NAME: Final = 80

_Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
_Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
_YEARS: Final = 20 * 366 * 86_400_000
_Age = Annotated[int, Meta(ge=-_YEARS, le=_YEARS)]
"""Milliseconds; below zero where a visitor's clock was put back since."""
_OLDEST: Final = timedelta(days=91)
_Said = Literal["granted", "denied"]
_Value = Annotated[str, Meta(min_length=1, max_length=512)]


class _Consent(Struct, forbid_unknown_fields=True):
    age: _Age
    source: Literal["default", "update", "site"]
    ad_storage: _Said | None = None
    ad_user_data: _Said | None = None
    ad_personalization: _Said | None = None


class _Landing(Struct, forbid_unknown_fields=True):
    age: _Age
    values: Annotated[dict[str, _Value], Meta(min_length=1, max_length=30)]


class _Report(Struct, forbid_unknown_fields=True):
    id: _Hex
    visitor: _Hex
    consent: _Consent
    landings: Annotated[list[_Landing], Meta(max_length=50)] = []
    form: Annotated[str, Meta(max_length=1_000)] | None = None
    identifiers: Annotated[list[tuple[Literal["email", "phone"], _Hash]], Meta(max_length=40)] = []


_DECODER: Final = msgspec.json.Decoder(_Report)


class RefusedReportError(Exception):
    """A report of which nothing is kept. The message says why, without its content."""


def report_in(body: bytes, *, site: str, country: str | None, received_at: datetime) -> Report:
    """Return what a browser reported; RefusedReportError for anything that is not a sound report.

    `country` is the one in which a number may be somebody's phone.
    """
    try:
        said = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        place = str(error).partition(" - at ")[2]
        raise RefusedReportError(
            f"the report is not as the snippet writes it{place and f', at {place}'}"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RefusedReportError("the report is not JSON") from None
    _raise_unless_consented(said)
    consent = said.consent
    return Report(
        id=bytes.fromhex(said.id),
        site=site,
        received_at=received_at,
        visitor=said.visitor,
        ad_storage=_status(consent.ad_storage),
        consent=Consent(
            ad_user_data=_status(consent.ad_user_data),
            ad_personalization=_status(consent.ad_personalization),
        ),
        consented_at=_before(received_at, consent.age),
        consent_source=consent.source,
        form=None if said.form is None else _form(said.form),
        landings=tuple(
            _landing(one.values, at, country)
            for one in said.landings
            if received_at - (at := _before(received_at, one.age)) <= _OLDEST
        ),
        identifiers=_identifiers(said.identifiers),
    )


def _raise_unless_consented(said: _Report) -> None:
    has_content = said.landings or said.form is not None or said.identifiers
    if has_content and said.consent.ad_storage != "granted":
        raise RefusedReportError("clicks and forms are reported without consent to ad_storage")
    if said.identifiers and said.consent.ad_user_data != "granted":
        raise RefusedReportError("identifiers are reported without consent to ad_user_data")


def _status(said: _Said | None) -> ConsentStatus:
    return ConsentStatus.UNSPECIFIED if said is None else ConsentStatus(said)


def _before(received_at: datetime, age: int) -> datetime:
    return received_at - timedelta(milliseconds=max(age, 0))


def _form(name: str) -> str:
    """Return a form's name as a label, whatever a page calls its form."""
    return _NOT_IN_A_NAME.sub("_", name)[:_LONGEST_NAME]


def _landing(values: Mapping[str, str], at: datetime, country: str | None) -> Landing:
    click_ids = []
    campaign = {}
    for name, value in values.items():
        if kind := _KINDS.get(name):
            click_ids += _click_ids(kind, value, country)
        elif not _CAMPAIGN.match(name):
            raise RefusedReportError("a landing has a parameter that the snippet does not read")
        elif not (_is_personal(value, country) or _CONTROL.search(value)):
            campaign[name] = value
    return Landing(at=at, click_ids=tuple(click_ids), campaign=campaign)


def _click_ids(kind: ClickIdKind, value: str, country: str | None) -> list[ClickId]:
    """Return the one click ID that stands there, or none."""
    try:
        raise_if_personal(value, country)
    except CellError as error:
        raise RefusedReportError(f"{kind.value} {error}") from None
    try:
        raise_if_damaged(value)
    except CellError:
        return []
    found = [one.click_id for one in captured_in(kind, value)]
    is_one = len(found) == 1 and found[0].kind is kind and not _CONTROL.search(found[0].value)
    return found if is_one else []


def _is_personal(value: str, country: str | None) -> bool:
    return "@" in value or "%40" in value or is_dialled(value, country)


def _identifiers(said: list[tuple[Literal["email", "phone"], str]]) -> Identifiers:
    def of(kind: str) -> tuple[str, ...]:
        hashes = dict.fromkeys(hash_ for one, hash_ in said if one == kind)
        return tuple(hash_ for hash_ in hashes if hash_ not in HASHES_OF_NOTHING)

    return Identifiers(emails=of("email"), phones=of("phone"))
