"""Forgetting a person, and keeping personal data no longer than it is needed.

What is erased, what stays and why is in `docs/privacy.md`. The rule for a conversion that was still
to be sent or corrected: nothing more is sent of it. A first report is not made, an open correction
is dropped, and what the platform counts stays as it is there, since any further request would speak
of the person again. A request that is in flight gets its answer, which names nobody.

The log says that somebody was forgotten, and which entries lost their click: by number, not by
deal, because a replay has to follow. Who was forgotten stands in a list of marks (`model.erased`),
in the database and in a file that a restored backup does not take back.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import groupby

from msgspec import Struct

from convsync import audit, log
from convsync.errors import OperatorError
from convsync.model.chain import key_id
from convsync.model.deal import Deal
from convsync.model.erased import Erased, without_hashes, without_person
from convsync.model.event import Event, EventKind
from convsync.model.record import spans_of
from convsync.model.terms import PrivacySettings
from convsync.privacy import erased_file
from convsync.store import click_index, collected, consents, deals, erasing, retention, runs
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal
from convsync.store.erasing import FoundPeople
from convsync.store.session import Session

Plan = Callable[[Connection, Sequence[StoredDeal]], None]
"""Takes stored deals on to the ledger, within the same transaction."""

_KEY = "key of the list of forgotten people"
_NO_CLICK = {"click": None, "about": None}
"""What an event says of an entry of which nobody knows the person any more."""


class Whom(Struct, frozen=True, kw_only=True):
    """Who is to be forgotten: the person behind these deals, or with these digests of keys."""

    deal_ids: frozenset[str] = frozenset()
    digests: frozenset[bytes] = frozenset()


class Forgotten(Struct, frozen=True, kw_only=True):
    """How many deals and click IDs were erased, and how many conversions lost theirs."""

    deals: int
    clicks: int
    conversions: int


def known(connection: Connection, privacy: PrivacySettings) -> Erased:
    """Return the list of those who were forgotten, of the database and of the file.

    Raises OperatorError where there is one, and not the secret that it was made with.
    """
    marks = erasing.marks(connection) | erased_file.read(privacy.erased_file)
    if not marks:
        return Erased(privacy.key or b"")
    if privacy.key is None:
        raise OperatorError(
            "People were forgotten, and CONVSYNC_PRIVACY__KEY is not set: without it nobody can"
            " tell who they are when they are read again. Set the key that was used."
        )
    _require_key(connection, privacy.key)
    return Erased(privacy.key, marks)


def _require_key(connection: Connection, key: bytes) -> None:
    if runs.recall(connection, _KEY) not in {None, key_id(key).hex()}:
        raise OperatorError(
            "CONVSYNC_PRIVACY__KEY is not the key with which people were forgotten: with another"
            " one they would be read again. Set that key."
        )


def find(connection: Connection, whom: Whom) -> FoundPeople:
    """Return all that is kept of those who are meant."""
    return erasing.people(connection, erasing.rows_named(connection, whom.deal_ids), whom.digests)


def forget(
    session: Session, privacy: PrivacySettings, whom: Whom, *, by: str, plan: Plan
) -> Forgotten:
    """Erase all that is kept of them, in one transaction, and remember not to read it again.

    Raises OperatorError where there is no secret for the list.
    """
    if privacy.key is None:
        raise OperatorError(
            "Forgetting needs a secret, with which the list of those who were forgotten is hashed:"
            " set CONVSYNC_PRIVACY__KEY, for example to the output of `openssl rand -hex 32`, and"
            " keep it. Nothing was erased."
        )
    with session.transaction("forget") as connection:
        before = known(connection, privacy)
        runs.remember(connection, _KEY, key_id(privacy.key).hex())
        click_index.fill(connection)  # so that clicks are found which a killed import left
        found = find(connection, whom)
        digests = found.digests | whom.digests
        erased = before.with_digests(digests)
        erasing.add_marks(connection, erased.marks, session.now)
        done = _erase(connection, session, found, by=by, plan=plan)
    erased_file.write(privacy.erased_file, erased.marks)
    return done


def catch_up(session: Session, privacy: PrivacySettings, *, by: str, plan: Plan) -> Erased:
    """Bring the database's list and the file's together; return it.

    Where the database lacks some, it was restored from a backup: who was forgotten since is
    forgotten again. Raises OperatorError where the list cannot be read; a file that cannot be
    written, as on another machine, is logged and stops no run.
    """
    with session.transaction("recall who was forgotten") as connection:
        erased = known(connection, privacy)
        if restored := erased.marks - erasing.marks(connection):
            click_index.fill(connection)
            rows, keys = erasing.forgotten_again(connection, erased)
            _erase(connection, session, erasing.people(connection, rows, keys), by=by, plan=plan)
            erasing.add_marks(connection, restored, session.now)
    if erased.marks != erased_file.read(privacy.erased_file):
        try:
            erased_file.write(privacy.erased_file, erased.marks)
        except OperatorError as error:  # a container may have nothing to write to
            log.warning("the list of who was forgotten was not written", because=str(error))
    return erased


def _erase(
    connection: Connection, session: Session, found: FoundPeople, *, by: str, plan: Plan
) -> Forgotten:
    now = session.now
    left = [StoredDeal(one.row, without_person(one.deal)) for one in found.deals]
    by_source = sorted(left, key=lambda one: one.deal.source)
    for source, some in groupby(by_source, key=lambda one: one.deal.source):
        deals.save(connection, source, [one.deal for one in some], now=now)
    erasing.erase(connection, found)
    plan(connection, left)
    erasing.erase_statements(connection, found.entries)
    counts = {"deals": len(left), "clicks": len(found.clicks)}
    named = {"entries": spans_of(found.entries), **_NO_CLICK} if found.entries else {}
    event = Event(EventKind.PERSON_FORGOTTEN, {"by": by, **counts, **named})
    audit.record(connection, [event], run_id=session.run_id, at=now)
    return Forgotten(**counts, conversions=len(found.entries))


# What is read


def kept_of_people(
    connection: Connection, erased: Erased, source: str, read: Sequence[Deal]
) -> Sequence[Deal]:
    """Return deals as they may be kept: without who was forgotten, or the hashes of who refused."""
    read = [
        without_hashes(deal) if deal.consent.is_denied and (deal.identifiers or deal.keys) else deal
        for deal in read
    ]
    if not erased:
        return read
    gone = deals.forgotten_among(connection, source, [deal.deal_id for deal in read])
    return [
        without_person(deal) if deal.deal_id in gone or erased.knows_deal(deal) else deal
        for deal in read
    ]


# What has been kept for long enough


def sweep(
    session: Session,
    *,
    correctable: timedelta,
    matchable: timedelta,
    listable: timedelta = timedelta(0),
) -> None:
    """Erase hashed e-mails and phones once they can serve nothing any more, some rows a night.

    Those of deals and statements go when nothing of the deal can be corrected any more
    (`correctable`), of deals when no audience can still want them either (`listable`), and those of
    clicks when no deal can be matched with them (`matchable`), as do whole reports of visitors'
    browsers.
    """
    now = session.now
    with session.transaction("sweep identifiers") as connection:
        retention.sweep_deals(connection, now - max(correctable, listable))
        retention.sweep_click_keys(connection, now - matchable)
        collected.sweep(connection, now - matchable)
        consents.sweep(connection, now - matchable)
        if numbers := retention.sweep_statements(connection, now - correctable):
            detail = {"rows": len(numbers), "entries": spans_of(numbers), "about": None}
            event = Event(EventKind.IDENTIFIERS_ERASED, detail)
            audit.record(connection, [event], run_id=session.run_id, at=now)
