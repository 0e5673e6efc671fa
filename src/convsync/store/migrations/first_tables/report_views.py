"""Views for BI tools, as version 0.1 has them: what a column is called and means stays.

A later version adds columns at the end, or another view beside these. Instants are the database's
own type on PostgreSQL and ISO 8601 in UTC on SQLite, which has none; money is NUMERIC there and
REAL here. What is yes or no is 1 or 0 on both. PostgreSQL lets no column be changed that a view
reads: a migration that does drops the views first, and makes them again.
"""

import sqlalchemy as sa
from alembic import op


def make() -> None:
    """Make the table that the views read beside the others, then the views."""
    op.create_table(
        "funnel_steps",
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("milestone", sa.String(length=50), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("next_within_days", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_funnel_steps")),
    )
    words = _WORDS[op.get_bind().dialect.name]
    for view in (_LEDGER, _ORIGINS, _FUNNEL, _CAMPAIGNS):
        op.execute(sa.text(_in_words(view, words)))


def _in_words(view: str, words: dict[str, str]) -> str:
    """Return a view with each `kind{{expression}}` as the database writes it."""
    for kind, written in words.items():
        before, found, rest = view.partition(f"{kind}{{{{")
        while found:
            expression, _, after = rest.partition("}}")
            view = f"{before}{written.replace('?', expression)}{after}"
            before, found, rest = view.partition(f"{kind}{{{{")
    return view


_WORDS = {
    "sqlite": {
        "instant": "CAST(strftime('%Y-%m-%dT%H\\:%M\\:%SZ', ? / 1000000, 'unixepoch') AS TEXT)",
        "day": "CAST(strftime('%Y-%m-%d', ? / 1000000, 'unixepoch') AS TEXT)",
        "date": "CAST(? AS TEXT)",
        "money": "CAST(? / 1000000.0 AS REAL)",
        "written": "CAST(? AS REAL)",
        "days": "CAST(? / 86400.0 AS REAL)",
        "number": "CAST(? AS REAL)",
        "count": "CAST(? AS INTEGER)",
        "text": "CAST(? AS TEXT)",
        "hex": "CAST('cs-' || lower(hex(?)) AS TEXT)",
        "least": "min(?)",
        "now": "CAST(strftime('%s', 'now') AS INTEGER) * 1000000?",
    },
    "postgresql": {
        "instant": "to_timestamp(? / 1000000.0)",
        "day": "(to_timestamp(? / 1000000.0) AT TIME ZONE 'UTC')::date",
        "date": "(?)::date",
        "money": "(? / 1000000.0)::numeric",
        "written": "(?)::numeric",
        "days": "(? / 86400.0)::double precision",
        "number": "(?)::double precision",
        "count": "(?)::bigint",
        "text": "(?)::text",
        "hex": "('cs-' || encode(?, 'hex'))",
        "least": "least(?)",
        "now": "(extract(epoch FROM now()) * 1000000)::bigint?",
    },
}

_LEDGER = """
CREATE VIEW ledger_v1 AS
SELECT
    text{{d.source}} AS source,
    text{{d.deal_id}} AS deal_id,
    text{{l.rule}} AS rule,
    text{{l.milestone}} AS milestone,
    instant{{l.milestone_at}} AS milestone_at,
    text{{CASE
        WHEN l.told_value IS NOT NULL OR l.state IN ('accepted', 'confirmed') THEN 'sent'
        WHEN l.state IN ('not_sent', 'unmatched', 'rejected') THEN 'not_sent'
        ELSE 'waiting' END}} AS side,
    text{{l.state}} AS state,
    text{{l.operation}} AS operation,
    text{{l.reason}} AS reason,
    text{{l.code}} AS code,
    instant{{l.due_at}} AS due_at,
    hex{{l.order_id}} AS order_id,
    text{{l.destination}} AS destination,
    text{{l.action_id}} AS action_id,
    money{{l.value}} AS value,
    text{{l.currency}} AS currency,
    money{{l.told_value}} AS told_value,
    text{{l.told_currency}} AS told_currency,
    text{{l.click_kind}} AS click_kind,
    text{{l.click_id}} AS click_id,
    instant{{l.clicked_at}} AS clicked_at,
    days{{l.seconds_to_close}} AS days_to_close,
    count{{l.values_version}} AS values_version
FROM ledger l JOIN deals d ON d.id = l.deal
"""

_ORIGINS = """
CREATE VIEW deal_origins AS
WITH credited AS (
    SELECT l.deal, a.key, row_number() OVER (
        PARTITION BY l.deal ORDER BY l.milestone_at, l.id) AS place
    FROM ledger l JOIN ad_clicks a ON a.gclid = l.click_id AND l.click_kind = 'gclid'
), own AS (
    SELECT k.deal, a.key, row_number() OVER (
        PARTITION BY k.deal ORDER BY a.clicked_on, a.campaign, a.key) AS place
    FROM deal_keys k JOIN ad_clicks a ON a.key = k.key
)
SELECT d.id AS deal, coalesce(c.key, o.key) AS click
FROM deals d
LEFT JOIN credited c ON c.deal = d.id AND c.place = 1
LEFT JOIN own o ON o.deal = d.id AND o.place = 1
"""

_FUNNEL = """
CREATE VIEW funnel_v1 AS
WITH reached AS (
    SELECT m.deal, s.position, m.reached_at, m.is_estimated
    FROM milestones m JOIN funnel_steps s ON s.milestone = m.name
    WHERE m.withdrawn_at IS NULL AND m.reached_at <= now{{}}
), far AS (
    SELECT deal, max(position) AS position FROM reached GROUP BY deal
), began AS (
    SELECT d.id AS deal, least{{
        coalesce(d.created_at, m.reached_at), coalesce(m.reached_at, d.created_at)}} AS lead_at
    FROM deals d LEFT JOIN (
        SELECT deal, min(reached_at) AS reached_at FROM milestones GROUP BY deal
    ) m ON m.deal = d.id
), ended AS (
    SELECT deal,
        max(CASE WHEN name = 'won' THEN reached_at END) AS won_at,
        max(CASE WHEN name = 'lost' THEN reached_at END) AS lost_at
    FROM milestones
    WHERE withdrawn_at IS NULL AND name IN ('won', 'lost') AND reached_at <= now{{}}
    GROUP BY deal
)
SELECT
    text{{d.source}} AS source,
    text{{d.deal_id}} AS deal_id,
    instant{{b.lead_at}} AS lead_at,
    count{{s.position}} AS position,
    text{{s.milestone}} AS milestone,
    text{{s.definition}} AS definition,
    text{{s.owner}} AS owner,
    number{{s.next_within_days}} AS next_within_days,
    count{{CASE WHEN f.position >= s.position THEN 1 ELSE 0 END}} AS came,
    instant{{r.reached_at}} AS reached_at,
    count{{CASE WHEN r.is_estimated THEN 1 ELSE 0 END}} AS is_estimated,
    count{{CASE WHEN f.position = s.position THEN 1 ELSE 0 END}} AS is_last_step,
    count{{CASE WHEN e.lost_at IS NOT NULL AND (e.won_at IS NULL OR e.won_at <= e.lost_at)
        THEN 1 ELSE 0 END}} AS is_lost,
    written{{d.amount}} AS amount,
    text{{d.currency}} AS currency,
    text{{d.segments}} AS segments,
    text{{a.campaign_id}} AS campaign_id,
    text{{a.campaign}} AS campaign,
    text{{a.ad_group}} AS ad_group,
    text{{a.keyword}} AS keyword,
    text{{a.device}} AS device
FROM deals d
CROSS JOIN funnel_steps s
LEFT JOIN far f ON f.deal = d.id
LEFT JOIN reached r ON r.deal = d.id AND r.position = s.position
JOIN began b ON b.deal = d.id
LEFT JOIN ended e ON e.deal = d.id
LEFT JOIN deal_origins o ON o.deal = d.id
LEFT JOIN ad_clicks a ON a.key = o.click
WHERE d.gone IS NULL AND (b.lead_at IS NULL OR b.lead_at <= now{{}})
"""

_CAMPAIGNS = """
CREATE VIEW campaigns_v1 AS
WITH spent AS (
    SELECT day, campaign_id, max(campaign) AS campaign, currency,
        sum(cost) AS cost, sum(clicks) AS clicks, sum(impressions) AS impressions
    FROM ad_costs WHERE view = 'campaign' GROUP BY day, campaign_id, currency
), counted AS (
    SELECT day, campaign_id, max(campaign) AS campaign, currency,
        sum(conversions) AS conversions, sum(value) AS value
    FROM ad_results GROUP BY day, campaign_id, currency
), days AS (
    SELECT day, campaign_id, currency FROM spent
    UNION SELECT day, campaign_id, currency FROM counted
)
SELECT
    date{{y.day}} AS day,
    text{{y.campaign_id}} AS campaign_id,
    text{{coalesce(s.campaign, c.campaign)}} AS campaign,
    text{{y.currency}} AS currency,
    money{{coalesce(s.cost, 0)}} AS cost,
    count{{coalesce(s.clicks, 0)}} AS clicks,
    count{{coalesce(s.impressions, 0)}} AS impressions,
    number{{coalesce(c.conversions, 0)}} AS platform_conversions,
    money{{coalesce(c.value, 0)}} AS platform_value
FROM days y
LEFT JOIN spent s
    ON s.day = y.day AND s.campaign_id = y.campaign_id AND s.currency = y.currency
LEFT JOIN counted c
    ON c.day = y.day AND c.campaign_id = y.campaign_id AND c.currency = y.currency
"""
