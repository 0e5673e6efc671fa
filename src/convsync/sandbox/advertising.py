"""The ad account's side of a world: the clicks it was paid for, and where in the account they were.

Every lead stands for the clicks that its campaign needs for one; only its own has an ID. A lead's
further clicks cost nothing more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from convsync.sandbox.world import World
from convsync.sandbox.world_campaigns import Placement
from convsync.sandbox.world_deal import ClickIds


@dataclass(frozen=True, slots=True, kw_only=True)
class Restating:
    """How Google goes on changing a day.

    For its first `days` it shows `share` more clicks and costs than in the end, when those that
    were no customer's have been taken back.
    """

    days: int = 0
    share: float = 0.0


class PaidClick(NamedTuple):
    """A click: its IDs, and the day it is of in the account's calendar; `led` made the lead."""

    at: datetime
    day: str
    ids: ClickIds
    placement: Placement
    led: bool


class Advertising:
    """The clicks of a world's ad account; made when they are first asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: dict[ZoneInfo, Sequence[PaidClick]] = {}

    def clicks(self, zone: ZoneInfo) -> Sequence[PaidClick]:
        """Return all clicks, those to come as well, with their days in a zone."""
        if zone not in self._made:
            self._made[zone] = [
                PaidClick(
                    at=click.clicked_at,
                    day=click.clicked_at.astimezone(zone).date().isoformat(),
                    ids=click.ids,
                    placement=deal.placement,
                    led=click is deal.ad_clicks[0],
                )
                for deal in map(self._world.deal, range(self._world.deals))
                if deal.placement is not None
                for click in deal.ad_clicks
            ]
        return self._made[zone]
