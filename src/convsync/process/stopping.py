"""How a run is asked to stop, by Ctrl-C or SIGTERM, and when it does.

It stops at the next safe step, between two transactions, once the answers in flight have been
settled. What takes longer than a few seconds is not waited for: it is interrupted where it stands,
as a lost connection would be, and a request without an answer is repeated by the next run.
"""

from threading import Event

from convsync.errors import StoppedError


class Stop:
    """Whether a run has been asked to stop, and by what."""

    def __init__(self) -> None:
        self._asked = Event()
        self._by = ""
        self.is_closing = False

    @property
    def is_asked(self) -> bool:
        """True once somebody has asked."""
        return self._asked.is_set()

    def ask(self, by: str) -> None:
        """Ask the run to stop at its next safe step; wakes whoever waits."""
        self._by = by
        self._asked.set()

    def raise_if_asked(self) -> None:
        """Raise StoppedError where somebody has asked: this is a safe step."""
        if self.is_asked:
            raise self.error()

    def error(self, *, is_forced: bool = False) -> StoppedError:
        """Return the error that says by what the run was stopped."""
        return StoppedError(f"Stopped by {self._by}.", is_forced=is_forced)

    def sleep(self, seconds: float) -> None:
        """Wait; raise StoppedError as soon as somebody asks."""
        if self._asked.wait(seconds):
            raise self.error()
