"""The kept sums beside the rows they are of: counted anew, and where the two differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Table, delete, select, type_coerce

from convsync.store import deal_sums, dialect, schema, sums, times
from convsync.store.sums import Amounts


@dataclass(frozen=True, slots=True)
class WrongSum:
    """A kept sum that is not what the rows add up to: rows, then money told in millionths."""

    about: str
    kept: Sequence[int]
    counted: Sequence[int]

    def __str__(self) -> str:
        return f"sum of {self.about}: kept as {_said(self.kept)}, counted {_said(self.counted)}"


def wrong_sums(connection: Connection, *, of_ledger: Amounts | None = None) -> Iterator[WrongSum]:
    """Yield every sum that is not what the rows add up to.

    `of_ledger` is what the ledger's rows add up to, where somebody has just read them all.
    """
    for table, counted in _counted(connection, of_ledger):
        kept = _kept(connection, table)
        for key in sorted(kept.keys() | counted.keys()):
            nothing = [0] * len(_amounts_of(table))
            found = kept.get(key, nothing), counted.get(key, nothing)
            if list(found[0]) != list(found[1]):
                yield WrongSum(_about(table, key), *found)


def recount(connection: Connection) -> int:
    """Count everything anew and keep that; return how many sums were wrong."""
    wrong = sum(1 for _ in wrong_sums(connection))
    for table, counted in _counted(connection):
        connection.execute(delete(table))
        key, amounts = [column.name for column in table.primary_key], _amounts_of(table)
        rows = {found: sums.as_kept(values) for found, values in counted.items()}
        dialect.add_to_rows(connection, table, key, amounts, rows)
    return wrong


def _counted(
    connection: Connection, of_ledger: Amounts | None = None
) -> Iterator[tuple[Table, Amounts]]:
    yield schema.ledger_sums, sums.count_ledger(connection) if of_ledger is None else of_ledger
    yield schema.time_sums, times.counted(connection)
    of_deals = deal_sums.count_anew(connection)
    yield schema.deal_sums, {key: [rows] for key, rows in of_deals.deals.items()}
    yield schema.standing_sums, {key: [rows] for key, rows in of_deals.standing.items()}


def _kept(connection: Connection, table: Table) -> dict[Any, list[int]]:
    amounts = _amounts_of(table)
    of_amounts = [type_coerce(table.c[name], BigInteger) for name in amounts]
    found = connection.execute(select(*table.primary_key, *of_amounts))
    return {tuple(row[: -len(amounts)]): list(row[-len(amounts) :]) for row in found}


def _amounts_of(table: Table) -> list[str]:
    return [column.name for column in table.columns if not column.primary_key]


def _about(table: Table, key: Mapping[str, Any] | Sequence[Any]) -> str:
    names = (column.name for column in table.primary_key)
    said = ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=True) if value)
    return f"{_OF[table.name]} ({said})"


def _said(amounts: Sequence[int]) -> str:
    rows, *told = amounts
    return f"{rows:,}" + "".join(f" worth {amount / 1_000_000:,.2f}" for amount in told if amount)


_OF = {
    schema.ledger_sums.name: "conversions",
    schema.time_sums.name: "times to a milestone",
    schema.deal_sums.name: "deals",
    schema.standing_sums.name: "standing milestones",
}
