"""Times that PostgreSQL has but Python has not, as text: a bad row, not a broken read."""

from collections.abc import Mapping
from typing import Any, Final

from psycopg import DataError
from psycopg.abc import Buffer, Loader
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader


def _lenient(strict: Any) -> type[Loader]:
    """Return a loader that hands on as text what the strict one cannot read."""

    class Lenient(strict):  # type: ignore[misc]
        def load(self, data: Buffer) -> Any:
            try:
                return super().load(data)
            except DataError:
                return bytes(data).decode()

    return Lenient


LENIENT: Final[Mapping[str, type[Loader]]] = {
    "date": _lenient(DateLoader),
    "timestamp": _lenient(TimestampLoader),
    "timestamptz": _lenient(TimestamptzLoader),
}
"""By the names of PostgreSQL's types."""
