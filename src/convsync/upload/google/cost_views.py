"""What an account spent by day, and what Google counts for it: the queries, and their rows read.

Costs hang on campaigns; ad groups, keywords, places and audiences each tell apart a part of them.
Conversions are those of the actions, dated to the day of the click: so both are of the same clicks.
A segment of conversions cannot be selected with costs, so they are a query of their own.
https://developers.google.com/google-ads/api/docs/conversions/reporting
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.upload.google.enum_words import enum_word

_METRICS = ("segments.date", "metrics.cost_micros", "metrics.clicks", "metrics.impressions")
_CAMPAIGN = ("campaign.id", "campaign.name")
_AD_GROUP = ("ad_group.id", "ad_group.name")
_PLACE = "segments.geo_target_most_specific_location"
_KEYWORD = "ad_group_criterion.keyword"
_GROUPS_LIST = "ad_group_criterion.user_list.user_list"
_CAMPAIGNS_LIST = "campaign_criterion.user_list.user_list"
_NOT_SAID = frozenset({"UNSPECIFIED", "UNKNOWN"})


class NameQuery(NamedTuple):
    """The resource that has the names of a view's items, and its field for them."""

    resource: str
    name: str

    @property
    def fields(self) -> Sequence[str]:
        """Return what is selected."""
        return f"{self.resource}.id", f"{self.resource}.{self.name}"

    def text(self, ids: Sequence[str]) -> str:
        """Return the GAQL that reads the names of items, by their numbers."""
        return (
            f"SELECT {', '.join(self.fields)} FROM {self.resource}"  # noqa: S608 - numbers
            f" WHERE {self.resource}.id IN ({', '.join(map(str, map(int, ids)))})"
        )

    def name_in(self, row: Any) -> tuple[str, str]:
        """Return the ID and the name in a raw row."""
        message = getattr(row, self.resource)
        return str(message.id), str(getattr(message, self.name))


NAMES: Mapping[CostView, NameQuery] = {
    CostView.LOCATION: NameQuery("geo_target_constant", "canonical_name"),
    CostView.AUDIENCE: NameQuery("user_list", "name"),
}


class CostQuery(NamedTuple):
    """A resource, what is selected of it, and a condition besides the days."""

    resource: str
    fields: Sequence[str]
    condition: str = ""

    def text(self, first: date, last: date) -> str:
        """Return the GAQL that reads these days."""
        return (
            f"SELECT {', '.join(self.fields)} FROM {self.resource}"  # noqa: S608 - constants
            f" WHERE segments.date BETWEEN '{first}' AND '{last}'{self.condition}"
        )


COSTS: Mapping[CostView, Sequence[CostQuery]] = {
    CostView.CAMPAIGN: [CostQuery("campaign", (*_CAMPAIGN, "segments.device", *_METRICS))],
    CostView.AD_GROUP: [CostQuery("ad_group", (*_CAMPAIGN, *_AD_GROUP, *_METRICS))],
    CostView.KEYWORD: [
        CostQuery(
            "keyword_view",
            (*_CAMPAIGN, *_AD_GROUP, f"{_KEYWORD}.text", f"{_KEYWORD}.match_type", *_METRICS),
        )
    ],
    CostView.LOCATION: [
        CostQuery(
            "geographic_view",
            (_PLACE, *_METRICS),
            " AND geographic_view.location_type = 'LOCATION_OF_PRESENCE'",
        )
    ],
    CostView.AUDIENCE: [
        CostQuery("ad_group_audience_view", (_GROUPS_LIST, *_METRICS)),
        CostQuery("campaign_audience_view", (_CAMPAIGNS_LIST, *_METRICS)),
    ],
}
"""What is read for each view. An audience belongs to an ad group or to a campaign."""

RESULTS = CostQuery(
    "campaign",
    (
        *_CAMPAIGN,
        "segments.date",
        "segments.conversion_action",
        "segments.conversion_action_name",
        "metrics.all_conversions",
        "metrics.all_conversions_value",
    ),
)


def cost_of(view: CostView, row: Any) -> AdCost:
    """Return what a raw row of one of the view's queries says."""
    keyword = row.ad_group_criterion.keyword
    return AdCost(
        view=view,
        day=date.fromisoformat(row.segments.date),
        campaign_id=_id(row.campaign),
        campaign=row.campaign.name,
        ad_group_id=_id(row.ad_group),
        ad_group=row.ad_group.name,
        item=keyword.text or _last_part(_item(row)),
        match_type=_word(keyword, "match_type"),
        device=_word(row.segments, "device"),
        cost=Decimal(row.metrics.cost_micros).scaleb(-6),
        clicks=row.metrics.clicks,
        impressions=row.metrics.impressions,
    )


def result_of(row: Any) -> AdResult:
    """Return what a raw row of `RESULTS` says."""
    return AdResult(
        day=date.fromisoformat(row.segments.date),
        campaign_id=_id(row.campaign),
        campaign=row.campaign.name,
        action_id=_last_part(row.segments.conversion_action),
        action=row.segments.conversion_action_name,
        conversions=row.metrics.all_conversions,
        value=round(Decimal(str(row.metrics.all_conversions_value)), 6),
    )


def _item(row: Any) -> str:
    return str(
        row.segments.geo_target_most_specific_location
        or row.ad_group_criterion.user_list.user_list
        or row.campaign_criterion.user_list.user_list
    )


def _id(resource: Any) -> str:
    return str(resource.id) if resource.id else ""


def _last_part(resource_name: str) -> str:
    return resource_name.rpartition("/")[2]


def _word(message: Any, field: str) -> str:
    word = enum_word(message, field)
    return "" if word in _NOT_SAID else word
