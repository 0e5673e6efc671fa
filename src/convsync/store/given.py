"""Numbers handed over with a query, as a table of their own to begin a join with."""

from collections.abc import Sequence
from typing import Any

from msgspec import json
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Table,
    TableValuedAlias,
    Text,
    TypeDecorator,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine


class Numbers(TypeDecorator[Sequence[int]]):
    """A list of whole numbers as one parameter: an array, or JSON."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return how the database takes it."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(ARRAY(Integer()))

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        """Return what the driver takes."""
        numbers = list(value or ())
        return json.encode(numbers).decode() if dialect.name == "sqlite" else numbers


def numbers_given(dialect_name: str, parameter: str) -> TableValuedAlias:
    """Return numbers that are handed over by a parameter, as a table of one column: `value`."""
    numbers = bindparam(parameter, type_=Numbers())
    if dialect_name == "sqlite":
        return func.json_each(numbers).table_valued("value", name="given")
    return func.unnest(numbers).table_valued("value", name="given").render_derived()


class Chain:
    """A join that begins with given numbers and goes from index to index, table by table.

    PostgreSQL takes that order whatever it believes of the tables, which is little before they have
    statistics, and wrong right after a load: OFFSET 0 keeps a subquery from being merged, so it is
    looked up for each row before it.
    https://www.postgresql.org/docs/current/queries-table-expressions.html#QUERIES-LATERAL
    """

    def __init__(self, dialect_name: str, parameter: str) -> None:
        self._is_sqlite = dialect_name == "sqlite"
        numbers = numbers_given(dialect_name, parameter)
        self.number = numbers.c.value
        self.joined: FromClause = numbers

    def to(self, table: Table, condition: ColumnElement[bool]) -> FromClause:
        """Join a table by a condition on what was joined before; return what to select from."""
        if self._is_sqlite:
            self.joined = self.joined.join(table, condition)
            return table
        looked_up = select(table).where(condition).offset(literal_column("0")).lateral(table.name)
        self.joined = self.joined.join(looked_up, true())
        return looked_up
