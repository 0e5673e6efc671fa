"""The first rows of a table or query that nobody has mapped yet, and the tables there are."""

from collections.abc import Sequence
from itertools import islice

from sqlalchemy import inspect

from convsync.extract.sql_query import SqlQuery
from convsync.extract.sql_session import opened


def tables_in(source: str, url: str) -> list[str]:
    """Return the tables and views that the address shows; raises what opening it raises."""
    with opened(source, url) as connection:
        inspector = inspect(connection)
        return [*inspector.get_table_names(), *inspector.get_view_names()]


def sample_of(
    source: str, url: str, query: str, most: int
) -> tuple[list[str], list[Sequence[object]]]:
    """Return the columns of a table or query, and its first rows."""
    with opened(source, url) as connection:
        asked = SqlQuery(source, query, connection)
        with connection.execute(asked.bound(asked.no_row())) as described:
            names = list(described.keys())
        with connection.execute(asked.bound(asked.everything(names))) as result:
            return [str(name) for name in names], [tuple(row) for row in islice(result, most)]
