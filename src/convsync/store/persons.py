"""Customers: deals that keys join, one to the next, whatever CRM and source they come from.

A key is a CRM ID, a visitor's ID, a click ID, or a hashed e-mail or phone. Two deals that have one
in common are one customer's, and so are two that clicks lead from one to the other (`reach`). A key
that too many deals have joins nobody (`shared_keys`), nor does one that too many clicks have
(`crowded_keys`). What is joined to more deals than any customer has is a crowd, and nobody: it is
kept as a person is, so that whoever comes to it is in it too, and whoever leaves it leaves it.

*Kept or derived?* Both, each where it is cheap. From a deal to its clicks there are indexes, so
clicks belong to nobody in the database: matching follows keys when it decides (`kin`). From a key
to its deals there is none, for it would have to be kept up at random places for every deal, night
after night. So which deals are one customer's is kept, for those customers that have several: once
a run, after everything was read, and only for what is new. A first night goes through all keys in
their order instead, in some bytes for each deal and click, unless no key and no click is of two
deals and no click leads on to another: then every deal is its customer's only one. All deals of a
first night were planned before anything was joined; which of them need that again says `everyone`.

What joined a customer is not kept, only when: persons are what the keys say now. A deal with other
keys than before takes the customer apart whose it was, and the parts are joined anew; so what a CRM
merges is one customer with the next night, and what it separates again is two, as before. Since
when, and until when, stays in `persons`.

Where no click has a key and no contact has a click there is nothing to find by all this, and a
night does none of it.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Table,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from convsync.model.click import MatchBasis
from convsync.model.deal import Deal
from convsync.store import all_keys, click_news, dialect, runs
from convsync.store.everyone import Everyone
from convsync.store.given import numbers_given
from convsync.store.reach import (
    Together,
    reach,
)
from convsync.store.schema import (
    click_keys,
    clicks,
    deal_keys,
    deals,
    person_news,
    persons,
)

MOST_DEALS = 200
"""No customer has more deals than this: what keys would join to more is a crowd, and nobody."""
MANY = 5_000
"""From so many deals on of which something is new, all keys are gone through in order."""
AT_ONCE = 5_000
"""So many deals are then joined at a time; memory grows with it."""
_JOINED = "deals joined to persons"
_NEEDED = "clicks are found on contacts"
_IS_JOINED = persons.c.parted_at.is_(None)
_ROWS: Any = bindparam("rows", expanding=True)
_MEMBERSHIPS = select(persons.c.deal, persons.c.person, persons.c.is_crowd).where(_IS_JOINED)

_Membership = tuple[int, bool]
"""The row of the first deal of a person or a crowd, and whether it is a crowd."""
Members = dict[int, _Membership]
"""What each deal is a member of that is one of several."""


def is_needed(connection: Connection) -> bool:
    """True where a click may be found by what a customer's records have in common."""
    if connection.execute(select(click_keys.c.key).limit(1)).first() is not None:
        return True
    return runs.recall(connection, _NEEDED) is not None


def note_need(connection: Connection, chunk: Iterable[Deal]) -> None:
    """Note it where a CRM has the clicks of these deals on contacts, who may have several deals."""
    on_contact = any(one.basis is not MatchBasis.DEAL for deal in chunk for one in deal.clicks)
    if on_contact and runs.recall(connection, _NEEDED) is None:
        runs.remember(connection, _NEEDED, "yes")


def note_news(connection: Connection, found: Select[tuple[int]]) -> None:
    """Note that keys of these deals, or of their clicks, are not what they were."""
    if not _last_joined(connection):
        return  # everything is news
    there = select(person_news.c.deal)
    new = found.where(found.selected_columns[0].not_in(there)).distinct()
    connection.execute(insert(person_news).from_select(["deal"], new))


def note_changed(connection: Connection, rows: Collection[int]) -> None:
    """Note that keys of the deals in these rows, or of their clicks, are not what they were."""
    if rows:
        asked = numbers_given(connection.dialect.name, "rows").c.value
        found = select(deals.c.id).where(deals.c.id.in_(select(asked)))
        note_news(connection, found.params(rows=sorted(rows)))


def join(
    connection: Connection, *, shared: Collection[int], now: datetime, by_origin: bool = False
) -> None:
    """Join what is new to the persons there are; every deal is due that this may decide anew.

    To be called once all deals and clicks were read, and it is known which keys are shared;
    `shared` says of what kinds the keys are that several deals have in common and that join them.
    Where plans go `by_origin`, one depends on what was planned before, and all that are joined are
    due.
    """
    if not is_needed(connection):
        connection.execute(delete(person_news))
        return
    behind, last = _last_joined(connection), _last(connection, deals)
    changed = set(connection.execute(select(person_news.c.deal)).scalars())
    if len(changed) + last - behind > MANY:
        known_upto = last if by_origin else behind
        _join_all(connection, changed, known_upto, last, shared=shared, now=now)
    elif news := changed.union(range(behind + 1, last + 1)):
        _join_few(connection, news, now)
    connection.execute(delete(person_news))
    runs.remember(connection, _JOINED, str(last))


def _join_few(connection: Connection, news: set[int], now: datetime) -> None:
    """Join these deals to the persons that their keys lead to."""
    before, together, concerned = _joined_to_news(connection, news)
    groups = together.groups(concerned)
    after: Members = {}
    for group in groups:
        after |= dict.fromkeys(group, (min(group), len(group) > MOST_DEALS))
    changed = {deal for deal in concerned if before.get(deal) != after.get(deal)}
    _write(connection, changed, after, now)
    touched = changed | news
    people = [group for group in groups if len(group) <= MOST_DEALS]
    make_due(
        connection,
        changed.union(*(group for group in people if not group.isdisjoint(touched))),
        now,
    )


def _join_all(
    connection: Connection,
    news: set[int],
    behind: int,
    last: int,
    *,
    shared: Collection[int],
    now: datetime,
) -> None:
    """Join all deals there are, some at a time: of a million, half may have a customer in common.

    Unless it is known that something joins several, or found here that a click does, every deal is
    its customer's only one.
    """
    joins = bool(shared) or click_news.may_lead_on(connection)
    if not (joins or all_keys.find_the_same_click(connection)):
        _part_all(connection, now)
        return
    last_click = _last(connection, clicks)
    everyone = Everyone(all_keys.joined(connection, last, last_click, shared), last, last_click)
    moved = bytearray(last + 1)
    for some in _some_of(last):
        before, after = _members_between(connection, some), _members_among(everyone, some)
        changed = {one for one in before.keys() | after.keys() if before.get(one) != after.get(one)}
        _write(connection, changed, after, now, were_any=bool(before))
        for deal in changed:
            moved[deal] = 1
        everyone.note_known(deal for deal in after if deal <= behind or deal in news)
        everyone.touch(deal for deal in after if deal in changed or deal in news)
    may_change = everyone.let_decide_anew(connection)

    def is_concerned(deal: int, *, is_crowd: bool) -> bool:
        if everyone.is_new(deal):
            return bool(may_change[deal]) and not is_crowd
        return bool(moved[deal]) or (everyone.is_touched(deal) and not is_crowd)

    for some in _some_of(last):
        people = _members_among(everyone, some)
        parted = {deal for deal in some if moved[deal] and deal not in people}
        due = {one for one, (_, crowd) in people.items() if is_concerned(one, is_crowd=crowd)}
        make_due(connection, parted | due, now)


def _part_all(connection: Connection, now: datetime) -> None:
    """Part all deals that were joined with others, some at a time; they are due."""
    joined = connection.execute(select(persons.c.deal).where(_IS_JOINED)).scalars().all()
    for start in range(0, len(joined), AT_ONCE):
        some = set(joined[start : start + AT_ONCE])
        _write(connection, some, {}, now)
        make_due(connection, some, now)


def _some_of(last: int) -> Iterator[range]:
    for first in range(1, last + 1, AT_ONCE):
        yield range(first, min(first + AT_ONCE, last + 1))


def _members_among(everyone: Everyone, some: Iterable[int]) -> Members:
    return {deal: (least, size > MOST_DEALS) for deal, least, size in everyone.members(some)}


def members_with(connection: Connection, rows: Collection[int]) -> dict[int, set[int]]:
    """Return all deals of the customers that these deals are of, by deal; itself among them.

    A deal whose customer has no other is not there, nor is one of a crowd.
    """
    return _with_members(connection, _of_one_person(connection.dialect.name), rows)


def _with_members(
    connection: Connection, found: Select[Any], rows: Collection[int]
) -> dict[int, set[int]]:
    members: dict[int, set[int]] = {}
    for deal, member in connection.execute(found, {"rows": sorted(rows)}):
        members.setdefault(deal, set()).add(member)
    return members


@cache
def _joined_with(dialect_name: str) -> Select[Any]:
    """Return the query for all that deals are joined with, in a person or a crowd."""
    one, other = persons.alias("one"), persons.alias("other")
    is_same = (other.c.person == one.c.person) & other.c.parted_at.is_(None)
    asked = select(numbers_given(dialect_name, "rows").c.value)
    return (
        select(one.c.deal, other.c.deal)
        .join(other, is_same)
        .where(one.c.parted_at.is_(None), one.c.deal.in_(asked))
    )


@cache
def _of_one_person(dialect_name: str) -> Select[Any]:
    joined = _joined_with(dialect_name)
    return joined.where(~joined.selected_columns[0].table.c.is_crowd)


def make_kin_due(connection: Connection, rows: Collection[int], now: datetime) -> None:
    """Make the other deals of these deals' customers due: what led to one is not another's."""
    if rows:
        others = set().union(*members_with(connection, rows).values()) - set(rows)
        make_due(connection, others, now)


def history(
    connection: Connection, rows: Collection[int]
) -> list[tuple[int, datetime, datetime | None]]:
    """Return since when each of some deals was one of several of a customer, and until when."""
    found = select(persons.c.deal, persons.c.joined_at, persons.c.parted_at)
    of_people = found.where(persons.c.deal.in_(_ROWS), ~persons.c.is_crowd)
    by_time = of_people.order_by(persons.c.joined_at, persons.c.deal)
    return [(*row,) for row in connection.execute(by_time, {"rows": sorted(rows)})]


def forget(connection: Connection, rows: Collection[int]) -> None:
    """Erase whose deals these were."""
    for table in (persons, person_news):
        connection.execute(delete(table).where(table.c.deal.in_(_ROWS)), {"rows": sorted(rows)})


def _joined_to_news(connection: Connection, news: set[int]) -> tuple[Members, Together, set[int]]:
    """Take the persons apart that news is of, and join them anew with whoever has their keys.

    Returns what persons were, who belongs together, and which deals that is said of.
    """
    joined_with = partial(_with_members, connection, _joined_with(connection.dialect.name))
    begun = news.union(*joined_with(news).values())
    keys = dialect.rows_among(connection, deal_keys, ("key",), "deal", sorted(begun))
    reached = reach(connection, {bytes(key) for (key,) in keys})
    holders = [
        (bytes(key), deal)
        for key, deal in dialect.rows_among(
            connection, deal_keys, ("key", "deal"), "key", sorted(reached.keys)
        )
    ]
    together = Together()
    together.join_holders([*holders, *((key, -click) for key, click in reached.links)])
    concerned = begun | {deal for _, deal in holders}
    for deal, members in joined_with(concerned - begun).items():
        concerned |= members
        for member in members:
            together.join(deal, member)
    return _members(connection, concerned), together, concerned


def _members(connection: Connection, rows: Iterable[int]) -> Members:
    asked = numbers_given(connection.dialect.name, "rows").c.value
    found = _MEMBERSHIPS.where(persons.c.deal.in_(select(asked)))
    return _kept(connection, found, rows=sorted(rows))


def _members_between(connection: Connection, rows: range) -> Members:
    found = _MEMBERSHIPS.where(persons.c.deal.between(bindparam("least"), bindparam("most")))
    return _kept(connection, found, least=rows[0], most=rows[-1])


def _kept(connection: Connection, found: Select[Any], **asked: Any) -> Members:
    kept = connection.execute(found, asked)
    return {deal: (person, is_crowd) for deal, person, is_crowd in kept}


def _write(
    connection: Connection,
    changed: set[int],
    after: Members,
    now: datetime,
    *,
    were_any: bool = True,
) -> None:
    """Part these deals from whom they were with, if any, and join them to whom they are with now.

    What was joined at the same instant was never one: two runs may be as of one time.
    """
    if were_any:
        asked = select(numbers_given(connection.dialect.name, "rows").c.value)
        were = persons.c.deal.in_(asked) & _IS_JOINED
        rows = {"rows": sorted(changed)}
        connection.execute(delete(persons).where(were, persons.c.joined_at == now), rows)
        connection.execute(update(persons).where(were).values(parted_at=now), rows)
    for is_crowd in (False, True):
        joined = [one for one in sorted(changed & after.keys()) if after[one][1] is is_crowd]
        columns = {
            "deal": joined,
            "joined_at": dialect.Alike(now),
            "person": [after[deal][0] for deal in joined],
            "is_crowd": dialect.Alike(is_crowd),
        }
        dialect.insert_columns(connection, persons, columns, len(joined))


def make_due(connection: Connection, rows: Collection[int], now: datetime) -> None:
    """Make deals due to be looked at, unless they are by then."""
    if rows:
        asked = select(numbers_given(connection.dialect.name, "rows").c.value)
        later = or_(deals.c.reconcile_at.is_(None), deals.c.reconcile_at > now)
        due = update(deals).where(deals.c.id.in_(asked), later).values(reconcile_at=now)
        connection.execute(due, {"rows": sorted(rows)})


def _last(connection: Connection, table: Table) -> int:
    newest = select(table.c.id).order_by(table.c.id.desc()).limit(1)  # quick in a view too
    return connection.execute(newest).scalar() or 0


def _last_joined(connection: Connection) -> int:
    return int(runs.recall(connection, _JOINED) or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The rows of a customer's deals and clicks; `is_cut` where keys would lead to more."""

    deals: frozenset[int]
    clicks: frozenset[int]
    is_cut: bool = False


def person_with(
    connection: Connection, rows: Collection[int], keys: Collection[bytes] = ()
) -> Person:
    """Return whose these deals and keys are, as the keys say now, not waiting for a night.

    Which deals have a key is looked for among all, at each step from deals to deals.
    """
    known, found_clicks = set(rows), set[int]()
    known_keys, new_keys = set[bytes](), _keys_of(connection, known) | set(keys)
    while new_keys := new_keys - known_keys:
        reached = reach(connection, new_keys)
        known_keys |= new_keys | reached.keys
        found_clicks |= {click for _, click in reached.links}
        asked = sorted(reached.keys)
        having = dialect.rows_among(connection, deal_keys, ("deal",), "key", asked)
        new = {deal for (deal,) in having} - known
        new |= set().union(*members_with(connection, known | new).values()) - known
        known |= new
        if len(known) > MOST_DEALS:
            few = frozenset(sorted(known)[:MOST_DEALS]) | frozenset(rows)
            return Person(deals=few, clicks=frozenset(found_clicks), is_cut=True)
        new_keys = _keys_of(connection, new)
    return Person(deals=frozenset(known), clicks=frozenset(found_clicks))


def _keys_of(connection: Connection, rows: Collection[int]) -> set[bytes]:
    found = dialect.rows_among(connection, deal_keys, ("key",), "deal", sorted(rows))
    return {bytes(key) for (key,) in found}
