"""From the stages a deal went through to its milestones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.errors import OperatorError
from convsync.extract.funnel import (
    ANY_PIPELINE,
    Entered,
    Funnel,
    MilestoneStages,
    Stage,
    StageOutcome,
    Standing,
)
from convsync.extract.stage_names import doubtful_words, with_remembered
from convsync.model.deal import Merged, Milestone, Untold

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
def test_a_history_ends_with_the_milestones_that_still_hold(
    stages: tuple[str, ...], expected: dict[str, int]
) -> None:
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


# The record says where, the history says when


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def days_of(milestones: tuple[Milestone, ...]) -> dict[str, str]:
    """Return the day of each milestone, an estimated one with a `~`."""
    return {
        one.name: f"{'~' if one.is_estimated else ''}{(one.reached_at - START).days}"
        for one in milestones
    }


def at_stage(name: str, **stamps: int) -> Standing:
    return Standing(
        stage_id=str(NAMES.index(name)) if name in NAMES else name,
        **{f"{stamp}_at": day(number) for stamp, number in stamps.items()},
    )


@pytest.mark.parametrize(
    ("stages", "standing", "expected"),
    [
        pytest.param(("New", "Qualified"), at_stage("Qualified"), {"sql": "1"}, id="they agree"),
        pytest.param(
            ("New",), at_stage("Qualified", entered=4, modified=9), {"sql": "~4"}, id="it lags"
        ),
        pytest.param(
            ("New",), at_stage("Won", closed=5, modified=9), {"won": "~5"}, id="closed then"
        ),
        pytest.param(
            ("New",), at_stage("Offer", closed=5, modified=9), {"opportunity": "~9"},
            id="the closing date of an open deal is a hope",
        ),
        pytest.param(
            (), at_stage("Qualified", created=2, modified=9), {"sql": "~2"}, id="never moved"
        ),
        pytest.param(
            (), at_stage("Won", closed=1, created=2, modified=9), {"won": "~1"},
            id="imported when it was long won",
        ),
        pytest.param(
            (), at_stage("Won", created=2, modified=9), {"won": "~9"},
            id="nobody closes a deal as they make it",
        ),
        pytest.param(
            ("New", "Qualified"), at_stage("Won", entered=0, closed=30, modified=9),
            {"sql": "1", "won": "~9"}, id="stamps that contradict the rest are passed over",
        ),
        pytest.param(
            ("New", "Qualified", "Offer", "Won"), at_stage("Offer", modified=9),
            {"sql": "1", "opportunity": "2"}, id="the record is back, the history does not know",
        ),
        pytest.param(
            ("New", "Won"), at_stage("Lost", closed=6, modified=9), {"won": "1", "lost": "~6"},
            id="lost, and the history does not know",
        ),
        pytest.param(("Qualified",), at_stage("gone", modified=9), {"sql": "0"}, id="deleted"),
        pytest.param(("Qualified", "gone", "Won"), None, {"sql": "0", "won": "~1"}, id="unclear"),
    ],
)  # fmt: skip
def test_a_stage_the_history_lacks_is_dated_by_the_best_stamp_of_the_record(
    stages: tuple[str, ...], standing: Standing | None, expected: dict[str, str]
) -> None:
    history = [
        Entered(str(NAMES.index(one)) if one in NAMES else one, day(number))
        for number, one in enumerate(stages)
    ]
    funnel = Funnel(MILESTONES, STAGES, source="crm")
    assert days_of(funnel.reached(history, standing)) == expected


def test_of_changes_with_one_stamp_the_last_listed_is_last_unless_the_record_says_otherwise() -> (
    None
):
    funnel = Funnel(MILESTONES, STAGES, source="crm")
    both = [Entered("4", day(1)), Entered("1", day(1))]
    assert days_of(funnel.reached(both)) == {"sql": "1"}
    assert days_of(funnel.reached(both, at_stage("Won"))) == {"sql": "1", "won": "1"}


@given(
    st.lists(st.sampled_from(NAMES), max_size=8),
    st.sampled_from(NAMES),
    st.lists(st.one_of(st.none(), st.integers(-5, 20)), min_size=4, max_size=4),
)
def test_the_record_s_stage_holds_and_only_that_one_is_an_estimate(
    stages: list[str], now_in: str, stamps: list[int | None]
) -> None:
    history = [Entered(str(NAMES.index(one)), day(number)) for number, one in enumerate(stages)]
    entered, closed, created, modified = (None if one is None else day(one) for one in stamps)
    standing = Standing(
        stage_id=str(NAMES.index(now_in)),
        entered_at=entered,
        closed_at=closed,
        created_at=created,
        modified_at=modified,
    )
    funnel = Funnel(MILESTONES, STAGES, source="crm")
    found = {one.name: one for one in funnel.reached(history, standing)}
    meant = {"Qualified": "sql", "Offer": "opportunity", "Won": "won", "Lost": "lost"}
    its_own = closed if now_in in ("Won", "Lost") else created  # a close that is hoped for is none
    if now_in in meant and (stages or entered or modified or its_own):
        assert meant[now_in] in found
    estimated = {one.name for one in found.values() if one.is_estimated}
    assert estimated <= {meant.get(now_in)}
    if stages and stages[-1] == now_in:
        assert not estimated


# Going on is not going back

HANDOVER = [
    Stage(stage_id="h1", name="Kick-off", pipeline="Onboarding", position=0),
    Stage(stage_id="h2", name="Live", pipeline="Onboarding", position=1, outcome=StageOutcome.WON),
    Stage(stage_id="h3", name="Quit", pipeline="Onboarding", position=2, outcome=StageOutcome.LOST),
    Stage(stage_id="p1", name="Qualified", pipeline="Partners", position=0),
    Stage(stage_id="p2", name="Signed", pipeline="Partners", position=1, outcome=StageOutcome.WON),
    Stage(stage_id="x", name="Won", pipeline=ANY_PIPELINE, position=1, outcome=StageOutcome.WON),
]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param(("1", "4", "h1"), {"sql": "0", "won": "1"}, id="handed over"),
        pytest.param(("1", "4", "h1", "h2"), {"sql": "0", "won": "1"}, id="and live"),
        pytest.param(("1", "4", "h1", "h3"), {"sql": "0", "won": "1"}, id="a loss after the sale"),
        pytest.param(("1", "3", "h1"), {"sql": "0", "opportunity": "1"}, id="beside the sale"),
        pytest.param(("1", "4", "h1", "3"), {"sql": "0", "opportunity": "3"}, id="reopened"),
        pytest.param(("1", "3", "p1"), {"sql": "0", "opportunity": "1"}, id="to another sale"),
        pytest.param(("p1", "p2"), {"sql": "0", "won": "1"}, id="a pipeline of its own"),
        pytest.param(("p1", "p2", "p1"), {"sql": "0"}, id="and back in that"),
        pytest.param(("1", "x", "3"), {"sql": "0", "opportunity": "2"}, id="a state, reopened"),
        pytest.param(("1", "x", "h1"), {"sql": "0", "won": "1"}, id="a state, handed over"),
        pytest.param(("1", "5", "h1"), {"sql": "0", "lost": "1"}, id="lost, and filed away"),
        pytest.param(("1", "5", "p1"), {"sql": "0"}, id="lost, and taken up elsewhere"),
    ],
)  # fmt: skip
def test_stages_compare_within_one_pipeline(
    stages: tuple[str, ...], expected: dict[str, str]
) -> None:
    funnel = Funnel(MILESTONES, [*STAGES, *HANDOVER], source="crm")
    history = [Entered(one, day(number)) for number, one in enumerate(stages)]
    assert days_of(funnel.reached(history)) == expected


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=8),
    st.lists(st.sampled_from(["h1", "h2"]), max_size=6),
)
def test_other_pipelines_neither_undo_nor_re_date_a_milestone(
    stages: list[str], beside: list[str]
) -> None:
    funnel = Funnel(MILESTONES, [*STAGES, *HANDOVER], source="crm")
    own = [Entered(str(NAMES.index(one)), day(number)) for number, one in enumerate(stages)]
    more = [Entered(one, day(len(own) + number)) for number, one in enumerate(beside)]
    before = days_of(funnel.reached(own))
    after = days_of(funnel.reached([*own, *more]))
    kept = {name: at for name, at in before.items() if name != "lost"}
    assert kept.items() <= after.items()


# Another record's history is not one's own


@given(
    st.lists(st.sampled_from(NAMES[:5]), min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 12)), max_size=6),
)
def test_no_duplicate_that_is_merged_into_a_won_deal_undoes_or_re_dates_the_sale(
    stages: list[str], duplicate: list[tuple[str, int]]
) -> None:
    own = [Entered(str(NAMES.index(one)), day(number)) for number, one in enumerate(stages)]
    own.append(Entered("4", day(len(own))))
    theirs = [
        Entered(str(NAMES.index(one)), day(number) + timedelta(hours=1))
        for one, number in duplicate
        if one != "Won"
    ]
    funnel = Funnel(MILESTONES, STAGES, source="crm")
    (won,) = [one for one in funnel.reached([Entered("4", own[-1].at)]) if one.name == "won"]
    first = next(one.at for one in own if one.stage_id == "4")
    found = funnel.reached([*own, *theirs], at_stage("Won", modified=30), Merged())
    assert {one.name: one.reached_at for one in found}["won"] in (first, won.reached_at)
    assert "lost" not in {one.name for one in found}


def test_what_happens_after_a_merge_is_the_deal_s_own() -> None:
    funnel = Funnel(MILESTONES, STAGES, source="crm")
    known = Merged(day(5), (Milestone("sql", day(1)), Milestone("won", day(3))))
    union = [Entered("1", day(1)), Entered("4", day(3)), Entered("0", day(4))]
    assert days_of(funnel.reached(union, at_stage("Won"), known)) == {"sql": "1", "won": "3"}
    back = [*union, Entered("2", day(6))]
    assert days_of(funnel.reached(back, at_stage("Demo"), known)) == {"sql": "1"}


# Stages are remembered


def named(stage_id: str, name: str, pipeline: str = "Sales") -> Stage:
    return Stage(stage_id=stage_id, name=name, pipeline=pipeline, position=int(stage_id))


@pytest.mark.parametrize(
    ("now", "word", "means", "doubt"),
    [
        pytest.param(STAGES, "Qualified", {"1"}, "", id="as it was"),
        pytest.param([named("1", "SQL")], "Qualified", {"1"}, "by its ID", id="renamed"),
        pytest.param([named("1", "SQL")], "Sales: qualified", {"1"}, "by its ID", id="with all"),
        pytest.param([named("1", "SQL")], "1", {"1"}, "", id="renamed, and named by its ID"),
        pytest.param([named("0", "New")], "Qualified", {"1"}, "no longer there", id="deleted"),
        pytest.param(
            [named("7", "Qualified")], "Qualified", {"1", "7"}, "no longer", id="made anew"
        ),
        pytest.param(
            [named("1", "Old"), named("7", "Qualified")], "Qualified", {"1", "7"}, "by its ID",
            id="the name has passed on",
        ),
        pytest.param(
            [named("1", "Qualified", "Inbound")], "Sales: Qualified", {"1"}, "Inbound: Qualified",
            id="the pipeline was renamed",
        ),
    ],
)  # fmt: skip
def test_a_word_follows_what_was_renamed_and_keeps_what_was_deleted(
    now: list[Stage], word: str, means: set[str], doubt: str
) -> None:
    stages = with_remembered(now, STAGES)
    words = {"sql": (word,)}
    funnel = Funnel({"sql": MilestoneStages(stages=(word,))}, stages, source="crm")
    assert {one for one in ("1", "7", "0") if funnel.reached([Entered(one, START)])} == means
    doubts = list(doubtful_words(words, stages))
    assert any(doubt in one for one in doubts) if doubt else not doubts


def test_a_win_in_a_stage_that_was_deleted_since_stays_where_it_was() -> None:
    signed = Stage(
        stage_id="9", name="Signed", pipeline="Sales", position=9, outcome=StageOutcome.WON
    )
    history = [Entered("0", day(0)), Entered("9", day(3)), Entered("4", day(400))]
    forgetful = Funnel(MILESTONES, STAGES, source="crm")
    remembering = Funnel(MILESTONES, with_remembered(STAGES, [*STAGES, signed]), source="crm")
    assert days_of(forgetful.reached(history)) == {"won": "~3"}, "no win of the clean-up's day"
    for closed, expected in ((100, "~100"), (400, "~400"), (2, "~3"), (401, "~3")):
        standing = Standing(stage_id="4", closed_at=day(closed), modified_at=day(500))
        assert days_of(forgetful.reached(history, standing)) == {"won": expected}
    retiring = Funnel(MILESTONES, STAGES, source="crm", empties_stages=False)
    assert days_of(retiring.reached(history)) == {"won": "~400"}, "nobody had to move it"
    assert days_of(remembering.reached(history)) == {"won": "3"}


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param((), ("sql", "opportunity", "won"), id="nothing is told"),
        pytest.param(("Won",), ("sql", "opportunity", "won"), id="only that it was won"),
        pytest.param(("Lost",), ("sql", "opportunity", "won"), id="only that it was lost"),
        pytest.param(("Offer", "Won"), ("sql", "opportunity"), id="the end of the road"),
        pytest.param(("New", "Won"), (), id="it had gone back before it was won"),
    ],
)
def test_a_history_that_begins_late_does_not_contradict_earlier_milestones(
    stages: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    funnel = Funnel(MILESTONES, STAGES, source="crm")
    told = [Entered(str(NAMES.index(stage)), day(9 + at)) for at, stage in enumerate(stages)]
    untold = funnel.untold(told, None, day(0))
    assert untold == Untold(day(9) if stages else None, expected)


def test_a_history_that_begins_with_the_deal_is_whole() -> None:
    told = [Entered("0", day(0)), Entered("4", day(3))]
    assert Funnel(MILESTONES, STAGES, source="crm").untold(told, None, day(0)) is None
