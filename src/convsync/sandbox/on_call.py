"""Whoever is on call: hears alerts at a webhook, and pings as a dead man's switch does.

Both keep what came, in its order, so that a test and a newcomer can read it: `POST /webhook` takes
the JSON that Apprise's `json://` sends, `POST /ping`, `/ping/start`, `/ping/fail` and `/ping/log`
take what healthchecks.io takes.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardPing:
    """One ping: what stood after /ping, and the text that came with it."""

    what: str
    text: str


@dataclass(slots=True, kw_only=True)
class OnCall:
    """What was heard. While they `refuse`, both answer 503 and hear nothing."""

    alerts: list[dict[str, Any]] = field(default_factory=list)
    pings: list[HeardPing] = field(default_factory=list)
    refuses: bool = False

    def clear(self) -> None:
        """Forget it, and listen."""
        self.alerts.clear()
        self.pings.clear()
        self.refuses = False
