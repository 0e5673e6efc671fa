"""What Google received beside what the ledger sent: which differences are differences."""

from datetime import date
from typing import Any

import pytest

from convsync.report.platform import Comparison, Sent, compared
from convsync.upload.ad_account import UploadDay, UploadSummary
from convsync.upload.google.ad_account import received_of
from tests.builders import ACTION, a_rule

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 6)


def a_day(day: int = 2, successful: int = 5, failed: int = 0, pending: int = 0) -> UploadDay:
    return UploadDay(
        day_on=date(2026, 3, day), successful=successful, failed=failed, pending=pending
    )


def a_summary(*days: UploadDay, **changes: Any) -> UploadSummary:
    ordinary: dict[str, Any] = {
        "client": "GOOGLE_ADS_API",
        "action_id": ACTION.action_id,
        "action_name": "Won",
        "status": "EXCELLENT",
        "total": 10,
        "successful": 8,
        "pending": 1,
        "last_upload_on": LAST,
    }
    return UploadSummary(**{**ordinary, "days": days, **changes})


def beside(
    *summaries: UploadSummary, sent: int = 5, refused: int = 0, is_data_manager: bool = False
) -> list[Comparison]:
    return compared(
        received_of(summaries, time_zone="UTC", is_data_manager=is_data_manager),
        {ACTION: Sent(total=sent, refused=refused)},
        [a_rule()],
        destination=ACTION.destination,
        first=FIRST,
        last=LAST,
    )


@pytest.mark.parametrize(
    ("day", "sent", "refused", "difference"),
    [
        pytest.param(a_day(), 5, 0, None, id="the same"),
        pytest.param(a_day(successful=3, pending=2), 5, 0, None, id="some still pending"),
        pytest.param(a_day(successful=7), 5, 0, None, id="corrections are uploads too"),
        pytest.param(a_day(successful=4, failed=1), 5, 1, None, id="refusals we know of"),
        pytest.param(a_day(3), 6, 0, "Google received 5 of 6 sent", id="one is lacking"),
        pytest.param(
            a_day(successful=3, failed=2),
            5,
            1,
            "Google refused 2, the ledger knows of 1",
            id="refusals we do not know of",
        ),
        pytest.param(a_day(7), 5, 0, "Google received 0 of 5 sent", id="today is not compared"),
    ],
)
def test_a_difference_is_what_google_lacks_or_refused_unknown_to_us(
    day: UploadDay, sent: int, refused: int, difference: str | None
) -> None:
    (row,) = beside(a_summary(day), sent=sent, refused=refused)
    assert row.difference == difference
    assert (row.success_rate, row.pending_rate) == (0.8, 0.1)


def test_uploads_of_another_client_are_not_ours() -> None:
    missing, other = beside(a_summary(a_day(), client="GOOGLE_ADS_WEB_CLIENT"))
    assert missing.difference == "Google shows none of 5 sent"
    assert (other.sent, other.difference) == (None, None)


def test_missing_data_manager_uploads_are_no_difference_but_existing_ones_are_compared() -> None:
    (absent,) = beside(is_data_manager=True)
    assert absent.difference is None
    (there,) = beside(a_summary(a_day(successful=1), client="1"), is_data_manager=True)
    assert there.difference == "Google received 1 of 5 sent"


def test_the_sum_of_all_actions_stands_alone() -> None:
    total, _ = beside(a_summary(a_day(), action_id=None), a_summary(a_day()))
    assert (total.action_id, total.sent, total.difference) == (None, None, None)


def test_an_action_nothing_was_sent_to_lacks_nothing() -> None:
    (row,) = beside(sent=0)
    assert row.difference is None
