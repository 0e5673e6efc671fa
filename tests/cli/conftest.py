"""A company with an up-to-date database, and one sandbox for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from convsync.sandbox.server import Sandbox
from tests.cli.office import Office


@pytest.fixture(scope="package")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVSYNC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def new_office(running: Sandbox, tmp_path: Path) -> Office:
    """A company whose database has not been made yet."""
    running.platform.reset()
    running.crms.clear()
    return Office(tmp_path, running)


@pytest.fixture
def office(new_office: Office) -> Office:
    assert new_office.types("db", "upgrade").code == 0
    return new_office
