"""The statements of a batch as the ledger stores them: columns, and an object only where one is
asked for.

Most rows of a batch differ in an order ID, a time, a value and a click ID. A destination that can
write its request straight from the columns needs no object for any of them; everybody else sees a
sequence of statements.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, overload

from convsync.model.statement import Statement


class StatementColumns(NamedTuple):
    """What rows of the ledger say, column by column, as it is stored.

    An order ID is the 16 bytes of its digest; times are microseconds since 1970 (UTC), values are
    millionths. `extras` is what else is said, as a text: alike where the text is alike.
    """

    order_ids: Sequence[bytes]
    operations: Sequence[str]
    times: Sequence[int]
    values: Sequence[int]
    currencies: Sequence[str]
    click_kinds: Sequence[str | None]
    click_ids: Sequence[str | None]
    extras: Sequence[str | None]


class StoredStatements(Sequence[Statement]):
    """Statements that are made of `columns`: one alone where one is asked for, else all at once."""

    def __init__(self, columns: StatementColumns, made: Callable[..., Statement]) -> None:
        self.columns = columns
        self._made = made
        self._has_all = False

    def __len__(self) -> int:
        return len(self.columns.order_ids)

    @overload
    def __getitem__(self, index: int) -> Statement: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Statement]: ...
    def __getitem__(self, index: int | slice) -> Statement | Sequence[Statement]:
        if self._has_all or isinstance(index, slice):
            return self._all[index]
        return self._made(*(column[index] for column in self.columns))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __iter__(self) -> Iterator[Statement]:
        return iter(self._all)

    @cached_property
    def _all(self) -> Sequence[Statement]:
        made = [*map(self._made, *self.columns)]
        self._has_all = True
        return made
