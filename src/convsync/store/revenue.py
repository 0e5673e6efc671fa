"""Lines of revenue, and whose each is: a deal's, where that is known, and otherwise nobody's yet.

A line that names a deal is that deal's as soon as it is stored. One that names a customer is the
last deal's that this customer had won by then: what a customer pays after a second sale is the
second sale's. (Money may come up to a day before the win, which some CRMs know by its day alone.)
A deal that is gone from its CRM keeps what was paid for it, and gets nothing more by its customer.
One that was merged has become its survivor: what was paid for it, or is by its name or its
customer later, is the survivor's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    delete,
    func,
    literal,
    select,
    type_coerce,
    update,
)

from convsync.model.deal import WON
from convsync.model.money import Money
from convsync.model.revenue import MoneyTerms, Payment, RevenueLine, Takings
from convsync.store import dialect
from convsync.store.given import numbers_given
from convsync.store.pages import PAGE
from convsync.store.schema import deal_keys, deals, milestones, revenue, survivors

_COLUMNS = ("deal_id", "customer", "paid_at", "amount", "currency")
_A_DAY = 24 * 60 * 60 * 1_000_000
"""In microseconds, as instants are kept."""


class Saved(NamedTuple):
    """How many lines were new, and changed; and the deals that lines were of which changed."""

    new: int
    changed: int
    deals: frozenset[int]


class RevenueRow(NamedTuple):
    """A line as it is stored."""

    line: str
    deal_id: str | None
    customer: bytes | None
    paid_at: datetime
    amount: Decimal
    currency: str
    deal: int | None


class Unknown(NamedTuple):
    """How many lines are of no deal that is known, and what they add up to, in a currency."""

    currency: str
    lines: int
    amount: Decimal


def save(connection: Connection, source: str, lines: Sequence[RevenueLine]) -> Saved:
    """Write the lines of a source that are new or differ from what is stored.

    Of two with one name the later counts. A line that changed is nobody's until `assign`.
    """
    by_name = {one.line: one for one in lines}
    known = {row.line: row for row in _named(connection, source, list(by_name))}
    new = [one for name, one in by_name.items() if name not in known]
    changed = [one for name, one in by_name.items() if name in known and _differs(one, known[name])]
    dialect.insert_rows(
        connection,
        revenue,
        ("source", "line", *_COLUMNS),
        [(source, one.line, *_cells(one)) for one in new],
    )
    dialect.update_rows(
        connection,
        revenue,
        (*_COLUMNS, "deal"),
        [(*_cells(one), None, source, one.line) for one in changed],
        key=("source", "line"),
    )
    were = {known[one.line].deal for one in changed}
    return Saved(len(new), len(changed), frozenset(row for row in were if row is not None))


class Gone(NamedTuple):
    """Of so many lines that are stored, the names of those that were not seen, and their deals."""

    stored: int
    names: Sequence[str]
    deals: frozenset[int]


def unseen(connection: Connection, source: str, seen: "Names") -> Gone:
    """Return the lines of a source that were not seen."""
    stored = select(revenue.c.line, revenue.c.deal).where(revenue.c.source == source)
    rows = connection.execute(stored).all()
    gone = [row for row in rows if row.line not in seen]
    of_deals = frozenset(row.deal for row in gone if row.deal is not None)
    return Gone(len(rows), [row.line for row in gone], of_deals)


def remove(connection: Connection, source: str, names: Sequence[str]) -> None:
    """Take lines of a source out."""
    for start in range(0, len(names), PAGE):
        is_named = revenue.c.line.in_(names[start : start + PAGE])
        connection.execute(delete(revenue).where(revenue.c.source == source, is_named))


class Names:
    """Names of lines, as the hashes of them: a million take some ten megabytes."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def add(self, lines: Iterable[RevenueLine]) -> None:
        """Note the lines as seen."""
        self._seen.update(hash(one.line) for one in lines)

    def __contains__(self, name: str) -> bool:
        return hash(name) in self._seen


def assign(connection: Connection) -> frozenset[int]:
    """Give each line to the deal that it is of by now; return the deals that it changed."""
    became = _became(connection)
    owners = {line[:2]: line for line in _of_merged(connection, became)}
    said = [
        *_by_deal(connection),
        *_by_merged_name(connection),
        *_by_customer(connection, _by_merged_customer(connection, became)),
    ]
    owners |= {line[:2]: line._replace(now=became.get(line.now, line.now)) for line in said}
    moved = [one for one in owners.values() if one.now != one.before]
    rows = [(one.now, one.source, one.line) for one in moved]
    dialect.update_rows(connection, revenue, ("deal",), rows, key=("source", "line"))
    touched = {row for one in moved for row in (one.before, one.now)}
    return frozenset(row for row in touched if row is not None)


class _Owned(NamedTuple):
    """A line, the deal that it was of before, and the one that it is of now."""

    source: str
    line: str
    before: int | None
    now: int


def _by_deal(connection: Connection) -> Iterator[_Owned]:
    """Yield lines whose deal has come to be known."""
    found = (
        select(revenue.c.source, revenue.c.line, revenue.c.deal, func.min(deals.c.id))
        .join(deals, deals.c.deal_id == revenue.c.deal_id)
        .where(revenue.c.deal.is_(None))
        .group_by(revenue.c.source, revenue.c.line, revenue.c.deal)
    )
    yield from (_Owned(*row) for row in connection.execute(found).all())


_CustomersSale = tuple[int, int, int | None]
"""When a sale was won, its deal, and the deal that a line of its customer was of before."""


def _by_customer(
    connection: Connection, of_merged: dict[tuple[str, str], _CustomersSale]
) -> Iterator[_Owned]:
    """Yield lines that name a customer alone, and have one who bought by then.

    Some of their customers are also those of deals that were merged: `of_merged` has the last sales
    of these, by line.
    """
    if connection.execute(select(revenue.c.line).where(_IS_OF_CUSTOMER).limit(1)).first() is None:
        return
    found = (
        select(revenue.c.source, revenue.c.line, _WON_AT, deals.c.id, revenue.c.deal)
        .join(deal_keys, deal_keys.c.key == revenue.c.customer)
        .join(deals, deals.c.id == deal_keys.c.deal)
        .join(milestones, milestones.c.deal == deals.c.id)
        .where(_IS_OF_CUSTOMER, _IS_WON, _PAID_AT + literal(_A_DAY, BigInteger) >= _WON_AT)
        .order_by(revenue.c.source, revenue.c.line, _WON_AT, deals.c.id)
    )
    rows = connection.execute(found, execution_options={"yield_per": PAGE})
    for (source, line), sales in groupby(rows, key=lambda row: (row[0], row[1])):
        *_, last = ((won_at, deal, before) for _, _, won_at, deal, before in sales)
        _, deal, before = max(last, of_merged.pop((source, line), last), key=itemgetter(0, 1))
        yield _Owned(source, line, before, deal)
    for (source, line), (_, deal, before) in of_merged.items():
        yield _Owned(source, line, before, deal)


_IS_OF_CUSTOMER = revenue.c.customer.is_not(None) & revenue.c.deal_id.is_(None)
_WON_AT = type_coerce(milestones.c.reached_at, BigInteger)
_PAID_AT = type_coerce(revenue.c.paid_at, BigInteger)
_IS_WON = (milestones.c.name == WON) & milestones.c.withdrawn_at.is_(None) & deals.c.gone.is_(None)

# Deals that were merged


def _became(connection: Connection) -> Mapping[int, int]:
    """Return the survivor of each deal that was merged, by rows, where both were read."""
    lost, won = deals.alias("lost"), deals.alias("won")
    is_lost = (lost.c.source == survivors.c.source) & (lost.c.deal_id == survivors.c.deal_id)
    has_won = (won.c.source == survivors.c.source) & (won.c.deal_id == survivors.c.survivor)
    found = select(lost.c.id, won.c.id).select_from(survivors).join(lost, is_lost)
    return dict(map(tuple, connection.execute(found.join(won, has_won))))


def _of_merged(connection: Connection, became: Mapping[int, int]) -> Iterator[_Owned]:
    """Yield lines that were given to a deal before it was merged."""
    if not became:
        return
    found = select(revenue.c.source, revenue.c.line, revenue.c.deal).where(
        revenue.c.deal.in_(select(numbers_given(connection.dialect.name, "rows").c.value))
    )
    for source, line, before in connection.execute(found, {"rows": [*became]}):
        yield _Owned(source, line, before, became[before])


def _by_merged_name(connection: Connection) -> Iterator[_Owned]:
    """Yield lines that name a deal which was merged before it was ever read."""
    found = (
        select(revenue.c.source, revenue.c.line, revenue.c.deal, func.min(deals.c.id))
        .join(survivors, survivors.c.deal_id == revenue.c.deal_id)
        .join(
            deals,
            (deals.c.source == survivors.c.source) & (deals.c.deal_id == survivors.c.survivor),
        )
        .where(revenue.c.deal.is_(None))
        .group_by(revenue.c.source, revenue.c.line, revenue.c.deal)
    )
    yield from (_Owned(*row) for row in connection.execute(found).all())


def _by_merged_customer(
    connection: Connection, became: Mapping[int, int]
) -> dict[tuple[str, str], _CustomersSale]:
    """Return the last sale of the customers of deals that were merged, by line that names one."""
    if not became:
        return {}
    given = select(numbers_given(connection.dialect.name, "rows").c.value)
    sold = (
        select(deals.c.id, _WON_AT)
        .join(milestones, milestones.c.deal == deals.c.id)
        .where(_IS_WON, deals.c.id.in_(given))
    )
    won_at = dict(map(tuple, connection.execute(sold, {"rows": [*set(became.values())]})))
    found = (
        select(revenue.c.source, revenue.c.line, _PAID_AT, deal_keys.c.deal, revenue.c.deal)
        .join(deal_keys, deal_keys.c.key == revenue.c.customer)
        .where(_IS_OF_CUSTOMER, deal_keys.c.deal.in_(given))
    )
    sales: dict[tuple[str, str], _CustomersSale] = {}
    for source, line, paid_at, lost, before in connection.execute(found, {"rows": [*became]}):
        deal = became[lost]
        if deal in won_at and won_at[deal] <= paid_at + _A_DAY:
            sale = (won_at[deal], deal, before)
            sales[source, line] = max(sale, sales.get((source, line), sale), key=itemgetter(0, 1))
    return sales


def of_deals(
    connection: Connection, rows: Sequence[int], terms: MoneyTerms
) -> Mapping[int, Takings]:
    """Return what came in for deals, by row; those for which nothing did have none."""
    found = payments_of(connection, rows)
    return {row: Takings(tuple(payments), terms) for row, payments in found.items()}


def payments_of(connection: Connection, rows: Sequence[int]) -> Mapping[int, Sequence[Payment]]:
    """Return the payments of deals, by row, in the order of their time."""
    asked = select(numbers_given(connection.dialect.name, "rows").c.value)
    found = (
        select(revenue.c.deal, revenue.c.paid_at, revenue.c.amount, revenue.c.currency)
        .where(revenue.c.deal.is_not(None), revenue.c.deal.in_(asked))
        .order_by(revenue.c.paid_at, revenue.c.source, revenue.c.line)
    )
    payments: dict[int, list[Payment]] = {}
    for deal, paid_at, amount, currency in connection.execute(found, {"rows": list(rows)}):
        money = Money(amount=amount, currency=currency)
        payments.setdefault(deal, []).append(Payment(paid_at, money))
    return payments


def is_there(connection: Connection) -> bool:
    """True where there is any revenue."""
    return connection.execute(select(revenue.c.line).limit(1)).first() is not None


def unknown(connection: Connection) -> list[Unknown]:
    """Return what is of no deal that is known, by currency."""
    found = (
        select(revenue.c.currency, func.count(), func.sum(revenue.c.amount))
        .where(revenue.c.deal.is_(None))
        .group_by(revenue.c.currency)
        .order_by(revenue.c.currency)
    )
    return [Unknown(*row) for row in connection.execute(found)]


def forget_customers(connection: Connection, digests: Sequence[bytes]) -> None:
    """Take out whose a line is, of customers with these keys; what it is of as a deal stays."""
    for start in range(0, len(digests), PAGE):
        is_theirs = revenue.c.customer.in_(digests[start : start + PAGE])
        connection.execute(update(revenue).where(is_theirs).values(customer=None))


def _named(connection: Connection, source: str, names: Sequence[str]) -> list[RevenueRow]:
    named = revenue.c.line.in_(bindparam("names", expanding=True))
    columns = (revenue.c[name] for name in RevenueRow._fields)
    found = select(*columns).where(revenue.c.source == source, named)
    rows: list[RevenueRow] = []
    for start in range(0, len(names), PAGE):
        asked = {"names": names[start : start + PAGE]}
        rows += [RevenueRow(*row) for row in connection.execute(found, asked)]
    return rows


def _differs(one: RevenueLine, known: RevenueRow) -> bool:
    return _cells(one) != tuple(known[1:-1])


def _cells(one: RevenueLine) -> tuple[str | None, bytes | None, datetime, Decimal, str]:
    """Return the values of `_COLUMNS`."""
    return one.deal_id, one.customer, one.paid_at, one.money.amount, one.money.currency
