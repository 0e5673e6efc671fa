"""The sandbox's own time of day, so that a night, half an hour or fifty days can pass at once."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]


def machine_time() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


class SandboxClock:
    """Follows another clock until it is set; then stands still until it is set again."""

    def __init__(self, follows: Now = machine_time) -> None:
        self._follows = follows
        self._frozen_at: datetime | None = None

    @property
    def is_frozen(self) -> bool:
        """Whether time stands still."""
        return self._frozen_at is not None

    def now(self) -> datetime:
        """The time it is in the sandbox, aware and in UTC."""
        return self._frozen_at or self._follows().astimezone(UTC)

    def set(self, at: datetime | None) -> None:
        """Stand still at `at`; `None` follows the other clock again."""
        if at is not None and at.tzinfo is None:
            raise ValueError(f"{at.isoformat()} has no time zone: add Z or an offset")
        self._frozen_at = at and at.astimezone(UTC)


def rfc3339(at: datetime) -> str:
    """An instant as Google's JSON spells it: `2026-01-01T02:00:00Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
