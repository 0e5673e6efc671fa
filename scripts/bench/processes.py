"""Processes, and what they took."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
HOURS = 60 * 60
_LAUNCH = Path(__file__).with_name("launch.py")
REQUEST_MS, ROW_US = 200, 100
"""The time that a platform takes where latency is measured."""


class UnfinishedError(Exception):
    """A process was ended because it took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process that ended well took, its children included, and what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    printed: str


def measured(
    command: Sequence[str | Path],
    *,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    seconds: float = 12 * HOURS,
) -> Usage:
    """Run a process to its end.

    Raises UnfinishedError after so many seconds, CalledProcessError where it did not end well.
    """
    with (
        tempfile.TemporaryFile("w+") as printed,
        tempfile.TemporaryFile("w+") as complained,
        tempfile.NamedTemporaryFile("r") as taken,
    ):
        launch = [sys.executable, "-IS", str(_LAUNCH), taken.name, str(seconds)]
        subprocess.run(
            [*launch, *map(str, command)],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=printed,
            stderr=complained,
            check=True,
        )
        usage = json.load(taken)
        printed.seek(0)
        complained.seek(0)
        if usage["is_late"]:
            raise UnfinishedError
        if usage["code"]:
            said = printed.read()[-2_000:] + complained.read()[-2_000:]
            raise subprocess.CalledProcessError(usage["code"], [*map(str, command), said])
        return Usage(
            seconds=usage["seconds"],
            cpu_seconds=usage["cpu_seconds"],
            peak_mb=usage["peak_mb"],
            printed=printed.read(),
        )


def by_module(name: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command that runs a module of this folder."""
    return [sys.executable, "-m", f"scripts.bench.{name}", *arguments]


@dataclass(frozen=True, slots=True)
class Served:
    """The platform's addresses, and its counts."""

    grpc: str
    http: str

    def reset(self, *, request_ms: float = 0, row_us: float = 0) -> None:
        """Set the counts to zero, and the time that requests take from now on."""
        said = {"request_ms": request_ms, "row_us": row_us}
        requests.post(f"{self.http}/reset", json=said, timeout=60).raise_for_status()

    def counts(self) -> Any:
        """Return what came in since, and the platform's own CPU seconds from its start."""
        return requests.get(f"{self.http}/counts", timeout=60).json()


def compile_ahead() -> None:
    """Compile the program's modules, as pip does where it installs a wheel.

    Where Python is told to keep no bytecode, every command would otherwise compile them anew.
    """
    subprocess.run([sys.executable, "-m", "compileall", "-q", ROOT / "src"], check=True)


@contextmanager
def platform() -> Iterator[Served]:
    """Serve the platform that takes everything, and stop it whatever happens."""
    command = list(map(str, by_module("ad_platform")))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        try:
            yield Served(**json.loads(serving.stdout.readline()))
        finally:
            serving.terminate()
