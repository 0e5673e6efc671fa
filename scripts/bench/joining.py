"""The figures of the big join: clicks and deals that have people in common.

At the size of `make bench` a million clicks and 200,000 deals: read, kept by every key, joined by
click ID, visitor, e-mail or phone, and planned. What is planned is not sent.
"""

from scripts.bench.figures import TIMES, Bar, Figure, Floor
from scripts.bench.identities import CLICKS_A_DEAL
from scripts.bench.measuring import Measuring

_FULL = 200_000
_TENTH = 10


def join(run: Measuring) -> Figure:
    """All of it."""
    deals = run.deals // CLICKS_A_DEAL
    usage = run.join(deals)
    return Figure(
        name="join",
        what=f"{CLICKS_A_DEAL * deals:,} clicks imported, {deals:,} deals joined by identities",
        value=usage.seconds,
        unit="s",
        deals=deals,
        bar=Bar(value=60, from_deals=_FULL),
        floor=Floor(value=run.join_floor(deals), unit="s", what="bare tables, CPU seconds"),
        aside=f"{usage.cpu_seconds:.1f} CPU s",
    )


def join_memory(run: Measuring) -> Figure:
    """Its largest process."""
    deals = run.deals // CLICKS_A_DEAL
    return Figure(
        name="join-memory",
        what="the same, peak memory",
        value=run.join(deals).peak_mb,
        unit="MB",
        deals=deals,
        bar=Bar(value=300, from_deals=_FULL),
        floor=Floor(value=run.start.peak_mb, unit="MB", what="`--version`"),
    )


def join_growth(run: Measuring) -> Figure:
    """Ten times the rows."""
    deals = run.deals // CLICKS_A_DEAL
    tenth = run.join(deals // _TENTH).cpu_seconds
    return Figure(
        name="join-growth",
        what="the same, to a tenth of it",
        value=run.join(deals).cpu_seconds / tenth,
        unit=TIMES,
        deals=deals,
        bar=Bar(value=10.5, from_deals=_FULL),
        floor=Floor(value=tenth, unit="CPU s", what="a tenth of the rows"),
    )


def join_postgresql(run: Measuring) -> Figure:
    """PostgreSQL to SQLite, the server's CPU seconds included."""
    deals = run.deals // CLICKS_A_DEAL
    both, on_sqlite = run.join_on_postgresql(deals), run.join(deals).cpu_seconds
    return Figure(
        name="join-postgresql",
        what="the same on PostgreSQL, client and server, to SQLite",
        value=both.cpu_seconds / on_sqlite,
        unit=TIMES,
        deals=deals,
        bar=Bar(value=1.6, from_deals=_FULL),
        floor=Floor(value=on_sqlite, unit="CPU s", what="on SQLite"),
        aside=f"{both.client:.1f} CPU s, and {both.server:.1f} in the server",
    )
