"""Notifies sales of who came back: one message for each, or one for all, by owner.

A channel is told what its route allows and nothing else. By default that is the stage and the
campaign, which name nobody; the deal's number, its steps and its owner are for channels that may
know whom it is about. No name, address or phone is kept, so none can be told anywhere.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from convsync import log
from convsync.model.comeback import ComebackKind, KeptComeback, Shown
from convsync.store import comebacks
from convsync.store.database import Database
from convsync.watch.delivery import AppriseTarget, deliver

_WHAT = {
    ComebackKind.CLICKED: "A known person clicked an ad again",
    ComebackKind.VISITED: "A known person came back to the site",
    ComebackKind.RETURNED: "A nurtured lead returned",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesRoute:
    """A channel: whose deals it hears of (of nobody in particular: all others'), and what."""

    name: str
    owners: frozenset[str]
    shows: frozenset[Shown]
    targets: Sequence[AppriseTarget] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """Who in sales hears of what. `owner` is the segment that names the owner of a deal."""

    name: str
    zone: ZoneInfo
    owner: str | None
    is_digest: bool
    routes: Sequence[SalesRoute]

    def route_of(self, one: KeptComeback) -> SalesRoute | None:
        """Return the channel of a deal's owner, or the one of all others; None: there is none."""
        owner = self.owner_of(one)
        for route in self.routes:
            if owner and owner in route.owners:
                return route
        return next((route for route in self.routes if not route.owners), None)

    def owner_of(self, one: KeptComeback) -> str:
        """Return the owner of a deal as the CRM calls them, "" where nobody is named."""
        return one.segments.get(self.owner or "", "")


def tell(database: Database, sales: Sales) -> int:
    """Tell all that waits; return how many comebacks could not be told, and wait for the next.

    What no route is for waits, too, and is not counted.
    """
    with database.reading() as connection:
        waiting = comebacks.waiting(connection)
    by_route: dict[str, list[KeptComeback]] = {}
    for one in waiting:
        if (route := sales.route_of(one)) is not None and route.targets:
            by_route.setdefault(route.name, []).append(one)
    undelivered = 0
    for route in sales.routes:
        found = by_route.get(route.name, [])
        messages = [found] if sales.is_digest else [[one] for one in found]
        undelivered += sum(
            len(some) for some in messages if some and not _told(database, sales, route, some)
        )
    return undelivered


def _told(
    database: Database, sales: Sales, route: SalesRoute, some: Sequence[KeptComeback]
) -> bool:
    """Send one message; return whether it was delivered, or somebody else tells it."""
    with database.transaction("reserve a message to sales") as connection:
        taken = comebacks.reserve(connection, [one.number for one in some])
    mine = [one for one in some if one.number in taken]
    if not mine:
        return True
    is_delivered = deliver(
        route.targets, title_of(sales, mine), body_of(sales, route, mine), is_good_news=True
    )
    with database.transaction("settle a message to sales") as connection:
        comebacks.settle(connection, taken, is_told=is_delivered)
    if not is_delivered:
        log.warning("sales was not told", route=route.name, comebacks=len(mine))
    return is_delivered


def title_of(sales: Sales, some: Sequence[KeptComeback]) -> str:
    """Return a message's title: who says it, and what happened."""
    if len(some) == 1:
        return f"convsync {sales.name}: {_WHAT[some[0].kind].lower()}"
    return f"convsync {sales.name}: {len(some):,} people are back"


def body_of(sales: Sales, route: SalesRoute, some: Sequence[KeptComeback]) -> str:
    """Return a message's text: a paragraph for each, with what the route shows."""
    return "\n\n".join(_paragraph(sales, route.shows, one) for one in some)


def _paragraph(sales: Sales, shows: Collection[Shown], one: KeptComeback) -> str:
    at = one.at.astimezone(sales.zone)
    said = [
        f"{shown.value}: {text}"
        for shown, what in _PARTS.items()
        if shown in shows and (text := what(sales, one))
    ]
    return "\n".join([f"{_WHAT[one.kind]} on {at:%Y-%m-%d at %H:%M}.", *said])


_PARTS: dict[Shown, Callable[[Sales, KeptComeback], str]] = {
    Shown.DEAL: lambda _, one: f"{one.deal_id} ({one.source})",
    Shown.OWNER: lambda sales, one: sales.owner_of(one),
    Shown.STAGE: lambda _, one: one.said.get("stage", ""),
    Shown.CAMPAIGN: lambda _, one: one.said.get("campaign", ""),
    Shown.STEPS: lambda _, one: one.said.get("steps", ""),
}
"""What stands in a message, in this order."""


def tell_quietly(database: Database, sales: Sales | None, now: datetime) -> None:
    """Tell what waits at the end of a run; the log says how much could not be told."""
    if sales is not None and (left := tell(database, sales)):
        log.warning("sales is told by the next run", comebacks=left, at=now.isoformat())
