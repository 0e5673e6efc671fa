"""Reads what one record says of whoever stands behind a deal: clicks, keys, identifiers, consent.

A row of an export is one such record; a deal of a CRM has one of its own, and one for each contact
and lead. Whoever is behind a deal and refused, refused for the deal: one denial outweighs every
consent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, product
from typing import Generic, NamedTuple, TypeVar

from convsync.extract.cells import CellReader
from convsync.extract.layout import Layout
from convsync.extract.mapping import PersonColumns, RecordFields, bare_columns
from convsync.extract.timestamps import Moment
from convsync.model.captured import Captured
from convsync.model.click import (
    Candidate,
    Click,
    ClickId,
    MatchBasis,
)
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.key import Key, KeyKind

R = TypeVar("R")
T = TypeVar("T")
CONSENTS = {
    stated: Consent(ad_user_data=stated[0], ad_personalization=stated[1])
    for stated in product(ConsentStatus, repeat=2)
}
_STRICTEST_FIRST = (
    ConsentStatus.DENIED,
    ConsentStatus.UNCLEAR,
    ConsentStatus.GRANTED,
    ConsentStatus.UNSPECIFIED,
)
WrittenAt = Mapping[ClickId, datetime]
"""When each click ID was written into its field, where the CRM's history says."""


class Evidence(NamedTuple):
    """What one record, or all behind a deal together, say of it."""

    clicks: tuple[Candidate, ...]
    keys: tuple[Key, ...]
    identifiers: Identifiers
    consent: Consent
    consented_at: datetime | None = None
    refused: tuple[Key, ...] | None = None
    """Of several people the keys of those who refused; None: whose record it is."""


class ClickIdReader(Generic[R]):
    """The click IDs of a record: those in fields of their own first, then those in the URL."""

    def __init__(self, columns: PersonColumns, cells: CellReader, layout: Layout[R]) -> None:
        self._bare = [
            layout.getter(column, partial(cells.captured, kind))
            for kind, column in bare_columns(columns)
        ]
        nothing: list[Captured] = []
        self._url = layout.optional(columns.landing_url, cells.captured_in_url, nothing)

    def of(self, record: R) -> dict[ClickId, datetime | None]:
        """Return the click IDs without repeats, those in fields of their own first.

        With each goes when it was clicked, where what it was wrapped in says so.
        """
        return ids_with_times(one for get in (*self._bare, self._url) for one in get(record))


class PersonReader(Generic[R]):
    """Who is behind a record: hashed e-mails and phones, and the keys that join deals to clicks."""

    def __init__(self, columns: PersonColumns, cells: CellReader, layout: Layout[R]) -> None:
        self._emails = layout.getters(columns.emails, cells.hashed_emails)
        self._phones = layout.getters(columns.phones, cells.phones)
        self._plain = cells.plain_hashes
        self._written = layout.getters(columns.emails, cells.text)
        self._hashed = cells.hashed_phones
        self._region = layout.optional(columns.country, cells.region, cells.region(None))
        self._keys = [
            (kind, get)
            for kind, names in (
                (KeyKind.CRM, columns.crm_keys),
                (KeyKind.VISITOR, columns.visitors),
            )
            for get in layout.getters(names, cells.ids)
        ]

    def identifiers(self, record: R) -> Identifiers:
        """Return the hashes of a record's e-mails and phones."""
        emails = [email for get in self._emails for email in get(record)]
        phones = self._hashed_phones(record) if self._phones else []
        who = identifiers_of(emails, phones)
        if not (who and self._plain.are_kept):
            return who
        return self._plain.beside(who, *self._texts_of(record))

    def keys(self, record: R, identifiers: Identifiers) -> list[Key]:
        """Return what joins a record to clicks."""
        keys = [Key(kind, text) for kind, get in self._keys for text in get(record)]
        return (
            keys
            + keys_of(identifiers)
            + (self._plain_keys(record) if self._plain.are_joined else [])
        )

    def _plain_keys(self, record: R) -> list[Key]:
        return self._plain.keys(*self._texts_of(record))

    def _texts_of(self, record: R) -> tuple[list[str], list[str], str | None]:
        emails, phones = (
            [get(record) for get in getters] for getters in (self._written, self._phones)
        )
        return emails, phones, self._region(record)

    def _hashed_phones(self, record: R) -> list[str]:
        region = self._region(record)
        return [phone for get in self._phones for phone in self._hashed(get(record), region)]


class RecordReader(Generic[R]):
    """Reads the records of one kind; `basis` says how their clicks came to the deal."""

    def __init__(
        self, fields: RecordFields, cells: CellReader, layout: Layout[R], basis: MatchBasis
    ) -> None:
        self.click_ids = ClickIdReader(fields, cells, layout)
        self._cells = cells
        self._basis = basis
        self._clicked = layout.optional(fields.clicked_at, cells.moment_in(fields.clicked_at), None)
        self._person = PersonReader(fields, cells, layout)
        unspecified = ConsentStatus.UNSPECIFIED
        self._user_data = layout.optional(fields.ad_user_data, cells.consent, unspecified)
        self._personal = layout.optional(fields.ad_personalization, cells.consent, unspecified)
        self._consented_at = layout.optional(
            fields.consented_at, cells.instant_in(fields.consented_at), None
        )

    def read(
        self,
        record: R,
        *,
        key: Key,
        written: WrittenAt | None = None,
        otherwise_seen_at: datetime | None = None,
    ) -> Evidence:
        """Return what a record says. `key` is the record itself, and the first of its keys.

        `written` holds click IDs it has or had, with their times; `otherwise_seen_at` is when the
        rest was seen where no field says.
        """
        identifiers = self._person.identifiers(record)
        return Evidence(
            self._clicks(record, written, otherwise_seen_at),
            (key, *self._person.keys(record, identifiers)),
            identifiers,
            CONSENTS[self._user_data(record), self._personal(record)],
            self._consented_at(record),
        )

    def _clicks(
        self, record: R, written: WrittenAt | None, otherwise_seen_at: datetime | None
    ) -> tuple[Candidate, ...]:
        click_ids = self.click_ids.of(record)
        if not click_ids and not written:
            return ()
        seen_at, is_whole_day = began(self._clicked(record), self._cells)
        found = clicks_of(click_ids, seen_at or otherwise_seen_at, is_whole_day=is_whole_day)
        for click_id, at in (written or {}).items():
            found[click_id] = Click(click_id=click_id, clicked_at=at)
        return tuple([Candidate(click, self._basis) for click in found.values()])


def ids_with_times(captured: Iterable[Captured]) -> dict[ClickId, datetime | None]:
    """Return click IDs without repeats, each with the first time that any of its wrappings says."""
    found: dict[ClickId, datetime | None] = {}
    for click_id, at in captured:
        found[click_id] = found.get(click_id) or at
    return found


def clicks_of(
    click_ids: Mapping[ClickId, datetime | None], seen_at: datetime | None, *, is_whole_day: bool
) -> dict[ClickId, Click]:
    """Return the clicks of IDs with their times; those without were clicked when they were seen."""
    return {
        click_id: Click(click_id=click_id, clicked_at=at)
        if at
        else Click(click_id=click_id, clicked_at=seen_at, is_whole_day=is_whole_day)
        for click_id, at in click_ids.items()
    }


def identifiers_of(emails: Sequence[str], phones: Sequence[str]) -> Identifiers:
    """Return hashed e-mails and phones without repeats."""
    if not emails and not phones:
        return NO_IDENTIFIERS
    return Identifiers(emails=_distinct(emails), phones=_distinct(phones))


def keys_of(identifiers: Identifiers) -> list[Key]:
    """Return what joins people to clicks."""
    keys = [Key(KeyKind.EMAIL, email) for email in identifiers.emails]
    keys += [Key(KeyKind.PHONE, phone) for phone in identifiers.phones]
    return keys


def together(evidence: Sequence[Evidence]) -> Evidence:
    """Return what the deal's own record and all behind it say, without repeats, in their order."""
    if len(evidence) == 1:
        return evidence[0]
    return Evidence(
        _distinct_among(one.clicks for one in evidence),
        _distinct_among(one.keys for one in evidence),
        Identifiers(
            emails=_distinct_among(one.identifiers.emails for one in evidence),
            phones=_distinct_among(one.identifiers.phones for one in evidence),
            plain=_distinct_among(one.identifiers.plain for one in evidence),
        ),
        CONSENTS[
            _strictest(one.consent.ad_user_data for one in evidence),
            _strictest(one.consent.ad_personalization for one in evidence),
        ],
        _since(evidence),
        _distinct_among(one.refused or one.keys for one in evidence if one.consent.is_denied),
    )


def _since(evidence: Sequence[Evidence]) -> datetime | None:
    """Return since when the strictest of several said so: a refusal at its latest.

    None where one of them does not say when.
    """
    strictest = _strictest(one.consent.ad_user_data for one in evidence)
    times = [one.consented_at for one in evidence if one.consent.ad_user_data is strictest]
    known = [at for at in times if at is not None]
    if len(known) < len(times):
        return None
    return max(known) if strictest is ConsentStatus.DENIED else min(known)


def began(moment: Moment | None, cells: CellReader) -> tuple[datetime | None, bool]:
    """Return when a moment began, and whether it is known only by its day."""
    if moment is None:
        return None, False
    return cells.start_of(moment), not isinstance(moment, datetime)


def _distinct(found: Sequence[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(found)) if len(found) > 1 else tuple(found)


def _distinct_among(groups: Iterable[Sequence[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


def _strictest(stated: Iterator[ConsentStatus]) -> ConsentStatus:
    statuses = set(stated)
    return next(status for status in _STRICTEST_FIRST if status in statuses)
