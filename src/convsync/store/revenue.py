"""Lines of revenue, and whose each is: a deal's, where that is known, and otherwise nobody's yet.

A line that names a deal is that deal's as soon as it is stored. One that names a customer is the
last deal's that this customer had won by then: what a customer pays after a second sale is the
second sale's. (Money may come up to a day before the win, which some CRMs know by its day alone.)
A deal that is gone from its CRM keeps what was paid for it, and gets nothing more by its customer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
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
from convsync.store.schema import deal_keys, deals, milestones, revenue

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
    found = [*_by_deal(connection), *_by_customer(connection)]
    moved = [(deal, source, line) for source, line, before, deal in found if deal != before]
    dialect.update_rows(connection, revenue, ("deal",), moved, key=("source", "line"))
    touched = {row for *_, before, deal in found if deal != before for row in (before, deal)}
    return frozenset(row for row in touched if row is not None)


def _by_deal(connection: Connection) -> Iterator[tuple[str, str, int | None, int]]:
    """Yield source, name, deal before and deal now of lines whose deal has come to be known."""
    found = (
        select(revenue.c.source, revenue.c.line, revenue.c.deal, func.min(deals.c.id))
        .join(deals, deals.c.deal_id == revenue.c.deal_id)
        .where(revenue.c.deal.is_(None))
        .group_by(revenue.c.source, revenue.c.line, revenue.c.deal)
    )
    yield from (tuple(row) for row in connection.execute(found).all())


def _by_customer(connection: Connection) -> Iterator[tuple[str, str, int | None, int]]:
    """Yield the same of lines that name a customer alone, and have one who bought by then."""
    is_of_customer = revenue.c.customer.is_not(None) & revenue.c.deal_id.is_(None)
    if connection.execute(select(revenue.c.line).where(is_of_customer).limit(1)).first() is None:
        return
    won_at = type_coerce(milestones.c.reached_at, BigInteger)
    paid_at = type_coerce(revenue.c.paid_at, BigInteger)
    found = (
        select(revenue.c.source, revenue.c.line, revenue.c.deal, deals.c.id)
        .join(deal_keys, deal_keys.c.key == revenue.c.customer)
        .join(deals, deals.c.id == deal_keys.c.deal)
        .join(milestones, milestones.c.deal == deals.c.id)
        .where(
            is_of_customer,
            milestones.c.name == WON,
            milestones.c.withdrawn_at.is_(None),
            deals.c.gone.is_(None),
            won_at <= paid_at + literal(_A_DAY, BigInteger),
        )
        .order_by(revenue.c.source, revenue.c.line, won_at, deals.c.id)
    )
    last: tuple[str, str, int | None, int] | None = None
    for row in connection.execute(found, execution_options={"yield_per": PAGE}):
        if last is not None and last[:2] != (row.source, row.line):
            yield last
        last = (row.source, row.line, row.deal, row.id)
    if last is not None:
        yield last


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
