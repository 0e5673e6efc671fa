"""Runs a command to its end, and writes what it took to a file, as JSON.

    python -IS launch.py OUT SECONDS COMMAND ...

It is a program of its own because Linux counts the peak memory of a process from that of whoever
started it: the hundred megabytes and more that a benchmark holds would count as the command's. This
one holds ten. It kills the command after so many seconds, and itself ends well either way.
"""

import json
import os
import signal
import sys
import time
from types import FrameType


def main() -> None:
    """Start the command, wait for it, and write how it ended and what it took."""
    out, limit, *command = sys.argv[1:]
    began = time.perf_counter()
    running = os.posix_spawnp(command[0], command, os.environ)

    def kill(_signal: int, _frame: FrameType | None) -> None:
        os.kill(running, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, float(limit))
    _, status, usage = os.wait4(running, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    taken = {
        "code": code,
        "is_late": code == -signal.SIGKILL and seconds >= float(limit),
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    with open(out, "w", encoding="utf-8") as file:  # noqa: PTH123 (pathlib would make it larger)
        json.dump(taken, file)


if __name__ == "__main__":
    main()
