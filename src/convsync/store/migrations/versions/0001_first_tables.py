"""The first tables: deals, clicks, ledger, batches, runs and the audit log.

A migration spells its tables out, whatever the schema says today: it is what was released. A file
for each area makes them, in the order in which they refer to each other.
"""

from convsync.store.migrations.first_tables import (
    allowed_tables,
    audience_tables,
    audit_tables,
    click_tables,
    comeback_tables,
    cost_tables,
    deal_tables,
    digest_tables,
    ledger_tables,
    person_tables,
    reading_tables,
    report_views,
    revenue_tables,
    run_tables,
    trend_tables,
    user_tables,
    value_tables,
    write_back_tables,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_AREAS = (
    run_tables,
    deal_tables,
    reading_tables,
    click_tables,
    cost_tables,
    person_tables,
    allowed_tables,
    ledger_tables,
    audit_tables,
    trend_tables,
    revenue_tables,
    audience_tables,
    comeback_tables,
    digest_tables,
    value_tables,
    user_tables,
    report_views,
    write_back_tables,
)


def upgrade() -> None:
    """Make every table of version 0.1."""
    for area in _AREAS:
        area.make()
