"""A night killed on PostgreSQL ends the same: a few steps in each build, all of them as a soak."""

import json
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest

from convsync.reading import chunks
from convsync.sandbox.server import Sandbox
from convsync.store import migrate
from convsync.store.database import Database
from tests.crash.conftest import Undisturbed
from tests.crash.fork_server import DEALS_AT_ONCE
from tests.crash.night import NOW, Ending, Evening, ForkServer, prepare
from tests.nights.company import Company, folder_in_memory, instant
from tests.store.conftest import Server, text_of

PARTS = 4
FEW = ("store deals: before commit", "upload", "sweep identifiers: before commit")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nights of this process have as many steps as those of the fork server."""
    monkeypatch.setattr(chunks, "CHUNK", DEALS_AT_ONCE)


@pytest.fixture(scope="module")
def night(server: Server) -> Iterator[Undisturbed]:
    url = server.create()
    evening = f"{url.database}_evening"
    with closing(Database(text_of(url))) as database:
        migrate.upgrade(database)

    def put_back() -> None:
        server.drop(url)
        server.execute(f"CREATE DATABASE {url.database} TEMPLATE {evening}")

    with (
        Sandbox() as sandbox,
        folder_in_memory() as folder,
        closing(ForkServer()) as fork_server,
    ):
        company = Company(folder=folder, sandbox=sandbox)
        company.configure(("sqlite:///ledger.db", text_of(url)))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(chunks, "CHUNK", DEALS_AT_ONCE)
            prepare(company, sandbox)
        company.close_ledger()
        server.execute(f"CREATE DATABASE {evening} TEMPLATE {url.database}")
        before = Evening.now(company, sandbox, put_back)
        sandbox.platform.clock.set(instant(NOW))
        assert fork_server.night(folder).exit_code == 0
        yield Undisturbed(
            evening=before,
            fork_server=fork_server,
            steps=json.loads((folder / "steps.json").read_text()),
            ending=Ending.of(company, sandbox),
        )
        company.close()


def killed_at(night: Undisturbed, step: int | str) -> Ending:
    """Return how a night ends that was killed at a step, and run again."""
    night.evening.again()
    assert night.fork_server.night(night.folder, step).signal == signal.SIGKILL
    return night.evening.finish()


@pytest.mark.long
@pytest.mark.parametrize("step", FEW)
def test_a_night_killed_on_postgresql_and_run_again_ends_the_same(
    night: Undisturbed, step: str
) -> None:
    assert killed_at(night, step) == night.ending


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_night_killed_on_postgresql_at_any_step_and_run_again_ends_the_same(
    night: Undisturbed, part: int, subtests: pytest.Subtests
) -> None:
    for number, step in list(enumerate(night.steps))[part::PARTS]:
        with subtests.test(step, number=number):
            assert killed_at(night, number) == night.ending
