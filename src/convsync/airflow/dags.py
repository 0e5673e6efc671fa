"""The DAGs: nights of all companies of a folder, and backfills.

A missed night is not made up for by runs of its own: the next one reads all that has changed since
the last, so `catchup` is off and one run of a DAG goes on at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import (
    DAG,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
    Param,
    TaskGroup,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException

from convsync.airflow.commands import PROGRAM
from convsync.airflow.companies import Company, companies_in
from convsync.airflow.nights import Nights, Pool, chunks_of, nights_of, pools_of
from convsync.airflow.operators import Check, Preview, Question, Release, Report, Run, Send
from convsync.errors import OperatorError

_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""Airflow wants a beginning; nothing before the first due time after it was switched on is run."""
_TAGS = ("convsync",)
_CHUNK_DAYS = 31
_BODY = (
    "{{ ti.xcom_pull(task_ids='%s')['refused'] }}\n\n"
    "*Approve* sends exactly this plan, as far as it still agrees; *Reject* leaves it. Without an"
    " answer the next night plans anew."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How tasks are run: by which program, how often again, and how long at most."""

    program: Sequence[str] = PROGRAM
    retries: int = 3
    retry_delay: timedelta = timedelta(minutes=5)
    longest: timedelta = timedelta(hours=6)

    def of(self, companies: Sequence[Company], **more: Any) -> dict[str, Any]:
        """Return what every task that types commands is made with."""
        how = {"companies": companies, "program": self.program, "execution_timeout": self.longest}
        return {**how, **self.again(), **more}

    def again(self) -> dict[str, Any]:
        """Return how often a task is tried again, a question included, whose worker may be lost."""
        return {
            "retries": self.retries,
            "retry_delay": self.retry_delay,
            "retry_exponential_backoff": 2,
            "max_retry_delay": timedelta(hours=1),
        }


def make_dags(
    folder: Path | str, *, secrets: Path | str | None = None, terms: Terms | None = None
) -> list[DAG]:
    """Make the DAGs of a folder of companies; call it at the top of a file in Airflow's DAGs.

    `secrets` may hold a folder of each company's name, which its commands read their secrets from.
    Raises OperatorError where the folder holds no company.
    """
    companies = companies_in(Path(folder), secrets=None if secrets is None else Path(secrets))
    pools, how = pools_of(companies), terms or Terms()
    of_company = {company.name: pool for pool in pools for company in pool.companies}
    return [
        *(_nights(nights, of_company, how) for nights in nights_of(companies)),
        *(_backfill(pool, how) for pool in pools),
    ]


def _nights(nights: Nights, pools: Mapping[str, Pool], terms: Terms) -> DAG:
    with DAG(
        nights.dag_id,
        description=f"The nights of {', '.join(company.name for company in nights.companies)}",
        schedule=_schedule(nights),
        start_date=_SINCE,
        catchup=False,
        max_active_runs=1,
        tags=_TAGS,
    ) as dag:
        for company in nights.companies:
            _night(company, nights, pools[company.name].name, terms)
    return dag


def _schedule(nights: Nights) -> Any:
    if nights.timetable.every is not None:
        return DeltaTriggerTimetable(nights.timetable.every)
    return MultipleCronTriggerTimetable(*nights.crons, timezone=nights.timetable.zone.key)


def _night(company: Company, nights: Nights, pool: str, terms: Terms) -> None:
    """Make the tasks of one company: check, run, perhaps ask and release, report."""
    how = terms.of([company], lock_within=nights.lock_within)
    with TaskGroup(company.name):
        check = Check(task_id="check", pool=pool, **how)
        run = Run(task_id="run", pool=pool, **how)
        question = Question(
            task_id="question",
            run_task=run.task_id,
            subject=f"Does the unusual plan of {company.name} go?",
            body=_BODY % run.task_id,
            response_timeout=nights.answer_within,
            **terms.again(),
        )
        release = Release(
            task_id="release",
            run_task=run.task_id,
            question_task=question.task_id,
            pool=pool,
            **how,
        )
        after = [check.task_id, run.task_id, question.task_id, release.task_id]
        report = Report(task_id="report", after=after, **how)
        check >> run >> question >> release >> report


def _backfill(pool: Pool, terms: Terms) -> DAG:
    with DAG(
        pool.backfill_id,
        description="Reconcile a range of days, chunk by chunk: shown first, sent when approved",
        schedule=None,
        start_date=_SINCE,
        catchup=False,
        max_active_runs=1,
        tags=_TAGS,
        params=_asked([company.name for company in pool.companies]),
    ) as dag:
        how = terms.of(pool.companies, pool=pool.name)
        spans = _chunks()
        preview = Preview.partial(task_id="preview", **how).expand_kwargs(spans)
        question = ApprovalOperator(
            task_id="question",
            subject="Send the backfill of {{ params.company }}, {{ params.first }} to"
            " {{ params.last }}?",
            body="The previews say in their logs what each chunk would send.",
            **terms.again(),
        )
        send = Send.partial(
            task_id="send",
            question_task=question.task_id,
            max_active_tis_per_dagrun=1,
            **how,
        ).expand_kwargs(spans)
        after = ["preview", question.task_id, "send"]
        report = Report(task_id="report", after=after, **{**how, "pool": "default_pool"})
        preview >> question >> send >> report
    return dag


def _asked(names: Sequence[str]) -> dict[str, Param]:
    """Return what a backfill is started with."""
    day = {"type": "string", "format": "date"}
    return {
        "company": Param(names[0], type="string", enum=list(names), title="Company"),
        "first": Param(title="First day", **day),
        "last": Param(title="Last day, included", **day),
        "chunk_days": Param(_CHUNK_DAYS, type="integer", minimum=1, title="Days in a chunk"),
        "force": Param(default=False, type="boolean", title="Send even what is unusual"),
    }


@task(task_id="chunks")  # type: ignore[untyped-decorator]
def _chunks() -> list[dict[str, str]]:
    params = get_current_context()["params"]
    first, last = date.fromisoformat(params["first"]), date.fromisoformat(params["last"])
    try:
        spans = chunks_of(first, last, int(params["chunk_days"]))
    except OperatorError as error:
        raise AirflowFailException(str(error)) from None
    return [{"first": str(start), "last": str(end)} for start, end in spans]
