"""A plan that a person has seen, carried out: what still agrees with it goes, and nothing beyond.

The plan is kept in the database, under the run's number, before any of it is sent. By then the
sources have been read again, so that what changed since is noticed: it is reported, and left to the
next run, which plans it as it is now.
"""

from collections.abc import Iterable

from convsync.model.kept_plan import Kept
from convsync.model.statement import OrderId
from convsync.store import kept_plans
from convsync.store.session import Session

_NAMED = 5
"""How many conversions that no longer agree are named; all of them are counted."""


def keep(session: Session, planned: Iterable[Kept]) -> int:
    """Keep a plan under a run's number; return how many conversions it has."""
    with session.transaction("keep plan") as connection:
        return kept_plans.keep(connection, session.run_id, planned)


def compare(session: Session) -> list[str]:
    """Mark what of the kept plan still agrees with the ledger; return what there is to report."""
    named: list[str] = []
    differing = 0
    after: OrderId | None = OrderId("")
    while after is not None:
        with session.transaction("compare with plan") as connection:
            differ, after = kept_plans.compare(connection, session.run_id, after, session.now)
        differing += len(differ)
        named += map(str, differ[: _NAMED - len(named)])
    if not differing:
        return []
    with session.transaction("count plan") as connection:
        total = kept_plans.count(connection, session.run_id)
    more = f"; and {differing - len(named):,} more" if differing > len(named) else ""
    problem = (
        f"{differing:,} of the plan's {total:,} conversions no longer agree with it and were not"
        f" sent: {'; '.join(named)}{more}. `convsync plan --deals` shows what would be sent now."
    )
    return [problem]


def forget(session: Session) -> None:
    """Drop the plan once it was carried out."""
    with session.transaction("forget plan") as connection:
        kept_plans.forget(connection, session.run_id)
