"""The tasks: each runs `convsync` commands, and ends as their exit code says.

What is typed stands in `commands`, and what a code means in `endings`; here both meet Airflow.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)
from airflow.sdk.timezone import utcnow

from convsync.airflow import commands
from convsync.airflow.commands import PROGRAM, Ended, Process
from convsync.airflow.companies import Company
from convsync.airflow.endings import (
    NIGHT,
    PREVIEW,
    UNASKED,
    VERDICT,
    Fate,
    fate_of,
    reason_in,
    run_in,
)

Context = Mapping[str, Any]
Typed = list[tuple[str, ...]]
LOOK_AGAIN_AFTER = timedelta(minutes=2)
"""How long a task stays away whose ledger another run holds."""
_FAILED = frozenset({"failed", "upstream_failed"})


class CommandOperator(BaseOperator):  # type: ignore[misc]
    """Types commands for one company; `fates` say what becomes of the task.

    While another run holds the lock the task is rescheduled, so that it keeps neither worker nor
    slot; after `lock_within` it is skipped.
    """

    fates = UNASKED

    def __init__(
        self,
        *,
        companies: Sequence[Company],
        program: Sequence[str] = PROGRAM,
        lock_within: timedelta = timedelta(hours=2),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.companies = companies
        self.program = program
        self.lock_within = lock_within
        self._process: Process | None = None

    def typed(self, context: Context) -> Typed:
        """Return the commands, without the company's configuration."""
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, Any]:
        """Type the commands; return the number of the run, and why it was refused if it was."""
        self._process = Process(self._company(context), self.program)
        ended = self._process.run(self.typed(context), lambda line: self.log.info("%s", line))
        fate = fate_of(ended.exit_code, self.fates)
        number, reason = run_in(ended.lines), reason_in(ended.lines)
        whose = "" if number is None else f", run {number}"
        self.log.info("code %s%s: %s", ended.exit_code, whose, fate.value)
        self._raise_unless_done(fate, reason or _code(ended), context)
        return {"run": number, "refused": reason or _code(ended) if fate is Fate.ASK else None}

    def on_kill(self) -> None:
        """Have the command stop at its next safe step."""
        if self._process is not None:
            self._process.stop()

    def _company(self, context: Context) -> Company:
        """Return the only company, or the one that the DAG run's parameters name."""
        if len(self.companies) == 1:
            return self.companies[0]
        named = context["params"]["company"]
        return next(company for company in self.companies if company.name == named)

    def _raise_unless_done(self, fate: Fate, reason: str, context: Context) -> None:
        match fate:
            case Fate.RETRY:
                raise AirflowException(reason)
            case Fate.FAIL:
                raise AirflowFailException(reason)
            case Fate.WAIT:
                since = context["ti"].get_first_reschedule_date(context) or utcnow()
                if utcnow() - since >= self.lock_within:
                    raise AirflowSkipException(reason)
                raise AirflowRescheduleException(utcnow() + LOOK_AGAIN_AFTER)
            case Fate.SUCCESS | Fate.ASK:
                return


class Check(CommandOperator):
    """Before a night: the tables are brought up to date, and everything it needs is looked at."""

    def typed(self, context: Context) -> Typed:
        """Return what is typed before a night."""
        return commands.check()


class Run(CommandOperator):
    """A night. One whose plan was refused succeeds, and says so to the question after it."""

    fates = NIGHT

    def typed(self, context: Context) -> Typed:
        """Return what is typed for a night."""
        return commands.run()


class Question(ApprovalOperator):  # type: ignore[misc]
    """Asks a person whether a refused plan goes; skipped where none was refused."""

    def __init__(self, *, run_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_task = run_task

    def execute(self, context: Context) -> None:
        """Ask, and wait in the state `awaiting_input`; no worker or slot is kept meanwhile."""
        if not context["ti"].xcom_pull(task_ids=self.run_task)["refused"]:
            raise AirflowSkipException("The plan was not unusual: nobody needs to be asked.")
        super().execute(context)

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """Fail for good where nobody has answered in time: asking again is the next night's."""
        if event["error_type"] == "timeout":
            raise AirflowFailException("Nobody answered in time; the next night plans anew.")
        super().process_trigger_event_error(event)


class Release(CommandOperator):
    """Sends exactly the plan that was refused; whoever approved it answers for it."""

    def __init__(self, *, run_task: str, question_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_task = run_task
        self.question_task = question_task

    def typed(self, context: Context) -> Typed:
        """Return what sends the plan of the run before."""
        number = context["ti"].xcom_pull(task_ids=self.run_task)["run"]
        return commands.release(number, by=_who(context, self.question_task))


class Report(CommandOperator):
    """After a night, whatever came of it: the last week, and a verdict in a monitor's words.

    It fails where there is anything to look at, or where a task before it has failed: it is the
    last task, so the DAG run is as green as the night.
    """

    fates = VERDICT

    def __init__(self, *, after: Sequence[str], **kwargs: Any) -> None:
        super().__init__(trigger_rule="all_done", **kwargs)
        self.after = after

    def typed(self, context: Context) -> Typed:
        """Return what is typed after a night."""
        return commands.report()

    def execute(self, context: Context) -> dict[str, Any]:
        """Report, and fail where the night did."""
        told = super().execute(context)
        ti = context["ti"]
        states = ti.get_task_states(
            dag_id=ti.dag_id, task_ids=list(self.after), run_ids=[ti.run_id]
        ).get(ti.run_id, {})
        if failed := sorted(task for task, state in states.items() if state in _FAILED):
            raise AirflowFailException(f"Not all tasks before it went well: {', '.join(failed)}.")
        return told


class Chunk(CommandOperator):
    """One chunk of a backfill: `first` and `last` are its days, as YYYY-MM-DD, both included."""

    def __init__(self, *, first: str, last: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = first
        self.last = last

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day."""
        return date.fromisoformat(self.first), date.fromisoformat(self.last)


class Preview(Chunk):
    """What a chunk would send. Writes and sends nothing."""

    fates = PREVIEW

    def typed(self, context: Context) -> Typed:
        """Return what shows the chunk."""
        return commands.preview(*self.days)


class Send(Chunk):
    """Sends a chunk that a person has seen and approved."""

    def __init__(self, *, question_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.question_task = question_task

    def typed(self, context: Context) -> Typed:
        """Return what sends the chunk."""
        force = bool(context["params"]["force"])
        return commands.backfill(*self.days, by=_who(context, self.question_task), force=force)


def _who(context: Context, question_task: str) -> str:
    """Return who answered a question, as Airflow knows them."""
    user = (context["ti"].xcom_pull(task_ids=question_task) or {}).get("responded_by_user") or {}
    return f"{user.get('name') or user.get('id') or 'somebody'} in Airflow"


def _code(ended: Ended) -> str:
    return f"convsync ended with code {ended.exit_code}; its lines are above."
