"""What holds of every test: where its files are, how many examples a property is tried on, and that
replaying an audit log gives the ledger.
"""

import gc
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Connection, Engine, event

from convsync.proof.verification import verify
from convsync.sandbox.server import Sandbox

_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30  # bytes: what the files of a whole suite need, several times over
_RARELY = 50_000, 20, 20
"""After how many new objects Python looks for cycles. It finds few, and looks through thousands of
tests and all they import: without, they are collected in two thirds of the time."""


class CompiledOnce(dict[Any, Any]):
    """Statements as compiled for a kind of database, whichever engine asked first.

    SQLAlchemy keeps them by engine, for as long as that lives. Nearly every test opens a database
    of its own, and spent a quarter of its time on compiling the same statements again.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        """Return what was compiled for an engine's dialect, or for another of its kind."""
        return super().get(self._of_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(self._of_kind(key), compiled)

    @staticmethod
    def _of_kind(key: Any) -> Any:
        dialect, *statement = key
        return type(dialect), *statement


_COMPILED = CompiledOnce()


@event.listens_for(Engine, "engine_connect")
def _compile_once(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_COMPILED)


# No deadline: a busy machine takes long for an example. `make soak` tries the larger number.
settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("soak", max_examples=3_000, deadline=None)
settings.load_profile("quick")


def pytest_configure() -> None:
    """Keep temporary files in memory where there is room: a ledger's commit waits for its disk."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
        tempfile.tempdir = str(_MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for garbage afterwards, and never among the tests and what they import."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*_RARELY)
        gc.enable()


@pytest.fixture(autouse=True)
def the_log_gives_the_ledger(request: pytest.FixtureRequest) -> Iterator[None]:
    """Replay the audit log of a test's company, and compare it with its ledger and its runs."""
    company = request.getfixturevalue("company") if "company" in request.fixturenames else None
    yield
    if company is not None:
        verified = verify(company.database)
        assert verified.is_sound, verified


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    """One sandbox for all tests that take it as new: to start and stop one takes half a second."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """The sandbox as if just begun."""
    running.platform.reset()
    running.crms.clear()
    return running
