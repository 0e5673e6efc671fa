"""A text file in blocks of whole lines, and how far it has been read: in bytes, lines and a digest.

A block is some thousand lines, so that what is done once a block costs nothing a line. Encodings in
which a line does not end with the byte 10 (UTF-16) have no blocks.
"""

import io
import os
from collections import deque
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from convsync.errors import OperatorError, TransientError

SIZE = 1 << 21
_TICK_S = 2.0


class Blocks:
    """The blocks of a file that is open. Iterating hands out lines, block after block.

    `offset` counts the bytes that were taken, `lines` the lines handed out or passed over.
    `is_in_a_line` says that what was taken ends without a line break, `has_ended` that the end was
    come to: what is added behind it meanwhile is left to another read.
    """

    def __init__(self, file: BinaryIO, path: Path, encoding: str, size: int = SIZE) -> None:
        self.encoding = encoding
        self.offset = 0
        self.lines = 0
        self._file = file
        self._path = path
        self._size = size
        self._hash = _new_hash()
        self._pending: deque[str] = deque()
        self._tail = b""  # behind the last line break of the file
        self.is_in_a_line = False
        self.has_ended = False

    def __iter__(self) -> "Blocks":
        return self

    def __next__(self) -> str:
        while not self._pending:
            if not (text := self.take()):
                raise StopIteration
            self.put_back(text)
        self.lines += 1
        return self._pending.popleft()

    @property
    def has_lines(self) -> bool:
        """True where lines of the last block have not been handed out."""
        return bool(self._pending)

    @property
    def digest(self) -> bytes:
        """Return what stands for the bytes that were taken."""
        return self._hash.digest()

    def fileno(self) -> int:
        """Return the open file's number."""
        return self._file.fileno()

    def take(self) -> str:
        """Return the next block, "" at the end; a last line that has no end is one of its own."""
        data = b"" if self.has_ended else self._tail or self._read()
        self._tail = b""
        if not data:
            self.has_ended = True
            return ""
        if not data.endswith(b"\n") and b"\n" in data:
            whole = data.rindex(b"\n") + 1
            data, self._tail = data[:whole], data[whole:]
        text = self._decoded(data)
        self.offset += len(data)
        self._hash.update(data)
        self.is_in_a_line = not data.endswith(b"\n")
        return text

    def rest(self) -> str:
        """Return the lines of the last block that have not been handed out."""
        text = "".join(self._pending)
        self._pending.clear()
        return text

    def pass_over(self, lines: int) -> None:
        """Count lines of a block that were not handed out."""
        self.lines += lines

    def put_back(self, text: str) -> None:
        """Hand the lines of a block out one by one, ended as the file ends them."""
        self._pending.extend(io.StringIO(text, newline=""))

    def go_on_behind(self, offset: int, lines: int, digest: bytes) -> bool:
        """Move on behind the first bytes, if the digest is theirs; False, and nothing, if not."""
        hash_ = _new_hash()
        self._file.seek(0)
        left = offset
        while left and (data := self._file.read(min(SIZE, left))):
            hash_.update(data)
            left -= len(data)
        if left or hash_.digest() != digest:
            self._file.seek(self.offset + len(self._tail))
            return False
        self._pending.clear()
        self._tail = b""
        self._hash, self.offset, self.lines = hash_, offset, lines
        return True

    def _read(self) -> bytes:
        try:
            data = self._file.read(self._size)
            return data if data.endswith(b"\n") else data + self._file.readline()
        except OSError as error:
            raise TransientError(
                f"{self._path} could not be read beyond line {self.lines}: {error.strerror}."
                " Run again."
            ) from None

    def _decoded(self, data: bytes) -> str:
        codec = self.encoding
        if codec == "utf-8-sig" and self.offset:
            codec = "utf-8"
        try:
            return data.decode(codec, "surrogateescape")
        except UnicodeError:
            raise OperatorError(
                f"{self._path}:{self.lines + 1} is not valid {codec}; set the source's encoding"
            ) from None


def ends_lines_with_a_byte(encoding: str) -> bool:
    """True for encodings in which the byte 10 is the end of a line, and nothing else."""
    return encoding == "utf-8-sig" or "\n".encode(encoding) == b"\n"


def status_of(stat: os.stat_result, read_at: float) -> str | None:
    """Return what of a file's status changes whenever somebody writes to it or replaces it.

    None where that was a moment before it was read: file systems stamp in ticks, and what is
    written within the same one would show no difference.
    """
    if read_at - max(stat.st_mtime, stat.st_ctime) < _TICK_S:
        return None
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def _new_hash() -> blake2b:
    return blake2b(digest_size=32)
