"""The ledger table: what is planned, what was sent, and what was answered, a row a conversion.

Chunks are written with one INSERT and one UPDATE for each kind of change, whatever their size; what
the rows of a batch do alike is one UPDATE that names none of them.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, RowMapping, Update, bindparam, or_, select, update

from convsync.model.ledger import ForbiddenMoveError, LedgerEntry, Move, MoveTogether, State
from convsync.store import dialect, sums
from convsync.store.entry_row import ALL_COLUMNS, WITH_DEAL, as_entry, columns_of, row_of
from convsync.store.schema import ledger
from convsync.store.sums import Alike

EntryKey = tuple[int, str]
"""A deal's row and a rule's name: what a ledger row is about."""


def entries_for(connection: Connection, deal_rows: Sequence[int]) -> dict[EntryKey, LedgerEntry]:
    """Return every ledger entry of the deals, by deal row and rule."""
    found = connection.execute(_OF_DEALS, {"deals": deal_rows})
    return {(entry.deal_row, entry.rule): entry for entry in map(as_entry, found.mappings())}


def entries_numbered(connection: Connection, numbers: Sequence[int]) -> list[LedgerEntry]:
    """Return the entries with these numbers, in the order of their numbers."""
    found = connection.execute(_NUMBERED, {"numbers": numbers}).mappings() if numbers else ()
    return [as_entry(row) for row in found]


_OF_DEALS = WITH_DEAL.where(ledger.c.deal.in_(bindparam("deals", expanding=True)))
_NUMBERED = WITH_DEAL.where(ledger.c.id.in_(bindparam("numbers", expanding=True))).order_by(
    ledger.c.id
)


def row_numbered(connection: Connection, number: int) -> RowMapping:
    """Return the row of `WITH_DEAL` of an entry that is there."""
    return connection.execute(WITH_DEAL.where(ledger.c.id == number)).mappings().one()


def next_number(connection: Connection) -> int:
    """Return the number that the next new entry may have."""
    newest = select(ledger.c.id).order_by(ledger.c.id.desc()).limit(1)  # quick in a view too
    return (connection.execute(newest).scalar() or 0) + 1


def write(connection: Connection, moves: Sequence[Move]) -> None:
    """Write moves, one statement for all that change the same columns.

    Where an entry moves several times, the columns of all its moves are written, the last one's
    values; the sums follow. There is no other way to change a ledger row.
    """
    new: dict[int, LedgerEntry] = {}
    changed: dict[int, dict[str, Any]] = {}
    for move in moves:
        number = move.after.number
        if move.before is None or number in new:
            new[number] = move.after
        else:
            changed.setdefault(number, {}).update(columns_of(move.changes))
    rows = [(number, *row_of(entry)) for number, entry in sorted(new.items())]
    dialect.insert_rows(connection, ledger, ALL_COLUMNS, rows)
    alike: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for number, columns in changed.items():
        alike.setdefault(tuple(columns), []).append((*columns.values(), number))
    alike.pop((), None)  # moves that changed nothing
    for names, values in alike.items():
        dialect.update_rows(connection, ledger, names, values, key=("id",))
    sums.apply(connection, moves)


def write_together(
    connection: Connection, move: MoveTogether, before: Sequence[Alike] | None = None
) -> Sequence[Alike]:
    """Write what many entries do alike, with one statement for each run of their numbers.

    Returns what they add up to after it, which their next move may be given as `before`. Raises
    ForbiddenMoveError where one of them is not in a state that it may come from.
    """
    columns = columns_of(move.changes)
    states = sorted(state for state in move.came_from if state is not None)
    statement = _moving_together(tuple(columns), tuple(states), counts=move.counts)
    to = {f"to_{name}": value for name, value in columns.items()}
    alike = sums.apply_together(connection, move, before)
    spans = [{"first": first, "last": last, **to} for first, last in move.spans]
    moved = connection.execute(statement, spans).rowcount
    if moved != len(move.numbers):
        kind, missing = move.event.kind, len(move.numbers) - moved
        raise ForbiddenMoveError(f"no {kind} from where {missing} of these entries are")
    return alike


@cache
def _moving_together(names: tuple[str, ...], states: tuple[State, ...], *, counts: bool) -> Update:
    """Return the statement by which entries in some states move, the columns it sets as `to_…`.

    It is made once: to build one costs as much as to change some hundred rows.
    """
    told = {"told_value": ledger.c.value, "told_currency": ledger.c.currency}
    changed = {name: bindparam(f"to_{name}", type_=ledger.c[name].type) for name in names}
    return (
        update(ledger)
        .where(ledger.c.id.between(bindparam("first"), bindparam("last")))
        .where(or_(*(ledger.c.state == state for state in states)))
        .values({**changed, **(told if counts else {})})
    )
