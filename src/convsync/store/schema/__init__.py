"""The tables, and the constraints by which the database keeps convsync's promises.

A file for each area. No orphan events, batches or milestones: foreign keys. How instants, money and
words are kept stands in `column_types`.
"""

from sqlalchemy import MetaData

from convsync.store.schema.allowed_tables import allowed_keys
from convsync.store.schema.audience_tables import (
    audience_batches,
    audience_lists,
    audience_members,
    audience_wanted,
)
from convsync.store.schema.audit_tables import (
    APPEND_ONLY,
    audit_blocks,
    audit_events,
    audit_head,
)
from convsync.store.schema.base import GROWS, metadata
from convsync.store.schema.click_tables import (
    ad_clicks,
    ad_days,
    click_keys,
    click_news,
    clicks,
    collected,
)
from convsync.store.schema.comeback_tables import comebacks
from convsync.store.schema.cost_tables import ad_costs, ad_names, ad_results, cost_days
from convsync.store.schema.deal_tables import (
    IS_ESTIMATED,
    IS_UNCLEAR,
    deal_keys,
    deals,
    milestones,
    row_digests,
)
from convsync.store.schema.digest_tables import digests
from convsync.store.schema.ledger_tables import (
    HAS_CONTENT,
    IS_ACCEPTED,
    IS_LATE,
    IS_OPEN,
    IS_SENDING,
    KNOWN_BY_CLICK,
    ORDER_IDS,
    PLATFORM_CANNOT,
    QUEUES,
    ROOM_FOR_ANSWERS,
    batches,
    deal_sums,
    ledger,
    ledger_sums,
    standing_sums,
    time_sums,
)
from convsync.store.schema.person_tables import (
    IS_CROWD,
    IS_STILL_JOINED,
    consents,
    crowded_keys,
    erased_keys,
    person_news,
    persons,
    shared_keys,
)
from convsync.store.schema.reading_tables import (
    bookmarks,
    file_marks,
    merges,
    quarantine,
    remembered,
    stages,
    survivors,
    watermarks,
)
from convsync.store.schema.report_tables import funnel_steps
from convsync.store.schema.revenue_tables import revenue
from convsync.store.schema.run_tables import (
    kept_plans,
    requests,
    runs,
)
from convsync.store.schema.trend_tables import definitions, notes
from convsync.store.schema.user_tables import sign_ins, users
from convsync.store.schema.value_tables import value_versions
from convsync.store.schema.write_back_tables import write_backs

__all__ = [
    "APPEND_ONLY",
    "GROWS",
    "HAS_CONTENT",
    "IS_ACCEPTED",
    "IS_CROWD",
    "IS_ESTIMATED",
    "IS_LATE",
    "IS_OPEN",
    "IS_SENDING",
    "IS_STILL_JOINED",
    "IS_UNCLEAR",
    "KNOWN_BY_CLICK",
    "ORDER_IDS",
    "PLATFORM_CANNOT",
    "QUEUES",
    "ROOM_FOR_ANSWERS",
    "ad_clicks",
    "ad_costs",
    "ad_days",
    "ad_names",
    "ad_results",
    "allowed_keys",
    "audience_batches",
    "audience_lists",
    "audience_members",
    "audience_wanted",
    "audit_blocks",
    "audit_events",
    "audit_head",
    "batches",
    "bookmarks",
    "click_keys",
    "click_news",
    "clicks",
    "collected",
    "comebacks",
    "consents",
    "cost_days",
    "crowded_keys",
    "deal_keys",
    "deal_sums",
    "deals",
    "definitions",
    "digests",
    "erased_keys",
    "file_marks",
    "for_both_databases",
    "funnel_steps",
    "kept_plans",
    "ledger",
    "ledger_sums",
    "merges",
    "metadata",
    "milestones",
    "notes",
    "person_news",
    "persons",
    "quarantine",
    "remembered",
    "requests",
    "revenue",
    "row_digests",
    "runs",
    "shared_keys",
    "sign_ins",
    "stages",
    "standing_sums",
    "survivors",
    "time_sums",
    "users",
    "value_versions",
    "watermarks",
    "write_backs",
]


def for_both_databases() -> MetaData:
    """Return the tables with the conditions of their indexes known to PostgreSQL too.

    They are not from the start: to take one, SQLAlchemy imports all of PostgreSQL's dialect, and
    every command on SQLite would wait for that.
    """
    for index in (index for table in metadata.tables.values() for index in table.indexes):
        index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    return metadata
