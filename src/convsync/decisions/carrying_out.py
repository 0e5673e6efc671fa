"""Carries out a plan that a person has seen: exactly what still agrees with it.

The plan is kept in the database, under the run's number, before any of it is sent. By then the
sources have been read again, so that what changed since is noticed: it is reported, and left to the
next run, which plans it as it is now.
"""

from collections.abc import Iterable

from convsync import audit
from convsync.errors import OperatorError
from convsync.model.event import Event, EventKind
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


def take(session: Session, refused: int, *, by: str) -> None:
    """Keep under a run's number the plan that an earlier one has refused; note who released it.

    Raises OperatorError where that one keeps none.
    """
    with session.transaction("take the refused plan") as connection:
        rows = kept_plans.copy(connection, refused, session.run_id)
        if not rows:
            there = ", ".join(map(str, kept_plans.runs_with_one(connection))) or "no run"
            raise OperatorError(
                f"Run {refused} has no kept plan: it refused none, or all of it was released or"
                f" sent since. Runs with a kept plan: {there}."
            )
        released = Event(
            EventKind.PLAN_RELEASED, {"by": by, "refused_by_run": refused, "rows": rows}
        )
        audit.record(connection, [released], run_id=session.run_id, at=session.now)


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


def forget(session: Session, refused: int | None = None) -> None:
    """Drop the plan once it was carried out, and the refused one that it was."""
    with session.transaction("forget plan") as connection:
        kept_plans.forget(connection, session.run_id)
        if refused is not None:
            kept_plans.forget(connection, refused)


def forget_all(session: Session) -> None:
    """Drop every plan that is kept: a run has sent all there was to send, whatever was in them."""
    with session.transaction("forget plans") as connection:
        kept_plans.forget_all(connection)
