"""Long tables, a page at a time, so that no answer and no sum takes memory with their length."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeVarTuple

from sqlalchemy import Column, Connection, Row, Select, func, select

PAGE = 10_000
SPAN = 50_000

Columns = TypeVarTuple("Columns")


def paged(
    connection: Connection, found: Select[*Columns], by: Column[int], *, size: int = PAGE
) -> Iterator[Row[*Columns]]:
    """Yield the rows of a query in the order of a unique column that is among those it selects.

    A reader may stop anywhere, and leaves no open cursor behind.
    """
    page = found.order_by(by).limit(size)
    rows = connection.execute(page).all()
    while rows:
        yield from rows
        if len(rows) < size:
            return
        rows = connection.execute(page.where(by > rows[-1]._mapping[by])).all()


def count_groups(
    connection: Connection, groups: Select[*Columns], over: Column[int], *, span: int = SPAN
) -> Counter[tuple[Any, ...]]:
    """Return how many rows a query has of each, counted a span of a positive column at a time.

    All at once they would take memory: SQLite sorts what it groups.
    """
    found = groups.add_columns(func.count()).group_by(*groups.selected_columns)
    last = connection.execute(select(func.max(over))).scalar() or 0
    counts: Counter[tuple[Any, ...]] = Counter()
    for first in range(0, last + 1, span):
        for *group, count in connection.execute(found.where(over.between(first, first + span - 1))):
            counts[tuple(group)] += count
    return counts
