"""The older part of the audit log in a file: every event in the very bytes its digest covers.

JSON lines, one event a line: what `audit list` shows of one, `at` in full, `detail` as the text
that was digested, and the digest. The first line says which event came before, so that the file can
be checked with nothing else at hand, and chained to the one that was sealed before it.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from msgspec.json import Decoder, encode

from convsync.errors import OperatorError
from convsync.model.chain import Head, LoggedEvent, chained
from convsync.process.private_file import replacing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMAT = "convsync sealed audit log"
_DECODED = Decoder().decode

OnEvent = Callable[[LoggedEvent, bytes], None]


def ignore_event(_logged: LoggedEvent, _digest: bytes) -> None:
    """Do nothing: what listens where only the chain is to be checked."""


@dataclass(slots=True, kw_only=True)
class Content:
    """What such a file holds: events after `before` up to `last`, and how many of each kind."""

    before: Head
    last: Head
    sha256: str = ""
    kinds: dict[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def events(self) -> int:
        """Return how many there are."""
        return self.last.number - self.before.number


def write(path: Path, before: Head, events: Iterable[tuple[LoggedEvent, bytes]]) -> None:
    """Write the file, mode 0600, on the disk when this returns.

    Raises OperatorError where there is such a file already, or where it cannot be written.
    """
    if path.exists():
        raise OperatorError(f"{path} exists, and a sealed log is not written over. Name another.")
    try:
        with replacing(path) as file:
            file.write(json.dumps({"format": _FORMAT, "before": str(before)}) + "\n")
            for logged, digest in events:
                file.write(_line(logged, digest) + "\n")
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror or error}.") from None


def _line(logged: LoggedEvent, digest: bytes) -> str:
    at = _EPOCH + timedelta(microseconds=logged.at)
    said = {**logged._asdict(), "at": at.isoformat(), "digest": digest.hex()}
    return encode({name: value for name, value in said.items() if value is not None}).decode()


def read(
    path: Path, *, key: bytes | None, keyed_since: int | None, on_event: OnEvent = ignore_event
) -> Content:
    """Compute the whole chain of a file anew, which may have been compressed by gzip since.

    `on_event` hears of each event. Raises OperatorError, with the line, where one is not as it was
    written. The digest of the content is that of the lines, not of the compressed file.
    """
    digest = sha256()
    with _opened(path) as file:
        lines = _digested(file, digest.update)
        before = _first_line(path, next(lines, b""))
        content = Content(before=before, last=before)
        for number, line in enumerate(lines, start=2):
            logged, said = _event_in(path, number, line)
            is_keyed = keyed_since is not None and logged.number >= keyed_since
            of_event = chained(content.last.digest, logged, key if is_keyed else None)
            if (logged.number, said) != (content.last.number + 1, of_event):
                _refuse(path, f"line {number} is not event {content.last.number + 1} as written")
            content.last = Head(logged.number, of_event)
            content.kinds[logged.event] = content.kinds.get(logged.event, 0) + 1
            content.last_at = _EPOCH + timedelta(microseconds=logged.at)
            content.first_at = content.first_at or content.last_at
            on_event(logged, of_event)
    content.sha256 = digest.hexdigest()
    return content


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    try:
        with path.open("rb") as plain:
            is_compressed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            if is_compressed:
                with gzip.open(plain) as unpacked:
                    yield unpacked
            else:
                yield plain
    except (OSError, EOFError) as error:
        raise OperatorError(f"{path} cannot be read: {error}.") from None


def _digested(file: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for line in file:
        update(line)
        yield line


def _first_line(path: Path, line: bytes) -> Head:
    try:
        said = _DECODED(line)
        is_ours, before = said["format"] == _FORMAT, Head.parse(said["before"])
    except (ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        _refuse(path, "its first line is not that of a sealed audit log")
    return before


def _event_in(path: Path, number: int, line: bytes) -> tuple[LoggedEvent, bytes]:
    try:
        said: Mapping[str, Any] = _DECODED(line)
        fields: dict[str, Any] = {name: said.get(name) for name in LoggedEvent._fields}
        fields["at"] = (datetime.fromisoformat(said["at"]) - _EPOCH) // timedelta(microseconds=1)
        return LoggedEvent(**fields), bytes.fromhex(said["digest"])
    except (ValueError, KeyError, TypeError, AttributeError):
        _refuse(path, f"line {number} is not an event")


def _refuse(path: Path, problem: str) -> NoReturn:
    raise OperatorError(f"{path} is not what was sealed: {problem}. Look for a copy of it.")
