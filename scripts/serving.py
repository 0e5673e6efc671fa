"""Runs the sandbox in a process of its own, for whatever else is in this folder."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONVSYNC = Path(sys.executable).parent / "convsync"


@contextmanager
def sandbox() -> Iterator[dict[str, str]]:
    """Serve on free ports, yield the addresses by name, and stop whatever happens."""
    serving = subprocess.Popen(
        [CONVSYNC, "sandbox", "--http-port", "0", "--grpc-port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert serving.stdout is not None
    try:
        yield json.loads(serving.stdout.readline())
    finally:
        serving.terminate()
        serving.wait()
