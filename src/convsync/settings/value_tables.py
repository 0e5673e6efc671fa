"""How values are learned from the company's own deals."""

from pydantic import Field

from convsync.settings.values import Currency, Table, Words


class ValuesTable(Table):
    """What a lead is worth at each milestone: its chance of a sale, times what a sale brings.

    The chance is for a sale within `window_days`. `by` are segments, `source`, or the ad account's
    `campaign`, `ad_group`, `keyword`, `device`, each within the one before it; name first what
    differs most. What happened `half_life_days` ago counts half. Amounts are in `currency`, by
    default the company's.
    """

    by: Words = ()
    window_days: int = Field(default=90, ge=1, le=730)
    half_life_days: float = Field(default=365, ge=1, le=36_500)
    currency: Currency | None = None
