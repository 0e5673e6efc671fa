"""What people said about the use of their data, by the keys that they are known by.

Each statement stands where it was made: a deal's record has its own, replaced when the record is
read anew, and a visitor of a site has those of the site. Which of them holds is `model.consent`'s
to say. Kept are refusals, what has taken their place, and consents that have a time: an undated
consent outweighs nothing, and stands in the deal's own row.

Keys are digests, and refusals stay: without them a refusal would be forgotten with the record that
it was read from, and the next record of the same person would be sent.

What is new is news until `spread_news` has made the deals due that have its keys. That is done once
a night, because no index leads from a key to its deals (`store.clicks` says why).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    or_,
    select,
    type_coerce,
    update,
)

from convsync.model.consent import (
    ConsentStatus,
    Purpose,
    Said,
    SaidByKey,
    holding,
    refusals_that_hold,
)
from convsync.store import dialect, persons
from convsync.store.column_types import instant_of
from convsync.store.given import Chain
from convsync.store.pages import PAGE
from convsync.store.schema import consents, deal_keys, deals, shared_keys

Statement = tuple[bytes, Said]
"""The digest of a key, and what was said by whoever has it."""

_NAME = ("key", "purpose", "source", "record")
_OF_RECORDS = (Purpose.AD_USER_DATA, Purpose.AD_PERSONALIZATION)
_COLUMNS = (*_NAME, "status", "said_at", "how")
_Name = tuple[bytes, str, str, str]


Withdrawn = tuple[str, Purpose]
"""A deal's ID, and a use of the person's data that its record did not refuse before."""


class Concerned(Struct, frozen=True, gc=False):
    """A stored deal, and something new that was said by whoever is behind it."""

    row: int
    source: str
    deal_id: str
    said: Said


def not_refused(connection: Connection, source: str, deal_ids: Sequence[str]) -> set[Withdrawn]:
    """Return which of these deals of a source are stored, and what their records do not refuse."""
    columns = ("source", "deal_id", "ad_user_data", "ad_personalization")
    found = dialect.rows_among(connection, deals, columns, "deal_id", deal_ids)
    return {
        (deal_id, purpose)
        for of_source, deal_id, *statuses in found
        for purpose, status in zip(_OF_RECORDS, statuses, strict=True)
        if of_source == source and status != ConsentStatus.DENIED
    }


def replace_of_records(
    connection: Connection, source: str, records: Collection[str], said: Iterable[Statement]
) -> list[Statement]:
    """Keep what records of a source say in the place of what they said; return what is new.

    A record that says nothing any more, or nothing that outweighs anything, has said so from then
    on: whomever its refusal concerned is to be looked at again.
    """
    before = _of_records(connection, source, records)
    rows = {name: (name[0], _silent(one)) for name, (_, one) in before.items()}
    for key, one in said:
        name = _name(key, one)
        if name in before or one.is_refusal or one.said_at is not None:
            rows[name] = key, one
    changed = {name: one for name, one in rows.items() if before.get(name) != one}
    _delete(connection, [name for name in changed if name in before])
    return _insert(connection, [*changed.values()])


def _silent(one: Said) -> Said:
    return structs.replace(one, status=ConsentStatus.UNSPECIFIED, said_at=None)


def records_that_said(
    connection: Connection, source: str, records: Collection[str]
) -> frozenset[str]:
    """Return which of a source's records have said something that is kept."""
    return frozenset(name[3] for name in _of_records(connection, source, records))


def add_of_site(connection: Connection, said: Iterable[Statement]) -> None:
    """Keep what visitors of a site said, of each the statement that holds."""
    given: dict[_Name, list[Statement]] = defaultdict(list)
    for one in said:
        given[_name(*one)].append(one)
    before = _with_keys(connection, sorted({key for key, *_ in given}))
    changed = {}
    for name, several in given.items():
        known = [before[name]] if name in before else []
        holds = holding(one for _, one in (*several, *known))
        if holds is not None and before.get(name) != (name[0], holds):
            changed[name] = name[0], holds
    _delete(connection, [name for name in changed if name in before])
    _insert(connection, [*changed.values()])


def spread_news(connection: Connection, *, now: datetime) -> list[Concerned]:
    """Make the deals due of whoever said something new; return them. It is news no longer.

    Those are the deals with a key of theirs, and the others that are joined to one person with
    them. A key that too many deals have is nobody's. A deal whose own record says it is left out:
    it was planned when that was read.
    """
    if not _has_news(connection):
        return []
    said = _of_persons(connection, _news_by_deal(connection))
    columns = ("id", "source", "deal_id")
    concerned = [
        Concerned(row, source, deal_id, one)
        for row, source, deal_id in dialect.rows_among(connection, deals, columns, "id", [*said])
        for one in said[row]
        if (one.source, one.record) != (source, deal_id)
    ]
    _make_due(connection, sorted({one.row for one in concerned}), now)
    connection.execute(update(consents).where(consents.c.is_news).values(is_news=False))
    return concerned


def _has_news(connection: Connection) -> bool:
    news = select(consents.c.key).where(consents.c.is_news).limit(1)
    return connection.execute(news).first() is not None


def _news_by_deal(connection: Connection) -> dict[int, dict[Said, None]]:
    found = (
        select(deal_keys.c.deal, *(consents.c[one] for one in _COLUMNS))
        .join(consents, consents.c.key == deal_keys.c.key)
        .where(consents.c.is_news)
        .where(consents.c.key.not_in(select(shared_keys.c.key)))
        .order_by(deal_keys.c.deal, *(consents.c[one] for one in _NAME))
    )
    said: dict[int, dict[Said, None]] = {}
    for row, _, *statement in connection.execute(found):
        said.setdefault(row, {})[_said(*statement)] = None
    return said


def _of_persons(
    connection: Connection, said: Mapping[int, Mapping[Said, None]]
) -> dict[int, dict[Said, None]]:
    """Return what was said of each deal, and of the other deals of one person with it."""
    everything: dict[int, dict[Said, None]] = {row: dict(of_deal) for row, of_deal in said.items()}
    for row, members in sorted(persons.members_with(connection, said).items()):
        for member in sorted(members):
            everything.setdefault(member, {}).update(said[row])
    return dict(sorted(everything.items()))


def of_deals(connection: Connection, deal_rows: Sequence[int]) -> Mapping[int, SaidByKey]:
    """Return, for each of these deals, what was said of its keys, where there is any.

    Refusals under the keys of the same customer's other deals are among it.
    """
    if is_empty(connection):
        return {}
    members = persons.members_with(connection, deal_rows)
    said = _said_by_deal(connection, sorted({*deal_rows}.union(*members.values())))
    found: dict[int, dict[bytes, list[Said]]] = {}
    for row in deal_rows:
        by_key: dict[bytes, list[Said]] = {}
        for other in sorted((members.get(row, set()) - {row}) & said.keys()):
            by_key |= refusals_that_hold(said[other])
        by_key |= said.get(row, {})
        if by_key:
            found[row] = by_key
    return found


def _said_by_deal(
    connection: Connection, rows: Sequence[int]
) -> dict[int, dict[bytes, list[Said]]]:
    found: dict[int, dict[bytes, list[Said]]] = {}
    query = _said_of_deals(connection.dialect.name)
    for deal, key, *said in dialect.raw_rows(connection, query, deals=rows):
        purpose, source, record, status, at, how = said
        one = _said(purpose, source, record, status, instant_of(at), how)
        found.setdefault(deal, {}).setdefault(bytes(key), []).append(one)
    return found


def of_keys(connection: Connection, keys: Collection[bytes]) -> SaidByKey:
    """Return what was said by whoever has these keys."""
    found: dict[bytes, list[Said]] = defaultdict(list)
    for key, one in _with_keys(connection, sorted(keys)).values():
        found[key].append(one)
    return found


def is_empty(connection: Connection) -> bool:
    """True where nobody has said anything, which spares a night the rest."""
    return connection.execute(select(consents.c.key).limit(1)).first() is None


def erase(connection: Connection, keys: Collection[bytes]) -> None:
    """Erase what was said by people who are forgotten: nothing goes out of them any more."""
    for some in _some(sorted(keys)):
        connection.execute(delete(consents).where(consents.c.key.in_(some)))


def sweep(connection: Connection, before: datetime) -> None:
    """Erase consents that were given before then; refusals stay."""
    is_consent = consents.c.status == ConsentStatus.GRANTED
    connection.execute(delete(consents).where(is_consent, consents.c.said_at < before))


def _name(key: bytes, one: Said) -> _Name:
    return key, one.purpose.value, one.source, one.record


def _delete(connection: Connection, names: Sequence[_Name]) -> None:
    if names:
        is_it = and_(*(consents.c[of] == bindparam(f"the_{of}") for of in _NAME))
        rows = [{f"the_{of}": part for of, part in zip(_NAME, one, strict=True)} for one in names]
        connection.execute(delete(consents).where(is_it), rows)


def _insert(connection: Connection, new: Sequence[Statement]) -> list[Statement]:
    rows = [(*_name(key, one), one.status.value, one.said_at, one.how, True) for key, one in new]
    dialect.insert_rows(connection, consents, (*_COLUMNS, "is_news"), rows)
    return [*new]


def _of_records(
    connection: Connection, source: str, records: Collection[str]
) -> dict[_Name, Statement]:
    if not records or is_empty(connection):
        return {}
    found = dialect.rows_among(connection, consents, _COLUMNS, "record", sorted(records))
    return _named(row for row in found if row[2] == source)


def _with_keys(connection: Connection, keys: Sequence[bytes]) -> dict[_Name, Statement]:
    return _named(dialect.rows_among(connection, consents, _COLUMNS, "key", keys))


def _named(rows: Iterable[Sequence[Any]]) -> dict[_Name, Statement]:
    found = {}
    for key, purpose, source, record, status, at, how in rows:
        one = _said(purpose, source, record, status, instant_of(at), how)
        found[_name(bytes(key), one)] = bytes(key), one
    return found


def _said(
    purpose: str, source: str, record: str, status: str, said_at: datetime | None, how: str
) -> Said:
    return Said(
        purpose=Purpose(purpose),
        status=ConsentStatus(status),
        said_at=said_at,
        source=source,
        record=record,
        how=how,
    )


@cache
def _said_of_deals(dialect_name: str) -> Select[Any]:
    chain = Chain(dialect_name, "deals")
    of_deal = chain.to(deal_keys, deal_keys.c.deal == chain.number)
    said = chain.to(consents, consents.c.key == of_deal.c.key)
    at = type_coerce(said.c.said_at, BigInteger)
    columns: list[Any] = [
        *(of_deal.c.deal, of_deal.c.key, said.c.purpose, said.c.source, said.c.record),
        *(said.c.status, at, said.c.how),
    ]
    found = select(*columns).select_from(chain.joined)
    return found.where(of_deal.c.key.not_in(select(shared_keys.c.key)))


def _make_due(connection: Connection, rows: Sequence[int], now: datetime) -> None:
    later = or_(deals.c.reconcile_at.is_(None), deals.c.reconcile_at > now)
    for some in _some(rows):
        due = update(deals).where(deals.c.id.in_(some), later).values(reconcile_at=now)
        connection.execute(due)


def _some(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Yield so many at a time as one statement takes."""
    return (values[first : first + PAGE] for first in range(0, len(values), PAGE))
