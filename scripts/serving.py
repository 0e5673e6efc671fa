"""Runs the sandbox in a process of its own, for what else is here."""

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
    command = [str(CONVSYNC), "sandbox", "--http-port", "0", "--grpc-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        try:
            yield json.loads(serving.stdout.readline())
        finally:
            serving.terminate()
