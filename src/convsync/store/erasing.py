"""What is kept of a person, found and erased: in deals, clicks, keys, statements, quarantine.

Order IDs, amounts, times and the CRM's own number of a deal stay, so that the account still adds
up. Rows that others are numbered after stay as well, empty. What is erased is gone from the tables;
`dialect.scrub` takes it out of the pages of the file.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from secrets import token_bytes
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    delete,
    insert,
    null,
    select,
    update,
)

from convsync.model.click import ClickIdKind
from convsync.model.erased import Erased, deal_digest, digests_of_people
from convsync.model.seen_clicks import digests_of_ids
from convsync.store import (
    ad_clicks,
    click_index,
    collected,
    consents,
    dialect,
    persons,
    revenue,
    row_digests,
    schema,
    write_backs,
)
from convsync.store.deals import StoredDeal, numbered
from convsync.store.pages import PAGE
from convsync.store.schema import (
    allowed_keys,
    click_keys,
    click_news,
    clicks,
    crowded_keys,
    deal_keys,
    deals,
    erased_keys,
    kept_plans,
    ledger,
    quarantine,
    shared_keys,
)

_ROWS: BindParameter[Any] = bindparam("rows", expanding=True)


class FoundPeople(Struct, frozen=True, kw_only=True):
    """All that is kept of people: deals, the digests that lead to them, clicks and entries."""

    deals: Sequence[StoredDeal]
    digests: frozenset[bytes]
    clicks: frozenset[int]
    entries: Sequence[int]


def marks(connection: Connection) -> frozenset[bytes]:
    """Return the list of those who were forgotten."""
    return frozenset(connection.execute(select(erased_keys.c.mark)).scalars())


def add_marks(connection: Connection, new: Collection[bytes], now: datetime) -> None:
    """Add to the list what is not on it yet."""
    rows = [{"mark": mark, "added_at": now} for mark in sorted(set(new) - marks(connection))]
    if rows:
        connection.execute(insert(erased_keys), rows)


def rows_named(connection: Connection, deal_ids: Collection[str]) -> set[int]:
    """Return the rows of the deals with these IDs, of any source."""
    named = select(deals.c.id).where(deals.c.deal_id.in_(bindparam("ids", expanding=True)))
    return set(connection.execute(named, {"ids": list(deal_ids)}).scalars())


def people(
    connection: Connection, rows: Collection[int], digests: Collection[bytes]
) -> FoundPeople:
    """Return what is kept of the people behind these deals and keys.

    A deal with the same e-mail or phone is the same person's, unless too many deals share it.
    """
    shared = frozenset(connection.execute(select(shared_keys.c.key)).scalars())
    known = _numbered(connection, set(rows) | _deals_with(connection, digests))
    own = {digest for one in known for digest in digests_of_people(one.deal.identifiers)} - shared
    known = _numbered(connection, {one.row for one in known} | _deals_with(connection, own))
    numbers = [one.row for one in known]
    of_deals = select(deal_keys.c.key).where(deal_keys.c.deal.in_(_ROWS))
    own |= set(connection.execute(of_deals, {"rows": numbers}).scalars()) - shared
    own |= set(digests)
    said = select(ledger.c.id, ledger.c.click_kind, ledger.c.click_id)
    entries = connection.execute(said.where(ledger.c.deal.in_(_ROWS)), {"rows": numbers}).all()
    for _, kind, click_id in entries:
        if click_id is not None:
            own |= set(digests_of_ids(ClickIdKind(kind), [click_id]))
    found = _clicks_with(connection, own)
    return FoundPeople(
        deals=known,
        digests=frozenset(
            own
            | set(found.values())
            | {deal_digest(one.deal.source, one.deal.deal_id) for one in known}
        ),
        clicks=frozenset(found),
        entries=sorted(entry.id for entry in entries),
    )


def forgotten_again(connection: Connection, erased: Erased) -> tuple[set[int], set[bytes]]:
    """Return the deals and keys with a mark that are kept all the same: a backup brought them back.

    Everything there is has to be looked at for this, since marks cannot be read backwards.
    """
    rows = {
        row
        for row, source, deal_id in _all_of(
            connection, select(deals.c.id, deals.c.source, deals.c.deal_id), deals.c.id
        )
        if erased.knows([deal_digest(source, deal_id)])
    }
    keys: set[bytes] = set()
    for column in (deal_keys.c.key, click_keys.c.key, clicks.c.key, schema.consents.c.key):
        for (key,) in _all_of(connection, select(column).distinct(), column):
            if erased.knows([key]):
                keys.add(bytes(key))
    return rows, keys


def _all_of(connection: Connection, found: Any, by: Any) -> Iterator[Any]:
    yield from connection.execute(found.order_by(by), execution_options={"yield_per": PAGE})


def erase(connection: Connection, found: FoundPeople) -> None:
    """Erase all of it but the deals themselves, which are written anew, and the statements."""
    rows = [one.row for one in found.deals]
    row_digests.drop(connection, rows)
    collected.erase(connection, found.digests)
    consents.erase(connection, found.digests)
    for one in found.deals:
        connection.execute(
            delete(quarantine).where(
                quarantine.c.source == one.deal.source, quarantine.c.deal_id == one.deal.deal_id
            )
        )
    for table in (deal_keys, click_keys, shared_keys, crowded_keys, allowed_keys):
        for some in _some(sorted(found.digests)):
            connection.execute(delete(table).where(table.c.key.in_(some)))
    ad_clicks.forget(connection, found.digests)
    revenue.forget_customers(connection, sorted(found.digests))
    persons.forget(connection, rows)
    write_backs.forget(connection, rows)
    for numbers in _some(sorted(found.clicks)):
        click_index.drop(connection, numbers)
        connection.execute(delete(click_news).where(click_news.c.click.in_(numbers)))
    blank = [(token_bytes(16), "", None, number) for number in sorted(found.clicks)]
    dialect.update_rows(connection, clicks, ("key", "value", "clicked_at"), blank, key=("id",))


def erase_statements(connection: Connection, entries: Sequence[int]) -> None:
    """Take out of statements and kept plans who is meant; what is sent of them is over."""
    nobody = {"click_kind": null(), "click_id": null(), "extras": null()}
    for numbers in _some(entries):
        order_ids = select(ledger.c.order_id).where(ledger.c.id.in_(numbers))
        connection.execute(delete(kept_plans).where(kept_plans.c.order_id.in_(order_ids)))
        connection.execute(update(ledger).where(ledger.c.id.in_(numbers)).values(nobody))


def _numbered(connection: Connection, rows: Collection[int]) -> list[StoredDeal]:
    return numbered(connection, sorted(rows))


def _deals_with(connection: Connection, digests: Collection[bytes]) -> set[int]:
    having = dialect.rows_among(connection, deal_keys, ("deal",), "key", sorted(digests))
    return {row for (row,) in having}


def _clicks_with(connection: Connection, digests: Collection[bytes]) -> dict[int, bytes]:
    """Return the clicks with these IDs, or found by these keys: the digests of the IDs by row."""
    asked = sorted(digests)
    found = {
        row: bytes(key)
        for row, key in dialect.rows_among(connection, clicks, ("id", "key"), "key", asked)
    }
    joined = {
        row for (row,) in dialect.rows_among(connection, click_keys, ("click",), "key", asked)
    }
    of_rows = dialect.rows_among(connection, clicks, ("id", "key"), "id", sorted(joined))
    return found | {row: bytes(key) for row, key in of_rows}


def _some(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield so many at a time as one statement takes."""
    for first in range(0, len(values), PAGE):
        yield values[first : first + PAGE]
