"""`click_view`: each click of one day with its campaign, ad group, keyword, device and place.

A query has to name one day, at most 90 days back, in the account's calendar; app campaigns for
installs and pre-registration have no gclids there.
https://developers.google.com/google-ads/api/fields/v26/click_view
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from convsync.model.ad_click import AdClick
from convsync.upload.google.enum_words import enum_word

DAYS_BACK = timedelta(days=90)

FIELDS: Sequence[str] = (
    "click_view.gclid",
    "click_view.keyword_info.text",
    "click_view.keyword_info.match_type",
    "click_view.location_of_presence.most_specific",
    "click_view.user_list",
    "campaign.id",
    "campaign.name",
    "ad_group.id",
    "ad_group.name",
    "segments.date",
    "segments.device",
)
"""What is read of each click; the same in every version of the API that there is."""

_NOT_SAID = frozenset({"UNSPECIFIED", "UNKNOWN"})


def query_of_day(day: date) -> str:
    """Return the GAQL that reads the clicks of one day."""
    fields = ", ".join(FIELDS)
    return f"SELECT {fields} FROM click_view WHERE segments.date = '{day}'"  # noqa: S608 - a date


def ad_click_of(row: Any, day: date) -> AdClick:
    """Return the click in a raw row of that query."""
    view = row.click_view
    return AdClick(
        gclid=view.gclid,
        clicked_on=day,
        campaign_id=_id(row.campaign),
        campaign=row.campaign.name,
        ad_group_id=_id(row.ad_group),
        ad_group=row.ad_group.name,
        keyword=view.keyword_info.text,
        match_type=_word(view.keyword_info, "match_type"),
        device=_word(row.segments, "device"),
        location=view.location_of_presence.most_specific.rpartition("/")[2],
        audience=view.user_list.rpartition("/")[2],
    )


def _id(resource: Any) -> str:
    return str(resource.id) if resource.id else ""


def _word(message: Any, field: str) -> str:
    """Return an enum's value, empty where it says nothing."""
    word = enum_word(message, field)
    return "" if word in _NOT_SAID else word
