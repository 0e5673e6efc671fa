"""What the deals add up to, kept in the commit that changes them, as `sums` does for the ledger.

`deal_sums` counts deals (under no milestone), and the milestones they ever reached, by source and
segments. `standing_sums` counts, of the deals that are neither lost nor gone, the milestones that
stand: by the day they were reached, and by all the milestones that stand beside. Which of these
should have followed is the agreement's to say, and may change without anything being counted anew.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, func, select, type_coerce

from convsync.model.deal import LOST, Deal
from convsync.store import dialect
from convsync.store.deal_row import CONTENT, DealRow
from convsync.store.schema import deal_sums, deals, milestones, standing_sums

DAY = 86_400_000_000
"""A day in microseconds: standing milestones are counted by the day in UTC."""
_RANGE = 10_000
_FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_SEGMENTS = CONTENT.index("segments")
_DEAL = ("source", "milestone", "segments")
_STANDING = ("milestone", "day", "stands")

Key = tuple[str | int, ...]


class DealSums(NamedTuple):
    """The content of both tables, or what changes in it."""

    deals: Counter[Key]
    standing: Counter[Key]


def add_new(connection: Connection, rows: Iterable[DealRow]) -> None:
    """Count deals in that are new."""
    of_deals = Counter(
        (row.deal.source, row.content[_SEGMENTS] or "", row.deal.gone is None, _days_of(row.deal))
        for row in rows
    )
    sums = DealSums(Counter(), Counter())
    for (source, segments, is_present, days), count in of_deals.items():
        sums.deals[source, "", segments] += count
        for name, _ in days:
            sums.deals[source, name, segments] += count
        if is_present:
            _stand(sums, dict(days), count)
    _write(connection, sums)


def _days_of(deal: Deal) -> tuple[tuple[str, int], ...]:
    return tuple([(one.name, one.reached_at.toordinal() - _FIRST_DAY) for one in deal.milestones])


@contextmanager
def following(connection: Connection, rows: Sequence[int]) -> Iterator[None]:
    """Let the sums follow what is changed within, in the deals of these rows."""
    before = _count(connection, _is_asked_for, rows=rows)
    yield
    after = _count(connection, _is_asked_for, rows=rows)
    for old, new in zip(before, after, strict=True):
        new.subtract(old)
    _write(connection, after)


def rename_source(connection: Connection, before: str, now: str) -> None:
    """Carry the sums of a source over to another name."""
    found = select(deal_sums).where(deal_sums.c.source == before)
    changes: Counter[Key] = Counter()
    for _, milestone, segments, rows in connection.execute(found).all():
        changes[before, milestone, segments] -= rows
        changes[now, milestone, segments] += rows
    _write(connection, DealSums(changes, Counter()))


def count_anew(connection: Connection) -> DealSums:
    """Return what the tables would have to hold."""
    sums = DealSums(Counter(), Counter())
    last = connection.execute(select(func.max(deals.c.id))).scalar() or 0
    for after in range(0, last, _RANGE):
        upto = after + _RANGE
        found = _count(connection, _is_in_range, after=after, upto=upto)
        for all_of_them, some in zip(sums, found, strict=True):
            all_of_them.update(some)
    return sums


def sources(connection: Connection) -> list[str]:
    """Return the sources of all deals there are."""
    found = select(deal_sums.c.source).where(deal_sums.c.milestone == "", deal_sums.c.rows != 0)
    return sorted(set(connection.execute(found).scalars()))


def reached(connection: Connection, milestone: str) -> Counter[str]:
    """Return how many deals ever reached a milestone, by their segments as JSON text."""
    found = select(deal_sums.c.segments, deal_sums.c.rows).where(deal_sums.c.milestone == milestone)
    by_segments: Counter[str] = Counter()
    for segments, rows in connection.execute(found):
        by_segments[segments] += rows
    return by_segments


def stopped(
    connection: Connection, milestone: str, *, followed_by: Collection[str], before: datetime
) -> int:
    """Return how many deals reached a milestone before a day, and none of those that follow.

    The day, in UTC, is that of the instant `before`.
    """
    found = (
        select(standing_sums.c.stands, func.sum(standing_sums.c.rows))
        .where(standing_sums.c.milestone == milestone, standing_sums.c.day < _day_of(before))
        .group_by(standing_sums.c.stands)
    )
    return sum(
        int(rows)
        for stands, rows in connection.execute(found)
        if frozenset(followed_by).isdisjoint(stands.split(","))
    )


def _day_of(at: datetime) -> int:
    return at.toordinal() - _FIRST_DAY


def _stand(sums: DealSums, days: Mapping[str, int], deals: int = 1) -> None:
    """Count in so many deals whose milestones stand since these days."""
    if LOST not in days:
        stands = ",".join(sorted(days))
        for name, day in days.items():
            sums.standing[name, day, stands] += deals


def _is_asked_for(deal: ColumnElement[int]) -> ColumnElement[bool]:
    return deal.in_(bindparam("rows", expanding=True))


def _is_in_range(deal: ColumnElement[int]) -> ColumnElement[bool]:
    return (deal > bindparam("after")) & (deal <= bindparam("upto"))


def _count(
    connection: Connection, which: Callable[[Any], ColumnElement[bool]], **asked: Any
) -> DealSums:
    """Return what the tables would have to hold of the deals whose rows meet a condition.

    Milestones are asked for on their own: an outer join would read the whole of a preview's view.
    """
    sums = DealSums(Counter(), Counter())
    of_deals = select(
        deals.c.id, deals.c.source, func.coalesce(deals.c.segments, ""), deals.c.gone
    ).where(which(deals.c.id))
    found = {
        row: (source, segments, gone)
        for row, source, segments, gone in dialect.raw_rows(connection, of_deals, **asked)
    }
    for (source, segments, _), count in Counter(found.values()).items():
        sums.deals[source, "", segments] += count
    at = type_coerce(milestones.c.reached_at, BigInteger)
    reached = select(milestones.c.deal, milestones.c.name, at, milestones.c.withdrawn_at)
    rows = dialect.raw_rows(connection, reached.where(which(milestones.c.deal)), **asked)
    for ((source, segments, _), name), count in Counter(
        (found[row], name) for row, name, _, _ in rows
    ).items():
        sums.deals[source, name, segments] += count
    standing: dict[int, tuple[tuple[str, int], ...]] = {}
    for row, name, at_micros, withdrawn_at in rows:
        if withdrawn_at is None and found[row][2] is None:
            standing[row] = (*standing.get(row, ()), (name, at_micros // DAY))
    for days, count in Counter(standing.values()).items():
        _stand(sums, dict(days), count)
    return sums


def _write(connection: Connection, sums: DealSums) -> None:
    for table, key, changes in (
        (deal_sums, _DEAL, sums.deals),
        (standing_sums, _STANDING, sums.standing),
    ):
        more = {found: (count,) for found, count in changes.items()}
        dialect.add_to_rows(connection, table, key, ("rows",), more)
