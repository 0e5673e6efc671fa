"""Keys that are kept because they join nobody, as they are listed: of all, or those of a deal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Connection, Select, Table, select

from convsync.store.allowed_keys import name_of
from convsync.store.schema import deal_keys

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodysKeys(Generic[T]):
    """A table of such keys, each with how many have it and the row of one of them.

    `shown` is the column by which that one is named, in the table that rows are of. `made` takes
    the name a key is allowed by, how many have it, and the example.
    """

    keys: Table
    counted: Column[int]
    shown: Column[str]
    made: Callable[[str, int, str], T]

    def listed(self, connection: Connection) -> list[T]:
        """Return all of them, those that most have first."""
        return self._made(connection, self._found())

    def of_deal(self, connection: Connection, row: int) -> list[T]:
        """Return those that a deal has, in the same order."""
        own = select(deal_keys.c.key).where(deal_keys.c.deal == row)
        return self._made(connection, self._found().where(self.keys.c.key.in_(own)))

    def _found(self) -> Select[Any]:
        examples = self.shown.table
        return (
            select(self.keys.c.key, self.counted, self.shown)
            .join(examples, examples.c.id == self.keys.c.example)
            .order_by(self.counted.desc(), self.keys.c.key)
        )

    def _made(self, connection: Connection, found: Select[Any]) -> list[T]:
        rows = connection.execute(found)
        return [self.made(name_of(bytes(key)), count, example) for key, count, example in rows]
