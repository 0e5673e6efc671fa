"""Long answers, a page at a time: a reader may stop anywhere and leaves no open cursor behind."""

from collections.abc import Iterator
from typing import TypeVarTuple

from sqlalchemy import Column, Connection, Row, Select

PAGE = 10_000

Columns = TypeVarTuple("Columns")


def paged(
    connection: Connection, found: Select[*Columns], by: Column[int], *, size: int = PAGE
) -> Iterator[Row[*Columns]]:
    """Yield the rows of a query in the order of a unique column that is among those it selects."""
    page = found.order_by(by).limit(size)
    rows = connection.execute(page).all()
    while rows:
        yield from rows
        if len(rows) < size:
            return
        rows = connection.execute(page.where(by > rows[-1]._mapping[by])).all()
