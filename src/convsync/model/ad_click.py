"""What the ad platform says of one of its clicks: which campaign and keyword it came by."""

from datetime import date

from msgspec import Struct


class AdClick(Struct, frozen=True, kw_only=True):
    """A gclid and its place in the ad account; texts are the platform's, empty where it has none.

    `clicked_on` is the day in the account's calendar. `keyword` is empty for what is not a search;
    `location` is the platform's ID of the most exact place of the person's that it names,
    `audience` that of the list of users that the person was shown the ad as one of.
    """

    gclid: str
    clicked_on: date
    campaign_id: str = ""
    campaign: str = ""
    ad_group_id: str = ""
    ad_group: str = ""
    keyword: str = ""
    match_type: str = ""
    device: str = ""
    location: str = ""
    audience: str = ""
