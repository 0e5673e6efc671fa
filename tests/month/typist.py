"""Types commands in processes of their own, and kills some: `python -m tests.month.typist`.

A line of JSON on stdin asks for a command, a line on stdout says how it ended. Imports are paid for
once: every command is a fork of this process, which itself never opens a channel, because gRPC does
not survive a fork that comes after one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

# Imported for the children's sake.
from convsync import wiring
from convsync.cli import main
from convsync.reading import chunks
from convsync.upload.google.data_manager import DataManager

DEALS_AT_ONCE, ROWS_AT_ONCE = 3, 4
"""So few that a night of a dozen deals has several parts of everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """How a command ended, and what it printed; `code` is None where it was killed."""

    words: Sequence[str]
    code: int | None
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """Return the last line of what it printed."""
        return self.out.rstrip().rpartition("\n")[2]


@dataclass(slots=True)
class Typist:
    """The process whose forks type commands in a folder, with these variables set."""

    folder: Path
    variables: dict[str, str]
    _process: "subprocess.Popen[str]" = field(init=False)

    def __post_init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | self.variables,
        )

    def types(self, *words: str, killed_at: int | None = None) -> Typed:
        """Type a command, and kill it at the step of that number, if it comes so far."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        asked = {"folder": str(self.folder), "words": words, "killed_at": killed_at}
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        status = json.loads(stdout.readline())
        out, err = ((self.folder / name).read_text("utf-8") for name in ("out.txt", "err.txt"))
        return Typed(words=words, code=None if status < 0 else status, out=out, err=err)

    def close(self) -> None:
        """Send the typist home."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()


def serve() -> None:
    """Answer until stdin ends."""
    chunks.CHUNK, DataManager.max_batch = DEALS_AT_ONCE, ROWS_AT_ONCE
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            os._exit(_type(**json.loads(line)))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _type(folder: str, words: Sequence[str], killed_at: int | None) -> int:
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, name in ((1, "out.txt"), (2, "err.txt")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    if killed_at is not None:
        wiring.services_of = partial(wiring.services_of, on_step=_Killer(killed_at))
    sys.argv = ["convsync", *words]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


@dataclass(slots=True)
class _Killer:
    """Kills this process after so many steps."""

    steps_left: int

    def __call__(self, _step: str) -> Any:
        self.steps_left -= 1
        if self.steps_left == 0:
            os.kill(os.getpid(), SIGKILL)


if __name__ == "__main__":
    serve()
