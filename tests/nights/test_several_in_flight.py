"""Nights on which several requests are under way at once, and one more batch waits to leave."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import sleep

import pytest

from convsync import pipeline
from convsync.errors import OperatorError, StoppedError
from convsync.model.outcome import Outcome
from convsync.model.statement import Batch
from convsync.model.takes import Repeats
from convsync.process.stopping import Stop
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from convsync.upload.destination import Destination
from tests.nights.company import Company, SmallBatches, instant, small_batches
from tests.nights.kills import night_killed_at

pytestmark = pytest.mark.long

NIGHT = instant("2026-03-03T02:00Z")
DAY = timedelta(days=1)
IN_FLIGHT = 3


@pytest.fixture
def busy(company: Company) -> Company:
    """A company that sends a row a request, three at once."""
    company.configure(("requests_in_flight = 1", f"requests_in_flight = {IN_FLIGHT}"))
    company.through = small_batches(1)
    return company


class Slow(SmallBatches):
    """Takes a row a request, and its time."""

    def __init__(self, inner: Destination, repeats: Repeats) -> None:
        super().__init__(inner, 1)
        self.takes = replace(inner.takes, repeats=repeats)

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        sleep(0.3)
        return super().upload(batch, now=now)


def wins(company: Company, names: range) -> list[str]:
    won = [f"D-{number}" for number in names]
    for name in won:
        when = {"clicked": "2026-02-20T10:00Z", "won": "2026-03-02T15:00Z"}
        company.has(name, amount=100, gclid=f"G-{name}", **when)
    return won


def states(company: Company) -> set[str]:
    return {entry.state for entry in company.entries().values()}


def reserved(company: Company) -> int:
    (row,) = company.query("SELECT count(*) AS number FROM batches")
    return int(row["number"])


def test_a_night_with_several_requests_in_flight_counts_each_conversion_once(busy: Company) -> None:
    names = wins(busy, range(3 * IN_FLIGHT + 1))
    assert busy.night(NIGHT).exit_code == 0
    assert [busy.value(name) for name in names] == [100.0] * len(names)
    assert reserved(busy) == len(names)
    assert busy.audit_is_sound()


def test_a_night_killed_with_several_in_flight_is_repeated_and_counts_once(busy: Company) -> None:
    killed_at = set()
    for round_, which in enumerate((1, 3, 4, 5, 8, 11, 14)):
        names = wins(busy, range(10 * round_, 10 * round_ + 2 * IN_FLIGHT))
        night = NIGHT + round_ * DAY
        killed_at.add(night_killed_at(busy, which, night, about="").partition(" ")[0])
        killed_at.add(night_killed_at(busy, which, night, about="upload").partition(" ")[0])
        busy.night(night + timedelta(hours=1))
        assert [busy.value(name) for name in names] == [100.0] * len(names)
        assert "sending" not in states(busy)
    assert "upload" in killed_at
    assert busy.audit_is_sound()


def test_a_batch_reserved_ahead_goes_back_into_the_plan_where_the_platform_refuses(
    busy: Company, sandbox: Sandbox
) -> None:
    names = wins(busy, range(4 * IN_FLIGHT))
    sandbox.platform.faults.add(PlannedFault(on="ingest", every=1, kind="refused"))
    with pytest.raises(OperatorError):
        busy.night(NIGHT)
    assert states(busy) == {"planned"}
    assert reserved(busy) <= IN_FLIGHT + 1
    sandbox.platform.faults.clear()
    assert busy.night(NIGHT + DAY).exit_code == 0
    assert [busy.value(name) for name in names] == [100.0] * len(names)
    assert busy.audit_is_sound()


@pytest.mark.parametrize(
    ("repeats", "batches"),
    [
        pytest.param(Repeats(), IN_FLIGHT + 1, id="a repeat is safe"),
        pytest.param(Repeats(within=timedelta(0)), IN_FLIGHT, id="a repeat may count twice"),
    ],
)
def test_no_batch_is_reserved_ahead_that_could_not_be_repeated(
    company: Company, repeats: Repeats, batches: int
) -> None:
    company.configure(("requests_in_flight = 1", f"requests_in_flight = {IN_FLIGHT}"))
    company.through = lambda inner: Slow(inner, repeats)
    wins(company, range(2 * IN_FLIGHT))
    assert night_killed_at(company, 1, NIGHT, about="answered")
    assert reserved(company) == batches


def test_a_run_that_is_told_to_stop_leaves_nothing_reserved_that_did_not_go(busy: Company) -> None:
    names = wins(busy, range(4 * IN_FLIGHT))
    stop = Stop()

    def on_step(step: str) -> None:
        if step.endswith("answered"):
            stop.ask("a test")

    busy.on_step = on_step
    busy.export()
    with pytest.raises(StoppedError):
        busy.at(NIGHT, lambda services: pipeline.run(replace(services, stop=stop)))
    assert states(busy) == {"planned", "accepted"}
    busy.on_step = lambda _: None
    busy.night(NIGHT + DAY)
    assert [busy.value(name) for name in names] == [100.0] * len(names)
    assert busy.audit_is_sound()
