"""A night that is prepared once, and begun over and over."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from convsync.reading import chunks
from convsync.sandbox.server import Sandbox
from tests.crash.fork_server import DEALS_AT_ONCE
from tests.crash.night import NOW, Ending, Evening, ForkServer, prepare
from tests.nights.company import Company, folder_in_memory, instant


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The evening, the steps of the night that followed, and how it ended."""

    evening: Evening
    fork_server: ForkServer
    steps: list[str]
    ending: Ending

    @property
    def folder(self) -> Path:
        return self.evening.company.folder


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    fork_server = ForkServer()
    yield fork_server
    fork_server.close()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nights of this process have as many steps as those of the fork server."""
    monkeypatch.setattr(chunks, "CHUNK", DEALS_AT_ONCE)


@pytest.fixture(scope="session")
def night(fork_server: ForkServer) -> Iterator[Undisturbed]:
    with Sandbox() as sandbox, folder_in_memory() as folder:
        company = Company.founded(folder, sandbox)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(chunks, "CHUNK", DEALS_AT_ONCE)
            prepare(company, sandbox)
        evening = Evening.now(company, sandbox)
        sandbox.platform.clock.set(instant(NOW))
        assert fork_server.night(company.folder).exit_code == 0
        yield Undisturbed(
            evening=evening,
            fork_server=fork_server,
            steps=json.loads((company.folder / "steps.json").read_text()),
            ending=Ending.of(company, sandbox),
        )
        company.close()
