"""Makes the profile of a source: one pass over its records, each counted with its raw cells."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Final

from convsync.extract.cells import CellReader
from convsync.extract.looks import Look, LookedAt, Role
from convsync.extract.source import Quarantined
from convsync.model.click import Sighting
from convsync.model.deal import Deal, Milestone
from convsync.model.terms import SharedKeys
from convsync.profile.columns import Context, counter_of
from convsync.profile.facts import (
    LONGEST_LOOKBACK,
    ColumnProfile,
    MilestoneProfile,
    Profile,
    RepeatedDeals,
    Sign,
)
from convsync.profile.holders import Holders

MOST: Final = 100_000
"""How many records of a source are looked at."""
_A_DAY: Final = timedelta(days=1)
"""A milestone may come so much before the deal was entered: bare dates begin at midnight."""


def profile_of(source: LookedAt, terms: SharedKeys | None = None, *, most: int = MOST) -> Profile:
    """Return the profile of a source's records, `most` of them; raises what reading them raises.

    `terms` say by how many deals an e-mail, phone or key is shared too much.
    """
    terms = terms or SharedKeys()
    cells = CellReader(source.form)
    times = frozenset(column.name for column in source.columns if column.role is Role.TIME)
    holders = Holders(terms)
    as_dates = CellReader(replace(source.form, date_columns=times))
    context = Context(cells, as_dates, holders, source.form.time_zone)
    counters = [counter_of(column, context) for column in source.columns]
    records = _Records(source)
    for look in islice(source.looks, most):
        context.begin(look.place, records.add(look))
        for at, cell in look.cells:
            counters[at].add(cell)
    is_cut = next(source.looks, None) is not None
    columns = [counter.profile() for counter in counters]
    return replace(
        records.profile(),
        is_cut=is_cut,
        left_out=source.left_out(),
        unreadable_stamps=_unreadable_in(source.modified_at, columns),
        decimal_is_declared=source.form.has_decimal_comma is not None,
        date_columns=source.form.date_columns,
        columns=columns,
        shared=holders.shared(),
        shared_limit=terms.most,
    )


def _unreadable_in(name: str | None, columns: Sequence[ColumnProfile]) -> int:
    return max(
        (one.count(Sign.UNREADABLE) for one in columns if one.column.name == name), default=0
    )


class _Records:
    """Counts whole records: deals and clicks, what cannot be read, milestones, repeated IDs."""

    def __init__(self, source: LookedAt) -> None:
        self._source = source
        self._counts: Counter[str] = Counter()
        self._first_unreadable = ""
        self._tail: list[Quarantined] = []
        self._milestones = {name: _Milestone(name) for name in source.milestones}
        self._repeated = _Repeated()
        self._currencies: Counter[str | None] = Counter()

    def add(self, look: Look) -> int:
        """Count a record; return a number that stands for its deal."""
        self._counts["records"] += 1
        read = look.read
        if isinstance(read, Quarantined):
            return self._add_unreadable(read)
        if isinstance(read, Sighting):
            self._counts["clicks"] += 1
        if not isinstance(read, Deal):
            return self._counts["records"]
        self._tail.clear()
        self._counts["deals"] += 1
        for milestone in read.milestones:
            self._milestones[milestone.name].add(milestone, read)
        if read.amount is not None:
            self._currencies[read.currency] += 1
        return self._repeated.add(read.deal_id, look)

    def profile(self) -> Profile:
        """Return what was counted of the records."""
        footer = self._tail if self._counts["deals"] else []
        return Profile(
            name=self._source.name,
            table=self._source.table,
            records=self._counts["records"],
            deals=self._counts["deals"],
            clicks=self._counts["clicks"],
            unreadable=self._counts["unreadable"] - len(footer),
            unreadable_at=self._first_unreadable,
            footer=len(footer),
            footer_at=footer[0].place if footer else "",
            milestones=[one.profile for one in self._milestones.values()],
            repeated=self._repeated.profile() if self._source.rows_are_deals else RepeatedDeals(),
            currencies=dict(self._currencies),
        )

    def _add_unreadable(self, read: Quarantined) -> int:
        self._counts["unreadable"] += 1
        self._first_unreadable = self._first_unreadable or f"{read.place}: {read.problem}"
        if read.deal_id is None:
            self._tail.append(read)
            return self._counts["records"]
        self._tail.clear()
        return hash(read.deal_id)


class _Milestone:
    def __init__(self, name: str) -> None:
        self.profile = MilestoneProfile(name=name)

    def add(self, milestone: Milestone, deal: Deal) -> None:
        before, at, created_at = self.profile, milestone.reached_at, deal.created_at
        is_early = created_at is not None and at < created_at - _A_DAY
        is_late = created_at is not None and at > created_at + LONGEST_LOOKBACK
        self.profile = replace(
            before,
            deals=before.deals + 1,
            since=at if before.since is None else min(before.since, at),
            until=at if before.until is None else max(before.until, at),
            estimated=before.estimated + milestone.is_estimated,
            before_creation=before.before_creation + is_early,
            late=before.late + is_late,
            example=before.example or (deal.deal_id if is_early else ""),
        )


class _Repeated:
    """Counts deals that stand in several rows, and whether all of a deal's rows say the same."""

    def __init__(self) -> None:
        self._rows: Counter[int] = Counter()
        self._said: dict[int, int] = {}
        self._differing: dict[int, str] = {}

    def add(self, deal_id: str, look: Look) -> int:
        deal = hash(deal_id)
        self._rows[deal] += 1
        if self._said.setdefault(deal, look.said) != look.said:
            self._differing.setdefault(deal, look.place)
        return deal

    def profile(self) -> RepeatedDeals:
        several = [rows for rows in self._rows.values() if rows > 1]
        return RepeatedDeals(
            deals=len(several),
            rows=sum(several),
            differing=len(self._differing),
            example=next(iter(self._differing.values()), ""),
        )
