"""The ledger's words: what we may have told the platform about a conversion, and what comes next.

The states and the arrows between them are those of the design; `LedgerEntry` is one row. A
correction goes the same road as the first report, with `operation` saying which it is, and `told`
keeps what the platform is known to have counted meanwhile. Where an answer was lost and the repeat
of its request was not taken, the platform may count something else: such an entry is unsure until
the platform has confirmed what it counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from convsync.model.click import ClickId
from convsync.model.consent import UNSPECIFIED, Consent
from convsync.model.conversion import Conversion, Operation, OrderId
from convsync.model.customer import CustomerType
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
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

    `told` is the value the platform has confirmed, None while it has confirmed nothing;
    `is_unsure` where it may count another one, or any. `value`, `matched` and `event_at` are what
    the next request says, or the last one said; so are `identifiers`, `consent`, `customer_type`
    and `variables`, but only of what may go out again: what is unanswered, put off or refused.
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
    is_unsure: bool = False
    matched: Matched | None = None
    event_at: datetime | None = None
    identifiers: Identifiers = NO_IDENTIFIERS
    consent: Consent = UNSPECIFIED
    customer_type: CustomerType | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def keeps_its_click(self) -> bool:
        """True where the platform has been told of a click, or may be hearing of it right now."""
        return self.told is not None or self.state in IN_FLIGHT

    @property
    def has_been_counted(self) -> bool:
        """True once the platform has confirmed the conversion, whatever came after."""
        return self.told is not None

    @property
    def may_count_otherwise(self) -> bool:
        """True where the platform may count something else than told, and is not being asked."""
        return self.is_unsure and self.state not in IN_FLIGHT

    @property
    def is_silent_about_a_person(self) -> bool:
        """True where a request says nothing of the person behind it."""
        is_silent = not self.identifiers and self.customer_type is None
        return is_silent and self.consent == UNSPECIFIED

    def taken_back(self) -> "LedgerEntry":
        """Return the entry back in the plan: what it said is not to be said again.

        Where it was never answered, the platform may have heard it.
        """
        is_unsure = self.is_unsure or self.state is State.SENDING
        return replace(self, state=State.PLANNED, is_unsure=is_unsure)

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
            and self.identifiers == conversion.identifiers
            and self.consent == conversion.consent
            and self.customer_type is conversion.customer_type
            and self.variables == conversion.variables
        )


def _click_id(matched: Matched | None) -> ClickId | None:
    return None if matched is None or matched.click is None else matched.click.click_id
