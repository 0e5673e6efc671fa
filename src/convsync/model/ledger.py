"""The ledger's words: what we may have told the platform about a conversion, and what comes next.

The states and the arrows between them are those of the design; `LedgerEntry` is one row. A
correction goes the same road as the first report, with `operation` saying which it is, and `told`
keeps what the platform is known to have counted meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from convsync.model.click import ClickId
from convsync.model.conversion import Conversion, Operation, OrderId
from convsync.model.money import Money
from convsync.model.outcome import Matched, Reason
from convsync.model.rule import ConversionAction


class State(StrEnum):
    """Where a conversion is on its road."""

    PLANNED = "planned"
    HELD = "held"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    CONFIRMED = "confirmed"
    NOT_SENT = "not_sent"


ARROWS: dict[State, frozenset[State]] = {
    State.PLANNED: frozenset(
        {State.PLANNED, State.HELD, State.NOT_SENT, State.SENDING, State.CONFIRMED}
    ),
    State.HELD: frozenset({State.HELD, State.PLANNED, State.NOT_SENT}),
    State.NOT_SENT: frozenset({State.NOT_SENT, State.PLANNED, State.HELD}),
    State.SENDING: frozenset(
        {State.ACCEPTED, State.CONFIRMED, State.DEFERRED, State.REJECTED, State.PLANNED}
    ),
    State.ACCEPTED: frozenset({State.CONFIRMED, State.REJECTED, State.DEFERRED}),
    State.DEFERRED: frozenset(
        {
            State.SENDING,
            State.PLANNED,
            State.HELD,
            State.NOT_SENT,
            State.DEFERRED,
            State.CONFIRMED,
        }
    ),
    State.REJECTED: frozenset(
        {State.PLANNED, State.HELD, State.NOT_SENT, State.REJECTED, State.CONFIRMED}
    ),
    State.CONFIRMED: frozenset({State.PLANNED, State.CONFIRMED}),
}
"""The states that may follow each state; a correction no longer needed goes back to CONFIRMED."""

IN_FLIGHT = frozenset({State.SENDING, State.ACCEPTED})
"""States in which a conversion's content may not change: the platform is being told."""


class Account(StrEnum):
    """The three sides of the sum that every period must satisfy."""

    SENT = "sent"
    WAITING = "waiting"
    NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What the ledger holds of one milestone of one deal under one rule.

    `told` is the value the platform has confirmed, None while it has confirmed nothing; `value`,
    `matched` and `event_at` are what the next request says, or the last one said.
    """

    order_id: OrderId
    rule: str
    action: ConversionAction
    state: State
    operation: Operation = Operation.COUNT
    reason: Reason | None = None
    code: str = ""
    due_at: datetime | None = None
    value: Money | None = None
    told: Money | None = None
    matched: Matched | None = None
    event_at: datetime | None = None

    @property
    def keeps_its_click(self) -> bool:
        """True where the platform has been told of a click, or may be hearing of it right now."""
        return self.told is not None or self.state in IN_FLIGHT

    @property
    def has_been_counted(self) -> bool:
        """True once the platform has confirmed the conversion, whatever came after."""
        return self.told is not None

    def says_the_same_as(self, conversion: Conversion) -> bool:
        """True where sending `conversion` would tell the platform nothing new.

        Until a bare date's day is over its `event_at` moves with the clock, which is no news.
        """
        is_moving = conversion.event_at != conversion.milestone_at
        return (
            self.action == conversion.action
            and self.value == conversion.value
            and self.operation is conversion.operation
            and _click_id(self.matched) == _click_id(conversion.matched)
            and (is_moving or self.event_at == conversion.event_at)
        )


def _click_id(matched: Matched | None) -> ClickId | None:
    return None if matched is None or matched.click is None else matched.click.click_id
