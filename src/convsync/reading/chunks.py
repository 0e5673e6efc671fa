"""The unit of one transaction: the records of a source, in chunks of limited size."""

from collections.abc import Generator, Iterable

from convsync.errors import ConvsyncError
from convsync.extract.source import Pause, Record, Unchanged

CHUNK = 2_000
"""How many records are worked on in one transaction; memory grows with it."""
UNCHANGED_A_CHUNK = 20_000
"""How many deals are passed over in one, which costs little; a window on digests is wider."""


def chunked(records: Iterable[Record | Pause]) -> Generator[tuple[list[Record], bool]]:
    """Yield chunks, and whether each is the last, which may be empty; a pause ends one.

    Nothing is read beyond a chunk before it is worked on: what is known of unchanged rows may be
    different then.

    Where reading stops with an error, what was read before it is yielded first: a CRM's daily limit
    must not cost what it has already given. Closing this closes a source that reads ahead.
    """
    chunk: list[Record] = []
    unchanged = 0
    try:
        for record in records:
            if isinstance(record, Pause):
                yield chunk, False
                chunk, unchanged = [], 0
                continue
            chunk.append(record)
            if isinstance(record, Unchanged):
                unchanged += len(record.deal_rows)
            if len(chunk) == CHUNK or unchanged >= UNCHANGED_A_CHUNK:
                yield chunk, False
                chunk, unchanged = [], 0
    except ConvsyncError:
        yield chunk, False
        raise
    except GeneratorExit:
        if isinstance(records, Generator):
            records.close()
        raise
    yield chunk, True


def records_in(record: Record) -> int:
    """Return how many records of the source one stands for."""
    return len(record.deal_rows) if isinstance(record, Unchanged) else 1
