"""The milestones of deals as rows: one for each that a deal has or once had.

What the time of a milestone was estimated at stays known when it is estimated no longer: what was
counted then went out with that time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import structs
from sqlalchemy import BindParameter, Connection, bindparam, case, func, select, update

from convsync.model.deal import Deal, Milestone
from convsync.store import dialect
from convsync.store.deal_row import MILESTONE_COLUMNS, DealRow
from convsync.store.schema import deals, milestones

_ROWS: BindParameter[Any] = bindparam("rows", expanding=True)


def of_deals(connection: Connection, rows: Sequence[int]) -> dict[int, tuple[Milestone, ...]]:
    """Return the milestones that stand of the deals with these rows, in the order of time."""
    stand = (
        select(milestones)
        .where(milestones.c.deal.in_(_ROWS), milestones.c.withdrawn_at.is_(None))
        .order_by(milestones.c.deal, milestones.c.reached_at)
    )
    reached: dict[int, tuple[Milestone, ...]] = {}
    for row in connection.execute(stand, {"rows": rows}):
        milestone = Milestone(
            row.name, row.reached_at, row.is_whole_day, row.is_estimated, row.estimated_at
        )
        reached[row.deal] = (*reached.get(row.deal, ()), milestone)
    return reached


def as_once_read(milestone: Milestone) -> Milestone:
    """Return a stored milestone as its source has said it."""
    return structs.replace(milestone, estimated_at=None)


def with_estimates(connection: Connection, rows: Sequence[DealRow]) -> list[Deal]:
    """Return the deals of rows, with what their milestones were once estimated at."""
    if not rows:
        return []
    were_estimated = milestones.c.deal.in_(_ROWS) & milestones.c.estimated_at.is_not(None)
    found = select(milestones.c.deal, milestones.c.name, milestones.c.estimated_at)
    estimates = {
        (deal, name): at
        for deal, name, at in connection.execute(
            found.where(were_estimated), {"rows": [row.number for row in rows]}
        )
    }
    return [_with_estimates(row, estimates) if estimates else row.deal for row in rows]


def _with_estimates(row: DealRow, estimates: Mapping[tuple[int, str], datetime]) -> Deal:
    reached = [
        structs.replace(one, estimated_at=estimates.get((row.number, one.name)))
        for one in row.deal.milestones
    ]
    return structs.replace(row.deal, milestones=tuple(reached))


def insert(connection: Connection, rows: Sequence[DealRow]) -> None:
    """Write the milestones of new deals."""
    reached = [milestone for row in rows for milestone in row.as_milestones()]
    dialect.insert_rows(connection, milestones, MILESTONE_COLUMNS, reached)


def replace(connection: Connection, rows: Sequence[DealRow], now: datetime) -> None:
    """Write the milestones of changed deals, and mark those they no longer have as withdrawn."""
    withdraw(connection, [row.number for row in rows], now)
    _reach_again(connection, rows)


def withdraw(connection: Connection, rows: Sequence[int], now: datetime) -> None:
    """Mark every milestone of deals as withdrawn."""
    column = milestones.c
    estimated_at = case((column.is_estimated, column.reached_at), else_=column.estimated_at)
    stands = column.deal.in_(_ROWS) & column.withdrawn_at.is_(None)
    withdrawn = update(milestones).where(stands)
    connection.execute(
        withdrawn.values(withdrawn_at=now, estimated_at=estimated_at), {"rows": rows}
    )


def withdrawn_at(connection: Connection, rows: Sequence[int], at: datetime) -> dict[str, int]:
    """Return how many of these deals lost each milestone at an instant."""
    lost = select(milestones.c.name, func.count()).where(
        milestones.c.deal.in_(_ROWS), milestones.c.withdrawn_at == at
    )
    found = connection.execute(lost.group_by(milestones.c.name), {"rows": rows})
    return {name: count for name, count in found}  # noqa: C416 (a result is no mapping)


def count_reached(connection: Connection, source: str, name: str) -> int:
    """Return how many deals that have not left their source stand at a milestone."""
    reached = (
        select(func.count())
        .select_from(milestones.join(deals, deals.c.id == milestones.c.deal))
        .where(milestones.c.name == name, milestones.c.withdrawn_at.is_(None))
        .where(deals.c.source == source, deals.c.gone.is_(None))
    )
    return connection.execute(reached).scalar_one()


def _reach_again(connection: Connection, rows: Sequence[DealRow]) -> None:
    """Write the milestones of changed deals: a preview's views take no upsert."""
    reached = {(deal, name): rest for row in rows for deal, name, *rest in row.as_milestones()}
    of_deals = select(milestones.c.deal, milestones.c.name).where(milestones.c.deal.in_(_ROWS))
    found = connection.execute(of_deals, {"rows": [row.number for row in rows]})
    known = {(deal, name) for deal, name in found}
    again = [(*rest, None, *key) for key, rest in reached.items() if key in known]
    new = [(*key, *rest) for key, rest in reached.items() if key not in known]
    columns = ("reached_at", "is_whole_day", "is_estimated", "withdrawn_at")
    dialect.update_rows(connection, milestones, columns, again, key=("deal", "name"))
    dialect.insert_rows(connection, milestones, MILESTONE_COLUMNS, new)
