"""What vendors publish and do otherwise: outcomes spelled in other ways, dates without a time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from convsync.extract.crm import unreachable
from convsync.extract.dynamics_api import instant
from convsync.extract.funnel import MilestoneStages, Stage, StageOutcome
from convsync.extract.hubspot_records import outcome_of
from convsync.extract.mapping import CrmMapping, OnCreation

OPEN, WON, LOST = StageOutcome


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [
        ({"isClosed": "true", "probability": "1.0"}, WON),
        ({"isClosed": True, "probability": 1}, WON),
        ({"isClosed": "TRUE", "probability": "0.0"}, LOST),
        ({"isClosed": "false", "probability": "1.0"}, OPEN),
        ({"probability": "1.0"}, WON),
        ({"probability": "0.0"}, LOST),
        ({"probability": "0.4"}, OPEN),
        ({"isClosed": "true", "probability": "certain"}, OPEN),
    ],
)
def test_hubspots_outcome_is_read_however_it_is_spelled(
    metadata: dict[str, Any], outcome: StageOutcome
) -> None:
    assert outcome_of(metadata) is outcome


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-10-20", datetime(2026, 10, 20, 23, 59, 59, tzinfo=UTC)),
        ("2026-10-20T08:00:00Z", datetime(2026, 10, 20, 8, tzinfo=UTC)),
        (None, None),
    ],
)
def test_a_column_of_dates_means_the_whole_day(written: str | None, at: datetime | None) -> None:
    assert instant(written) == at


@pytest.mark.parametrize(
    ("how", "there", "is_out_of_reach"),
    [
        (MilestoneStages(outcome=WON), [OPEN, LOST], True),
        (MilestoneStages(outcome=WON), [OPEN, WON], False),
        (MilestoneStages(outcome=WON), [], True),
        (MilestoneStages(stages=("0",), outcome=WON), [OPEN], False),
        (MilestoneStages(stages=("0",)), [OPEN], False),
        (OnCreation(), [], False),
    ],
)
def test_a_milestone_is_out_of_reach_where_no_stage_has_its_outcome(
    how: Any, there: list[StageOutcome], is_out_of_reach: bool
) -> None:
    stages = [
        Stage(stage_id=str(at), name=str(at), pipeline="Sales", position=at, outcome=outcome)
        for at, outcome in enumerate(there)
    ]
    assert bool([*unreachable(CrmMapping(milestones={"won": how}), stages)]) is is_out_of_reach
