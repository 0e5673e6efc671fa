"""Many rows into SQLite: some at once in each statement, whose begin and end cost as a row does."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection

_ROWS_A_STATEMENT: Final = 40
"""More gain nothing, and SQLite takes 32,766 values: the widest table has room for its columns."""


def insert_rows(
    connection: Connection, insert: str, width: int, rows: Sequence[Sequence[Any]]
) -> None:
    """Execute an INSERT of one row of so many values for all of these rows."""
    together = len(rows) - len(rows) % _ROWS_A_STATEMENT
    if together:
        values = chain.from_iterable(rows[:together])
        statements = list(zip(*[values] * (width * _ROWS_A_STATEMENT), strict=True))
        more = f", ({', '.join('?' * width)})" * (_ROWS_A_STATEMENT - 1)
        connection.exec_driver_sql(insert + more, statements)
    if together < len(rows):
        connection.exec_driver_sql(insert, list(rows[together:]))
