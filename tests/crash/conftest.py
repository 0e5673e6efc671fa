"""A night that is prepared once, and begun over and over."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from convsync import intake
from convsync.sandbox.server import Sandbox
from tests.crash.night import NOW, Ending, Evening, Nursery, prepare
from tests.crash.nursery import DEALS_AT_ONCE
from tests.nights.company import Company, folder_in_memory, instant


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The evening, the steps of the night that followed, and how it ended."""

    evening: Evening
    nursery: Nursery
    steps: list[str]
    ending: Ending

    @property
    def folder(self) -> Path:
        return self.evening.company.folder


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def night(nursery: Nursery) -> Iterator[Undisturbed]:
    with (
        Sandbox() as sandbox,
        folder_in_memory() as folder,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(intake, "CHUNK", DEALS_AT_ONCE)
        company = Company.founded(folder, sandbox)
        prepare(company, sandbox)
        evening = Evening.now(company, sandbox)
        sandbox.platform.clock.set(instant(NOW))
        assert nursery.night(company.folder).exit_code == 0
        yield Undisturbed(
            evening=evening,
            nursery=nursery,
            steps=json.loads((company.folder / "steps.json").read_text()),
            ending=Ending.of(company, sandbox),
        )
        company.close()
