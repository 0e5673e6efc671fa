"""Settings → the destinations and the ad accounts behind them, whichever platforms they are of.

A platform is a module beside this one that does what `Vendor` says, and a line in `VENDORS`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from convsync.errors import OperatorError
from convsync.model.takes import Takes
from convsync.settings import Settings
from convsync.upload.ad_account import AdAccount
from convsync.upload.destination import Destination
from convsync.wiring import google


class Vendor(Protocol):
    """What wires a platform's tables. Nothing is opened or imported before it is used."""

    def open_destination(
        self, name: str, table: Any, settings: Settings, others: Callable[[str], Destination]
    ) -> Destination:
        """Return the destination that a table describes; `others` opens the other ones."""

    def takes_of(self, table: Any) -> Takes:
        """Return what the destination that a table describes takes, without opening it."""

    def account_of(self, name: str, table: Any, settings: Settings) -> AdAccount:
        """Return the account behind the destination that a table describes."""


VENDORS: Mapping[str, Vendor] = {"data_manager": google, "google_ads": google}
"""What wires a destination, by its `kind`."""


def destinations_of(settings: Settings) -> Callable[[str], Destination]:
    """Return a function that opens a destination at its first use and keeps it."""

    @cache
    def open_destination(name: str) -> Destination:
        table = settings.destinations.get(name)
        if table is None:
            raise OperatorError(
                f"Conversions are in flight to destinations.{name}, which is no longer configured. "
                "Put its table back until they are settled."
            )
        return VENDORS[table.kind].open_destination(name, table, settings, open_destination)

    return open_destination


def takes_of(settings: Settings) -> Mapping[str, Takes]:
    """Return what each destination takes, by its name, without opening any."""
    return {
        name: VENDORS[table.kind].takes_of(table) for name, table in settings.destinations.items()
    }


def accounts_of(settings: Settings) -> Sequence[AdAccount]:
    """Return the ad accounts that the rules count in, in the file's order."""
    first = next(iter(settings.destinations))
    used = {rule.destination or first for rule in settings.rules.values()}
    return [
        VENDORS[table.kind].account_of(name, table, settings)
        for name, table in settings.destinations.items()
        if name in used
    ]
