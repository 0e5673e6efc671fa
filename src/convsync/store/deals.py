"""Deals as last read, their milestones, and the keys by which clicks find them.

Deals are numbered here, not by the database, because only the run that holds the lock writes them;
so a whole chunk is written with one statement a table. A milestone that a deal no longer has stays,
marked as withdrawn: what was once extracted is accounted for, for ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    exists,
    func,
    select,
    update,
)

from convsync.model.consent import ConsentStatus
from convsync.model.deal import Deal, Gone, Milestone
from convsync.model.ledger import State
from convsync.store import (
    deal_key_rows,
    deal_sums,
    dialect,
    milestone_rows,
    persons,
    row_digests,
)
from convsync.store.deal_row import CONTENT, DealRow, columns_of, deal_of
from convsync.store.given import numbers_given
from convsync.store.schema import IS_UNCLEAR, deals, ledger, milestones
from convsync.store.seen_rows import Seen

_ROWS_A_QUERY = 5_000
_ROWS: BindParameter[Any] = bindparam("rows", expanding=True)
"""Rows are handed over when a query is made: one that holds them is a reference cycle, and keeps
them until Python next looks for those."""


class StoredDeal(Struct, frozen=True, gc=False):
    """A deal with the number of its row.

    `is_new` marks one that this very chunk has added: the ledger has nothing of it yet.
    """

    row: int
    deal: Deal
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a chunk of deals: those new or changed, and the rows of those untouched.

    `returned` are those among the changed that had been marked as gone.
    """

    changed: Sequence[StoredDeal]
    unchanged: Sequence[int]
    returned: Sequence[StoredDeal]


def save(connection: Connection, source: str, chunk: Sequence[Deal], *, now: datetime) -> Saved:
    """Write the deals of one source that are new or differ from what is stored.

    Where a deal occurs twice in a chunk the later one counts.
    """
    by_id = {deal.deal_id: deal for deal in chunk}
    known = _known(connection, source, list(by_id))
    next_new = count(next_row(connection))
    numbers = [known[one][0] if one in known else next(next_new) for one in by_id]
    rows = DealRow.of_all(numbers, [*by_id.values()])
    were = dict(known.values())
    new = [row for row in rows if row.number not in were]
    changed = [row for row in rows if were.get(row.number, row.digest) != row.digest]
    reread = {row.number: row.deal.row_digest for row in rows if were.get(row.number) == row.digest}
    were_gone = _gone_among(connection, [row.number for row in changed if row.deal.gone is None])
    _insert(connection, new)
    _replace(connection, changed, now)
    row_digests.add(connection, source, {row.number: row.deal.row_digest for row in new})
    _keep_row_digests(connection, source, changed, reread)
    added = [StoredDeal(row.number, row.deal, is_new=True) for row in new]
    known_deals = milestone_rows.with_estimates(connection, changed)
    replaced = [
        StoredDeal(row.number, deal) for row, deal in zip(changed, known_deals, strict=True)
    ]
    returned = [one for one in replaced if one.row in were_gone]
    return Saved(added + replaced, [*reread], returned)


def due(connection: Connection, now: datetime, *, limit: int) -> list[StoredDeal]:
    """Return deals that are due to be looked at by `now`, those that wait longest first."""
    found = (
        select(deals).where(deals.c.reconcile_at <= now).order_by(deals.c.reconcile_at).limit(limit)
    )
    return _loaded(connection, found)


def count_due(connection: Connection, now: datetime) -> int:
    """Return how many deals are due to be looked at by `now`."""
    found = select(func.count()).select_from(deals).where(deals.c.reconcile_at <= now)
    return connection.execute(found).scalar_one()


def reached_in(
    connection: Connection, since: datetime, until: datetime, *, after: int, limit: int
) -> list[StoredDeal]:
    """Return deals with a milestone reached (and not withdrawn) in the period, by row."""
    has_reached = exists().where(
        milestones.c.deal == deals.c.id,
        milestones.c.reached_at >= since,
        milestones.c.reached_at < until,
        milestones.c.withdrawn_at.is_(None),
    )
    found = select(deals).where(has_reached, deals.c.id > after).order_by(deals.c.id).limit(limit)
    return _loaded(connection, found)


def in_unanswered(connection: Connection, now: datetime, *, limit: int) -> list[StoredDeal]:
    """Return due deals of which a request was never answered: it waits until they are looked at."""
    is_in_it = (ledger.c.deal == deals.c.id) & (ledger.c.state == State.SENDING)
    found = select(deals).where(exists().where(is_in_it), deals.c.reconcile_at <= now).limit(limit)
    return _loaded(connection, found)


def named(connection: Connection, deal_id: str) -> list[StoredDeal]:
    """Return the deals of that ID, one for each source that has it."""
    found = select(deals).where(deals.c.deal_id == deal_id).order_by(deals.c.source)
    return _loaded(connection, found)


def numbered(connection: Connection, rows: Sequence[int]) -> list[StoredDeal]:
    """Return the deals of these rows, in their order."""
    found = select(deals).where(deals.c.id.in_(_ROWS)).order_by(deals.c.id)
    return _loaded(connection, found.params(rows=list(rows))) if rows else []


def forgotten_among(connection: Connection, source: str, deal_ids: Sequence[str]) -> set[str]:
    """Return those of these deals of a source whose person was forgotten."""
    found = select(deals.c.deal_id).where(
        deals.c.source == source,
        deals.c.deal_id.in_(bindparam("deal_ids", expanding=True)),
        deals.c.ad_user_data == ConsentStatus.FORGOTTEN,
    )
    return set(connection.execute(found, {"deal_ids": deal_ids}).scalars())


def of_order(connection: Connection, order_id: str) -> list[StoredDeal]:
    """Return the deal whose conversion has this order ID, where that was ever ready to be sent."""
    of_entry = select(ledger.c.deal).where(
        ledger.c.order_id == order_id, ledger.c.event_at.is_not(None)
    )
    return _loaded(connection, select(deals).where(deals.c.id.in_(of_entry)))


def look_again(connection: Connection, when: Mapping[int, datetime | None]) -> None:
    """Set when each deal row is due to be looked at again; None: only when something changes."""
    never = [row for row, at in when.items() if at is None]
    if never:
        asked = select(numbers_given(connection.dialect.name, "rows").c.value)
        is_set = deals.c.id.in_(asked) & deals.c.reconcile_at.is_not(None)
        connection.execute(update(deals).where(is_set).values(reconcile_at=None), {"rows": never})
    later = [(at, row) for row, at in when.items() if at is not None]
    dialect.update_rows(connection, deals, ("reconcile_at",), later, key=("id",))


def look_again_sooner(connection: Connection, when: Mapping[int, datetime]) -> None:
    """Bring forward when each deal row is due to be looked at, where that is later or never."""
    if not when:
        return
    asked = select(numbers_given(connection.dialect.name, "rows").c.value)
    found = select(deals.c.id, deals.c.reconcile_at).where(deals.c.id.in_(asked))
    later = [
        (when[row], row)
        for row, at in connection.execute(found, {"rows": list(when)})
        if at is None or at > when[row]
    ]
    dialect.update_rows(connection, deals, ("reconcile_at",), later, key=("id",))


def look_at_all_again(connection: Connection, now: datetime) -> None:
    """Make every deal due, because the rules have changed."""
    connection.execute(update(deals).values(reconcile_at=now))


def standing(
    connection: Connection, source: str, deal_ids: Sequence[str]
) -> dict[str, tuple[Milestone, ...]]:
    """Return the milestones that stand of those deals that are stored, by ID, as once read."""
    rows = {row: deal_id for deal_id, (row, _) in _known(connection, source, deal_ids).items()}
    reached = milestone_rows.of_deals(connection, [*rows])
    return {
        deal_id: tuple(milestone_rows.as_once_read(one) for one in reached.get(row, ()))
        for row, deal_id in rows.items()
    }


def withdraw_milestones(connection: Connection, rows: Sequence[int], now: datetime) -> None:
    """Mark every milestone of deals as withdrawn: it is another deal's from now on."""
    with deal_sums.following(connection, rows):
        milestone_rows.withdraw(connection, rows, now)


def rows_of(connection: Connection, source: str, deal_ids: Sequence[str]) -> list[int]:
    """Return the rows of the deals of a source that are stored under these IDs."""
    return [*rows_by_id(connection, source, deal_ids).values()]


def rows_by_id(connection: Connection, source: str, deal_ids: Sequence[str]) -> dict[str, int]:
    """Return the rows of the deals of a source that are stored under these IDs, by ID."""
    found = _known(connection, source, deal_ids)
    return {deal_id: row for deal_id, (row, _) in found.items()}


def gone_missing(connection: Connection, source: str, seen: Seen) -> Iterator[tuple[int, str]]:
    """Yield row and ID of a source's present deals that a complete read has not seen.

    Only rows that were not seen are looked up: hardly any, on an ordinary night.
    """
    unseen = seen.unseen(next_row(connection))
    while page := list(islice(unseen, _ROWS_A_QUERY)):
        present = select(deals.c.id, deals.c.deal_id).where(
            deals.c.id.in_(_ROWS), deals.c.source == source, deals.c.gone.is_(None)
        )
        yield from connection.execute(present.order_by(deals.c.id), {"rows": page}).all()


def present(connection: Connection, source: str, deal_ids: Sequence[str]) -> dict[str, int]:
    """Return the rows of those deals that are stored, and have not left their CRM, by ID."""
    if not deal_ids:
        return {}
    found = select(deals.c.deal_id, deals.c.id).where(
        deals.c.source == source,
        deals.c.deal_id.in_(bindparam("deal_ids", expanding=True)),
        deals.c.gone.is_(None),
    )
    rows = connection.execute(found, {"deal_ids": deal_ids})
    return {deal_id: row for deal_id, row in rows}  # noqa: C416 (a result is no mapping)


def present_after(
    connection: Connection, source: str, row: int, *, limit: int
) -> list[tuple[int, str]]:
    """Return row and ID of the deals of a source after `row` that have not left their CRM."""
    found = (
        select(deals.c.id, deals.c.deal_id)
        .where(deals.c.source == source, deals.c.gone.is_(None), deals.c.id > row)
        .order_by(deals.c.id)
        .limit(limit)
    )
    return [(row, deal_id) for row, deal_id in connection.execute(found)]


def count_present(connection: Connection, source: str, before: int) -> int:
    """Return how many deals of a source in rows before `before` have not left their CRM."""
    found = (
        select(func.count())
        .select_from(deals)
        .where(deals.c.source == source, deals.c.gone.is_(None), deals.c.id < before)
    )
    return connection.execute(found).scalar_one()


def vanished_after(
    connection: Connection, source: str, row: int, since: datetime, *, limit: int
) -> list[tuple[int, str]]:
    """Return row and ID of deals after `row` that vanished, with a milestone reached since then."""
    has_reached = exists().where(milestones.c.deal == deals.c.id, milestones.c.reached_at >= since)
    found = (
        select(deals.c.id, deals.c.deal_id)
        .where(deals.c.source == source, deals.c.gone == Gone.DELETED, deals.c.id > row)
        .where(has_reached)
        .order_by(deals.c.id)
        .limit(limit)
    )
    return [(row, deal_id) for row, deal_id in connection.execute(found)]


def of_unclear_consent(connection: Connection, source: str) -> list[str]:
    """Return the IDs of a source's present deals with a word about consent that nobody mapped."""
    found = select(deals.c.deal_id).where(IS_UNCLEAR, deals.c.source == source)
    return list(connection.execute(found.where(deals.c.gone.is_(None))).scalars())


def mark_gone(connection: Connection, rows: Sequence[int], gone: Gone, now: datetime) -> None:
    """Record that deals are no longer in their CRM, and make them due."""
    if not rows:
        return
    left = [(gone.value, b"", now, row) for row in rows]
    columns = ("gone", "digest", "reconcile_at")
    with deal_sums.following(connection, rows):
        dialect.update_rows(connection, deals, columns, left, key=("id",))
    persons.make_kin_due(connection, rows, now)
    row_digests.drop(connection, rows)


def _known(
    connection: Connection, source: str, deal_ids: Sequence[str]
) -> dict[str, tuple[int, bytes]]:
    """Return row and digest of the deals of a source that are stored under these IDs, by ID."""
    columns = ("deal_id", "id", "digest", "source")
    found = dialect.rows_among(connection, deals, columns, "deal_id", deal_ids)
    return {deal_id: (row, digest) for deal_id, row, digest, of in found if of == source}


def next_row(connection: Connection) -> int:
    """Return the number that the next new deal gets."""
    newest = select(deals.c.id).order_by(deals.c.id.desc()).limit(1)  # quick in a view too
    return (connection.execute(newest).scalar() or 0) + 1


def _gone_among(connection: Connection, rows: Sequence[int]) -> frozenset[int]:
    if not rows:
        return frozenset()
    found = select(deals.c.id).where(deals.c.id.in_(_ROWS), deals.c.gone.is_not(None))
    return frozenset(connection.execute(found, {"rows": rows}).scalars())


def _keep_row_digests(
    connection: Connection, source: str, changed: Sequence[DealRow], reread: Mapping[int, bytes]
) -> None:
    """Keep the digests of the rows that deals were read from anew.

    Where that one has none, an earlier one stands as long as it said the same.
    """
    now = {row.number: row.deal.row_digest for row in changed}
    now |= {row: digest for row, digest in reread.items() if digest}
    if now:
        row_digests.replace(connection, source, now)


def _insert(connection: Connection, rows: Sequence[DealRow]) -> None:
    dialect.insert_columns(connection, deals, columns_of(rows), len(rows))
    milestone_rows.insert(connection, rows)
    deal_sums.add_new(connection, rows)
    deal_key_rows.insert(connection, rows)


def _replace(connection: Connection, rows: Sequence[DealRow], now: datetime) -> None:
    """Write changed deals; milestones they no longer have are marked as withdrawn."""
    if not rows:
        return
    numbers = [row.number for row in rows]
    with deal_sums.following(connection, numbers):
        dialect.update_rows(
            connection,
            deals,
            ("digest", "reconcile_at", *CONTENT),
            [(row.digest, None, *row.content, row.number) for row in rows],
            key=("id",),
        )
        milestone_rows.replace(connection, rows, now)
    persons.make_kin_due(connection, numbers, now)
    deal_key_rows.replace(connection, rows)


def _loaded(connection: Connection, found: Any) -> list[StoredDeal]:
    rows = connection.execute(found).mappings().all()
    reached = milestone_rows.of_deals(connection, [row["id"] for row in rows])
    return [StoredDeal(row["id"], deal_of(row, reached.get(row["id"], ()))) for row in rows]
