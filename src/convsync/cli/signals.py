"""Ctrl-C and SIGTERM: the run is asked to stop, and forced to if it does not within seconds."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from convsync.process.stopping import Stop

PATIENCE_S = 4
"""How long to wait for requests in flight; with what is left to do, it ends within ten seconds."""


@contextmanager
def listening() -> Iterator[Stop]:
    """Yield what a signal asks to stop. A second signal waits for nothing."""
    stop = Stop()
    if current_thread() is not main_thread():
        yield stop
        return

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.is_asked:
            force()
        else:
            stop.ask(signal.Signals(number).name)
            signal.alarm(PATIENCE_S)

    def force(*_: Any) -> None:
        if not stop.is_closing:
            raise stop.error(is_forced=True)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, ask),
        signal.SIGTERM: signal.signal(signal.SIGTERM, ask),
        signal.SIGALRM: signal.signal(signal.SIGALRM, force),
    }
    try:
        yield stop
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)
