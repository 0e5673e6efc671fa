"""A night in which nothing happens, and a look at how things stand, cost the same however long the
ledger is: no statement of theirs passes over a table that grows with it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from convsync import wiring
from convsync.report.agreements import standings
from convsync.report.status import status_of
from convsync.store.database import Database
from convsync.store.schema import metadata
from tests.nights.company import Company, instant

FIRST, SECOND = "2026-03-03T02:00Z", "2026-03-03T06:00Z"
GROWING = frozenset(
    {"ledger", "deals", "milestones", "deal_keys", "clicks", "click_keys", "audit_events"}
)
PARTIAL = frozenset(
    str(index.name)
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"].get("where") is not None
)
"""Indexes that hold only rows which ask for attention."""


NEWEST = re.compile(r"FROM (\w+) ORDER BY \1\.id DESC\s+LIMIT")
"""One row, from the end of the table's own tree: it is called a scan, and passes over nothing."""


@contextmanager
def scans(database: Database) -> Iterator[list[str]]:
    """Yield where the plans go, while it lasts, that pass over a whole growing table."""
    found: list[str] = []

    def explain(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        is_plain = statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH"))
        if many or not is_plain or NEWEST.search(statement):
            return
        plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        named = dict(re.findall(r"(?:FROM|JOIN|,) (\w+) AS (\w+)", statement))
        aliases = {alias: table for table, alias in named.items()}
        for *_, detail in plan.fetchall():
            if (table := _scanned(detail, aliases)) in GROWING:
                found.append(f"{detail} of {table}: {statement}")

    event.listen(database.engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", explain)


def _scanned(detail: str, aliases: dict[str, str]) -> str | None:
    """Return the table that a step of a plan passes over, None where it looks rows up."""
    words = detail.split()
    if words[0] != "SCAN" or PARTIAL.intersection(words):
        return None
    return aliases.get(words[1], words[1])


@pytest.fixture
def lived(company: Company) -> Company:
    """A company with something of everything, that no longer hears of anything new."""
    company.configure(
        ("complete = true", "complete = false"),
        ('consent = { granted = "yes", denied = "no" }', _CONSENT_AND_SEGMENTS),
        more=_MORE,
    )
    for number in range(8):
        click = {"gclid": f"G-{number}", "clicked": "2026-02-20T10:00Z"}
        company.has(f"D-{number}", mql="2026-02-25T15:00Z", amount=100, customer="new", **click)
    for number in (1, 2):
        company.has(f"D-{number}", won="2026-03-02T15:00Z", customer="old")
    company.has("D-3", gclid="", clicked="")
    company.has("D-4", consent="no")
    company.clicked("G-20", "2026-02-20T10:00Z", visitor="V")
    company.night(FIRST)
    company.deals.clear()
    company.clicks.clear()
    return company


_CONSENT_AND_SEGMENTS = """consent = { granted = "yes", denied = "no" }
segments = { kind = "customer" }"""
_MORE = """
[milestones.mql]
definition = "Fits."
owner = "marketing"
next_within_days = 2

[rules.old]
milestone = "won"
action_id = 333
when = { kind = "old" }
"""


def test_a_night_in_which_nothing_happens_passes_over_no_table(lived: Company) -> None:
    with scans(lived.database) as found:
        report = lived.night(SECOND)
    assert report.sums.is_balanced
    assert found == []


def test_a_look_at_how_things_stand_passes_over_no_table(lived: Company) -> None:
    settings = lived.settings()
    with scans(lived.database) as found:
        status = status_of(lived.database, wiring.rules_of(settings), list(settings.deals))
        agreed = standings(
            lived.database, wiring.agreements_of(settings), now=instant("2026-03-10T02:00Z")
        )
    assert [standing.breaches for standing in agreed] == [6]
    assert status.sums.is_balanced
    assert found == []
