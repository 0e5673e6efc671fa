"""What adapters make of dates that are none, of lists' orders, and of logs that lack moves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.extract.crm_adapter import end_of_day, instant, oldest_first
from convsync.extract.dynamics_history import moves_of
from convsync.extract.funnel import Entered, Funnel, MilestoneStages, StageOutcome
from convsync.extract.pipedrive_history import CLOSED, PipedriveChange, by_changes, now_in_of

START = datetime(2026, 10, 1, 8, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0000-00-00 00:00:00", None),
        ("0000-00-00", None),
        ("0001-01-01T00:00:00Z", None),
        ("1753-01-01T00:00:00", None),
        ("1899-12-30", None),
        ("1900-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        ("2026-10-01 08:00:00", START),
        ("2026-10-01T10:00:00+02:00", START),
    ],
)
def test_a_placeholder_date_is_no_date(written: str | None, expected: datetime | None) -> None:
    assert instant(written) == expected


def test_a_bare_date_ends_with_its_day() -> None:
    assert end_of_day("2026-10-01") == datetime(2026, 10, 1, 23, 59, 59, tzinfo=UTC)
    assert end_of_day("0000-00-00") is None


@given(st.lists(st.integers(0, 3), max_size=8), st.booleans())
def test_a_list_in_either_order_of_time_keeps_the_vendor_s_order_within_a_stamp(
    stamps: list[int], is_newest_first: bool
) -> None:
    rows = list(enumerate(sorted(stamps)))
    listed = rows[::-1] if is_newest_first and len(set(stamps)) > 1 else rows
    assert oldest_first(listed, lambda row: day(row[1])) == rows


def pipedrive(**record: Any) -> dict[str, Any]:
    return {"id": 1, "status": "open", "stage_id": 2, "update_time": day(30).isoformat()} | record


def moved(number: int, old: str, new: str) -> PipedriveChange:
    return PipedriveChange(day(number), "stage_id", old, new)


@pytest.mark.parametrize(
    ("record", "log", "expected"),
    [
        pytest.param(
            pipedrive(stage_change_time=None), [], [Entered("2", day(0))], id="never moved"
        ),
        pytest.param(
            pipedrive(stage_change_time=day(4).isoformat()), [],
            [Entered("2", day(4), is_estimated=True)], id="moved, and the log knows of nothing",
        ),
        pytest.param(
            pipedrive(stage_id=3, stage_change_time=day(9).isoformat()), [moved(4, "1", "2")],
            [Entered("1", day(0)), Entered("2", day(4)), Entered("3", day(9), is_estimated=True)],
            id="the last move is missing",
        ),
        pytest.param(
            pipedrive(stage_id=3, stage_change_time="0000-00-00 00:00:00"), [moved(4, "1", "2")],
            [Entered("1", day(0)), Entered("2", day(4)), Entered("3", day(30), is_estimated=True)],
            id="and the record does not know when",
        ),
        pytest.param(
            pipedrive(), [moved(4, "2", "1"), moved(4, "1", "2")][::-1],
            [Entered("2", day(0)), Entered("1", day(4)), Entered("2", day(4))],
            id="there and back within a second",
        ),
    ],
)  # fmt: skip
def test_the_record_says_where_a_pipedrive_deal_is_and_since_when_the_log_does_not(
    record: dict[str, Any], log: list[PipedriveChange], expected: list[Entered]
) -> None:
    assert [*by_changes(record, day(0), log)] == expected


def test_a_pipedrive_deal_whose_stage_was_deleted_was_won_when_its_record_says() -> None:
    won = pipedrive(
        status="won", stage_id=99, add_time=day(0).isoformat(), won_time=day(9).isoformat()
    )
    became_won = PipedriveChange(day(9), "status", "open", "won")
    milestones = {"won": MilestoneStages(outcome=StageOutcome.WON)}
    funnel = Funnel(milestones, CLOSED, source="crm")
    (reached,) = funnel.reached(by_changes(won, day(0), [became_won]), now_in_of(won))
    assert (reached.name, reached.reached_at) == ("won", day(9))


def test_of_audits_with_one_stamp_the_path_knows_the_order() -> None:
    row = {
        "createdon": day(0).isoformat(),
        "traversedpath": "a,b,c",
        "activestagestartedon": day(5).isoformat(),
        "_activestageid_value": "c",
    }
    audited = [Entered("c", day(5)), Entered("b", day(5))]
    assert [*moves_of(row, audited)] == [
        Entered("a", day(5), is_estimated=True),
        Entered("b", day(5)),
        Entered("c", day(5)),
    ]


def test_an_active_stage_that_no_audit_tells_of_is_estimated_where_others_are_audited() -> None:
    row = {
        "createdon": day(0).isoformat(),
        "traversedpath": "a,b",
        "activestagestartedon": day(5).isoformat(),
        "_activestageid_value": "b",
    }
    assert [*moves_of(row, [Entered("a", day(1))])][-1] == Entered("b", day(5), is_estimated=True)
    assert [*moves_of(row, [])] == [Entered("a", day(5), is_estimated=True), Entered("b", day(5))]
