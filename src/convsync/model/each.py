"""One event about many conversions that says of each what is its own: a column for each field.

The new deals of a chunk are planned by such events. What all of its conversions have in common
stands in the event's `detail` as in any other; `each` holds the rest, a list a field, in the order
of the numbers in `entries`. An event of each conversion apart would say the same, and take a row,
a digest and a place in an index for every deal there is.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from convsync.model.record import numbers_in, spans_of

T = TypeVar("T")
EACH = "each"
_DEAL, _DEAL_ID, _ORDER_ID = _WHO = ("deal", "deal_id", "order_id")
_OF_MANY = frozenset({EACH, "entries", "rows"})


class OfOne(NamedTuple):
    """What such an event says of one conversion: the row and ID of its deal, and its order ID.

    `detail` is what an event about this conversion alone would have said.
    """

    deal: int
    deal_id: str
    order_id: str
    detail: dict[str, Any]


def of_each(
    numbers: Sequence[int],
    who: tuple[Sequence[int], Sequence[str], Sequence[str]],
    columns: Mapping[str, Sequence[Any]],
    *,
    apart: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return the detail of an event about many conversions, given in the order of their numbers.

    `who` are the rows of their deals, the deals' IDs, and the order IDs. A column of one value
    throughout is said once, unless it is to stay `apart`.
    """
    detail: dict[str, Any] = {}
    each: dict[str, Sequence[Any]] = dict(zip(_WHO, who, strict=True))
    for name, column in columns.items():
        if column.count(column[0]) < len(column) or (name in apart and column[0] is not None):
            each[name] = column
        elif column[0] is not None:
            detail[name] = column[0]
    return {**detail, "rows": len(numbers), "entries": spans_of(numbers), EACH: each}


def told_apart(detail: Mapping[str, Any]) -> Iterator[OfOne]:
    """Yield what an event says of each of its conversions, in the order of their numbers.

    Where somebody wrote it with more or fewer numbers than conversions, the rest is left out: a
    replay then misses what the ledger has.
    """
    alike = {name: value for name, value in detail.items() if name not in _OF_MANY}
    each: Mapping[str, Sequence[Any]] = detail[EACH]
    names = [name for name in each if name not in _WHO]
    columns = zip(*(each[name] for name in names), strict=True) if names else iter(())
    who = zip(each[_DEAL], each[_DEAL_ID], each[_ORDER_ID], strict=True)
    numbers = numbers_in(detail["entries"])
    for number, (deal, deal_id, order_id) in zip(numbers, who, strict=False):
        own = zip(names, next(columns, ()), strict=True)
        said = {name: value for name, value in own if value is not None}
        yield OfOne(deal, deal_id, order_id, {"entry": number, **alike, **said})


class InColumns(NamedTuple):
    """What such an event says of its conversions, in the order of their numbers.

    `columns` has a list for each field of a record that it says, and for `deal` and `order_id`.
    """

    numbers: Sequence[int]
    deal_ids: Sequence[str]
    columns: Mapping[str, Sequence[Any]]

    def runs(self, effects: Sequence[T | None]) -> Iterator[tuple["InColumns", T]]:
        """Yield those that follow each other with the same effect, and that; none without one."""
        first = 0
        for effect, run in groupby(effects):
            end = first + len([*run])
            if effect is not None:
                some = {name: column[first:end] for name, column in self.columns.items()}
                yield InColumns(self.numbers[first:end], self.deal_ids[first:end], some), effect
            first = end


def in_columns(detail: Mapping[str, Any], fields: Set[str]) -> InColumns | None:
    """Return what an event says in some fields, None where its columns are not of one length."""
    numbers = [*numbers_in(detail["entries"])]
    each: Mapping[str, Sequence[Any]] = detail[EACH]
    if {*map(len, each.values())} != {len(numbers)}:
        return None
    alike = {name: [detail[name]] * len(numbers) for name in fields & detail.keys()}
    apart = {name: each[name] for name in each.keys() & {_DEAL, _ORDER_ID, *fields}}
    return InColumns(numbers, each[_DEAL_ID], {**alike, **apart, "entry": numbers})


def deals_in(detail: Mapping[str, Any]) -> tuple[int, int]:
    """Return the first and the last row of the deals that such an event names."""
    rows = detail[EACH][_DEAL]
    return min(rows), max(rows)


def values_in(detail: Mapping[str, Any]) -> list[tuple[int, str, str]]:
    """Return deal, order ID and value of each conversion that such an event gives a value."""
    each = detail[EACH]
    values = each.get("value") or [detail.get("value")] * detail["rows"]
    rows = zip(each[_DEAL], each[_ORDER_ID], values, strict=True)
    return [(deal, order_id, value) for deal, order_id, value in rows if value is not None]
