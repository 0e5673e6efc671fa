"""Which deals meet a report's conditions.

Where a deal began in the ad account is what `store.origins` knows of it.
"""

from collections.abc import Sequence

from convsync.model.ad_spending import Place
from convsync.report.conditions import (
    GROUPINGS,
    SOURCE,
    Conditions,
    Grouping,
    Segments,
    no_place_known,
    segment_in,
)
from convsync.store.database import Connection
from convsync.store.origins import Origins


class Meant:
    """Tells whether deals meet all conditions; it is asked deal by deal, in the order of rows.

    Where these began, `origins` tells a report as well, so that it is looked up once.
    """

    def __init__(self, connection: Connection, where: Conditions) -> None:
        self._where = where
        self.origins = Origins(connection)

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
        place = self.origins.of(row)
        return _names(place if isinstance(place, Place) else Place(), GROUPINGS[name], name)


def _names(place: Place, grouping: Grouping, name: str) -> Sequence[str]:
    key = [getattr(place, part) for part in grouping.key]
    return [grouping.label(place), "/".join(key)] if key[-1] else ["", no_place_known(name)]
