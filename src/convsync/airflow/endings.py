"""What the end of a `convsync` command means to Airflow. Pure.

| exit code | the command | the task |
|---|---|---|
| 0 | all well | success |
| 1 | a failure that may pass | tried again, then failed |
| 2 | a person must fix the set-up | failed at once |
| 3 | the plan is unusual | success, and a person is asked whether it goes |
| 4 | another run holds the lock | looked at again, then skipped |

Any other code is a process that was killed, which may pass.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType


class Fate(StrEnum):
    """What becomes of a task whose command has ended."""

    SUCCESS = "success"
    RETRY = "retry"
    FAIL = "fail"
    ASK = "ask"
    WAIT = "wait"


NIGHT: Mapping[int, Fate] = MappingProxyType(
    {0: Fate.SUCCESS, 1: Fate.RETRY, 2: Fate.FAIL, 3: Fate.ASK, 4: Fate.WAIT}
)
"""A run that can ask: the fate of each exit code."""
UNASKED: Mapping[int, Fate] = MappingProxyType({**NIGHT, 3: Fate.FAIL})
"""The same for what nobody is asked about: its refusal says how to release it by hand."""
PREVIEW: Mapping[int, Fate] = MappingProxyType({**UNASKED, 1: Fate.SUCCESS})
"""A preview has said what it found; what it could not read, it has listed."""
VERDICT: Mapping[int, Fate] = MappingProxyType({0: Fate.SUCCESS, 1: Fate.FAIL, 2: Fate.FAIL})
"""A look at how the nights stand, in the exit codes of monitors: anything to look at fails."""

_SAYS, _GOES_ON = "convsync: ", ("These weigh most:", "  ")
_CLOSING = re.compile(r"^(?:OK|WAITING|LOOK|FAILED) run (\d+)\b")


def fate_of(exit_code: int, fates: Mapping[int, Fate]) -> Fate:
    """Return what becomes of the task; a code that is in no table is a process that was killed."""
    return fates.get(exit_code, Fate.RETRY)


def run_in(lines: Sequence[str]) -> int | None:
    """Return the number of the run whose closing line is among the lines, None where none is."""
    numbers = (int(found[1]) for line in reversed(lines) if (found := _CLOSING.match(line)))
    return next(numbers, None)


def reason_in(lines: Sequence[str]) -> str:
    """Return what a command said of itself on stderr, without its name; empty if it said nothing.

    An unusual plan is followed by its heaviest conversions.
    """
    said: list[str] = []
    is_said = False
    for line in lines:
        is_said = line.startswith(_SAYS) or (is_said and line.startswith(_GOES_ON))
        if is_said:
            said.append(line.removeprefix(_SAYS))
    return "\n".join(said)
