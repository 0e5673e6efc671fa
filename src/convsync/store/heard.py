"""Stored deals and clicks as what people said of the use of their data leaves them."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs
from sqlalchemy import Connection

from convsync.model.click import Candidate
from convsync.model.consent import ABOUT, Purpose, Said, consent_with, decisive, statements_of
from convsync.model.deal import Deal
from convsync.model.seen_clicks import digests_of_ids
from convsync.store import consents
from convsync.store.deals import StoredDeal


def with_consent(connection: Connection, chunk: Sequence[StoredDeal]) -> Sequence[StoredDeal]:
    """Return deals with the consent of whoever is behind them, wherever that was said."""
    said = consents.of_deals(connection, [stored.row for stored in chunk])
    if not said:
        return chunk
    return [
        structs.replace(stored, deal=_heard(stored.deal, others))
        if (others := said.get(stored.row))
        else stored
        for stored in chunk
    ]


def _heard(deal: Deal, others: Mapping[bytes, Sequence[Said]]) -> Deal:
    consent = consent_with(deal.consent, deal.consented_at, others)
    return deal if consent == deal.consent else structs.replace(deal, consent=consent)


def deciding(connection: Connection, stored: StoredDeal) -> list[Said]:
    """Return the statement that decides on each use of the data of whoever is behind a deal."""
    deal = stored.deal
    own = statements_of(deal.consent, deal.consented_at, source=deal.source, record=deal.deal_id)
    others = consents.of_deals(connection, [stored.row]).get(stored.row, {})
    found = (decisive(purpose, own, others) for purpose in ABOUT)
    return [one for one in found if one is not None]


def without_refused(
    connection: Connection, candidates: Mapping[int, Sequence[Candidate]]
) -> Mapping[int, Sequence[Candidate]]:
    """Return stored clicks without those whose visitor refused."""
    if not candidates or consents.is_empty(connection):
        return candidates
    refused = _refused_among(connection, (one for found in candidates.values() for one in found))
    if not refused:
        return candidates
    return {
        row: [one for one in found if refused.isdisjoint(digests_of_clicks([one]))]
        for row, found in candidates.items()
    }


def _refused_among(connection: Connection, candidates: Iterable[Candidate]) -> set[bytes]:
    said = consents.of_keys(connection, set(digests_of_clicks(candidates)))
    return {
        key
        for key, of_click in said.items()
        if (one := decisive(Purpose.AD_USER_DATA, (), {key: of_click})) and one.is_refusal
    }


def digests_of_clicks(candidates: Iterable[Candidate]) -> list[bytes]:
    """Return the digests of clicks as keys."""
    ids = (candidate.click.click_id for candidate in candidates)
    return [key for each in ids for key in digests_of_ids(each.kind, [each.value])]
