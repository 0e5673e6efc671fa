"""Nights that are killed at one of their steps, inside this process."""

from datetime import datetime

from tests.nights.company import Company


class KilledError(BaseException):
    """Stands for a process that is killed: nothing of convsync catches it."""


def night_killed_at(company: Company, which: int, night: datetime, *, about: str = "") -> str:
    """Kill a night at the given one of its steps that hold `about`; return it, "" for none."""
    steps: list[str] = []

    def on_step(step: str) -> None:
        if about in step:
            steps.append(step)
            if len(steps) == which:
                raise KilledError

    company.close_ledger()
    company.on_step = on_step
    killed_at = ""
    try:
        company.night(night, force=True)
    except KilledError:
        killed_at = steps[which - 1]
    company.on_step = lambda _: None
    company.close_ledger()
    return killed_at
