"""What became of the cases of a fuzz, and the bound within which each must end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

LONGEST_S = 20
"""CPU seconds that no case may take; the longest are some hundredths."""


class Hangs(Exception):  # noqa: N818 - what a case does
    """A case that does not end."""


@dataclass(kw_only=True)
class Figures:
    """Counts of one kind of case.

    `read` are those that came through, `reported` those that were refused, quarantined or named as
    what they are, `errors` those that ended the read with an error of ours. `wrong` holds what must
    never be: a traceback, a hang, a good neighbour that is lost or changed, a cell that is shown.
    """

    kind: str
    cases: int = 0
    read: int = 0
    reported: int = 0
    errors: int = 0
    wrong: list[str] = field(default_factory=list)
    cpu_s: float = 0

    def line(self) -> str:
        """Return the figures as a line of the table."""
        return (
            f"{self.kind:<12}{self.cases:>10,}{self.read:>10,}{self.reported:>10,}"
            f"{self.errors:>8,}{len(self.wrong):>7,}{self.cpu_s:>8,.0f}"
        )


HEADER = (
    f"{'kind':<12}{'cases':>10}{'read':>10}{'reported':>10}{'errors':>8}{'wrong':>7}{'CPU s':>8}"
)


@contextmanager
def watched(figures: Figures, about: str) -> Iterator[None]:
    """Count a case, bound its time, and note an exception that is none of ours as wrong."""
    figures.cases += 1
    before = signal.signal(signal.SIGPROF, _give_up)
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        yield
    except Exception as error:  # noqa: BLE001 - what this looks for
        figures.wrong.append(f"{about}: {type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise Hangs(f"does not end within {LONGEST_S} CPU seconds")
