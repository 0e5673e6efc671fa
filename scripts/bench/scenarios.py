"""The figures, each by its name, in the order in which they are shown.

A bar that is about a million deals is judged at a million only; smaller sizes show where it goes.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from convsync.settings.crms import CRMS
from scripts.bench import joining
from scripts.bench.company import NOTHING_NEW
from scripts.bench.figures import TIMES, Bar, Figure, Floor
from scripts.bench.measuring import HUNDRED, Measuring
from scripts.bench.processes import REQUEST_MS, ROW_US, UnfinishedError, Usage

MILLION = 1_000_000
_MANY_TIMES = 4
_SHORTEST_S = 60
_MOST_REQUESTS = {"hubspot": 46.0}
_LARGE_CRM = "hubspot"


def cpu(run: Measuring) -> Figure:
    """The whole first night, by 100,000 deals."""
    deals = run.hundred
    usage = run.first_night(deals).usage
    scale = HUNDRED / deals
    return Figure(
        name="cpu",
        what="first night, by 100,000 deals",
        value=usage.cpu_seconds * scale,
        unit="CPU s",
        deals=deals,
        bar=Bar(value=8, from_deals=HUNDRED),
        floor=Floor(value=run.floor(deals)["night"] * scale, unit="CPU s", what="bare tables"),
        aside=f"{deals / usage.seconds:,.0f}/s with no latency",
    )


def lean(run: Measuring) -> Figure:
    """The same by its floor."""
    least = run.floor(run.hundred)["night"]
    return Figure(
        name="lean",
        what="first night to bare tables",
        value=run.first_night(run.hundred).usage.cpu_seconds / least,
        unit=TIMES,
        deals=run.hundred,
        bar=Bar(value=2.0, from_deals=HUNDRED),
        floor=Floor(value=least, unit="CPU s", what="bare tables"),
    )


def latency(run: Measuring) -> Figure:
    """Conversions a second where the platform takes its time."""
    night = run.night_under_latency()
    return Figure(
        name="latency",
        what=f"first night, each request {REQUEST_MS} ms + {ROW_US} µs a row",
        value=run.hundred / night.usage.seconds,
        unit="/s",
        deals=run.hundred,
        bar=Bar(value=12_000, is_minimum=True, from_deals=HUNDRED),
        floor=Floor(value=run.wire(), unit="/s", what="ready requests, 8 in flight"),
        aside=f"at most {night.in_flight} in flight; "
        f"the platform's own: {night.platform_cpu_seconds:.1f} CPU s",
    )


def postgresql(run: Measuring) -> Figure:
    """PostgreSQL to SQLite, the server's CPU seconds included."""
    night = run.night_on_postgresql(has_statistics=True)
    on_sqlite = run.first_night(run.hundred).usage.cpu_seconds
    return Figure(
        name="postgresql",
        what="first night on PostgreSQL, client and server, to SQLite",
        value=night.cpu_seconds / on_sqlite,
        unit=TIMES,
        deals=run.hundred,
        bar=Bar(value=1.6, from_deals=HUNDRED),
        floor=Floor(value=on_sqlite, unit="CPU s", what="on SQLite"),
        aside=f"{night.client:.1f} CPU s, and {night.server:.1f} in the server",
    )


def fresh_postgresql(run: Measuring) -> Figure:
    """PostgreSQL that has just been filled, without statistics, to one that has them."""
    second = run.night_on_postgresql(has_statistics=True)
    analyzed, patience = second.cpu_seconds, max(_SHORTEST_S, _MANY_TIMES * second.seconds)
    value, aside = None, f"stopped after {patience:,.0f} s"
    with suppress(UnfinishedError):
        night = run.night_on_postgresql(has_statistics=False, seconds=patience)
        value, aside = night.cpu_seconds / analyzed, ""
    return Figure(
        name="fresh-postgresql",
        what="first night without statistics, to one with",
        value=value,
        unit=TIMES,
        deals=run.hundred,
        bar=Bar(value=2.0, from_deals=HUNDRED),
        floor=Floor(value=analyzed, unit="CPU s", what="with statistics"),
        aside=aside,
    )


def growth(run: Measuring) -> Figure:
    """Ten times the deals."""
    tenth = run.first_night(run.tenth).usage.cpu_seconds
    return Figure(
        name="growth",
        what=f"first night, to one of {run.tenth:,} deals",
        value=run.first_night(run.deals).usage.cpu_seconds / tenth,
        unit=TIMES,
        deals=run.deals,
        bar=Bar(value=10.5, from_deals=MILLION),
        floor=Floor(value=tenth, unit="CPU s", what="a tenth of the deals"),
    )


def verdicts(run: Measuring) -> Figure:
    """All verdicts at once."""
    return Figure(
        name="verdicts",
        what="verdict on every row",
        value=run.settled().usage.cpu_seconds,
        unit="CPU s",
        deals=run.deals,
        bar=Bar(value=10, from_deals=MILLION),
        floor=Floor(
            value=run.floor(run.deals)["verdicts"] + run.start.cpu_seconds,
            unit="CPU s",
            what="one update and event a batch, and a start",
        ),
    )


def quiet(run: Measuring) -> Figure:
    """A night on which the source gives nothing."""
    usage = run.settled().company.quiet_night(NOTHING_NEW)
    return _over_the_start(run, "quiet", "night, the source gives nothing", usage, 1.2)


def complete(run: Measuring) -> Figure:
    """A night on which the source gives everything, and nothing of it changed."""
    company = run.settled().company
    again = company.folder / "again.csv"
    shutil.copyfile(company.rows.deals_csv, again)  # an export of today, of the same deals
    usage = company.quiet_night({"CONVSYNC_DEALS__CRM__PATH": str(again)})
    return Figure(
        name="complete",
        what="night, a complete CSV in which nothing changed",
        value=usage.cpu_seconds,
        unit="CPU s",
        deals=run.deals,
        bar=Bar(value=6, from_deals=MILLION),
        floor=Floor(
            value=run.floor(run.deals)["reading"] + run.start.cpu_seconds,
            unit="CPU s",
            what="csv.reader alone, and a start",
        ),
    )


def plan(run: Measuring) -> Figure:
    """A preview that finds nothing to do."""
    company = run.settled().company
    usage = company.types("plan", *company.later(), environment=NOTHING_NEW)
    return _over_the_start(run, "plan", "`plan` with nothing to do", usage, 1.5)


def status(run: Measuring) -> Figure:
    """How everything stands."""
    usage = run.settled().company.types("status")
    return _over_the_start(run, "status", "`status`", usage, 0.8)


def memory(run: Measuring) -> Figure:
    """The most memory that the first night holds."""
    return Figure(
        name="memory",
        what="first night, peak memory",
        value=run.first_night(run.deals).usage.peak_mb,
        unit="MB",
        deals=run.deals,
        bar=Bar(value=150, from_deals=MILLION),
        floor=Floor(value=run.floor(run.deals)["peak_mb"], unit="MB", what="bare tables"),
    )


def clicks(run: Measuring) -> Figure:
    """The import of the click log."""
    imported = run.click_import()
    count = imported.company.rows.clicks
    return Figure(
        name="clicks",
        what=f"import of {count:,} clicks, by click",
        value=imported.usage.cpu_seconds / count * 1_000_000,
        unit="CPU µs",
        deals=run.hundred,
        bar=Bar(value=15, from_deals=HUNDRED),
        floor=Floor(
            value=run.floor(run.hundred)["clicks"] / count * 1_000_000,
            unit="CPU µs",
            what="bare table",
        ),
    )


def audit(run: Measuring) -> Figure:
    """The proof that nobody edited the log, and that the ledger follows from it."""
    usage = run.settled().company.types("audit", "verify")
    found = re.search(r"([\d,]+) events", usage.printed)
    assert found, "it says how many events there are"
    events = int(found[1].replace(",", ""))
    floor = run.floor(run.deals)
    return Figure(
        name="audit",
        what="`audit verify`, chain and replay, by 1,000,000 events, each deal of one counted",
        value=usage.cpu_seconds / (events + run.deals) * MILLION,
        unit="CPU s",
        deals=run.deals,
        bar=Bar(value=20, from_deals=MILLION),
        floor=Floor(
            value=floor["verify"] / floor["events"] * MILLION,
            unit="CPU s",
            what="SHA-256 over bare tables",
        ),
        aside=f"{events:,} events, which plan {run.deals:,} deals",
    )


def questions(run: Measuring) -> Figure:
    """The slowest of the seven questions of operations, each a command of its own."""
    took = run.questions()
    slowest = max(took, key=took.__getitem__)
    return Figure(
        name="questions",
        what=f"the slowest of {len(took)} questions of the morning, as a command: by {slowest}",
        value=took[slowest],
        unit="CPU s",
        deals=run.deals,
        bar=Bar(value=1.0, from_deals=MILLION),
        floor=Floor(value=run.start.cpu_seconds, unit="CPU s", what="`convsync --version`"),
        aside=", ".join(f"{name} {seconds:.2f}" for name, seconds in took.items()),
    )


def filters(run: Measuring) -> Figure:
    """The slowest filter of `audit list`, without the start of a process."""
    took = run.filters()
    slowest = max(took.by_filter, key=took.by_filter.__getitem__)
    return Figure(
        name="filters",
        what=f"the slowest filter of `audit list`, the last 50 events: by {slowest}",
        value=took.by_filter[slowest],
        unit="CPU ms",
        deals=run.deals,
        bar=Bar(value=300, from_deals=MILLION),
        floor=Floor(value=took.last, unit="CPU ms", what="the last 50, of whatever kind"),
        aside=f"{took.events:,} events; "
        + ", ".join(f"{name} {ms:.0f}" for name, ms in took.by_filter.items()),
    )


def _over_the_start(run: Measuring, name: str, what: str, usage: Usage, limit: float) -> Figure:
    """Return a figure of work that takes little more than the start of a process."""
    return Figure(
        name=name,
        what=what,
        value=usage.cpu_seconds,
        unit="CPU s",
        deals=run.deals,
        bar=Bar(value=limit, from_deals=MILLION),
        floor=Floor(value=run.start.cpu_seconds, unit="CPU s", what="`convsync --version`"),
    )


def payload(road: str, limit: float, run: Measuring) -> Figure:
    """A full request of a road, as bytes."""
    ours, theirs = run.payloads()[road]
    return Figure(
        name=f"{road}-request",
        what="a request of 2,000 rows as bytes, the best of several rounds",
        value=ours,
        unit="CPU ms",
        deals=2_000,
        bar=Bar(value=limit),
        floor=Floor(value=theirs, unit="CPU ms", what="the client's own classes"),
    )


def crm(name: str, limit: float | None, run: Measuring) -> Figure:
    """The requests that 1,000 deals cost, apart from what a night asks once, whatever it reads.

    It is the difference between a first night of 2,000 and one of 1,000.
    """
    deals = min(1_000, run.hundred)
    less, more = run.reading(name, deals), run.reading(name, 2 * deals)
    by_thousand = (more.requests - less.requests) * 1_000 / deals
    return Figure(
        name=name,
        what=f"requests by 1,000 deals more, where the first {deals:,} took {less.requests:,}",
        value=by_thousand,
        unit="requests",
        deals=deals,
        bar=Bar(value=limit, from_deals=1_000) if limit else None,
        aside=f"{less.usage.cpu_seconds:.1f} CPU s for the first",
    )


def crm_memory(run: Measuring) -> Figure:
    """The most memory that reading a CRM holds."""
    deals, few = run.deals // 10, run.reading(_LARGE_CRM, min(1_000, run.hundred))
    return Figure(
        name="crm-memory",
        what=f"first night from {_LARGE_CRM}, peak memory",
        value=run.reading(_LARGE_CRM, deals).usage.peak_mb,
        unit="MB",
        deals=deals,
        floor=Floor(value=few.usage.peak_mb, unit="MB", what=f"{few.deals:,} deals"),
    )


Scenario = Callable[[Measuring], Figure]
SCENARIOS: Mapping[str, Scenario] = {
    "cpu": cpu,
    "lean": lean,
    "latency": latency,
    "postgresql": postgresql,
    "fresh-postgresql": fresh_postgresql,
    "growth": growth,
    "verdicts": verdicts,
    "quiet": quiet,
    "complete": complete,
    "plan": plan,
    "status": status,
    "memory": memory,
    "clicks": clicks,
    "join": joining.join,
    "join-memory": joining.join_memory,
    "join-growth": joining.join_growth,
    "join-postgresql": joining.join_postgresql,
    "audit": audit,
    "questions": questions,
    "filters": filters,
    "data-manager-request": partial(payload, "data-manager", 20),
    "google-ads-request": partial(payload, "google-ads", 25),
    **{name: partial(crm, name, _MOST_REQUESTS.get(name)) for name in CRMS},
    "crm-memory": crm_memory,
}
