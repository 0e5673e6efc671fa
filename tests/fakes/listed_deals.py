"""A CRM that is a list: it gives the deals modified inside a window, as a real one would."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from convsync.extract.source import Bookmark, Record
from convsync.model.deal import Deal
from convsync.model.period import Period


def _nothing() -> None:
    """Do nothing."""


class ListedDeals:
    """A source of deals. `before` happens whenever it is read; `extra` comes at the end."""

    lag = timedelta()
    overlap = timedelta(minutes=10)
    is_complete = False
    reads_all = False

    def __init__(self, name: str = "crm") -> None:
        self.name = name
        self.deals: list[Deal] = []
        self.extra: list[Record] = []
        self.before: Callable[[], None] = _nothing

    def check_columns(self) -> None:
        """Find nothing wrong."""

    def read_changed(self, window: Period, after: Bookmark | None = None) -> Iterator[Record]:
        self.before()
        for deal in self.deals:
            if deal.modified_at is None or deal.modified_at in window:
                yield deal
        yield from self.extra

    def read_period(self, period: Period) -> Iterator[Record]:
        self.before()
        for deal in self.deals:
            if any(milestone.reached_at in period for milestone in deal.milestones):
                yield deal
        yield from self.extra
