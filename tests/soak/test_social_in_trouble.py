"""Twenty thousand conversions to platforms that take nothing back, and fail at every fifth request.

A soak: `make soak` runs it, the quick suite does not. What is asked in the end is the platform's
books: each conversion that the ledger calls confirmed counts once there, nothing counts twice, and
what may count or not is unsure in the ledger.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from convsync.errors import OperatorError
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from tests.nights.company import Company, folder_in_memory, small_batches
from tests.nights.social import SOCIAL, Social

DEALS = 20_000
REFUSED_EVERY = 2_000
FIRST_RUN = datetime(2026, 3, 3, 2, tzinfo=UTC)
EVERY = timedelta(hours=2)
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


@pytest.fixture
def company() -> Iterator[Company]:
    with Sandbox() as sandbox, folder_in_memory() as folder:
        company = Company.founded(folder, sandbox)
        company.through = small_batches(200)
        yield company
        company.close()


@pytest.mark.slow
@pytest.mark.parametrize("at", SOCIAL, ids=str)
def test_twenty_thousand_conversions_are_counted_once_or_said_to_be_unsure(
    company: Company, at: Social
) -> None:
    at.configure(company, ("requests_in_flight = 1", "requests_in_flight = 1\ntimeout_s = 1"))
    sandbox = company.sandbox
    assert sandbox is not None
    for number in range(DEALS):
        deal = f"D-{number}"
        company.has(
            deal,
            gclid=f"click-{deal}",
            clicked="2026-02-20T08:00Z",
            created="2026-02-20T09:00Z",
            won="2026-03-02T12:00Z",
            amount=100,
        )
    refused = {f"D-{number}" for number in range(0, DEALS, REFUSED_EVERY)}
    at.refuse(sandbox, {f"click-{deal}": at.code for deal in refused})
    sandbox.platform.faults.add(PlannedFault(on=at.call, every=5, kind=WAYS, seconds=1.5))
    _live_until_settled(company)

    unsure = {deal for deal, _ in company.unsure()}
    states: Counter[str] = Counter()
    for (deal, _), entry in company.entries().items():
        times = at.times(company, deal)
        states[entry.state] += 1
        match entry.state:
            case "confirmed":
                assert times == 1, (deal, entry)
            case "rejected":
                assert times == 0, (deal, entry)
                assert deal in refused
            case _:
                assert (entry.state, entry.reason) == ("not_sent", "answer_lost")
                assert times <= 1, (deal, entry)
                assert deal in unsure
    assert states.total() == DEALS
    assert states["not_sent"] <= at.unsure_at_most * DEALS, states
    assert company.audit_is_sound()


def _live_until_settled(company: Company) -> None:
    """Run every two hours until nothing waits; a run that stops is followed by the next."""
    for number in range(40):
        try:
            company.night(FIRST_RUN + number * EVERY)
        except OperatorError:
            continue
        settled = {"confirmed", "rejected", "not_sent"}
        if all(entry.state in settled for entry in company.entries().values()):
            return
    raise AssertionError("the runs never settled everything")
