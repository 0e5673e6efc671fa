"""What a platform says it cannot undo, and which of our requests it would know again."""

from datetime import timedelta

import pytest
from msgspec import structs

from convsync.cli.options import Format
from convsync.cli.preview import Preview
from convsync.model.click import ClickIdKind
from convsync.model.ledger import State
from convsync.model.outcome import NotSent, Reason
from convsync.model.statement import Operation
from convsync.model.takes import OPERATION_NOT_TAKEN, Repeats, Takes, Way
from convsync.plan import Step, plan_upload
from tests.builders import NOW, SOMEBODY, a_conversion, a_statement, an_entry

RESTATES, RETRACTS = {Operation.RESTATE: [Way()]}, {Operation.RETRACT: [Way()]}
HOUR = timedelta(hours=1)
WITH_A_CLICK = a_statement()
BY_IDENTIFIERS = structs.replace(WITH_A_CLICK, click_id=None, identifiers=SOMEBODY)


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        pytest.param({**RESTATES, **RETRACTS}, "", id="everything"),
        pytest.param(RESTATES, "cannot be taken back once it is sent", id="no retraction"),
        pytest.param({}, "cannot be taken back or corrected once it is sent", id="nothing"),
    ],
)
def test_each_platform_says_what_cannot_be_undone(
    takes: dict[Operation, list[Way]], said: str
) -> None:
    assert Takes(click_ids=frozenset(), corrections=takes).finality == said


@pytest.mark.parametrize(
    ("repeats", "after", "with_click", "without"),
    [
        pytest.param(Repeats(), 1000 * HOUR, True, True, id="always"),
        pytest.param(Repeats(within=48 * HOUR), 47 * HOUR, True, True, id="in time"),
        pytest.param(Repeats(within=48 * HOUR), 48 * HOUR, False, False, id="too late"),
        pytest.param(Repeats(within=0 * HOUR), 0 * HOUR, False, False, id="never"),
        pytest.param(Repeats(without_click=False), 1000 * HOUR, True, False, id="by its click"),
    ],
)
def test_a_request_is_repeated_only_where_the_platform_knows_it_again(
    repeats: Repeats, after: timedelta, with_click: bool, without: bool
) -> None:
    assert repeats.may_repeat(WITH_A_CLICK, NOW - after, NOW) is with_click
    assert repeats.may_repeat(BY_IDENTIFIERS, NOW - after, NOW) is without


def test_a_plan_says_what_is_final_before_it_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    entry = an_entry(State.PLANNED)
    name = entry.action.destination
    preview = Preview(Format.TABLE, finality={name: "cannot be taken back once it is sent"})
    preview.read(iter([entry]))
    preview.show_lines()
    said = f"1 conversion to {name}: what is counted there cannot be taken back once it is sent\n"
    assert capsys.readouterr().out.endswith(said)


def test_what_a_platform_would_count_again_is_planned_no_more_and_its_loss_is_refused() -> None:
    lost = an_entry(State.DEFERRED, is_unsure=True, due_at=NOW)
    again = plan_upload(lost.order_id, a_conversion(), lost, now=NOW, knows_repeat=False)
    assert (again.step, again.reason) == (Step.NOT_SENT, Reason.ANSWER_LOST)
    given_up = an_entry(State.NOT_SENT, is_unsure=True, reason=Reason.ANSWER_LOST)
    still = plan_upload(lost.order_id, a_conversion(), given_up, now=NOW, knows_repeat=False)
    assert still.step is Step.UNCHANGED
    withdrawn = plan_upload(
        lost.order_id,
        NotSent(reason=Reason.DEAL_LOST),
        given_up,
        now=NOW,
        refusal_of=Takes(click_ids=frozenset(ClickIdKind)).refusal_of,
        knows_repeat=False,
    )
    assert (withdrawn.step, withdrawn.code) == (Step.CANNOT, OPERATION_NOT_TAKEN)
