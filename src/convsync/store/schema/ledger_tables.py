"""The ledger, its batches, and its kept sums.

- One row for each milestone of a deal under a rule: a unique constraint on `ledger`;
- one row for each action and order ID, of all that were ever ready to be sent: a unique index. Most
  milestones never are, and order IDs, being digests, would each dirty a page of a larger index;
- one row for each action, click and second where the platform knows a conversion by these: another;
- exactly one state, and a reason wherever nothing is sent: check constraints on `ledger`;
- no row without its deal: a foreign key. The run and the batch of a row have none: looking up both
  for each row cost PostgreSQL as much as inserting it. `audit verify` finds a row whose run or
  batch is not the one that its events name. Neither can be removed: triggers keep batches, and the
  foreign keys of events and batches keep runs.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
)

from convsync.model.ledger import State
from convsync.store.column_types import Instant, Micros, OrderIdBytes, Word
from convsync.store.schema.base import GROWS, index_where, metadata, one_of

batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("destination", String(50), nullable=False),
    Column("action_id", String(256), nullable=False),
    Column("state", Word(10), nullable=False),
    Column("request_id", Text),
    Column("rows", Integer, nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("poll_at", Instant),
    CheckConstraint(one_of("state", ("sending", "accepted", "settled")), name="state"),
    CheckConstraint("state <> 'accepted' OR request_id IS NOT NULL", name="request"),
)

IS_SENDING, IS_ACCEPTED = text("state = 'sending'"), text("state = 'accepted'")
index_where("ix_batches_sending", IS_SENDING, batches.c.id)
index_where("ix_batches_accepted", IS_ACCEPTED, batches.c.id)
Index("ix_batches_run", batches.c.run_id)

KEPT = {
    "sqlite": [
        """CREATE TRIGGER batches_no_delete BEFORE DELETE ON batches
        BEGIN SELECT RAISE(ABORT, 'batches are never removed'); END""",
    ],
    "postgresql": [
        """CREATE FUNCTION batches_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'batches are never removed' USING ERRCODE = '23000'; END $$""",
        """CREATE TRIGGER batches_no_delete BEFORE DELETE
        ON batches FOR EACH ROW EXECUTE FUNCTION batches_no_delete()""",
        """CREATE TRIGGER batches_no_truncate BEFORE TRUNCATE
        ON batches FOR EACH STATEMENT EXECUTE FUNCTION batches_no_delete()""",
    ],
}
"""What makes each database refuse to remove a batch: ledger rows name it without a foreign key."""
for _dialect, _statements in KEPT.items():
    for _statement in _statements:
        _trigger: Any = DDL  # has no types
        event.listen(batches, "after_create", _trigger(_statement).execute_if(_dialect))

QUEUES: Mapping[State, int] = {State.PLANNED: 1, State.DEFERRED: 2, State.BLOCKED: 3}
"""The states in which an entry waits to go out, each as the number of its queue.

Apart from the state, because an index that knows the state costs every change of it: what is in no
queue before or after a change leaves the index alone, and PostgreSQL then leaves all indexes alone.
https://www.postgresql.org/docs/current/storage-hot.html
"""

_CONTENT = ("value", "event_at")
_NEEDED = {
    State.NOT_SENT: ("reason",),
    State.HELD: ("reason", "due_at"),
    State.CONFIRMED: (*_CONTENT, "told_value"),
    State.PLANNED: _CONTENT,
    State.ACCEPTED: (*_CONTENT, "batch_id"),
    State.SENDING: (*_CONTENT, "batch_id"),
    State.DEFERRED: (*_CONTENT, "due_at"),
    State.BLOCKED: (*_CONTENT, "code"),
    State.UNMATCHED: _CONTENT,
    State.REJECTED: (),
}
"""What must stand in a ledger row beside its state."""


def _in_its_queue(state: State) -> str:
    queue = QUEUES.get(state)
    return "queue IS NULL" if queue is None else f"coalesce(queue, 0) = {queue}"


def _is_there(column: str) -> str:
    return f"{column} IS NOT NULL"


def _each_state_has(needed: dict[State, tuple[str, ...]]) -> str:
    """Return a condition that knows every state, and what must not be missing beside it.

    One expression instead of one for each rule: it is weighed for every row that is written.
    """
    cases = " ".join(
        f"WHEN '{state}' THEN {' AND '.join([_in_its_queue(state), *map(_is_there, names)])}"
        for state, names in needed.items()
    )
    return f"CASE state {cases} ELSE 1 = 0 END"


ledger = Table(
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("deal", ForeignKey("deals.id"), nullable=False),
    Column("rule", String(50), nullable=False),
    Column("order_id", OrderIdBytes, nullable=False),
    Column("destination", String(50), nullable=False),
    Column("action_id", String(256), nullable=False),
    Column("milestone", String(50), nullable=False),
    Column("milestone_at", Instant, nullable=False),
    Column("state", Word(10), nullable=False),
    Column("queue", SmallInteger),
    Column("operation", Word(10), nullable=False),
    Column("reason", Word(30)),
    Column("code", Text),
    Column("due_at", Instant),
    Column("value", Micros),
    Column("currency", String(3)),
    Column("told_value", Micros),
    Column("told_currency", String(3)),
    Column("is_unsure", Boolean, nullable=False, server_default=false()),
    Column("event_at", Instant),
    Column("basis", Integer),
    Column("click_kind", Word(20)),
    Column("click_id", Text),
    Column("clicked_at", Instant),
    Column("is_click_estimated", Boolean),
    Column("seconds_to_close", BigInteger),
    Column("extras", Text),
    Column("batch_id", Integer),
    Column("run_id", Integer, nullable=False),
    Column("values_version", Integer),
    UniqueConstraint("deal", "rule"),
    CheckConstraint(_each_state_has(_NEEDED), name="what_its_state_needs"),
    info={GROWS: True},
)
HAS_CONTENT = text("event_at IS NOT NULL")
ORDER_IDS = index_where(
    "uq_ledger_order_id_action_id", HAS_CONTENT, ledger.c.order_id, ledger.c.action_id, unique=True
)
KNOWN_BY_CLICK = text("click_kind = 'msclkid' AND event_at IS NOT NULL")
"""Whose platform knows a conversion by click, action and second, and by nothing of ours: two of
them there would be one. No other kind is of such a platform."""
index_where(
    "uq_ledger_click_event_at",
    KNOWN_BY_CLICK,
    ledger.c.click_id,
    ledger.c.action_id,
    ledger.c.event_at,
    ledger.c.destination,
    unique=True,
)
IS_OPEN = text("queue IS NOT NULL")
index_where(
    "ix_ledger_open", IS_OPEN, ledger.c.queue, ledger.c.destination, ledger.c.action_id, ledger.c.id
)
_BATCHED = text("batch_id IS NOT NULL")
index_where("ix_ledger_batch", _BATCHED, ledger.c.batch_id)
PLATFORM_CANNOT = text("reason = 'platform_cannot'")
index_where("ix_ledger_uncorrectable", PLATFORM_CANNOT, ledger.c.id)
IS_LATE = text("reason = 'click_outside_lookback'")
index_where("ix_ledger_late", IS_LATE, ledger.c.deal)
ROOM_FOR_ANSWERS = "ALTER TABLE ledger SET (fillfactor = 50)"
"""On PostgreSQL: a row is written anew when it is sent, and when that was answered, and stays on
its page where there is room; its old versions make room again."""
_roomy: Any = DDL  # has no types
event.listen(ledger, "after_create", _roomy(ROOM_FOR_ANSWERS).execute_if("postgresql"))


def _sums(name: str, key: list[Column[Any]], *amounts: Column[Any]) -> Table:
    """Return a table of kept sums: by a key, how many rows there are, and what they add up to."""
    rows = Column("rows", BigInteger, nullable=False)
    return Table(name, metadata, *key, rows, *amounts, sqlite_with_rowid=False)


def _by(*names: str, type_: Any = Text) -> list[Column[Any]]:
    return [Column(name, type_, primary_key=True, autoincrement=False) for name in names]


ledger_sums = _sums(
    "ledger_sums",
    [
        *_by("rule", "source", "destination", "action_id", "milestone", "state", "operation"),
        *_by("reason", "code", "told_currency"),
        *_by("is_worth", type_=Boolean),
    ],
    Column("told", Micros, nullable=False),
)
time_sums = _sums("time_sums", [*_by("milestone"), *_by("tenths", type_=Integer)])
deal_sums = _sums("deal_sums", _by("source", "milestone", "segments"))
standing_sums = _sums(
    "standing_sums", [*_by("milestone"), *_by("day", type_=Integer), *_by("stands")]
)
