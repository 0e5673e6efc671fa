"""Deals that stand in several rows of a table: product lines, or a row for each contact.

Which these are is found by a first pass over the IDs alone, so that all other rows are read as they
come. The rows of one deal are brought together wherever they stand, and are handed on where the
last of them is. What they mean is declared:

    one     every deal has one row; rows that differ are reported, and the deal waits
    sum     the rows are product lines: their amounts are added, in one currency
    merge   the rows are contacts: the clicks, e-mails, phones and keys of all belong to the deal

Whatever is declared, clicks, keys, identifiers and the strictest consent of all rows are the
deal's, and what some rows leave empty is taken from those that state it. What they state otherwise
is a contradiction, and reported; so is a deal with a row that cannot be read, which might change
its sum.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple, TypeVar

from convsync.extract.cell_error import CellError
from convsync.extract.layout import NumberedRow, RowCells
from convsync.extract.record_reader import Evidence, together
from convsync.model.deal import Deal, Milestone

T = TypeVar("T")
_BUCKETS: Final = 64
_SHOWN: Final = 5
_ANOTHER_IS_UNREADABLE: Final = (
    "another row of the same deal cannot be read, and may say more of it: correct that one"
)


class RowsPerDeal(StrEnum):
    """What it means that a deal stands in several rows."""

    ONE = "one"
    SUM = "sum"
    MERGE = "merge"


class SeveralRows(NamedTuple):
    """All rows of one deal, in the order of the table."""

    rows: Sequence[NumberedRow]

    @property
    def number(self) -> int:
        """Return the number of the first."""
        return self.rows[0].number

    @property
    def numbers(self) -> str:
        """Return the numbers of the rows, as a sentence names them."""
        listed = ", ".join(str(row.number) for row in self.rows[:_SHOWN])
        return listed + (f" and {len(self.rows) - _SHOWN} more" if len(self.rows) > _SHOWN else "")


class Repeated:
    """Which IDs stand in several rows, and in how many.

    A digest of eight bytes is kept of every ID while they are counted, and after that only those
    of the repeated ones: two IDs of one digest would only be held back together.
    """

    def __init__(self, ids: Iterable[Hashable]) -> None:
        buckets = [array("q") for _ in range(_BUCKETS)]
        for digest in map(hash, ids):
            buckets[digest % _BUCKETS].append(digest)
        self._times: dict[int, int] = {}
        while buckets:
            digests = buckets.pop()
            if len(set(digests)) < len(digests):
                counted = Counter(digests).items()
                self._times |= {digest: times for digest, times in counted if times > 1}

    def __bool__(self) -> bool:
        return bool(self._times)

    def times(self, deal_id: Hashable) -> int:
        """Return how many rows have an ID, 1 for any that is not repeated."""
        return self._times.get(hash(deal_id), 1)


def gathered(
    rows: Iterable[NumberedRow | T],
    id_of: Callable[[RowCells], Hashable | None],
    repeated: Repeated,
) -> Iterator[NumberedRow | SeveralRows | T]:
    """Yield rows as they come, those of one deal together; a row whose `id_of` is None is alone.

    What is no row is passed on.
    """
    if not repeated:
        yield from rows
        return
    held: dict[Hashable, list[NumberedRow]] = {}
    for row in rows:
        if not isinstance(row, NumberedRow):
            yield row
            continue
        deal_id = id_of(row.cells)
        times = 1 if deal_id is None else repeated.times(deal_id)
        if times == 1:
            yield row
            continue
        together_with = held.setdefault(deal_id, [])
        together_with.append(row)
        if len(together_with) == times:
            yield SeveralRows(held.pop(deal_id))
    for rows_read in held.values():
        yield rows_read[0]._replace(problem=_ANOTHER_IS_UNREADABLE)


def raise_unless_alike(several: SeveralRows) -> None:
    """Raise CellError unless every row says the same in every cell, mapped or not."""
    first = list(several.rows[0].cells)
    if any(list(row.cells) != first for row in several.rows):
        raise CellError(
            f"the deal stands in {len(several.rows)} rows that differ (rows {several.numbers}):"
            ' set the source\'s rows_per_deal to "sum" where they are product lines, or to "merge"'
            " where they are contacts, or export one row for each deal"
        )


def one_deal(deals: Sequence[Deal], rows_per_deal: RowsPerDeal) -> Deal:
    """Return the deal that several rows describe, or raise CellError where they contradict."""
    first = deals[0]
    evidence = together(
        [
            Evidence(deal.clicks, deal.keys, deal.identifiers, deal.consent, deal.consented_at)
            for deal in deals
        ]
    )
    stated = partial(_stated, deals)
    is_summed = rows_per_deal is RowsPerDeal.SUM
    return Deal(
        source=first.source,
        deal_id=first.deal_id,
        created_at=stated("times of creation", lambda deal: deal.created_at),
        modified_at=max((d.modified_at for d in deals if d.modified_at is not None), default=None),
        milestones=_milestones(deals),
        amount=_sum(deals) if is_summed else stated("amounts", lambda deal: deal.amount),
        currency=_stated(_with_amounts(deals), "currencies", lambda deal: deal.currency),
        clicks=evidence.clicks,
        keys=evidence.keys,
        identifiers=evidence.identifiers,
        consent=evidence.consent,
        consented_at=evidence.consented_at,
        refused=evidence.refused,
        customer_type=stated("types of customer", lambda deal: deal.customer_type),
        segments=_segments(deals),
        gone=_of_all(deals, "words for deleted", lambda deal: deal.gone),
    )


def _sum(deals: Sequence[Deal]) -> Decimal | None:
    amounts = [deal.amount for deal in deals if deal.amount is not None]
    if amounts and len(amounts) < len(deals):
        raise CellError(
            f"{len(deals) - len(amounts)} of the deal's {len(deals)} rows state no amount, and"
            " their amounts are to be added: fill them in, with 0 where that is meant"
        )
    return sum(amounts, Decimal(0)) if amounts else None


def _with_amounts(deals: Sequence[Deal]) -> Sequence[Deal]:
    """Return the deals whose currency says anything: where there is no amount it may be assumed."""
    return [deal for deal in deals if deal.amount is not None] or deals


def _milestones(deals: Sequence[Deal]) -> tuple[Milestone, ...]:
    names = dict.fromkeys(milestone.name for deal in deals for milestone in deal.milestones)
    found = (_stated(deals, f"times of {name}", _milestone_getter(name)) for name in names)
    return tuple(milestone for milestone in found if milestone is not None)


def _milestone_getter(name: str) -> Callable[[Deal], Milestone | None]:
    return lambda deal: deal.milestone(name)


def _segments(deals: Sequence[Deal]) -> Mapping[str, str]:
    names = dict.fromkeys(name for deal in deals for name in deal.segments)
    found = {
        name: _stated(deals, f"texts for the segment '{name}'", _segment_getter(name))
        for name in names
    }
    return {name: text for name, text in found.items() if text is not None}


def _segment_getter(name: str) -> Callable[[Deal], str | None]:
    return lambda deal: deal.segments.get(name)


def _stated(deals: Sequence[Deal], what: str, get: Callable[[Deal], T | None]) -> T | None:
    """Return what the rows state, None where none does; CellError where they differ."""
    stated = dict.fromkeys(value for deal in deals if (value := get(deal)) is not None)
    if len(stated) > 1:
        raise _contradiction(deals, what)
    return next(iter(stated), None)


def _of_all(deals: Sequence[Deal], what: str, get: Callable[[Deal], T]) -> T:
    """Return what every row says, an empty cell being a word of its own."""
    first = get(deals[0])
    if any(get(deal) != first for deal in deals):
        raise _contradiction(deals, what)
    return first


def _contradiction(deals: Sequence[Deal], what: str) -> CellError:
    return CellError(
        f"the deal's {len(deals)} rows state different {what}: nothing tells which counts;"
        " correct the export, or leave that column out of the mapping"
    )
