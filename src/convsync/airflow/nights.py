"""The DAGs with their times, and the pools with their slots, that the companies need in Airflow.

Companies whose nights are due at the same times are one DAG, a task group each. Whatever is due
while a run of that DAG goes on is left to the next, which reads all that has changed: a missed
night needs no run of its own. So a question to a person may only wait until the next one is due.
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from convsync.airflow.companies import Company
from convsync.errors import OperatorError
from convsync.watch.timetable import Timetable

PROJECT_PER_MINUTE = 300
"""What Google lets one Cloud project ask of the Data Manager API in a minute.

https://developers.google.com/data-manager/api/devguides/limits
"""
LONGEST_CHUNKS = 200
"""So many chunks a backfill may have; a longer one is two."""
_PREFIX = "convsync"
_MARGIN = timedelta(hours=1)
_LONGEST_WAIT_FOR_LOCK = timedelta(hours=2)
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What the tasks of some companies wait for, so that their projects' quota holds."""

    name: str
    slots: int
    companies: tuple[Company, ...]

    @property
    def backfill_id(self) -> str:
        """The ID of the DAG that backfills its companies."""
        return self.name.replace(_PREFIX, f"{_PREFIX}-backfill", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """One DAG: companies whose nights are due at the same times."""

    dag_id: str
    timetable: Timetable
    companies: tuple[Company, ...]

    @property
    def crons(self) -> list[str]:
        """The times of day as cron expressions, in the timetable's zone; none for `every`."""
        return [f"{at.minute} {at.hour} * * *" for at in self.timetable.at]

    @property
    def answer_within(self) -> timedelta:
        """How long a person may think about a refused plan: until the next night asks anew."""
        gap = _shortest_gap(self.timetable)
        return gap if self.timetable.every is not None else max(gap - _MARGIN, gap / 2)

    @property
    def lock_within(self) -> timedelta:
        """How long a night waits for another run to give the lock back."""
        return min(_shortest_gap(self.timetable), _LONGEST_WAIT_FOR_LOCK)


def nights_of(companies: Sequence[Company]) -> list[Nights]:
    """Return the DAGs of nights, by ID; each company is in one of them."""
    together: dict[str, list[Company]] = defaultdict(list)
    for company in companies:
        together[_dag_id(company.timetable)].append(company)
    return [
        Nights(dag_id=dag_id, timetable=members[0].timetable, companies=tuple(members))
        for dag_id, members in sorted(together.items())
    ]


def pools_of(companies: Sequence[Company]) -> list[Pool]:
    """Return the pools, one for each Cloud project; each company is in one of them.

    Projects that one company uses together share a pool, since a task waits for one pool alone. As
    many tasks have room as keep to a project's minute together, at the pace of the fastest.
    """
    groups: list[frozenset[str]] = []
    for company in companies:
        met = [group for group in groups if group.intersection(company.projects)]
        groups = [group for group in groups if group not in met]
        groups.append(frozenset(company.projects).union(*met))
    return [_pool(group, companies) for group in sorted(groups, key=sorted)]


def pools_as_json(pools: Sequence[Pool]) -> str:
    """Return the pools as `airflow pools import` reads them."""
    listed = {
        pool.name: {
            "slots": pool.slots,
            "description": f"Cloud project of {', '.join(c.name for c in pool.companies)}",
            "include_deferred": False,
        }
        for pool in pools
    }
    return json.dumps(listed, indent=2)


def chunks_of(first: date, last: date, days: int) -> list[tuple[date, date]]:
    """Return a range of days as ranges of at most so many, earliest first; all days are included.

    Raises OperatorError where there is no such range, or where it has too many chunks.
    """
    if last < first:
        raise OperatorError(f"The last day, {last}, lies before the first, {first}.")
    if days < 1:
        raise OperatorError(f"A chunk of {days} days is none; give it at least one.")
    total = (last - first).days + 1
    if total > days * LONGEST_CHUNKS:
        raise OperatorError(
            f"{first} to {last} would be {-(-total // days):,} chunks; make them longer, so that"
            f" there are at most {LONGEST_CHUNKS}."
        )
    starts = [first + timedelta(days=back) for back in range(0, total, days)]
    return [(start, min(start + timedelta(days=days - 1), last)) for start in starts]


def _dag_id(timetable: Timetable) -> str:
    if timetable.every is not None:
        return f"{_PREFIX}-every-{timetable.every // timedelta(minutes=1)}m"
    times = "-".join(f"{at:%H%M}" for at in timetable.at)
    return _fit(f"{_PREFIX}-at-{times}-{timetable.zone.key.replace('/', '.')}")


def _pool(projects: frozenset[str], companies: Sequence[Company]) -> Pool:
    members = tuple(company for company in companies if projects.issuperset(company.projects))
    paces = [company.requests_per_minute or PROJECT_PER_MINUTE for company in members]
    return Pool(
        name=_fit("-".join([_PREFIX, *sorted(projects)])),
        slots=max(1, PROJECT_PER_MINUTE // max(paces)),
        companies=members,
    )


def _fit(name: str) -> str:
    """Return a name with what Airflow takes in one."""
    return re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)


def _shortest_gap(timetable: Timetable) -> timedelta:
    if timetable.every is not None:
        return timetable.every
    days = [datetime.combine(date.min, at) for at in timetable.at]
    following = [*days[1:], days[0] + _A_DAY]
    return min(later - earlier for earlier, later in zip(days, following, strict=True))
