"""Conditions on deals: what they must have in a segment, a source, or where they began.

Reports and the lists of the deals behind their figures use the same ones. Where a deal began in the
ad account is asked for by its name in the reports, or by its IDs there. Nothing here reads a
database, as help texts use it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from convsync.model.ad_spending import CostView, Place

NOT_FILLED_IN = "(not filled in)"
"""The group of deals that have nothing in a segment."""
SOURCE = "source"


class Grouping(NamedTuple):
    """What makes two clicks alike, how that is called, and where their costs are read."""

    key: Sequence[str]
    label: Callable[[Place], str]
    view: CostView


GROUPINGS: Mapping[str, Grouping] = {
    "campaign": Grouping(("campaign_id",), lambda one: one.campaign, CostView.CAMPAIGN),
    "ad_group": Grouping(
        ("campaign_id", "ad_group_id"),
        lambda one: f"{one.campaign} › {one.ad_group}",
        CostView.AD_GROUP,
    ),
    "keyword": Grouping(
        ("campaign_id", "ad_group_id", "match_type", "keyword"),
        lambda one: f"{one.campaign} › {one.ad_group} › {one.keyword} ({one.match_type.lower()})",
        CostView.KEYWORD,
    ),
    "device": Grouping(("device",), lambda one: one.device.lower(), CostView.CAMPAIGN),
    "location": Grouping(("location",), lambda one: one.location, CostView.LOCATION),
    "audience": Grouping(("audience",), lambda one: one.audience, CostView.AUDIENCE),
}
TOLD_APART_BY = (SOURCE, *GROUPINGS)
"""What deals can be told apart by beside their segments: what they began with, in the account."""


class Condition(NamedTuple):
    """What a deal must have under a name; with `is_not`, what it must not have."""

    name: str
    value: str
    is_not: bool = False

    def __str__(self) -> str:
        return f"{self.name}{'!=' if self.is_not else '='}{self.value}"


Conditions = Sequence[Condition]
"""All of them must hold."""


def no_place_known(by: str) -> str:
    """Return what reports call the deals of which it is not known where they began."""
    return f"(no {by.replace('_', ' ')} known)"


Segments = Mapping[str, str] | str | None
"""A deal's segments, or the JSON that they are kept as."""


def segment_in(segments: Segments, name: str) -> str:
    """Return what a deal's segments have under a name, or that it has nothing there."""
    found = segments if isinstance(segments, Mapping) else json.loads(segments or "{}")
    return str(found.get(name) or NOT_FILLED_IN)
