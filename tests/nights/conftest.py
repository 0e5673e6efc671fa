"""One sandbox for all nights, as new for every test, and a company that reports to it."""

from collections.abc import Iterator

import pytest

from convsync.sandbox.server import Sandbox
from tests.nights.company import Company, folder_in_memory


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.platform.reset()
    running.crms.clear()
    return running


@pytest.fixture
def company(sandbox: Sandbox) -> Iterator[Company]:
    with folder_in_memory() as folder:
        company = Company.founded(folder, sandbox)
        yield company
        company.close()
