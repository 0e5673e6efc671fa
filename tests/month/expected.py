"""Which alerts a night should bring: a small model of states that begin and end, by the script."""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.month.script import MISTAKES, ZONE, Night

NOTICE = timedelta(days=14)


@dataclass(slots=True, kw_only=True)
class Alerts:
    """The states that people know of, and what tonight should tell them."""

    token_ends: date
    known: set[str] = field(default_factory=set)
    new: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Begin a night in which nothing was told yet."""
        self.new.clear()
        self.ended.clear()

    def look(self, states: Set[str]) -> None:
        """Let somebody look: what they do not know is told, and what they know and is over."""
        self.new.update(states - self.known)
        self.ended.update(self.known - states)
        self.known = set(states)

    def lasting(self, night: Night, unreadable: int) -> set[str]:
        """Return the states that no run of tonight begins or ends."""
        today = night.due.astimezone(ZONE).date()
        is_ending = self.token_ends - today <= NOTICE
        return ({"expiring"} if is_ending else set()) | ({"unreadable"} if unreadable else set())

    def tell_of_mistake(self, night: Night) -> None:
        """Tell of a wrong setting; where it hides the ledger, nothing is remembered of it."""
        state = MISTAKES[night.mistake].is_told_by
        if state == "failed":
            self.look(self.known | {state})
        else:
            self.new[state] += 1
