"""Whom an audience's list should hold, whom it may hold, and the difference.

What a list should hold is found anew at each look and kept as of the last one. What it may hold has
a row from before the first request that names it leaves until the platform has confirmed that it is
off the list; so the hashes that a removal needs outlive the deal that they were read from.

A row is `held` where no request about it is under way; whether the platform has it is known by
`added_at`, the time of the last request that surely added it.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    update,
)

from convsync.model.audience import Change, Kind, Listed
from convsync.store import dialect
from convsync.store.pages import PAGE
from convsync.store.schema import audience_members, audience_wanted, deals

_HELD, _ADDING, _REMOVING = "held", "adding", "removing"
_STATE_OF = {Change.ADD: _ADDING, Change.REMOVE: _REMOVING}
_WANTED_COLUMNS = ("audience", "identifier", "deal", "kind", "is_excluded")
_IS_IN = audience_wanted.c.is_excluded.is_(False)


# What lists should hold


def begin_look(connection: Connection) -> None:
    """Forget who was wanted at the last look."""
    connection.execute(delete(audience_wanted))


def want(connection: Connection, audience: str, listed: Sequence[Listed]) -> None:
    """Note identifiers that meet an audience's condition."""
    rows = [(audience, one.identifier, one.deal, one.kind.value, False) for one in listed]
    dialect.insert_rows(connection, audience_wanted, _WANTED_COLUMNS, rows)


def exclude(connection: Connection, audience: str, others: Collection[str]) -> int:
    """Leave out whoever meets the condition of another audience; return how many deals that is.

    A deal is left out with all its identifiers where one of them is wanted by one of the others.
    """
    if not others:
        return 0
    theirs = audience_wanted.alias("theirs")
    is_theirs = exists().where(
        theirs.c.identifier == audience_wanted.c.identifier, theirs.c.audience.in_(others)
    )
    found = select(audience_wanted.c.deal).where(audience_wanted.c.audience == audience, is_theirs)
    numbers = sorted(connection.execute(found.distinct()).scalars())
    for start in range(0, len(numbers), PAGE):
        some = numbers[start : start + PAGE]
        is_one = audience_wanted.c.deal.in_(some) & (audience_wanted.c.audience == audience)
        connection.execute(update(audience_wanted).where(is_one).values(is_excluded=True))
    return len(numbers)


def count_wanted(connection: Connection, audience: str) -> int:
    """Return how many people an audience is of: what is one deal's counts as one person."""
    found = _people(_wanted(audience))
    return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def deals_wanted(connection: Connection, audience: str) -> set[int]:
    """Return the rows of the deals whose people an audience is of."""
    found = _people(_wanted(audience)).subquery()
    return set(connection.execute(select(found.c.deal)).scalars())


def _wanted(audience: str | ColumnElement[str]) -> Select[Any]:
    """Return the identifiers that an audience's list should hold, each with its first deal."""
    columns = (audience_wanted.c.identifier, audience_wanted.c.kind)
    return (
        select(*columns, func.min(audience_wanted.c.deal).label("deal"))
        .where(audience_wanted.c.audience == audience, _IS_IN)
        .group_by(*columns)
    )


def _people(found: Select[Any]) -> Select[Any]:
    return select(found.subquery().c.deal).distinct()


def rows_after(connection: Connection, row: int, *, limit: int) -> list[int]:
    """Return the rows after one of deals that have not left their CRM, in order."""
    found = select(deals.c.id).where(deals.c.id > row, deals.c.gone.is_(None))
    return list(connection.execute(found.order_by(deals.c.id).limit(limit)).scalars())


# The difference


def to_add(
    connection: Connection, audience: str, list_row: int, *, before: datetime, limit: int
) -> list[Listed]:
    """Return who is to be added: the list cannot hold them yet, or they were added before then."""
    return _listed(connection, _missing(audience, list_row, before), limit)


def to_remove(connection: Connection, audience: str, list_row: int, *, limit: int) -> list[Listed]:
    """Return who is to be taken off a list: it may hold them, and should not."""
    return _listed(connection, _surplus(audience, list_row), limit)


def count_changes(
    connection: Connection, audience: str, list_row: int, *, before: datetime
) -> tuple[int, int, int]:
    """Return how many people would be added, taken off, and added anew."""
    missing = _missing(audience, list_row, before)
    return (
        _count(connection, missing.where(~_is_known(list_row))),
        _count(connection, _surplus(audience, list_row)),
        _count(connection, missing.where(_is_known(list_row))),
    )


def _count(connection: Connection, found: Select[Any]) -> int:
    return connection.execute(
        select(func.count()).select_from(_people(found).subquery())
    ).scalar_one()


def _is_known(list_row: int) -> ColumnElement[bool]:
    """True where a list may hold a wanted identifier, and nothing is about to take it off."""
    return exists().where(
        audience_members.c.list == list_row,
        audience_members.c.identifier == audience_wanted.c.identifier,
        audience_members.c.state != _REMOVING,
    )


def _missing(audience: str, list_row: int, before: datetime) -> Select[Any]:
    is_fresh = and_(audience_members.c.added_at.is_not(None), audience_members.c.added_at > before)
    is_settled = or_(
        audience_members.c.state == _ADDING, and_(audience_members.c.state == _HELD, is_fresh)
    )
    is_there = exists().where(
        audience_members.c.list == list_row,
        audience_members.c.identifier == audience_wanted.c.identifier,
        is_settled,
    )
    return _wanted(audience).where(~is_there)


def _surplus(audience: str, list_row: int) -> Select[Any]:
    is_wanted = exists().where(
        audience_wanted.c.audience == audience,
        audience_wanted.c.identifier == audience_members.c.identifier,
        _IS_IN,
    )
    return select(
        audience_members.c.identifier, audience_members.c.kind, audience_members.c.deal
    ).where(audience_members.c.list == list_row, audience_members.c.state != _REMOVING, ~is_wanted)


def _listed(connection: Connection, found: Select[Any], limit: int) -> list[Listed]:
    ordered = found.subquery()
    query = select(ordered).order_by(ordered.c.deal, ordered.c.identifier).limit(limit)
    return [
        Listed(bytes(row.identifier), Kind(row.kind), row.deal) for row in connection.execute(query)
    ]


# What a request does


def put_into(
    connection: Connection, list_row: int, batch: int, change: Change, listed: Sequence[Listed]
) -> None:
    """Reserve identifiers for a request; those that a list cannot hold yet are new from now on."""
    state = _STATE_OF[change]
    names = [one.identifier for one in listed]
    found = dialect.rows_among(
        connection, audience_members, ("identifier", "list"), "identifier", names
    )
    known = {bytes(identifier) for identifier, of_list in found if of_list == list_row}
    moved = [
        (state, batch, one.deal, list_row, one.identifier)
        for one in listed
        if one.identifier in known
    ]
    dialect.update_rows(
        connection, audience_members, ("state", "batch", "deal"), moved, key=("list", "identifier")
    )
    columns = ("list", "identifier", "kind", "deal", "state", "batch")
    new = [
        (list_row, one.identifier, one.kind.value, one.deal, state, batch)
        for one in listed
        if one.identifier not in known
    ]
    dialect.insert_rows(connection, audience_members, columns, new)


def confirm(connection: Connection, batch: int, change: Change, sent_at: datetime | None) -> None:
    """Settle a request that did all it was to do: added at `sent_at`, or taken off the list."""
    of_batch = (audience_members.c.batch == batch) & (audience_members.c.state == _STATE_OF[change])
    if change is Change.REMOVE:
        connection.execute(delete(audience_members).where(of_batch))
        return
    held = {"state": _HELD, "batch": null(), "added_at": sent_at}
    connection.execute(update(audience_members).where(of_batch).values(held))


def let_go(connection: Connection, batches: Collection[int]) -> None:
    """Leave it open what became of requests: what they were about is planned again.

    Whoever is still wanted is added, whoever is not is taken off; either does no harm if the lost
    request did so already.
    """
    open_again = {"state": _HELD, "batch": null(), "added_at": null()}
    for batch in batches:
        of_batch = audience_members.c.batch == batch
        connection.execute(update(audience_members).where(of_batch).values(open_again))


# What is asked


def counts_by_state(connection: Connection, list_row: int) -> Counter[str]:
    """Return how many identifiers a list may hold, by their state; `unsure` may not be there."""
    columns = (audience_members.c.state, audience_members.c.added_at.is_(None))
    found = (
        select(*columns, func.count()).where(audience_members.c.list == list_row).group_by(*columns)
    )
    counts: Counter[str] = Counter()
    for state, was_never_added, number in connection.execute(found):
        counts["unsure" if state == _HELD and was_never_added else state] += number
    return counts


def listed_deals(
    connection: Connection, audience: str, *, after: tuple[int, bytes], limit: int
) -> list[tuple[str, str, Listed]]:
    """Return who an audience is of, as source, deal ID and identifier, a page at a time."""
    found = _wanted(audience).subquery()
    last_deal, last_identifier = after
    is_later = or_(
        found.c.deal > last_deal,
        and_(found.c.deal == last_deal, found.c.identifier > last_identifier),
    )
    query = (
        select(deals.c.source, deals.c.deal_id, found)
        .join(deals, deals.c.id == found.c.deal)
        .where(is_later)
        .order_by(found.c.deal, found.c.identifier)
        .limit(limit)
    )
    return [
        (row.source, row.deal_id, Listed(bytes(row.identifier), Kind(row.kind), row.deal))
        for row in connection.execute(query)
    ]
