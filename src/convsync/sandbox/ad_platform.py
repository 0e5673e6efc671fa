"""Everything the sandbox knows, in one place: whichever API is called, these are the same books."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from convsync.sandbox.books import Books
from convsync.sandbox.clock import SandboxClock
from convsync.sandbox.faults import FaultPlan
from convsync.sandbox.receipts import Receipts
from convsync.sandbox.rules import Action

PROCESSING_TAKES = timedelta(minutes=30)


def _receipts() -> Receipts:
    return Receipts(processing_takes=PROCESSING_TAKES)


@dataclass(slots=True, kw_only=True)
class AdPlatform:
    """The platform's state.

    `actions` are the conversion actions that exist, by ID; while there are none, any will do.
    `verdicts` say which identifiers are refused after ingestion, and why.
    """

    clock: SandboxClock = field(default_factory=SandboxClock)
    actions: dict[str, Action] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    faults: FaultPlan = field(default_factory=FaultPlan)
    books: Books = field(default_factory=Books)
    receipts: Receipts = field(default_factory=_receipts)

    def set_actions(self, actions: Iterable[Action]) -> None:
        """From now on exactly these conversion actions exist."""
        self.actions = {action.id: action for action in actions}

    def reset(self) -> None:
        """As it was at the start."""
        self.clock.set(None)
        self.set_actions(())
        self.verdicts = {}
        self.faults.clear()
        self.receipts.clear()
        self.books.clear()
