"""A machine with one source and no destination, whose clock says what it is set to."""

from collections.abc import Callable
from datetime import datetime

from convsync.clock import ServerClocks, frozen_clock
from convsync.pipeline import run
from convsync.report.closing import Closing
from convsync.running.services import Report, Services
from convsync.store import runs
from convsync.store.database import Database
from convsync.upload.destination import Destination
from tests.builders import a_deal
from tests.fakes.listed_deals import ListedDeals


class Machine:
    """Works nights on a database; `closings` are what its runs said last."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.crm = ListedDeals()
        self.servers = ServerClocks()
        self.closings: list[Closing] = []
        self.ask: Callable[[], None] = lambda: None

    def night(self, at: datetime, *, as_of: datetime | None = None) -> Report:
        return run(self.services(at, as_of or at))

    def services(self, at: datetime, as_of: datetime) -> Services:
        return Services(
            database=self.database,
            rules=(),
            takes={},
            deal_sources=[self.crm],
            click_sources=(),
            destinations=_no_destination,
            servers=self.servers,
            ask_the_time=lambda: self.ask(),
            on_close=self.closings.append,
            clock=frozen_clock(as_of),
            real_clock=frozen_clock(at),
        )

    def server_says(self, theirs: datetime, ours: datetime) -> None:
        """Let a server answer at once, when the machine's clock says `ours`."""
        date = theirs.strftime("%a, %d %b %Y %H:%M:%S GMT")
        self.servers.note("crm.example", date, sent_at=ours, received_at=ours)

    def changes(self, deal_id: str, at: datetime) -> None:
        self.crm.deals.append(a_deal(deal_id, modified_at=at))

    @property
    def known(self) -> set[str]:
        with self.database.reading() as connection:
            found = connection.exec_driver_sql("SELECT deal_id FROM deals")
            return {deal_id for (deal_id,) in found}

    @property
    def watermark(self) -> datetime | None:
        with self.database.reading() as connection:
            return runs.watermark(connection, "crm")


def _no_destination(name: str) -> Destination:
    raise AssertionError(f"nothing is sent to {name}")
