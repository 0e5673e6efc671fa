"""One sandbox for all nights, as new for every test, and a company that reports to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from convsync.sandbox.server import Sandbox
from tests.nights.company import Company


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.platform.reset()
    return running


@pytest.fixture
def company(tmp_path: Path, sandbox: Sandbox) -> Iterator[Company]:
    company = Company.founded(tmp_path, sandbox)
    yield company
    company.close()
