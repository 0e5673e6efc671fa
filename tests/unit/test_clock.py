"""What servers say of the time, beside what the machine says."""

from datetime import UTC, datetime, timedelta

import pytest
import responses

from convsync.clock import SERVERS, ServerClocks
from convsync.errors import UnexpectedResponseError
from convsync.http import Http

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def heard(date: str | None, *, took: timedelta = timedelta(), age: str | None = None) -> timedelta:
    """Return how far apart the clocks are for certain, by one answer that left at noon."""
    servers = ServerClocks()
    servers.note("crm.example", date, sent_at=NOON, received_at=NOON + took, age=age)
    assert servers.largest is not None
    return servers.largest.certain


@pytest.mark.parametrize(
    ("date", "took", "age", "certain"),
    [
        pytest.param("Tue, 03 Mar 2026 12:00:00 GMT", 0, None, 0, id="the same"),
        pytest.param("Tue, 03 Mar 2026 12:00:01 GMT", 0, None, 0, id="a header's whole seconds"),
        pytest.param("Tue, 03 Mar 2026 12:20:00 GMT", 0, None, 1199, id="ahead of us"),
        pytest.param("Tue, 03 Mar 2026 11:40:00 GMT", 0, None, 1199, id="behind us"),
        pytest.param("Tue, 03 Mar 2026 12:01:30 GMT", 90, None, 0, id="while we waited"),
        pytest.param("Tue, 03 Mar 2026 11:30:00 GMT", 0, "1800", 0, id="kept by a cache"),
    ],
)
def test_clocks_are_apart_by_what_neither_the_wait_nor_the_header_explains(
    date: str, took: int, age: str | None, certain: int
) -> None:
    assert heard(date, took=took * SECOND, age=age) == certain * SECOND


@pytest.mark.parametrize("date", [None, "", "yesterday", "Tue, 03 Mar 2026"])
def test_an_answer_without_a_date_says_nothing(date: str | None) -> None:
    servers = ServerClocks()
    servers.note("crm.example", date, sent_at=NOON, received_at=NOON)
    assert servers.largest is None


def test_the_largest_difference_is_kept_with_the_name_of_its_server() -> None:
    servers = ServerClocks()
    for minute, server in ((2, "a.example"), (9, "b.example"), (4, "c.example")):
        date = f"Tue, 03 Mar 2026 12:{minute:02}:00 GMT"
        servers.note(server, date, sent_at=NOON, received_at=NOON)
    assert servers.largest is not None
    assert servers.largest.server == "b.example"
    assert servers.largest.theirs == NOON + 9 * MINUTE
    servers.forget()
    assert servers.largest is None


def test_every_answer_over_http_tells_the_time_refusals_too() -> None:
    SERVERS.forget()
    with responses.RequestsMock() as mocked:
        late = {"Date": "Tue, 03 Mar 2026 12:30:00 GMT"}
        mocked.get("https://crm.example/deals", status=404, headers=late)
        http = Http(name="CRM", base_url="https://crm.example", clock=lambda: NOON)
        with pytest.raises(UnexpectedResponseError, match="404"):
            http.get("deals")
    assert SERVERS.largest is not None
    assert SERVERS.largest.server == "crm.example"
    assert SERVERS.largest.certain == 30 * MINUTE - SECOND
    SERVERS.forget()
