"""How far a file has been read, so that the next read starts there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMark:
    """A place in a file behind which all was read, and by what the file is known again.

    `digest` stands for the first `offset` bytes, which are `lines` lines; `reading` for all that
    decides how a row is read. `status` is that of the file when it was read to its end, None where
    it was not.
    """

    path: str
    reading: bytes
    offset: int
    lines: int
    digest: bytes
    status: str | None = None
