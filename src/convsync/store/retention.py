"""Hashed e-mails and phones that nothing needs any more, erased a slice of rows a night.

A slice is a range of row numbers, and the next night goes on where the last one ended: what a sweep
costs does not grow with the ledger, and every row comes round. A deal that changes later brings its
identifiers along when it is read again. By a CRM's own number of a customer, what they pay later
finds their deal: where there is such revenue, it stays.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)

from convsync.model.key import CRM_END, PEOPLE_END
from convsync.model.ledger import State
from convsync.store import click_index, runs
from convsync.store.schema import (
    audience_members,
    clicks,
    deal_keys,
    deals,
    ledger,
    milestones,
    revenue,
)

SLICE = 100_000
"""How many rows of a table are looked at in one night."""

_OVER = (State.CONFIRMED, State.NOT_SENT, State.UNMATCHED, State.REJECTED)
"""States in which nothing of a conversion is about to be sent, or on its way."""


def sweep_deals(connection: Connection, before: datetime) -> None:
    """Erase the identifiers and keys of deals of which nothing has happened since.

    Whoever is on a list of an audience, or should be, is needed there.
    """
    first, last = _slice(connection, "deals", deals.c.id)
    of_deal = milestones.c.deal == deals.c.id
    is_open = (ledger.c.deal == deals.c.id) & (ledger.c.state.not_in(_OVER) | ledger.c.is_unsure)
    is_old = or_(
        deals.c.modified_at < before,
        deals.c.modified_at.is_(None) & exists().where(of_deal),
    )
    found = select(deals.c.id).where(
        deals.c.id.between(first, last),
        or_(deals.c.emails.is_not(None), deals.c.phones.is_not(None)),
        deals.c.reconcile_at.is_(None),
        is_old,
        ~exists().where(of_deal, milestones.c.reached_at >= before),
        ~exists().where(is_open),
        ~exists().where(audience_members.c.deal == deals.c.id),
    )
    rows = list(connection.execute(found).scalars())
    pays_later = exists().where(revenue.c.customer.is_not(None))
    is_needless = or_(deal_keys.c.key >= literal(CRM_END), ~pays_later)
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        nobody = {"emails": null(), "phones": null(), "plain_hashes": null()}
        connection.execute(update(deals).where(deals.c.id.in_(some)).values(nobody))
        connection.execute(delete(deal_keys).where(deal_keys.c.deal.in_(some), is_needless))


def sweep_click_keys(connection: Connection, before: datetime) -> None:
    """Erase the keys of people by which clicks of before then were found."""
    first, last = _slice(connection, "clicks", clicks.c.id)
    old = select(clicks.c.id).where(
        clicks.c.id.between(first, last),
        clicks.c.clicked_at < before,
        click_index.may_have(CRM_END, PEOPLE_END),
    )
    rows = connection.execute(old).scalars()
    click_index.drop(connection, rows, least=CRM_END, below=PEOPLE_END)


def sweep_statements(connection: Connection, before: datetime) -> list[int]:
    """Erase who is named in statements of milestones before then; return the entries' numbers."""
    first, last = _slice(connection, "statements", ledger.c.id)
    names_somebody = or_(ledger.c.extras.like('%"emails"%'), ledger.c.extras.like('%"phones"%'))
    found = select(ledger.c.id).where(
        ledger.c.id.between(first, last),
        ledger.c.milestone_at < before,
        ledger.c.state.in_(_OVER),
        ~ledger.c.is_unsure,
        names_somebody,
    )
    numbers = list(connection.execute(found.order_by(ledger.c.id)).scalars())
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        connection.execute(update(ledger).where(ledger.c.id.in_(some)).values(extras=null()))
    return numbers


_AT_ONCE = 1_000


def _slice(connection: Connection, name: str, number: Column[Any]) -> tuple[int, int]:
    """Return the rows whose turn it is, from the last slice on, or from the first row again."""
    swept = f"swept {name}"
    after = int(runs.recall(connection, swept) or 0)
    newest = connection.execute(select(func.max(number))).scalar() or 0
    first = 1 if after >= newest else after + 1
    last = first + SLICE - 1
    runs.remember(connection, swept, str(last))
    return first, last
