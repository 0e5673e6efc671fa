"""Which deals are meant: those with something in a segment, of a source, or of a campaign.

Alike for every report, and for the lists of the deals behind their figures. Where a deal began in
the ad account (see `store.origins`) is asked for by the name in the reports, or by its IDs there.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from convsync.model.ad_spending import CostView, Place
from convsync.store.database import Connection
from convsync.store.origins import Origins

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


class Meant:
    """Tells whether deals meet all conditions; it is asked deal by deal, in the order of rows."""

    def __init__(self, connection: Connection, where: Conditions) -> None:
        self._where = where
        self._origins = Origins(connection)

    @property
    def knows_costs(self) -> bool:
        """True where costs can be narrowed alike: the account tells them by campaign."""
        return all(one.name == "campaign" for one in self._where)

    def has(self, row: int, source: str, segments: Segments) -> bool:
        """True for a deal that meets them all."""
        return all(
            (one.value in self._of(row, source, segments, one.name)) is not one.is_not
            for one in self._where
        )

    def has_cost(self, place: Place) -> bool:
        """True where the costs of a place are of deals that are meant, as far as that is known."""
        return all(
            (one.value in _names(place, GROUPINGS[one.name], one.name)) is not one.is_not
            for one in self._where
        )

    def _of(self, row: int, source: str, segments: Segments, name: str) -> Sequence[str]:
        """Return what a deal has there, by each name that it goes by."""
        if name == SOURCE:
            return [source]
        if name not in GROUPINGS:
            return [segment_in(segments, name)]
        place = self._origins.of(row)
        return _names(place if isinstance(place, Place) else Place(), GROUPINGS[name], name)


def _names(place: Place, grouping: Grouping, name: str) -> Sequence[str]:
    key = [getattr(place, part) for part in grouping.key]
    return [grouping.label(place), "/".join(key)] if key[-1] else ["", no_place_known(name)]
