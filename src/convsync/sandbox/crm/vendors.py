"""The CRMs the sandbox serves, each over a book of its own, and all over one world."""

from datetime import datetime
from typing import Final

from convsync.sandbox.clock import SandboxClock
from convsync.sandbox.crm.book import CrmBook, Deal
from convsync.sandbox.crm.dynamics import DynamicsServer
from convsync.sandbox.crm.feed import Feed
from convsync.sandbox.crm.hubspot import HubSpotServer
from convsync.sandbox.crm.odoo import OdooServer
from convsync.sandbox.crm.pipedrive import PipedriveServer
from convsync.sandbox.crm.salesforce import SalesforceServer
from convsync.sandbox.crm.server import CrmServer, Reply, Request
from convsync.sandbox.crm.zoho import ZohoServer
from convsync.sandbox.world import World

SERVERS: dict[str, type[CrmServer]] = {
    server.name: server
    for server in (
        HubSpotServer,
        SalesforceServer,
        PipedriveServer,
        ZohoServer,
        DynamicsServer,
        OdooServer,
    )
}


_AFTER_ALL_OTHERS: Final = 9_000_000
"""Deals that merges make are numbered from here: no world has as many."""


class CrmOfVendor:
    """One vendor's CRM: its book, what feeds it, and who answers."""

    def __init__(self, name: str, clock: SandboxClock) -> None:
        self.book = CrmBook()
        self.server = SERVERS[name](self.book, clock.now)
        self.feed = Feed(self.book, self.server.record_id)
        self._clock = clock
        self._merges = 0

    def merge(self, loser: str, survivor: str, at: datetime) -> Deal:
        """Merge a deal into another as this vendor does; return what stands for both then."""
        self._merges += 1
        number = _AFTER_ALL_OTHERS + self._merges
        anew = self.server.record_id("deal", number)
        new_id = anew if self.server.merges_into_a_new_deal else None
        return self.book.merge(loser, survivor, at, new_id=new_id)

    def archive(self, deal_id: str, at: datetime) -> Deal:
        """Put a deal away as this vendor does. Raises ValueError where it does not."""
        self.server.archive(deal_id, at)
        return self.book.deals([deal_id])[0]

    def answer(self, request: Request) -> Reply:
        """Answer a request by what the world is at the clock's now."""
        with self.book.lock:
            self.feed.show(self._clock.now())
        return self.server.answer(request)


class Crms:
    """Every CRM, made when it is first asked for."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._made: dict[str, CrmOfVendor] = {}
        self._world: tuple[World, datetime | None] | None = None

    def __getitem__(self, name: str) -> CrmOfVendor:
        """Return a vendor's CRM; KeyError where the sandbox has none of that name."""
        if name not in self._made:
            self._made[name] = CrmOfVendor(name, self._clock)
            if self._world is not None:
                self._made[name].feed.follow(*self._world)
        return self._made[name]

    def follow(self, world: World, until: datetime | None = None) -> None:
        """Show a world in every CRM, as far as `until`, after which nobody works."""
        self._world = world, until
        for crm in self._made.values():
            crm.feed.follow(world, until)

    def clear(self) -> None:
        """Empty every CRM."""
        self._made.clear()
        self._world = None
