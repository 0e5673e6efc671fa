"""From what a person has in hand to conversions: a deal, an order, a click, a request, an amount.

Nothing of this is asked at night, so the night pays for no index of it: deals and order IDs have
one, requests are few, and a click ID is looked for among the keys of all deals, which are short.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from pydantic_core import from_json
from sqlalchemy import BindParameter, ColumnElement, Connection, TextClause, bindparam, select

from convsync.model.click import ClickIdKind
from convsync.model.each import EACH, values_in
from convsync.model.event import EventKind
from convsync.model.record import numbers_in
from convsync.model.seen_clicks import digests_of_ids
from convsync.model.statement import is_order_id
from convsync.store import audit_blocks, click_index
from convsync.store.reach import joining_nobody
from convsync.store.schema import (
    HAS_CONTENT,
    audit_events,
    batches,
    clicks,
    deal_keys,
    deals,
    ledger,
)

MOST_CONVERSIONS = 2_000
"""How many conversions with an amount are looked for: those that were given it last."""
_AT_ONCE = 500


T = TypeVar("T")


def parts_of(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the values some at a time, as few as a query takes for parameters."""
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


class Known(NamedTuple):
    """A conversion: its number in the ledger, its deal, and its name at the platform."""

    number: int
    deal: int
    source: str
    deal_id: str
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Conversions that are asked for, and the rows of their deals.

    `is_of_deals` where all that happened to the deals is meant, and not these conversions alone.
    `batches` are the requests that alone are meant, None where any is. `is_cut` where there are
    more conversions than were looked for.
    """

    deals: frozenset[int]
    conversions: Sequence[Known]
    is_of_deals: bool = False
    batches: frozenset[int] | None = None
    is_cut: bool = False

    def within(self, other: "Asked") -> "Asked":
        """Return what both ask for."""
        numbers = {one.number for one in other.conversions}
        meant = [self.batches, other.batches]
        both = [one for one in meant if one is not None]
        return replace(
            self,
            deals=self.deals & other.deals,
            conversions=[one for one in self.conversions if one.number in numbers],
            is_of_deals=self.is_of_deals and other.is_of_deals,
            batches=frozenset.intersection(*both) if both else None,
            is_cut=self.is_cut or other.is_cut,
        )


_KNOWN = select(
    ledger.c.id, deals.c.id.label("deal"), deals.c.source, deals.c.deal_id, ledger.c.order_id
).join(deals, deals.c.id == ledger.c.deal)
_AMONG: BindParameter[Any] = bindparam("among", expanding=True)


def of_deals(connection: Connection, deal_ids: Collection[str]) -> Asked:
    """Return the conversions of the deals with these IDs, in every source that has one."""
    rows = select(deals.c.id).where(deals.c.deal_id.in_(list(deal_ids)))
    return of_rows(connection, connection.execute(rows).scalars().all())


def rules_of(connection: Connection, numbers: Sequence[int]) -> Mapping[int, str]:
    """Return the rules of conversions, by their numbers in the ledger."""
    rules = select(ledger.c.id, ledger.c.rule).where(ledger.c.id.in_(_AMONG))
    return {
        number: rule
        for some in parts_of(numbers)
        for number, rule in connection.execute(rules, {"among": some})
    }


def names_of(connection: Connection, rows: Sequence[int]) -> list[tuple[str, str]]:
    """Return source and ID of the deals with these rows."""
    names = select(deals.c.source, deals.c.deal_id).where(deals.c.id.in_(_AMONG))
    return [
        (source, deal_id)
        for some in parts_of(rows)
        for source, deal_id in connection.execute(names, {"among": some})
    ]


def of_click(connection: Connection, value: str) -> Asked:
    """Return the conversions of all deals that a click ID belongs to, or was sent for.

    It is written on the deal, or shares a key with it. Only where that is true of no deal, the
    whole ledger is looked through for one that was sent with it when it still had it.
    """
    with_key = select(deal_keys.c.deal).where(deal_keys.c.key.in_(_AMONG))
    for keys in _keys_of_click(connection, value):
        if rows := connection.execute(with_key, {"among": keys}).scalars().all():
            return of_rows(connection, rows)
    sent = select(ledger.c.deal).where(ledger.c.click_id == value)
    return of_rows(connection, connection.execute(sent).scalars().all())


def _keys_of_click(connection: Connection, value: str) -> Iterator[Sequence[bytes]]:
    """Yield the digests by which deals are joined to a click ID, the likeliest first.

    The keys of all deals are passed over for them, in a time that grows with their number.
    """
    digests = {kind: digests_of_ids(kind, [value])[0] for kind in ClickIdKind}
    is_it = clicks.c.key.in_(digests.values())
    logged = connection.execute(select(clicks.c.id, clicks.c.key).where(is_it)).all()
    if logged:
        shared = click_index.keys_of_rows(connection, [row for row, _ in logged])
        yield [*(key for _, key in logged), *sorted(shared - joining_nobody(connection))]
        return
    yield [digests.pop(ClickIdKind.GCLID)]
    yield [*digests.values()]


def of_order(connection: Connection, order_id: str) -> Asked:
    """Return the conversions with an order ID; the deals it was moved from belong to it.

    One that was never ready to be sent is in no index, and is looked for in the whole ledger.
    """
    if not is_order_id(order_id):
        return Asked(deals=frozenset(), conversions=[])
    is_it = ledger.c.order_id == order_id
    found = _known(connection, is_it, HAS_CONTENT) or _known(connection, is_it)
    rows = {one.deal for one in found}
    new = rows
    while new := _merged_into(connection, order_id, new) - rows:
        rows |= new
    return Asked(deals=frozenset(rows), conversions=found)


def of_request(connection: Connection, request_id: str) -> Asked:
    """Return the conversions that went out in a request."""
    rows = connection.execute(select(batches.c.id).where(batches.c.request_id == request_id))
    numbers = frozenset(rows.scalars())
    events = select(audit_events.c.detail).where(
        audit_events.c.event == EventKind.RESERVED,
        audit_events.c.number.in_(audit_blocks.of_batches(connection, numbers)),
    )
    entries = {
        entry
        for detail in connection.execute(events).scalars()
        for entry in numbers_in(from_json(detail)["entries"])
    }
    found = _numbered(connection, entries)
    return replace(_only(found), batches=numbers)


def with_amount(connection: Connection, least: Decimal | None, most: Decimal | None) -> Asked:
    """Return the conversions that were ever given a value within bounds, both included."""
    names: dict[tuple[int, str], None] = {}
    for numbers in audit_blocks.with_amounts(connection, least, most):
        names |= dict.fromkeys(_with_exact_amount(connection, numbers, least, most))
        if len(names) > MOST_CONVERSIONS:
            break
    kept = list(names)[:MOST_CONVERSIONS]
    of_their_deals = of_rows(connection, {deal for deal, _ in kept})
    meant = set(kept)
    found = [one for one in of_their_deals.conversions if (one.deal, one.order_id) in meant]
    return replace(_only(found), is_cut=len(names) > MOST_CONVERSIONS)


def _with_exact_amount(
    connection: Connection, numbers: Sequence[int], least: Decimal | None, most: Decimal | None
) -> list[tuple[int, str]]:
    """Return deal and order ID of those among events whose value is within bounds, newest first."""
    found = []
    for some in parts_of(numbers):
        for deal, order_id, detail in connection.execute(_NEWEST_FIRST, {"among": some}):
            for who, value in _values_in(deal, order_id, from_json(detail)):
                amount = Decimal(value)
                if (least is None or least <= amount) and (most is None or amount <= most):
                    found.append(who)
        if len(found) > MOST_CONVERSIONS:
            break
    return found


_NEWEST_FIRST = (
    select(audit_events.c.deal, audit_events.c.order_id, audit_events.c.detail)
    .where(audit_events.c.number.in_(_AMONG))
    .order_by(audit_events.c.number.desc())
)


def _values_in(
    deal: int | None, order_id: str | None, detail: Mapping[str, Any]
) -> Iterator[tuple[tuple[int, str], str]]:
    """Yield deal, order ID and value of each conversion that an event is about, the last first."""
    if EACH in detail:
        for row, name, value in reversed(values_in(detail)):
            yield (row, name), value
    elif deal is not None and order_id is not None:
        yield (deal, order_id), detail["value"]


def _merged_into(connection: Connection, order_id: str, rows: Collection[int]) -> set[int]:
    """Return the rows of deals from which a conversion was moved to these."""
    events = select(audit_events.c.source, audit_events.c.detail).where(
        audit_events.c.deal.in_(list(rows)),
        audit_events.c.event == EventKind.MERGED_IN,
        audit_events.c.order_id == order_id,
    )
    merged: set[int] = set()
    for source, detail in connection.execute(events):
        its_row = select(deals.c.id).where(
            deals.c.source == source, deals.c.deal_id == from_json(detail)["from_deal"]
        )
        merged.update(connection.execute(its_row).scalars())
    return merged


def of_rows(connection: Connection, rows: Iterable[int]) -> Asked:
    """Return all conversions of some deals, which need not have any."""
    found = []
    for some in parts_of(sorted(set(rows))):
        found += _among(connection, ledger.c.deal, some)
    return Asked(deals=frozenset(rows), conversions=found, is_of_deals=True)


def _numbered(connection: Connection, numbers: Iterable[int]) -> list[Known]:
    found = []
    for some in parts_of(sorted(numbers)):
        found += _among(connection, ledger.c.id, some)
    return found


def _among(connection: Connection, column: ColumnElement[int], some: Sequence[int]) -> list[Known]:
    rows = connection.execute(_KNOWN.where(column.in_(_AMONG)), {"among": some})
    return [Known._make(row) for row in rows]


def _known(connection: Connection, *conditions: ColumnElement[bool] | TextClause) -> list[Known]:
    return [Known._make(row) for row in connection.execute(_KNOWN.where(*conditions))]


def _only(found: Sequence[Known]) -> Asked:
    """Return these conversions alone, without what else happened to their deals."""
    return Asked(deals=frozenset(one.deal for one in found), conversions=found)
