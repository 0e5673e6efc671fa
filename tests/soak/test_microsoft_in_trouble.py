"""Twenty thousand conversions to Microsoft Advertising, which fails at every fifth request.

A soak: `make soak` runs it, the quick suite does not. A part of the sales changes and a part is
lost on the way. What is asked in the end is the platform's books: each click counts once or not at
all, and for what it should.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from convsync.errors import OperatorError
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.microsoft.room import ADJUSTMENTS, CONVERSIONS, MicrosoftRoom
from convsync.sandbox.server import Sandbox
from tests.nights.company import Company, folder_in_memory, small_batches
from tests.nights.test_two_platforms import PAGE, msclkid, to_microsoft, won

DEALS = 20_000
CHANGED, LOST = range(0, DEALS, 10), range(5, DEALS, 10)
FIRST_RUN = datetime(2026, 3, 3, 2, tzinfo=UTC)
EVERY = timedelta(hours=8)
WAYS = (
    *("unavailable_before", "unavailable_after", "resource_exhausted", "internal", "latency"),
    *("garbage", "crash", "expired_token"),
)


@pytest.fixture
def company() -> Iterator[Company]:
    with Sandbox() as sandbox, folder_in_memory() as folder:
        company = Company.founded(folder, sandbox)
        company.through = small_batches(200)
        yield company
        company.close()


@pytest.mark.slow
def test_twenty_thousand_conversions_are_counted_once_and_corrected(company: Company) -> None:
    sandbox = company.sandbox
    assert sandbox is not None
    room = to_microsoft(company, sandbox)
    for number in range(DEALS):
        won(company, f"D-{number}", gclid="")
    for call in (CONVERSIONS, ADJUSTMENTS):
        sandbox.platform.faults.add(PlannedFault(on=call, every=5, kind=WAYS, seconds=0.05))
    at = _live_until_settled(company, FIRST_RUN)
    for number in CHANGED:
        company.has(f"D-{number}", amount=70)
    for number in LOST:
        company.has(f"D-{number}", lost=at.isoformat())
    _live_until_settled(company, at + EVERY)
    _are_right(room)
    assert not company.unsure()
    assert company.audit_is_sound()


def _are_right(room: MicrosoftRoom) -> None:
    books = room.books.counted[PAGE]
    by_click = {one.first["MicrosoftClickId"]: one for one in books.values()}
    assert len(by_click) == len(books) == DEALS, "none is lost, and none has two seconds"
    kinds: Counter[tuple[int, float | None]] = Counter()
    for number in range(DEALS):
        one = by_click[msclkid(f"D-{number}")]
        wanted = (1, 70.0) if number in CHANGED else (0, 0.0) if number in LOST else (1, 100.0)
        assert (one.count, one.value) == wanted, number
        kinds[wanted] += 1
    assert kinds == {(1, 100.0): DEALS * 8 // 10, (1, 70.0): DEALS // 10, (0, 0.0): DEALS // 10}


def _live_until_settled(company: Company, at: datetime) -> datetime:
    """Run every eight hours until nothing waits; return when that was."""
    for number in range(40):
        now = at + number * EVERY
        try:
            company.night(now, force=True)
        except OperatorError:
            continue
        own = [entry for (_, rule), entry in company.entries().items() if rule == "sale"]
        if all(entry.state == "confirmed" for entry in own):
            return now
    raise AssertionError("the runs never settled everything")
