"""The tables of audiences: who is kept on which list of an ad account."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from convsync.model.audience import Standing
from convsync.settings.values import Currency, Days, Table, Words

LONGEST_MEMBERSHIP = 540
"""Days; Google cut longer ones, and refuses them.

https://developers.google.com/ads/blog/posts/2025/02/update-to-customer-match-membership
"""


def _one_or_several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


States = Annotated[tuple[Standing, ...], BeforeValidator(_one_or_several)]
ASKS = (
    *("state", "stage", "reached", "not_reached", "when", "since_days", "until_days"),
    *("untouched_days", "amount_at_least", "score_at_least", "score_below"),
)
"""The keys that say which deals an audience is of."""


class AudienceTable(Table):
    """People kept as a Customer Match list: those behind the deals that meet every condition.

    `stage` is the furthest milestone of a deal, `since_days` and `until_days` how long ago it
    reached its last one, a loss included, and `untouched_days` how long it has been unchanged in
    the CRM. The scores bound the chance that an open deal is won, by the accepted version of the
    learned values. `but_not` names audiences whose people are left out. `display_name` is the
    list's name at the platform; members who are no longer added leave it after `membership_days`.
    """

    destination: str | None = None
    display_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    definition: Annotated[str, Field(max_length=400)] = ""
    state: States = ()
    stage: Words = ()
    reached: Words = ()
    not_reached: Words = ()
    when: dict[str, Annotated[Words, Field(min_length=1)]] = Field(default_factory=dict)
    since_days: Days | None = None
    until_days: Days | None = None
    untouched_days: Days | None = None
    amount_at_least: Decimal | None = Field(default=None, gt=0)
    currency: Currency | None = None
    score_at_least: float | None = Field(default=None, gt=0, le=1)
    score_below: float | None = Field(default=None, gt=0, le=1)
    but_not: Words = ()
    membership_days: int = Field(default=90, ge=2, le=LONGEST_MEMBERSHIP)

    @model_validator(mode="after")
    def _asks_for_something(self) -> "AudienceTable":
        if not any(getattr(self, key) for key in ASKS):
            raise ValueError(f"nothing says who is in it; write one of {', '.join(ASKS)}")
        if (self.amount_at_least is None) != (self.currency is None):
            raise ValueError("amount_at_least and currency go together: write both, or neither")
        if self.since_days and self.until_days and self.until_days < self.since_days:
            raise ValueError("until_days lies before since_days, so nobody would be in it")
        return self
