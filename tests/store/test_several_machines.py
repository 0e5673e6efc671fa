"""Several machines over one PostgreSQL: one run at a time, and each conversion counted once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from convsync import pipeline
from convsync.clock import system_clock
from convsync.errors import LockedError
from convsync.store import schema
from convsync.store.database import Database
from tests.nights.company import Company, instant
from tests.store.conftest import Kind

SCRIPT = Path(sys.executable).with_name("convsync")
NIGHT = "2026-03-03T02:00Z"
NEXT_NIGHT = "2026-03-04T02:00Z"
WORDS = (
    ("run", "--as-of", NIGHT),
    ("run", "--as-of", NIGHT),
    ("backfill", "--from", "2026-02-01", "--to", "2026-03-02", "--yes", "--as-of", NIGHT),
)


@pytest.fixture
def on_a_server(kind: Kind) -> None:
    if kind.name != "postgresql":
        pytest.skip("one file is not shared by machines")


def won(company: Company, *names: str) -> None:
    for name in names:
        click = {"gclid": f"G-{name}", "clicked": "2026-02-20T10:00Z"}
        company.has(name, won="2026-03-02T15:00Z", amount=100, **click)


@pytest.mark.long
@pytest.mark.usefixtures("on_a_server")
def test_two_workers_and_a_backfill_at_once_send_everything_once(company: Company) -> None:
    assert company.sandbox is not None
    names = [f"D-{number}" for number in range(12)]
    won(company, *names)
    company.export()
    company.sandbox.platform.clock.set(instant(NIGHT))
    config = str(company.folder / "convsync.toml")

    def worked(words: tuple[str, ...]) -> tuple[int, str]:
        typed = [str(SCRIPT), *words, "--config", config]
        done = subprocess.run(typed, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stderr

    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(worked, WORDS))
    assert {code for code, _ in ended} <= {0, 4}
    assert 0 in {code for code, _ in ended}
    assert all("holds the lock" in said or "just started" in said for code, said in ended if code)
    company.night(NEXT_NIGHT)
    assert [company.value(name) for name in names] == [100.0] * len(names)
    assert company.audit_is_sound()
    assert company.sums()


@pytest.mark.long
@pytest.mark.usefixtures("on_a_server")
@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1)], ids=["slow", "fast"])
def test_a_machine_whose_clock_is_wrong_takes_no_lease_that_has_not_ended(
    company: Company, another: Database, off: timedelta
) -> None:
    won(company, "D-1")
    company.export()
    refused: list[LockedError] = []

    def another_machine(step: str) -> None:
        if step == "store deals: committed" and not refused:
            services = company.services(instant(NIGHT))
            wrong = replace(services, database=another, real_clock=lambda: system_clock() + off)
            with pytest.raises(LockedError, match="holds the lock") as said:
                pipeline.run(wrong)
            refused.append(said.value)

    company.on_step = another_machine
    company.close_ledger()
    assert company.night(NIGHT).exit_code == 0
    assert refused


@pytest.mark.long
def test_a_holder_that_has_lost_its_lease_writes_and_sends_nothing_more(
    company: Company, another: Database
) -> None:
    assert company.sandbox is not None
    won(company, "D-1", "D-2")

    def takes_over(step: str) -> None:
        if step == "plan due deals: committed":
            with another.transaction("take over") as connection:
                connection.execute(update(schema.runs).values(lock=None))

    company.on_step = takes_over
    company.close_ledger()
    with pytest.raises(LockedError, match="lost its lock to another run"):
        company.night(NIGHT)
    with another.reading() as connection:
        states = {row.state for row in connection.execute(schema.ledger.select())}
    assert states == {"planned"}
    assert company.sandbox.books.counted == {}
