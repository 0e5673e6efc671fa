"""From the stages a deal went through to its milestones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.errors import OperatorError
from convsync.extract.funnel import Entered, Funnel, MilestoneStages, Stage, StageOutcome

START = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("New", "Qualified", "Demo", "Offer", "Won", "Lost")
OUTCOMES = {"Won": StageOutcome.WON, "Lost": StageOutcome.LOST}
STAGES = [
    Stage(
        stage_id=str(position),
        name=name,
        pipeline="Sales",
        position=position,
        outcome=OUTCOMES.get(name, StageOutcome.OPEN),
    )
    for position, name in enumerate(NAMES)
]
MILESTONES = {
    "sql": MilestoneStages(stages=("Qualified",)),
    "opportunity": MilestoneStages(stages=("Offer",)),
    "won": MilestoneStages(outcome=StageOutcome.WON),
    "lost": MilestoneStages(outcome=StageOutcome.LOST),
}


def reached(*stages: str, funnel: Funnel | None = None) -> dict[str, int]:
    """Return the day on which each milestone was reached, a stage a day."""
    history = [
        Entered(str(NAMES.index(stage)) if stage in NAMES else stage, START + timedelta(days=day))
        for day, stage in enumerate(stages)
    ]
    found = (funnel or Funnel(MILESTONES, STAGES, source="crm")).reached(history)
    return {milestone.name: (milestone.reached_at - START).days for milestone in found}


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param((), {}, id="nothing yet"),
        pytest.param(("New",), {}, id="a stage that means nothing"),
        pytest.param(("New", "Qualified"), {"sql": 1}, id="the first"),
        pytest.param(("New", "Qualified", "Demo"), {"sql": 1}, id="further, where nothing is"),
        pytest.param(("New", "Won"), {"won": 1}, id="what was skipped was not reached"),
        pytest.param(("Qualified", "Won", "Won"), {"sql": 0, "won": 1}, id="saved again"),
        pytest.param(("Qualified", "Won", "Offer"), {"sql": 0, "opportunity": 2}, id="reopened"),
        pytest.param(("Won", "Offer", "Won"), {"opportunity": 1, "won": 2}, id="won again"),
        pytest.param(("Qualified", "Offer", "New"), {}, id="back to the start"),
        pytest.param(
            ("Qualified", "Offer", "Demo"), {"sql": 0}, id="back to a stage without a meaning"
        ),
        pytest.param(("Qualified", "Lost"), {"sql": 0, "lost": 1}, id="lost keeps what it had"),
        pytest.param(("Won", "Lost"), {"won": 0, "lost": 1}, id="lost after it was won"),
        pytest.param(("Qualified", "Lost", "Demo"), {"sql": 0}, id="taken up again"),
        pytest.param(("Lost", "Lost"), {"lost": 0}, id="lost is lost since the first time"),
        pytest.param(("Qualified", "gone stage"), {"sql": 0}, id="a stage that was deleted"),
    ],
)
def test_what_stands_after_a_history(stages: tuple[str, ...], expected: dict[str, int]) -> None:
    assert reached(*stages) == expected


def test_any_of_several_stages_means_a_milestone() -> None:
    several = {"sql": MilestoneStages(stages=("Qualified", "Demo", "Offer"))}
    funnel = Funnel(several, STAGES, source="crm")
    assert reached("New", "Demo", "Offer", funnel=funnel) == {"sql": 1}


def test_a_stage_is_named_by_its_id_its_name_or_with_its_pipeline() -> None:
    partners = Stage(stage_id="p1", name="Qualified", pipeline="Partners", position=1)
    for word, ids in (("1", {"1"}), ("qualified ", {"1", "p1"}), ("Partners: Qualified", {"p1"})):
        funnel = Funnel({"sql": MilestoneStages(stages=(word,))}, [*STAGES, partners], source="crm")
        means = {one for one in ("1", "p1") if funnel.reached([Entered(one, START)])}
        assert means == ids


def test_a_stage_that_is_not_there_is_named_with_all_that_are() -> None:
    with pytest.raises(OperatorError, match=r"'Signed'.*'Sales: Won'"):
        Funnel({"won": MilestoneStages(stages=("Signed",))}, STAGES, source="crm")


def test_a_history_out_of_order_means_the_same() -> None:
    funnel = Funnel(MILESTONES, STAGES, source="crm")
    history = [Entered("4", START + timedelta(days=2)), Entered("1", START)]
    assert funnel.reached(history) == funnel.reached(history[::-1])


@given(st.lists(st.sampled_from(NAMES), max_size=12))
def test_a_milestone_stands_only_with_an_entry_and_no_lower_stage_after_it(
    stages: list[str],
) -> None:
    found = reached(*stages)
    order = {"Qualified": "sql", "Offer": "opportunity", "Won": "won"}
    for stage, name in order.items():
        if name not in found:
            continue
        assert stages[found[name]] == stage
        after = [one for one in stages[found[name] :] if one != "Lost"]
        assert all(NAMES.index(one) >= NAMES.index(stage) for one in after)
    assert ("lost" in found) == bool(stages and stages[-1] == "Lost")
