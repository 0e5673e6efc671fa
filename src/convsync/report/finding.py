"""Whatever somebody has in hand (a deal, an order, a click, a request, a part) to conversions.

A whole name is looked up first, as each thing in turn until one bears it. Only where nothing does,
names that hold it are looked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from convsync.extract.salesforce_ids import ids_meant
from convsync.store import ledger, lookup, parts
from convsync.store.database import Connection, Database
from convsync.store.lookup import Asked

MOST_NAMES = 20
"""How many names of a kind are taken that hold a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A deal that a name leads to, with one of its conversions; None where it has none yet."""

    by: str
    name: str
    source: str
    deal_id: str
    order_id: str | None = None
    rule: str | None = None
    state: str | None = None
    reason: str | None = None
    code: str | None = None
    value: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What a name leads to; `is_cut` where a part stands in more names than were looked at."""

    found: Sequence[Found] = ()
    is_cut: bool = False


_WHOLE: Mapping[str, Callable[[Connection, str], Asked]] = {
    "deal": lambda connection, name: lookup.of_deals(connection, ids_meant(name)),
    "order": lookup.of_order,
    "request": lookup.of_request,
    "click": lookup.of_click,
}
_PARTS: Mapping[str, Callable[[Connection, str, int], Sequence[str]]] = {
    "deal": parts.deal_ids,
    "order": parts.order_ids,
    "request": parts.request_ids,
    "click": parts.click_ids,
}


def find(database: Database, text: str) -> Trail:
    """Return the conversions that a name leads to, and as what; nothing where it leads nowhere."""
    with database.reading() as connection:
        for by, ask in _WHOLE.items():
            if whole := list(_conversions(connection, by, text, ask(connection, text))):
                return Trail(found=whole)
        return _by_part(connection, text)


def _by_part(connection: Connection, text: str) -> Trail:
    names = {by: names_with(connection, text, MOST_NAMES + 1) for by, names_with in _PARTS.items()}
    found = [
        one
        for by, some in names.items()
        for name in some[:MOST_NAMES]
        for one in _conversions(connection, by, name, _WHOLE[by](connection, name))
    ]
    return Trail(found=found, is_cut=any(len(some) > MOST_NAMES for some in names.values()))


def _conversions(connection: Connection, by: str, name: str, asked: Asked) -> Iterator[Found]:
    for some in lookup.parts_of([one.number for one in asked.conversions]):
        for entry in ledger.entries_numbered(connection, some):
            value = entry.value
            yield Found(
                by=by,
                name=name,
                source=entry.source,
                deal_id=entry.deal_id,
                order_id=entry.order_id,
                rule=entry.rule,
                state=entry.state.value,
                reason=entry.reason.value if entry.reason else None,
                code=entry.code or None,
                value=None if value is None else value.amount,
                currency=None if value is None else value.currency,
            )
    without = asked.deals - {one.deal for one in asked.conversions}
    for source, deal_id in lookup.names_of(connection, sorted(without)):
        yield Found(by=by, name=name, source=source, deal_id=deal_id)
