"""What an operator sends: a code tried again, a plan released; as the command of the same name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from convsync import pipeline, wiring
from convsync.model.chosen import Chosen
from convsync.report.closing import Closing, Ending
from convsync.running.services import Report, Services
from convsync.web.decisions import Decision, Desk, Done
from convsync.web.visits import RefusedError

_LIGHTS: Final = {Ending.OK: "green", Ending.WAITING: "green", Ending.LOOK: "amber"}


def retry(desk: Desk, code: str) -> Decision:
    """Return the decision to send again what has a code."""
    if not code:
        raise RefusedError(404, "Say which code to retry.")
    chosen = Chosen(codes=frozenset({code}), deal_ids=frozenset(), run_id=None)
    return Decision(
        what="retry",
        about=code,
        question=f"Send every conversion with the code {code} again, if it may be sent?",
        button="Send again",
        do=lambda by: _sent(desk, by, lambda services: pipeline.retry(services, chosen)),
    )


def release(desk: Desk, run: str) -> Decision:
    """Return the decision to send a plan that a run refused."""
    if not (run.isascii() and run.isdigit()):
        raise RefusedError(404, "Say which run's plan to release.")
    return Decision(
        what="release",
        about=run,
        question=f"Send exactly the plan that run {run} has refused, as far as it still agrees?",
        button="Release",
        do=lambda by: _sent(desk, by, lambda services: pipeline.release(services, int(run))),
    )


def _sent(desk: Desk, by: str, do: Callable[[Services], Report]) -> Done:
    """Run to the end; whoever watches the nights hears how it ended."""
    closings: list[Closing] = []
    company = desk.company
    wiring.let_sandbox_follow(desk.settings, company.as_of)
    with wiring.opened(desk.settings, as_of=company.as_of) as services:
        report = do(replace(services, by=by, on_close=closings.append))
    (*_, closing) = closings
    company.watch.tell(company.database, company.now(), closing=str(closing))
    return Done(
        sentence=str(closing),
        light=_LIGHTS.get(closing.ending, "red"),
        details=report.problems,
        run_id=report.run_id,
    )
