"""Standard output and standard error while a command runs: clean, and never the reason it dies.

Whatever is printed passes here, so that nothing from a CRM reaches a terminal as an escape, whoever
prints it. Only colours that convsync itself has set pass, by marks that nobody else can know.

Where nobody reads on (`| head`), or standard output was closed from the start, a command goes on in
silence and ends with its own exit code: a night is not given up because its log was. Where nothing
more can be written, on a full disk, it says so at its end, and 0 becomes 1.
"""

import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from convsync.plain_text import plain

_MARK = f"\ue000{secrets.token_hex(8)}"
_CODES: Mapping[str, str] = {
    "green": "32",
    "yellow": "33",
    "red": "31",
    "bold": "1",
    "end": "0",
}
COLOURS = {
    "confirmed": "green",
    "accepted": "green",
    "OK": "green",
    "WAITING": "green",
    "rejected": "red",
    "FAILED": "red",
    "blocked": "yellow",
    "deferred": "yellow",
    "LOOK": "yellow",
}
"""The colour of a state, and of how a run ended."""
_MARKED = re.compile(rf"{_MARK}({'|'.join(_CODES)});")


def marked(text: str, colour: str) -> str:
    """Return a text that an outlet shows in a colour of `_CODES`."""
    return f"{_MARK}{colour};{text}{_MARK}end;"


class Outlet:
    """A standard stream that strips what is printed, and keeps its first failure to itself.

    What else a stream can do is done by the stream itself.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text without escapes, but with our own colours."""
        self.write_as_it_is(_MARKED.sub(lambda mark: f"\x1b[{_CODES[mark[1]]}m", plain(text)))
        return len(text)

    def write_as_it_is(self, text: str) -> int:
        """Write a text whose escapes are meant, such as a table's that was drawn here."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what has been written."""
        self._try(self._stream.flush)

    def _try(self, act: Callable[[], object]) -> None:
        if self.failure is not None:
            return
        try:
            act()
        except OSError as error:
            self.failure = error
            self._let_go()

    def _let_go(self) -> None:
        """Let what is still in the stream's buffer go nowhere, or Python's end would fail on it."""
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    @property
    def is_gone(self) -> bool:
        """True where nobody reads on, or nothing more can be written."""
        return self.failure is not None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Drawing:
    """An outlet for those who draw with escapes of their own, and hand in clean text."""

    def __init__(self, outlet: TextIO | Outlet) -> None:
        self._outlet = outlet

    def write(self, text: str) -> int:
        """Write a text as it is."""
        if isinstance(self._outlet, Outlet):
            return self._outlet.write_as_it_is(text)
        return self._outlet.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outlet, name)


@contextmanager
def guarded() -> Iterator[Outlet]:
    """Put outlets in the place of both streams; yield that of standard output."""
    before = sys.stdout, sys.stderr
    out, err = Outlet(_there(sys.stdout)), Outlet(_there(sys.stderr))
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _there(stream: TextIO | None) -> TextIO:
    """Return a stream that can be written to: one that was closed from the start is None."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, Outlet):
        return stream
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def what_was_lost(out: Outlet) -> str | None:
    """Return what to say where not all could be written; None where all was, or nobody reads on."""
    if out.failure is None or isinstance(out.failure, BrokenPipeError):
        return None
    return (
        f"Standard output cannot be written: {out.failure.strerror}. What was printed is not"
        " complete; what the command has done is done. Make room, or write to another place."
    )
