"""Known people who came back: who they are by their keys, and what was told to whom.

A comeback is reserved before its message leaves. Where that reached nobody it is given back, and
the next look tells it; where whoever told it was killed in between, it may have been told, and is
not told again.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from convsync.model.comeback import Comeback, ComebackKind, KeptComeback
from convsync.store import click_index, dialect
from convsync.store.schema import (
    audience_lists,
    audience_members,
    clicks,
    comebacks,
    deal_keys,
    deals,
    milestones,
    shared_keys,
)

_ROWS: Any = bindparam("rows", expanding=True)


class ClickOfDeal(NamedTuple):
    """A stored click, and a deal with a key in common, by their rows."""

    click: int
    clicked_at: datetime
    kind: str
    value: str
    deal: int


def clicks_of_known(connection: Connection, after: int) -> Iterator[ClickOfDeal]:
    """Yield the clicks stored after a row that have a key of a deal, click by click.

    A key that too many deals have is nobody's.
    """
    keyed = click_index.keys_of(connection, clicks.c.id > after).subquery()
    found = (
        select(clicks.c.id, clicks.c.clicked_at, clicks.c.kind, clicks.c.value, deal_keys.c.deal)
        .join(keyed, keyed.c.click == clicks.c.id)
        .join(deal_keys, deal_keys.c.key == keyed.c.key)
        .where(clicks.c.clicked_at.is_not(None))
        .where(deal_keys.c.key.not_in(select(shared_keys.c.key)))
        .distinct()
        .order_by(clicks.c.id, deal_keys.c.deal)
    )
    for row in connection.execute(found):
        yield ClickOfDeal(*row)


def deals_with(connection: Connection, keys: Collection[bytes]) -> dict[bytes, list[int]]:
    """Return the deals that have each of these keys, by key; one of too many is nobody's."""
    shared = set(connection.execute(select(shared_keys.c.key)).scalars())
    asked = sorted(set(keys) - shared)
    found: dict[bytes, list[int]] = {}
    for key, deal in dialect.rows_among(connection, deal_keys, ("key", "deal"), "key", asked):
        found.setdefault(bytes(key), []).append(deal)
    return found


def moved_on(
    connection: Connection, audiences: Collection[str], since: datetime, but: str
) -> list[tuple[int, str, datetime]]:
    """Return deals on these audiences' lists that reached a milestone since, but for one name."""
    found = (
        select(milestones.c.deal, milestones.c.name, milestones.c.reached_at)
        .join(audience_members, audience_members.c.deal == milestones.c.deal)
        .join(audience_lists, audience_lists.c.id == audience_members.c.list)
        .where(audience_lists.c.audience.in_(sorted(audiences)))
        .where(milestones.c.reached_at > since, milestones.c.withdrawn_at.is_(None))
        .where(milestones.c.name != but)
        .distinct()
        .order_by(milestones.c.deal, milestones.c.reached_at)
    )
    return [(row.deal, row.name, row.reached_at) for row in connection.execute(found)]


def add(connection: Connection, new: Sequence[Comeback], *, run_id: int) -> int:
    """Keep comebacks that are to be told; one that is kept already is not told again."""
    before = _count(connection)
    rows = [
        {
            "digest": one.digest,
            "kind": one.kind,
            "deal": one.deal,
            "at": one.at,
            "run_id": run_id,
            "said": json.dumps(_said(one), ensure_ascii=False),
            "state": "waiting",
        }
        for one in new
    ]
    if rows:
        connection.execute(dialect.upsert(comebacks, connection).on_conflict_do_nothing(), rows)
    return _count(connection) - before


def _said(one: Comeback) -> Mapping[str, str]:
    said = {"stage": one.stage, "campaign": one.campaign, "steps": ", ".join(one.steps)}
    return {name: text for name, text in said.items() if text}


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(comebacks)).scalar_one()


def waiting(connection: Connection) -> list[KeptComeback]:
    """Return what is yet to be told, in the order in which it happened."""
    return _kept(connection, select(comebacks.c.id).where(comebacks.c.state == "waiting"))


def latest(connection: Connection, limit: int) -> list[KeptComeback]:
    """Return the last comebacks, told or not, in the order in which they happened."""
    newest = select(comebacks.c.id).order_by(comebacks.c.id.desc()).limit(limit)
    return _kept(connection, newest)


def _kept(connection: Connection, numbers: Any) -> list[KeptComeback]:
    found = (
        select(comebacks, deals.c.source, deals.c.deal_id, deals.c.segments)
        .join(deals, deals.c.id == comebacks.c.deal)
        .where(comebacks.c.id.in_(numbers))
        .order_by(comebacks.c.at, comebacks.c.id)
    )
    return [
        KeptComeback(
            number=row.id,
            kind=ComebackKind(row.kind),
            at=row.at,
            state=row.state,
            source=row.source,
            deal_id=row.deal_id,
            said=json.loads(row.said),
            segments=json.loads(row.segments or "{}"),
        )
        for row in connection.execute(found)
    ]


def reserve(connection: Connection, numbers: Collection[int]) -> set[int]:
    """Reserve comebacks for a message; return those that nobody else has reserved or told."""
    free = select(comebacks.c.id).where(comebacks.c.id.in_(_ROWS), comebacks.c.state == "waiting")
    taken = set(connection.execute(free, {"rows": sorted(numbers)}).scalars())
    _move(connection, taken, "leaving")
    return taken


def settle(connection: Connection, numbers: Collection[int], *, is_told: bool) -> None:
    """Note that a message was delivered, or that it reached nobody and waits again."""
    _move(connection, numbers, "told" if is_told else "waiting")


def _move(connection: Connection, numbers: Collection[int], state: str) -> None:
    moved = update(comebacks).where(comebacks.c.id.in_(_ROWS)).values(state=state)
    connection.execute(moved, {"rows": sorted(numbers)})


def forget(connection: Connection, rows: Collection[int]) -> None:
    """Erase what people behind these deals did."""
    connection.execute(delete(comebacks).where(comebacks.c.deal.in_(_ROWS)), {"rows": sorted(rows)})
