"""The deals behind a figure of a report, one by one: by the same passage through the funnel."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from convsync.model.ad_spending import Place
from convsync.model.deal import LOST
from convsync.model.period import ALL_TIME, Period
from convsync.report.campaigns import GROUPINGS
from convsync.report.passages import Passage, passages, segment_of
from convsync.report.shortfalls import LEAD
from convsync.store.database import Connection, Database
from convsync.store.origins import Origins
from convsync.store.walks import Walk

SOURCE = "source"
TOLD_APART_BY = (SOURCE, *GROUPINGS)
"""What deals can be told apart by beside their segments: what they began with, in the account."""


class Fate(StrEnum):
    """What a deal has come to at the last step that it came to."""

    OPEN = "open"
    LOST = "lost"
    WON = "won"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which deals are meant: those that came to a step, and with a fate, stopped there with it.

    `lead` is when they became leads, `reached` when they reached the step itself, None: whenever,
    or never. `where` names what each must have in segments, as its source, or as what it began with
    in the ad account: by the name that reports show, or by its IDs there.
    """

    came_to: str = LEAD
    fate: Fate | None = None
    lead: Period = ALL_TIME
    reached: Period | None = None
    where: Mapping[str, str] = field(default_factory=dict)


class Behind(NamedTuple):
    """A deal, how far it came, and what its CRM says that it is worth."""

    source: str
    deal_id: str
    lead_at: datetime
    step: str
    fate: str
    amount: Decimal | None
    currency: str | None


def deals_behind(
    database: Database, order: Sequence[str], asked: Asked, *, now: datetime
) -> Iterator[Behind]:
    """Yield the deals that are meant. `order` are the milestones as they follow one another."""
    steps = [name for name in order if name != LOST]
    place = 0 if asked.came_to == LEAD else steps.index(asked.came_to) + 1
    with database.reading() as connection:
        places = _Places(connection)
        for walk, seen in passages(connection, steps, now=now):
            fate = _fate_of(seen, len(steps))
            if _is_meant(asked, seen, place, fate) and places.match(walk, asked.where):
                yield Behind(
                    source=walk.source,
                    deal_id=walk.deal_id,
                    lead_at=seen.lead_at,
                    step=steps[seen.place - 1] if seen.place else LEAD,
                    fate=fate.value,
                    amount=walk.amount,
                    currency=walk.currency,
                )


def _fate_of(seen: Passage, steps: int) -> Fate:
    if seen.is_lost:
        return Fate.LOST
    return Fate.WON if seen.place == steps else Fate.OPEN


def _is_meant(asked: Asked, seen: Passage, place: int, fate: Fate) -> bool:
    if seen.lead_at not in asked.lead or seen.place < place:
        return False
    if asked.fate is not None and (fate is not asked.fate or seen.place != place):
        return False
    if asked.reached is None:
        return True
    at = seen.times[place - 1] if place else None
    return at is not None and at.reached_at in asked.reached


class _Places:
    """Tells whether deals have what is asked for, in segments or in the ad account."""

    def __init__(self, connection: Connection) -> None:
        self._origins = Origins(connection)

    def match(self, walk: Walk, where: Mapping[str, str]) -> bool:
        """True where a deal has all of it."""
        return all(wanted in self._of(walk, name) for name, wanted in where.items())

    def _of(self, walk: Walk, name: str) -> Sequence[str]:
        """Return what a deal has there, by each name that it goes by."""
        if name == SOURCE:
            return [walk.source]
        if name not in GROUPINGS:
            return [segment_of(walk, name)]
        place, grouping = self._origins.of(walk.row), GROUPINGS[name]
        if not isinstance(place, Place):
            return [""]
        key = [getattr(place, part) for part in grouping.key]
        return [grouping.label(place), "/".join(key)] if key[-1] else [""]
