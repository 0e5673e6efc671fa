"""Whole nights on either database: after each, replaying the audit log gives the ledger."""

import re
from dataclasses import replace

import pytest

from convsync import pipeline
from convsync.plan import Step
from convsync.running.services import NoProgress, Report
from convsync.store.database import Database, ignore_step
from tests.nights.company import Company, instant

CLICKED = "2026-02-20T10:00Z"


@pytest.mark.long
def test_nights_and_a_preview_leave_a_log_that_gives_the_ledger(
    company: Company,
) -> None:
    for name in ("stays", "grows", "lost"):
        click = {"gclid": f"G-{name}", "clicked": CLICKED}
        company.has(name, won="2026-03-02T15:00Z", amount=100, **click)
    company.has("no click", won="2026-03-02T15:00Z", amount=100)
    company.night("2026-03-03T02:00Z")
    assert company.audit_is_sound()
    company.night("2026-03-04T02:00Z")
    assert company.audit_is_sound()
    company.has("grows", amount=150)
    company.has("lost", lost="2026-03-04T12:00Z")
    company.export()
    planned = company.at("2026-03-05T01:00Z", pipeline.plan)
    assert (planned.plan.steps[Step.RESTATE], planned.plan.steps[Step.RETRACT]) == (1, 1)
    company.night("2026-03-05T02:00Z")
    company.night("2026-03-06T02:00Z")
    assert (company.value("stays"), company.value("grows"), company.value("lost")) == (100, 150, 0)


def busy_days(company: Company) -> None:
    for name in ("stays", "grows", "lost"):
        company.has(name, won="2026-03-02T15:00Z", amount=100, gclid=f"G-{name}", clicked=CLICKED)
    company.night("2026-03-03T02:00Z")
    company.night("2026-03-03T05:00Z")  # its verdicts: a plan asks for none
    company.has("grows", amount=150)
    company.has("lost", lost="2026-03-03T12:00Z")
    company.has("new", won="2026-03-03T15:00Z", amount=100, gclid="G-new", clicked=CLICKED)
    company.export()


BUSY_NIGHT = "2026-03-04T02:00Z"
FEW = (
    *("open run: before commit", "store clicks: before commit", "store deals: before commit"),
    *("plan due deals: before commit", "reserve: before commit", "upload : answered"),
    *("settle : before commit", "finish run: before commit", "committed"),
)
"""Kinds of steps that have written each of the tables a plan reads, and the call."""


@pytest.mark.long
@pytest.mark.parametrize(
    "kinds", [FEW, pytest.param(None, marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_a_plan_made_at_a_step_of_any_kind_of_a_night_neither_waits_nor_disturbs_it(
    company: Company, another: Database, kinds: tuple[str, ...] | None
) -> None:
    """The night stands still meanwhile: a plan that waited for it would end with an error."""
    busy_days(company)
    plans: list[str] = []

    def plan_beside(step: str) -> None:
        kind = re.sub(r"\d+", "", step)
        if kind.endswith("committed"):  # seen before the next commit too, which might hold it up
            kind = "committed"
        if kind in plans or (kinds is not None and kind not in kinds):
            return
        pipeline.plan(replace(company.services(instant(BUSY_NIGHT)), database=another))
        plans.append(kind)

    company.on_step = plan_beside
    company.close_ledger()
    night = company.night(BUSY_NIGHT)
    company.on_step = ignore_step
    assert {*plans} >= {*FEW}
    assert (night.exit_code, night.uploaded.sent) == (0, 3)
    assert company.audit_is_sound()
    values = [company.value(name) for name in ("stays", "grows", "lost", "new")]
    assert values == [100, 150, 0, 100]


@pytest.mark.long
def test_a_plan_shows_what_the_next_night_does_whatever_night_passed_meanwhile(
    company: Company, another: Database
) -> None:
    busy_days(company)
    nights: list[Report] = []

    class Meanwhile(NoProgress):
        def advance(self, stage: str, count: int) -> None:
            if not nights:
                nights.append(company.at(BUSY_NIGHT, pipeline.run))

    services = replace(company.services(instant(BUSY_NIGHT)), database=another)
    planned = pipeline.plan(replace(services, progress=Meanwhile()))
    assert (nights[0].exit_code, nights[0].uploaded.sent) == (0, 3)
    assert planned.plan == nights[0].plan


@pytest.mark.long
def test_a_night_says_how_many_it_will_send_before_it_does(company: Company) -> None:
    busy_days(company)
    heard: list[tuple[str, int]] = []

    class Heard(NoProgress):
        def expect(self, stage: str, total: int) -> None:
            heard.append((f"expect {stage}", total))

        def advance(self, stage: str, count: int) -> None:
            heard.append((stage, count))

    services = replace(company.services(instant(BUSY_NIGHT)), progress=Heard())
    report = pipeline.run(services)
    stages = [stage for stage, _ in heard]
    assert stages.index("expect sent") < stages.index("sent")
    assert dict(heard)["expect sent"] == report.uploaded.sent == 3
