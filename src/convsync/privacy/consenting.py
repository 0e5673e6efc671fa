"""Consent statements: received, stored, and applied to all of a person's data.

A refusal may come from anywhere: a field of the CRM, a column, the site's banner. One that has a
time, and one that a record says which said otherwise before, hold for the person and not for the
record they stand in: for each stored deal that has a key of theirs, and for each stored click. One
that stood in its record when that was first read, without a time, may be older than the consent in
another, so it holds for that record alone. Deals of whom it holds for are due at once, nothing more
goes out of them, and what counts is taken back with the reason `consent_denied`, where the platform
allows. `model.consent` says which of two statements holds.

The log says of each deal what was said of it, for which use, when and where: what a withdrawal has
stopped can be shown from there. It names no person.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from convsync import audit
from convsync.model.consent import ConsentStatus, Said, statements_of
from convsync.model.deal import Deal
from convsync.model.erased import Erased
from convsync.model.event import Event, EventKind
from convsync.store import consents
from convsync.store.consents import Statement, Withdrawn
from convsync.store.database import Connection
from convsync.store.deals import Saved
from convsync.store.heard import digests_of_clicks
from convsync.store.session import Session


def withdrawn_in(connection: Connection, read: Sequence[Deal]) -> frozenset[Withdrawn]:
    """Return what records of one source refuse that did not, of deals about to be saved."""
    refused = {deal.deal_id: deal for deal in read if _refuses(deal)}
    before = consents.not_refused(connection, read[0].source, [*refused]) if refused else set()
    return frozenset(before)


def hear_deals(
    connection: Connection,
    session: Session,
    read: Sequence[Deal],
    saved: Saved,
    withdrawn: Collection[Withdrawn],
) -> None:
    """Keep what records of one source say; of deals that were known, the log says what is new."""
    is_silent = not withdrawn and all(deal.consented_at is None for deal in read)
    if not read or (is_silent and consents.is_empty(connection)):
        return
    source = read[0].source
    known = consents.records_that_said(connection, source, {deal.deal_id for deal in read})
    is_heard = known | {deal_id for deal_id, _ in withdrawn}
    heard = [deal for deal in read if deal.consented_at is not None or deal.deal_id in is_heard]
    said = [
        (key, one)
        for deal in heard
        for key, one in _said_in(deal)
        if one.said_at is not None
        or deal.deal_id in known
        or (deal.deal_id, one.purpose) in withdrawn
    ]
    new = consents.replace_of_records(connection, source, {deal.deal_id for deal in heard}, said)
    by_record: dict[str, dict[Said, None]] = {}
    for _, one in new:
        by_record.setdefault(one.record, {})[one] = None
    events = [
        _event(one, deal=stored.deal, row=stored.row)
        for stored in saved.changed
        if not stored.is_new
        for one in by_record.get(stored.deal.deal_id, ())
    ]
    if events:
        audit.record(connection, events, run_id=session.run_id, at=session.now)


def _refuses(deal: Deal) -> bool:
    return ConsentStatus.DENIED in (deal.consent.ad_user_data, deal.consent.ad_personalization)


def _said_in(deal: Deal) -> Iterator[Statement]:
    """Yield what a record says, for each key of whoever said it."""
    stated = statements_of(deal.consent, deal.consented_at, source=deal.source, record=deal.deal_id)
    if not stated:
        return
    keys = [key.digest() for key in (deal.keys if deal.refused is None else deal.refused)]
    if deal.refused is None:
        keys += digests_of_clicks(deal.clicks)
    for one in stated:
        for key in dict.fromkeys(keys):
            yield key, one


def hear_site(connection: Connection, said: Iterable[Statement], erased: Erased) -> None:
    """Keep what visitors of a site said, but for people who were forgotten."""
    consents.add_of_site(
        connection, [(key, one) for key, one in said if not (erased and erased.knows([key]))]
    )


def spread(connection: Connection, session: Session) -> None:
    """Make all deals due of whoever said something new, and log what was said of each."""
    events = [
        Event(
            EventKind.CONSENT_SAID,
            _detail(one.said),
            source=one.source,
            deal_id=one.deal_id,
            deal_row=one.row,
        )
        for one in consents.spread_news(connection, now=session.now)
    ]
    if events:
        audit.record(connection, events, run_id=session.run_id, at=session.now)


def _event(said: Said, *, deal: Deal, row: int) -> Event:
    return Event(
        EventKind.CONSENT_SAID,
        _detail(said),
        source=deal.source,
        deal_id=deal.deal_id,
        deal_row=row,
    )


def _detail(said: Said) -> dict[str, str | None]:
    return {
        "purpose": said.purpose.value,
        "consent": said.status.value,
        "said_at": None if said.said_at is None else said.said_at.isoformat(),
        "said_in": said.source,
        "how": said.how,
    }
