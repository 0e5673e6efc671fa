"""A company with an up-to-date database."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from convsync.sandbox import faults
from convsync.sandbox.faults import PlannedFault
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


@pytest.fixture
def let_go(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Keep the platform's first answer back, longer than any test takes, until this is called."""
    whole_test = timedelta(minutes=5)
    monkeypatch.setattr(faults, "LONGEST_WAIT", whole_test)
    late = PlannedFault(
        on="ingest", request=1, kind="latency", seconds=int(whole_test.total_seconds())
    )
    sandbox.platform.faults.add(late)
    yield sandbox.platform.faults.let_go
    sandbox.platform.faults.let_go()
    sandbox.platform.faults.hold()
