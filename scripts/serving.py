"""Runs the sandbox, and a night against it, in processes of their own, for what else is here."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A first night that ended well: its report, and what its process took."""

    report: dict[str, Any]
    seconds: float
    cpu_seconds: float
    peak_mb: float


def first_night(at: datetime, environment: dict[str, str]) -> Night:
    """Run a night on an empty ledger. AssertionError unless everything went out and is balanced."""
    whole = {**os.environ, **environment}
    subprocess.run([CONVSYNC, "db", "upgrade"], env=whole, check=True, stdout=subprocess.DEVNULL)
    started = time.perf_counter()
    running = subprocess.Popen(
        [CONVSYNC, "run", "--as-of", at.isoformat(), "--format", "json"],
        env=whole,
        stdout=subprocess.PIPE,
    )
    assert running.stdout is not None
    printed = running.stdout.read()
    _, status, usage = os.wait4(running.pid, 0)
    seconds = time.perf_counter() - started
    assert status == 0, "everything went out"
    report = json.loads(printed)
    assert report["account"]["is_balanced"], "every deal is accounted for"
    return Night(
        report=report,
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
    )
