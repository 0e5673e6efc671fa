"""What one request says of one conversion to one platform.

Two equal statements: there is nothing new to tell. The ledger keeps the statement that was planned,
so a request that is repeated says the same again, word for word, whatever the deal or the
configuration have become meanwhile.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import NewType

from msgspec import Struct, field, structs

from convsync.model.click import ClickId
from convsync.model.consent import UNSPECIFIED, Consent
from convsync.model.customer import CustomerType
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.money import Money
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


_ORDER_ID = re.compile(r"cs-[0-9a-f]{32}")


def is_order_id(text: str) -> bool:
    """True for a text that `order_id_of` may have returned."""
    return _ORDER_ID.fullmatch(text) is not None


class Operation(StrEnum):
    """What a request does with a conversion."""

    COUNT = "count"
    RESTATE = "restate"
    RETRACT = "retract"


class Extras(Struct, frozen=True, kw_only=True):
    """What a statement says beside its time, its value and its click ID: the fields of its own."""

    clicked_at: datetime | None = None
    identifiers: Identifiers = NO_IDENTIFIERS
    consent: Consent = UNSPECIFIED
    customer_type: CustomerType | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


class Statement(Struct, frozen=True, kw_only=True, gc=False):
    """All that a request says of a conversion. `event_at` is aware UTC and never in the future.

    `click_id` is None for a conversion known by hashed identifiers alone; `clicked_at` is when it
    was clicked, said only to a platform that asks. `variables` are custom variables by name.
    """

    order_id: OrderId
    action: ConversionAction
    operation: Operation
    event_at: datetime
    value: Money
    click_id: ClickId | None = None
    clicked_at: datetime | None = None
    identifiers: Identifiers = NO_IDENTIFIERS
    consent: Consent = UNSPECIFIED
    customer_type: CustomerType | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_silent_about_a_person(self) -> bool:
        """True where it says nothing of the person behind the conversion."""
        is_silent = not self.identifiers and self.customer_type is None
        return is_silent and self.consent == UNSPECIFIED

    def corrected(self, operation: Operation, value: Money) -> "Statement":
        """Return the statement that gives the same conversion another value, or takes it back."""
        return structs.replace(self, operation=operation, value=value)

    def without_person(self) -> "Statement":
        """Return the statement with nothing in it of the person, and no consent claimed."""
        return structs.replace(
            self,
            identifiers=NO_IDENTIFIERS,
            consent=UNSPECIFIED,
            customer_type=None,
            variables={},
        )


class Batch(Struct, frozen=True, kw_only=True):
    """Statements that go out in one request, all for one action.

    A batch whose answer never came is sent again word for word under the same number.
    """

    number: int
    action: ConversionAction
    statements: Sequence[Statement]
