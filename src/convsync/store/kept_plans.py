"""Plans that are kept, each under the number of a run, until they are carried out or given up.

Before a plan is carried out, every conversion of it is compared with the ledger as it is by then:
those agree that are still ready to go out with the very same statement. The outbox then takes those
and no others (`portions.OfKeptPlan`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import islice

from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, func, select, update

from convsync.model.kept_plan import Kept, digest_of
from convsync.model.ledger import IN_FLIGHT, LedgerEntry, State
from convsync.model.statement import OrderId
from convsync.store import dialect
from convsync.store.entry_row import WITH_DEAL, as_entry
from convsync.store.schema import kept_plans, ledger

_CHUNK = 1_000
_COLUMNS = ("run_id", "order_id", "digest", "agrees")


def keep(connection: Connection, run_id: int, planned: Iterable[Kept]) -> int:
    """Keep conversions under a run's number, as not compared yet; return how many."""
    total = 0
    rows = ((run_id, one.order_id, one.digest, False) for one in planned)
    while chunk := list(islice(rows, _CHUNK)):
        dialect.insert_rows(connection, kept_plans, _COLUMNS, chunk)
        total += len(chunk)
    return total


def copy(connection: Connection, run_id: int, to_run: int) -> int:
    """Keep under a run's number what another run has kept; return how many conversions."""
    return keep(connection, to_run, kept_by(connection, run_id))


def kept_by(connection: Connection, run_id: int) -> Iterator[Kept]:
    """Yield what is kept under a run's number, by order ID."""
    after: OrderId | None = OrderId("")
    while after is not None:
        page = _page(connection, run_id, after)
        yield from page
        after = page[-1].order_id if page else None


def sizes(connection: Connection) -> dict[int, int]:
    """Return how many conversions are kept, by the run under whose number they are."""
    found = select(kept_plans.c.run_id, func.count()).group_by(kept_plans.c.run_id)
    return {run_id: rows for run_id, rows in connection.execute(found)}  # noqa: C416 (a result)


class Dissent(StrEnum):
    """Why a conversion of a plan no longer agrees with the ledger."""

    UNKNOWN = "is not in the ledger"
    GONE_OUT = "has gone out already"
    NOT_READY = "is no longer to be sent"
    OTHERWISE = "would say something else by now"


class Differs(Struct, frozen=True):
    """A conversion of a plan that does not agree, why, and what the ledger has of it."""

    order_id: OrderId
    why: Dissent
    entry: LedgerEntry | None

    def __str__(self) -> str:
        name = f"{self.entry.rule} of {self.entry.deal_id}" if self.entry else self.order_id
        return f"{name} {self.why}"


def compare(
    connection: Connection, run_id: int, after: OrderId, now: datetime
) -> tuple[list[Differs], OrderId | None]:
    """Compare the conversions of a plan that follow an order ID with the ledger, a chunk at a time.

    Marks those that agree. Returns the others, and after which to go on; None: that was all.
    """
    page = _page(connection, run_id, after)
    if not page:
        return [], None
    known = _entries_of(connection, page)
    differ = [
        Differs(one.order_id, why, known.get(one.order_id))
        for one in page
        if (why := _dissent(one, known.get(one.order_id), now)) is not None
    ]
    agreed = sorted({one.order_id for one in page} - {one.order_id for one in differ})
    marked = (
        update(kept_plans)
        .where(kept_plans.c.run_id == run_id)
        .where(kept_plans.c.order_id.in_(bindparam("agreed", expanding=True)))
        .values(agrees=True)
    )
    if agreed:
        connection.execute(marked, {"agreed": agreed})
    return differ, page[-1].order_id


def count(connection: Connection, run_id: int) -> int:
    """Return how many conversions are kept under a run's number."""
    found = select(func.count()).select_from(kept_plans).where(kept_plans.c.run_id == run_id)
    return connection.execute(found).scalar_one()


def forget(connection: Connection, run_id: int) -> None:
    """Drop what is kept under a run's number."""
    connection.execute(delete(kept_plans).where(kept_plans.c.run_id == run_id))


def forget_all(connection: Connection) -> None:
    """Drop whatever is kept."""
    connection.execute(delete(kept_plans))


def runs_with_one(connection: Connection) -> list[int]:
    """Return the numbers of the runs that keep a plan, latest first."""
    found = select(kept_plans.c.run_id).distinct().order_by(kept_plans.c.run_id.desc())
    return list(connection.execute(found).scalars())


def _page(connection: Connection, run_id: int, after: OrderId) -> list[Kept]:
    found = (
        select(kept_plans.c.order_id, kept_plans.c.digest)
        .where(kept_plans.c.run_id == run_id, kept_plans.c.order_id > after)
        .order_by(kept_plans.c.order_id)
        .limit(_CHUNK)
    )
    return [Kept(*row) for row in connection.execute(found)]


def _entries_of(connection: Connection, page: Sequence[Kept]) -> dict[OrderId, LedgerEntry]:
    """Return what the ledger has of a plan's conversions that were ever ready to be sent."""
    named = WITH_DEAL.where(
        ledger.c.order_id.in_(bindparam("order_ids", expanding=True)),
        ledger.c.event_at.is_not(None),
    )
    found = connection.execute(named, {"order_ids": [one.order_id for one in page]}).mappings()
    return {entry.order_id: entry for entry in map(as_entry, found)}


def _dissent(one: Kept, entry: LedgerEntry | None, now: datetime) -> Dissent | None:
    """Return why a conversion of a plan does not agree with its entry; None: it does."""
    if entry is None:
        return Dissent.UNKNOWN
    if entry.state in IN_FLIGHT or entry.state is State.CONFIRMED:
        return Dissent.GONE_OUT
    is_due = entry.due_at is not None and entry.due_at <= now
    if not (entry.state is State.PLANNED or (entry.state is State.DEFERRED and is_due)):
        return Dissent.NOT_READY
    return None if digest_of(entry) == one.digest else Dissent.OTHERWISE
