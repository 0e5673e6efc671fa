"""Twenty thousand conversions to a platform that fails at every fifth request, in every way it can.

A soak: `make soak` runs it, the quick suite does not. What is asked in the end is the platform's
books, the ledger and the audit log, none of which may have lost or doubled a conversion.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from convsync.errors import OperatorError
from convsync.model.record import numbers_in
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from convsync.store import audit_search
from convsync.store.audit_search import Wanted
from tests.nights.company import PAGE_OF, Company, folder_in_memory, small_batches

DEALS = 20_000
REFUSED_EVERY = 100
FIRST_NIGHT = datetime(2026, 3, 3, 2, tzinfo=UTC)
WAYS = (
    "unavailable_before",
    "unavailable_after",
    "resource_exhausted",
    "internal",
    "latency",
    "garbage",
    "hang",
    "crash",
    "expired_token",
)
BAD = "PROCESSING_ERROR_REASON_INVALID_GCLID"


@pytest.fixture
def company() -> Iterator[Company]:
    with Sandbox() as sandbox, folder_in_memory() as folder:
        company = Company.founded(folder, sandbox)
        company.configure(("plaintext = true", "plaintext = true\ntimeout_s = 1"))
        company.through = small_batches(200)
        yield company
        company.close()


@pytest.mark.slow
def test_twenty_thousand_conversions_survive_a_fault_at_every_fifth_request(
    company: Company,
) -> None:
    refused = won_deals(company)
    platform = company.sandbox.platform if company.sandbox else None
    assert platform is not None
    platform.verdicts = dict.fromkeys((f"G-{deal}" for deal in refused), BAD)
    platform.faults.add(PlannedFault(on="ingest", every=5, kind=WAYS, seconds=1.5))
    platform.faults.add(PlannedFault(on="status", every=5, kind=("internal", "unavailable_before")))
    nights = live_until_settled(company)

    entries = company.entries()
    assert len(entries) == DEALS
    assert Counter((e.state, e.code) for e in entries.values()) == {
        ("confirmed", None): DEALS - len(refused),
        ("rejected", BAD): len(refused),
    }
    assert {deal for (deal, _), e in entries.items() if e.state == "rejected"} == refused
    books = platform.books
    page = books.counted[PAGE_OF["won"]]
    assert len(page) == DEALS - len(refused)
    assert {counted.value for counted in page.values()} == {100.0}
    assert max(counted.sent for counted in page.values()) > 1, "some answers were lost"
    assert company.audit_is_sound()
    assert told_stories(company) == {
        ("planned", "accepted", "confirmed"): DEALS - len(refused),
        ("planned", "accepted", "rejected"): len(refused),
    }
    assert nights <= 10


def won_deals(company: Company) -> set[str]:
    """Give the CRM its deals; return those whose click the platform will not know."""
    for number in range(DEALS):
        deal = f"D-{number}"
        company.has(
            deal,
            gclid=f"G-{deal}",
            clicked="2026-02-20T08:00Z",
            created="2026-02-20T09:00Z",
            won="2026-03-02T12:00Z",
            amount=100,
        )
    return {f"D-{number}" for number in range(0, DEALS, REFUSED_EVERY)}


def live_until_settled(company: Company) -> int:
    """Run nights until nothing waits; one that a person would have to look at is run again."""
    for night in range(1, 100):
        try:
            company.night(FIRST_NIGHT + timedelta(days=night - 1))
        except OperatorError:
            continue
        if all(e.state in {"confirmed", "rejected"} for e in company.entries().values()):
            return night
    raise AssertionError("the nights never settled everything")


def told_stories(company: Company) -> Counter[tuple[str, ...]]:
    """Count what the audit log tells of each conversion, whatever went wrong in between."""
    stories: dict[int, list[str]] = {}
    entries: dict[str, int] = {}
    with company.database.reading() as connection:
        for row in audit_search.every(connection, Wanted()):
            detail = json.loads(row.detail)
            if row.order_id is not None:
                numbers = [entries.setdefault(row.order_id, detail.get("entry", 0))]
            else:
                numbers = list(numbers_in(detail["entries"])) if "entries" in detail else []
            if row.event not in {"untried", "reserved"}:
                for number in numbers:
                    stories.setdefault(number, []).append(row.event)
    return Counter(tuple(dict.fromkeys(story)) for story in stories.values())
