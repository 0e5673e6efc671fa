"""A company with an up-to-date database."""

import os
from pathlib import Path

import pytest

from convsync.sandbox.server import Sandbox
from tests.cli.office import Office
from tests.fakes.new_ledger import new_ledger


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVSYNC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def new_office(sandbox: Sandbox, tmp_path: Path) -> Office:
    """A company whose database has not been made yet."""
    return Office(tmp_path, sandbox)


@pytest.fixture
def office(new_office: Office) -> Office:
    new_ledger(new_office.folder / "convsync.db")
    return new_office
