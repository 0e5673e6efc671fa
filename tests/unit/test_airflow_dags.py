"""The DAGs as Airflow itself sees them; skipped where Airflow is not installed."""

import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

if "AIRFLOW_HOME" not in os.environ:  # which Airflow makes when it is imported
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="convsync-airflow-")
pytest.importorskip("airflow", reason="Airflow is not installed here; `make airflow-demo` has it")

from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)
from airflow.serialization.serialized_objects import DagSerialization

from convsync.airflow.dags import Terms, make_dags

NIGHTLY = '[company]\ntime_zone = "Europe/Berlin"\n[schedule]\nat = ["02:00", "14:00"]\n'
PRINTS = """
import pathlib, sys
pathlib.Path("typed").write_text(chr(10).join(sys.argv[1:]))
print({said!r})
sys.exit({code})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    often = '[schedule]\nevery = "15m"\n'
    for name, text in (("alpha", NIGHTLY), ("beta", NIGHTLY), ("gamma", often)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "convsync.toml").write_text(text)
    return tmp_path


class Told:
    """A task instance that knows what earlier tasks told, and since when it waits for the lock."""

    dag_id, run_id = "nights", "one"

    def __init__(
        self, told: Mapping[str, Any], waits: timedelta, states: Mapping[str, str]
    ) -> None:
        self._told = told
        self._since = datetime.now(UTC) - waits
        self._states = states

    def xcom_pull(self, *, task_ids: str) -> Any:
        return self._told.get(task_ids)

    def get_first_reschedule_date(self, _: Any) -> datetime:
        return self._since

    def get_task_states(self, **_: Any) -> Mapping[str, Mapping[str, str]]:
        return {self.run_id: self._states}


def executed(
    folder: Path,
    task: str,
    code: int = 0,
    *,
    said: str = "",
    told: Mapping[str, Any] | None = None,
    waits: timedelta = timedelta(0),
    states: Mapping[str, str] | None = None,
) -> Any:
    """Execute a task whose command prints something, and ends with a code."""
    program = ("python3", "-c", PRINTS.format(said=said, code=code))
    nights, *_ = make_dags(folder, terms=Terms(program=program))
    context = {"ti": Told(told or {}, waits, states or {}), "params": {}}
    return nights.get_task(task).execute.__wrapped__(nights.get_task(task), context)


def test_companies_with_the_same_times_share_a_dag_and_each_is_a_group_of_tasks(
    folder: Path,
) -> None:
    nights, often, backfill = make_dags(folder)
    assert [each.dag_id for each in (nights, often, backfill)] == [
        "convsync-at-0200-1400-Europe.Berlin",
        "convsync-every-15m",
        "convsync-backfill-default",
    ]
    assert set(nights.task_group.children) == {"alpha", "beta"}
    steps = ["check", "run", "question", "release", "report"]
    assert sorted(nights.task_ids) == sorted(f"{c}.{s}" for c in ("alpha", "beta") for s in steps)
    for step, following in pairwise(steps):
        assert nights.get_task(f"alpha.{step}").downstream_task_ids == {f"alpha.{following}"}
    for dag in (nights, often, backfill):
        assert not dag.catchup
        assert dag.max_active_runs == 1


def test_what_asks_the_platform_waits_for_the_pool_and_a_question_for_none(folder: Path) -> None:
    nights, _, backfill = make_dags(folder)
    pools = {task.task_id: task.pool for task in [*nights.tasks, *backfill.tasks]}
    assert {pools[f"alpha.{step}"] for step in ("check", "run", "release")} == {"convsync-default"}
    assert {pools[step] for step in ("preview", "send")} == {"convsync-default"}
    assert {pools[step] for step in ("alpha.question", "alpha.report", "report")} == {
        "default_pool"
    }


def test_a_dag_is_the_same_however_often_its_file_is_read(folder: Path) -> None:
    for first, again in zip(make_dags(folder), make_dags(folder), strict=True):
        serialized = DagSerialization.to_dict(first)
        assert serialized == DagSerialization.to_dict(again)
        assert DagSerialization.from_dict(serialized).dag_id == first.dag_id


def test_a_night_that_went_well_hands_over_the_number_of_its_run(folder: Path) -> None:
    assert executed(folder, "alpha.run", said="OK run 7: sent 2") == {"run": 7, "refused": None}


@pytest.mark.parametrize(
    ("code", "error", "is_tried_again"),
    [(1, AirflowException, True), (2, AirflowFailException, False), (137, AirflowException, True)],
)
def test_a_night_that_failed_says_why_and_is_tried_again_where_that_may_help(
    folder: Path, code: int, error: type[Exception], *, is_tried_again: bool
) -> None:
    with pytest.raises(error, match="No connection") as raised:
        executed(folder, "alpha.run", code, said="convsync: No connection.")
    assert isinstance(raised.value, AirflowFailException) != is_tried_again


def test_a_refused_plan_is_no_failure_and_its_reason_is_handed_to_the_question(
    folder: Path,
) -> None:
    said = "FAILED run 7\nconvsync: 1,204 uploads is 9 times the usual 131."
    told = executed(folder, "alpha.run", 3, said=said)
    assert told == {"run": 7, "refused": "1,204 uploads is 9 times the usual 131."}
    with pytest.raises(AirflowFailException, match="1,204 uploads"):
        executed(folder, "alpha.release", 3, said=said, told={"alpha.run": told})


def test_a_night_whose_ledger_is_locked_comes_again_and_at_last_is_skipped(folder: Path) -> None:
    with pytest.raises(AirflowRescheduleException):
        executed(folder, "alpha.run", 4, waits=timedelta(minutes=119))
    with pytest.raises(AirflowSkipException, match="Run 3 holds the lock"):
        executed(
            folder, "alpha.run", 4, said="convsync: Run 3 holds the lock", waits=timedelta(hours=2)
        )


def test_nobody_is_asked_about_an_ordinary_plan(folder: Path) -> None:
    with pytest.raises(AirflowSkipException, match="not unusual"):
        executed(folder, "alpha.question", told={"alpha.run": {"run": 7, "refused": None}})


def test_the_report_is_as_green_as_the_night(folder: Path) -> None:
    well = {"alpha.check": "success", "alpha.run": "success", "alpha.release": "skipped"}
    executed(folder, "alpha.report", states=well)
    bad = {**well, "alpha.check": "failed", "alpha.run": "upstream_failed"}
    with pytest.raises(AirflowFailException, match=r"alpha\.check, alpha\.run"):
        executed(folder, "alpha.report", states=bad)
    for code in (1, 2):
        with pytest.raises(AirflowFailException):
            executed(folder, "alpha.report", code, states=well)


def test_a_plan_is_released_by_whoever_approved_it(folder: Path) -> None:
    told = {
        "alpha.run": {"run": 7, "refused": "unusual"},
        "alpha.question": {"responded_by_user": {"id": "7", "name": "Ada"}},
    }
    executed(folder, "alpha.release", told=told)
    typed = (folder / "alpha" / "typed").read_text().splitlines()
    assert typed[:4] == ["release", "7", "--by", "Ada in Airflow"]


def test_a_question_that_nobody_answers_in_time_fails_and_is_not_asked_again(folder: Path) -> None:
    nights, *_ = make_dags(folder)
    question = nights.get_task("alpha.question")
    assert question.response_timeout == timedelta(hours=11)
    with pytest.raises(AirflowFailException, match="the next night plans anew"):
        question.execute_complete({}, {"error": "late", "error_type": "timeout"})
