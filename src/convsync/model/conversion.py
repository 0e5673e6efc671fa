"""An offline conversion: one milestone of one deal under one rule, with all that is sent of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import NewType

from convsync.model.consent import UNSPECIFIED, Consent
from convsync.model.customer import CustomerType
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.money import Money
from convsync.model.outcome import Matched
from convsync.model.rule import ConversionAction

OrderId = NewType("OrderId", str)


def order_id_of(source: str, deal_id: str, rule: str) -> OrderId:
    """Return the stable name of a conversion, the platform's `transaction_id` or `order_id`.

    The same for ever for the same three names; 35 characters, never purely numeric (the Data
    Manager API refuses those), and a digest, so that a CRM which names deals after people tells the
    platform nothing.
    """
    name = f"{source}\0{deal_id}\0{rule}".encode()
    return OrderId("cs-" + blake2b(name, digest_size=16).hexdigest())


class Operation(StrEnum):
    """What a request does with a conversion."""

    COUNT = "count"
    RESTATE = "restate"
    RETRACT = "retract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What the platform should count. Times are aware UTC; `event_at` is never in the future.

    `milestone_at` is when the milestone was reached (for a bare date: the day's last second),
    `event_at` the time that is sent. `put_off_for` is the code for which the platform has put it
    off before, if it has.
    """

    order_id: OrderId
    source: str
    deal_id: str
    rule: str
    action: ConversionAction
    milestone: str
    milestone_at: datetime
    event_at: datetime
    value: Money
    matched: Matched
    operation: Operation = Operation.COUNT
    identifiers: Identifiers = NO_IDENTIFIERS
    consent: Consent = UNSPECIFIED
    customer_type: CustomerType | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    time_to_close: timedelta | None = None
    put_off_for: str = ""

    @property
    def time_to_milestone(self) -> timedelta | None:
        """Return the time from the matched click to the milestone, None without a click time."""
        if self.matched.clicked_at is None:
            return None
        return self.milestone_at - self.matched.clicked_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Conversions that go out in one request, all for one action.

    A batch whose answer never came is sent again word for word under the same number.
    """

    number: int
    action: ConversionAction
    conversions: Sequence[Conversion]
