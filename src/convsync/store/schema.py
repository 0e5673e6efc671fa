"""The tables, and the constraints by which the database keeps convsync's promises.

- one running run: `runs.lock` is unique, and null once a run has ended;
- one row for each milestone of a deal under a rule: a unique constraint on `ledger`;
- one row for each action and order ID, of all that were ever ready to be sent: a unique index. Most
  milestones never are, and order IDs, being digests, would each dirty a page of a larger index;
- exactly one state, and a reason wherever nothing is sent: check constraints on `ledger`;
- what is in the audit log stays as it was written: triggers refuse to change an event, and to
  remove one that is not sealed in a file (`audit_head.sealed` is the last that is);
- each click ID once: the digest of the ID as a key is unique in `clicks`, and joins it to the deals
  that carry it; what else joins a click to deals stands in `click_keys`;
- no orphan events, batches or milestones: foreign keys; an audit event's number is its primary key,
  and one that names a deal is found by that deal's row: events are added in the order of these.

How instants, money and words are kept stands in `column_types`.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    event,
    false,
    text,
)

from convsync.model.ledger import State
from convsync.store.column_types import Instant, Micros, OrderIdBytes, Word

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

GROWS = "grows"
"""In a table's `info`: it has rows for each deal, click, conversion or event. A preview, which
copies other tables, lays one over it that holds only what it writes."""


def _one_of(column: str, words: Any) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


def _index_where(
    name: str, condition: TextClause, *columns: Column[Any], unique: bool = False
) -> None:
    """Index those rows of a table that meet a condition; see `for_both_databases`."""
    Index(name, *columns, unique=unique, sqlite_where=condition)


def for_both_databases() -> MetaData:
    """Return the tables with the conditions of their indexes known to PostgreSQL too.

    They are not from the start: to take one, SQLAlchemy imports all of PostgreSQL's dialect, and
    every command on SQLite would wait for that.
    """
    for index in (index for table in metadata.tables.values() for index in table.indexes):
        index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    return metadata


runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("command", String(20), nullable=False),
    Column("lock", String(20), unique=True),
    Column("as_of", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("holder", Text, nullable=False),
    Column("lease_until", Instant),
    Column("exit_code", Integer),
    Column("message", Text),
    Column("uploads", Integer, nullable=False, server_default="0"),
    Column("summary", Text),
    Column("audit_number", BigInteger),
    Column("audit_digest", LargeBinary(32)),
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("read_until", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
)

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("place", Text, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
)
"""Windows that a run could not read to their end, and how far it came."""

file_marks = Table(
    "file_marks",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("reading", LargeBinary(16), nullable=False),
    Column("bytes_read", BigInteger, nullable=False),
    Column("lines_read", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("status", Text),
)
"""How far each file of clicks has been read, and what it was then."""

remembered = Table(
    "remembered",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("value", Text, nullable=False),
)

deals = Table(
    "deals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("source", String(100), nullable=False),
    Column("deal_id", String(200), nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("created_at", Instant),
    Column("modified_at", Instant),
    Column("amount", Text),
    Column("currency", String(3)),
    Column("ad_user_data", Word(11), nullable=False),
    Column("ad_personalization", Word(11), nullable=False),
    Column("consented_at", Instant),
    Column("customer_type", Word(10)),
    Column("emails", Text),
    Column("phones", Text),
    Column("clicks", Text),
    Column("segments", Text),
    Column("gone", Word(10)),
    Column("reconcile_at", Instant),
    UniqueConstraint("deal_id", "source"),
    info={GROWS: True},
)
_index_where("ix_deals_reconcile_at", text("reconcile_at IS NOT NULL"), deals.c.reconcile_at)

IS_UNCLEAR = text("(ad_user_data = 'unclear' OR ad_personalization = 'unclear')")
_index_where("ix_deals_unclear", IS_UNCLEAR, deals.c.source)
_IS_GONE = text("gone IS NOT NULL")
_index_where("ix_deals_gone", _IS_GONE, deals.c.source, deals.c.id)

milestones = Table(
    "milestones",
    metadata,
    Column("deal", ForeignKey("deals.id"), primary_key=True),
    Column("name", String(50), primary_key=True),
    Column("reached_at", Instant, nullable=False),
    Column("is_whole_day", Boolean, nullable=False),
    Column("is_estimated", Boolean, nullable=False, server_default=false()),
    Column("estimated_at", Instant),
    Column("withdrawn_at", Instant),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
_IS_WITHDRAWN = text("withdrawn_at IS NOT NULL")
_index_where("ix_milestones_withdrawn", _IS_WITHDRAWN, milestones.c.name)

IS_ESTIMATED = text("is_estimated")
_index_where("ix_milestones_estimated", IS_ESTIMATED, milestones.c.name)

stages = Table(
    "stages",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("stage_id", String(200), primary_key=True),
    Column("pipeline", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("outcome", Word(10), nullable=False),
    Column("seen_at", Instant, nullable=False),
)
"""Every stage of a CRM as it was once seen, under each name it had; `seen_at` is since when."""

merges = Table(
    "merges",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("survivor", String(200), primary_key=True),
    Column("noticed_at", Instant, nullable=False),
    Column("reached", Text, nullable=False),
    info={GROWS: True},
)
"""Deals that others were merged into, and what all of them had reached when that was noticed."""

row_digests = Table(
    "row_digests",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("deal", ForeignKey("deals.id"), primary_key=True),
    Column("digest", LargeBinary(16), nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""What the rows of deals were when last read: apart from the deals, because every night all of
these are read, and hardly a deal is."""

deal_keys = Table(
    "deal_keys",
    metadata,
    Column("deal", ForeignKey("deals.id"), primary_key=True),
    Column("key", LargeBinary(16), primary_key=True),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
clicks = Table(
    "clicks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary(16), nullable=False),
    Column("kind", Word(20), nullable=False),
    Column("value", Text, nullable=False),
    Column("clicked_at", Instant),
    Column("is_whole_day", Boolean, nullable=False),
    UniqueConstraint("key"),
    info={GROWS: True},
)

click_keys = Table(
    "click_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("click", ForeignKey("clicks.id"), primary_key=True),
    Column("basis", Integer, nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
IS_OF_PEOPLE = text("basis = 5")
"""A key that is a hashed e-mail or phone: `MatchBasis.IDENTIFIER`."""
Index("ix_click_keys_click", click_keys.c.click)
collected = Table(
    "collected",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("site", String(100), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("visitor", String(32), nullable=False),
    Column("form", String(80)),
    Column("landings", Text, nullable=False),
    Column("emails", Text, nullable=False),
    Column("phones", Text, nullable=False),
    Column("ad_storage", Word(11), nullable=False),
    Column("ad_user_data", Word(11), nullable=False),
    Column("ad_personalization", Word(11), nullable=False),
    Column("consented_at", Instant, nullable=False),
    Column("consent_source", String(10), nullable=False),
    info={GROWS: True},
)
"""What browsers reported, as it came: a night takes the clicks out of it. See `store.collected`."""
Index("ix_collected_site_received_at", collected.c.site, collected.c.received_at)
Index("ix_collected_visitor", collected.c.visitor)
consents = Table(
    "consents",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("purpose", Word(20), primary_key=True),
    Column("source", String(100), primary_key=True),
    Column("record", String(200), primary_key=True),
    Column("status", Word(11), nullable=False),
    Column("said_at", Instant),
    Column("how", Word(10), nullable=False),
    Column("is_news", Boolean, nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""What people said about the use of their data, by their keys. See `store.consents`."""
Index("ix_consents_record_source", consents.c.record, consents.c.source)
_index_where("ix_consents_news", text("is_news"), consents.c.key)
shared_keys = Table(
    "shared_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("deals", Integer, nullable=False),
    Column("example", ForeignKey("deals.id"), nullable=False),
    sqlite_with_rowid=False,
)
"""Keys that so many deals have that they join none to a click, and one of these deals."""
persons = Table(
    "persons",
    metadata,
    Column("deal", ForeignKey("deals.id"), primary_key=True),
    Column("joined_at", Instant, primary_key=True),
    Column("person", Integer, nullable=False),
    Column("parted_at", Instant),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""Customers with several deals, each named by the first of them; what they were before stays."""
IS_STILL_JOINED = text("parted_at IS NULL")
_index_where("ix_persons_person", IS_STILL_JOINED, persons.c.person)

person_news = Table(
    "person_news",
    metadata,
    Column("deal", ForeignKey("deals.id"), primary_key=True, autoincrement=False),
)
"""Deals of which a key changed, or a click with one, since persons were last joined."""

ad_clicks = Table(
    "ad_clicks",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("clicked_on", String(10), nullable=False),
    *(
        Column(name, Text, nullable=False)
        for name in (
            *("campaign_id", "campaign", "ad_group_id", "ad_group"),
            *("keyword", "match_type", "device", "location"),
        )
    ),
    sqlite_with_rowid=False,
)
"""What the ad platform says of a click, by the digest of its ID; none of those it does not know."""

ad_days = Table(
    "ad_days",
    metadata,
    Column("customer_id", String(50), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("newest_click", Integer, nullable=False),
    Column("newest_deal", Integer, nullable=False),
)
"""Days whose clicks an ad account was asked for, when, and what was stored last by then."""

click_news = Table(
    "click_news",
    metadata,
    Column("click", ForeignKey("clicks.id"), primary_key=True, autoincrement=False),
)
"""Clicks that were known and of which something is new since the last news was spread."""

batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("destination", String(50), nullable=False),
    Column("action_id", String(30), nullable=False),
    Column("state", Word(10), nullable=False),
    Column("request_id", Text),
    Column("rows", Integer, nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("poll_at", Instant),
    CheckConstraint(_one_of("state", ("sending", "accepted", "settled")), name="state"),
    CheckConstraint("state <> 'accepted' OR request_id IS NOT NULL", name="request"),
)

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
    Column("action_id", String(30), nullable=False),
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
    Column("batch_id", ForeignKey("batches.id")),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    UniqueConstraint("deal", "rule"),
    CheckConstraint(_each_state_has(_NEEDED), name="what_its_state_needs"),
    info={GROWS: True},
)
HAS_CONTENT = text("event_at IS NOT NULL")
_index_where(
    "uq_ledger_order_id_action_id", HAS_CONTENT, ledger.c.order_id, ledger.c.action_id, unique=True
)
IS_OPEN = text("queue IS NOT NULL")
_index_where(
    "ix_ledger_open", IS_OPEN, ledger.c.queue, ledger.c.destination, ledger.c.action_id, ledger.c.id
)
_BATCHED = text("batch_id IS NOT NULL")
_index_where("ix_ledger_batch", _BATCHED, ledger.c.batch_id)
PLATFORM_CANNOT = text("reason = 'platform_cannot'")
_index_where("ix_ledger_uncorrectable", PLATFORM_CANNOT, ledger.c.id)
IS_LATE = text("reason = 'click_outside_lookback'")
_index_where("ix_ledger_late", IS_LATE, ledger.c.deal)
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

_ROW_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite keeps rows in the order of such a key, without an index beside the table.

https://www.sqlite.org/lang_createtable.html#rowid
"""

audit_events = Table(
    "audit_events",
    metadata,
    Column("number", _ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("event", Word(20), nullable=False),
    Column("source", String(100)),
    Column("deal_id", String(200)),
    Column("order_id", String(64)),
    Column("detail", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=False),
    Column("deal", ForeignKey("deals.id")),
    CheckConstraint("(deal IS NULL) = (deal_id IS NULL)", name="deal"),
    info={GROWS: True},
)
Index("ix_audit_events_deal", audit_events.c.deal)
APPEND_ONLY = {
    "sqlite": [
        """CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
        WHEN OLD.number > coalesce((SELECT sealed FROM audit_head), 0)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
        WHEN EXISTS (SELECT 1 FROM audit_events WHERE number = NEW.number)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    ],
    "postgresql": [
        """CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '23000'; END $$""",
        """CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR TRUNCATE
        ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only()""",
        """CREATE FUNCTION audit_events_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (SELECT max(number) FROM removed)
                > coalesce((SELECT sealed FROM audit_head), 0)
            THEN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '23000'; END IF;
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER audit_events_no_delete AFTER DELETE ON audit_events
        REFERENCING OLD TABLE AS removed
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_no_delete()""",
    ],
}
"""What makes each database refuse to change an event, or to take one out.

SQLite's INSERT OR REPLACE fires no trigger for what it deletes, and is refused by one of its own.
https://www.sqlite.org/lang_conflict.html
"""
for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        _trigger: Any = DDL  # has no types
        event.listen(audit_events, "after_create", _trigger(_statement).execute_if(_dialect))

audit_blocks = Table(
    "audit_blocks",
    metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("codes", Text, nullable=False),
    Column("batch", Integer),
    Column("first_entry", BigInteger),
    Column("last_entry", BigInteger),
    Column("first_deal", BigInteger),
    Column("last_deal", BigInteger),
    Column("least", Float),
    Column("most", Float),
    Column("amounts", LargeBinary),
    info={GROWS: True},
)
"""What stands in which part of the audit log: a row for all events that were appended at once, and
one for each event that names many entries. See `store.audit_blocks`."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(16), nullable=False),
    Column("keyed_since", BigInteger),
    Column("key_id", LargeBinary(8)),
    Column("sealed", BigInteger),
    Column("sealed_digest", LargeBinary(32)),
    Column("sealed_in", BigInteger),
    CheckConstraint("id = 1", name="single"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("place", String(300), primary_key=True),
    Column("deal_id", String(200)),
    Column("problem", Text, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
)

erased_keys = Table(
    "erased_keys",
    metadata,
    Column("mark", LargeBinary(32), primary_key=True),
    Column("added_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
"""Who was forgotten: marks of what would lead to them again (`model.erased`)."""

kept_plans = Table(
    "kept_plans",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("order_id", OrderIdBytes, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False),
    Column("agrees", Boolean, nullable=False),
    sqlite_with_rowid=False,
    info={GROWS: True},
)
"""What a plan would send that a person has seen or is to look at, and whether it still would."""

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String(100), nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_requests_project_at", requests.c.project, requests.c.at)
