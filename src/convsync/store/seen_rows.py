"""Which rows a complete read has seen: what was not among them is gone from the source."""

from collections.abc import Iterator, Sequence


class Seen:
    """A set of row numbers in one byte each, so that a million deals take 1 MB."""

    def __init__(self) -> None:
        self._noted = bytearray(1)

    def add(self, rows: Sequence[int]) -> None:
        """Note rows as seen."""
        self._reach(max(rows, default=0) + 1)
        noted = self._noted
        for row in rows:
            noted[row] = 1

    def __contains__(self, row: int) -> bool:
        return row < len(self._noted) and self._noted[row] == 1

    def unseen(self, before: int) -> Iterator[int]:
        """Yield the rows from 1 up to `before` that were not noted, in order."""
        self._reach(before)
        row = 0
        while (row := self._noted.find(0, row + 1, before)) != -1:
            yield row

    def _reach(self, length: int) -> None:
        if length > len(self._noted):
            self._noted.extend(bytes(length + 4096 - len(self._noted)))
