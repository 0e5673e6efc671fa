"""What the ad platform charged for clicks in a day, and what it counted for them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct


class CostView(StrEnum):
    """In which way a day's costs are told apart. Only campaigns hold all of them."""

    CAMPAIGN = "campaign"
    AD_GROUP = "ad_group"
    KEYWORD = "keyword"
    LOCATION = "location"
    AUDIENCE = "audience"


class AdCost(Struct, frozen=True, kw_only=True):
    """What was spent in a day on something of the account, in the account's currency.

    `day` is the account's. Texts are the platform's, and empty where a view does not tell them.
    `item` is the keyword, or the platform's ID of the place or the audience.
    """

    view: CostView
    day: date
    campaign_id: str = ""
    campaign: str = ""
    ad_group_id: str = ""
    ad_group: str = ""
    item: str = ""
    match_type: str = ""
    device: str = ""
    cost: Decimal
    clicks: int
    impressions: int


class AdResult(Struct, frozen=True, kw_only=True):
    """What the platform counts of one conversion action for a campaign's clicks of a day.

    It may count parts of a conversion; the value is in the account's currency.
    """

    day: date
    campaign_id: str
    campaign: str
    action_id: str
    action: str
    conversions: float
    value: Decimal


AD_SEGMENTS = ("campaign", "ad_group", "keyword", "device")
"""What may stand among segments for where in the ad account a deal began."""


class Place(Struct, frozen=True, kw_only=True):
    """Where in an ad account a click or a cost belongs; empty where that is not known.

    `location` and `audience` are the platform's IDs.
    """

    campaign_id: str = ""
    campaign: str = ""
    ad_group_id: str = ""
    ad_group: str = ""
    keyword: str = ""
    match_type: str = ""
    device: str = ""
    location: str = ""
    audience: str = ""

    def as_segments(self) -> Mapping[str, str]:
        """Return what of it is known, by the names that a deal's segments have for it."""
        told = {name: getattr(self, name) for name in AD_SEGMENTS}
        return {name: value for name, value in told.items() if value}
