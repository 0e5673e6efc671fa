"""Settings → the destinations and the ad accounts behind them, whichever platforms they are of.

A platform is a module beside this one that does what `Vendor` says, and a line in `PLATFORMS`. It
is imported when something of it is first asked for: no command waits for what no destination is of.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from convsync.errors import ConvsyncError, OperatorError
from convsync.model.identifiers import Form
from convsync.model.takes import CODES, CodeMeaning, Takes
from convsync.settings import Settings
from convsync.upload.destination import Destination

if TYPE_CHECKING:
    from convsync.signing_in.way import Entrance
    from convsync.upload.ad_account import AdAccount


class Vendor(Protocol):
    """What wires a platform's tables. Nothing is opened before it is used."""

    def open_destination(
        self, name: str, table: Any, settings: Settings, others: Callable[[str], Destination]
    ) -> Destination:
        """Return the destination that a table describes; `others` opens the other ones."""

    def takes_of(self, table: Any) -> Takes:
        """Return what the destination that a table describes takes, without opening it."""

    def explain_code(self, table: Any, code: str) -> CodeMeaning | None:
        """Return what one of the platform's codes means; None: it stands in no table."""

    def name_of_account(self, table: Any) -> str:
        """Return the platform and the account that the destination reports to, for people."""

    def account_key(self, table: Any) -> str:
        """Return the account alone, whichever API reports to it: only it knows what was sent."""

    def account_of(self, name: str, table: Any, settings: Settings) -> "AdAccount":
        """Return the account behind the destination that a table describes."""

    def entrance(self, tables: Mapping[str, Mapping[str, Any]]) -> "Entrance":
        """Return how a person signs in for these tables, as they are written, by their names."""


def _google() -> Vendor:
    from convsync.wiring import google

    return google


def _microsoft() -> Vendor:
    from convsync.wiring import microsoft

    return microsoft


def _meta() -> Vendor:
    from convsync.wiring import meta

    return meta


def _linkedin() -> Vendor:
    from convsync.wiring import linkedin

    return linkedin


class Platform(Struct, frozen=True):
    """An ad platform: the kinds of its destinations, and what imports its wiring."""

    kinds: frozenset[str]
    wiring: Callable[[], Vendor]


PLATFORMS: Mapping[str, Platform] = {
    "google": Platform(frozenset({"data_manager", "google_ads"}), _google),
    "microsoft": Platform(frozenset({"microsoft"}), _microsoft),
    "meta": Platform(frozenset({"meta"}), _meta),
    "linkedin": Platform(frozenset({"linkedin"}), _linkedin),
}
"""The ad platforms, by the words for them."""
VENDORS: Mapping[str, Callable[[], Vendor]] = {
    kind: platform.wiring for platform in PLATFORMS.values() for kind in platform.kinds
}
"""What imports the wiring of a destination, by its `kind`."""


class Destinations:
    """Opens a destination at its first use, and keeps it until all are closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, Destination] = {}

    def __call__(self, name: str) -> Destination:
        """Return the destination of that name; OperatorError where the config has none."""
        if name not in self._open:
            self._open[name] = self._opened(name)
        return self._open[name]

    def close(self) -> None:
        """Give back the connections of those that were used."""
        while self._open:
            self._open.popitem()[1].close()

    def _opened(self, name: str) -> Destination:
        table = self._settings.destinations.get(name)
        if table is None:
            raise OperatorError(
                f"Conversions are in flight to destinations.{name}, which is no longer configured. "
                "Restore its table until they are settled."
            )
        return VENDORS[table.kind]().open_destination(name, table, self._settings, self)


def destinations_of(settings: Settings) -> Destinations:
    """Return what opens the destinations. Nothing is opened yet."""
    return Destinations(settings)


def takes_of(settings: Settings) -> Mapping[str, Takes]:
    """Return what each destination takes, by its name, without opening any."""
    return {
        name: VENDORS[table.kind]().takes_of(table) for name, table in settings.destinations.items()
    }


def keeps_plain_hashes(tables: Mapping[str, Any]) -> bool:
    """True where one of these destinations finds people by plain hashes; see Form."""
    forms = [VENDORS[table.kind]().takes_of(table).hash_forms for table in tables.values()]
    return any(Form.PLAIN in (one.emails, one.phones) for one in forms)


def explain_code(settings: Settings, destination: str, code: str) -> CodeMeaning | None:
    """Return what a code of a destination means, and what to do about it; None: nobody knows."""
    table = settings.destinations.get(destination)
    return VENDORS[table.kind]().explain_code(table, code) if table else CODES.get(code)


def account_names(settings: Settings) -> Mapping[str, str]:
    """Return the platform and account that each destination reports to, by its name."""
    return {
        name: VENDORS[table.kind]().name_of_account(table)
        for name, table in settings.destinations.items()
    }


def account_keys(settings: Settings) -> Mapping[str, str]:
    """Return the account that knows what each destination sent, by the destination's name."""
    return {
        name: VENDORS[table.kind]().account_key(table)
        for name, table in settings.destinations.items()
    }


def finality_of(settings: Settings) -> Mapping[str, str]:
    """Return what cannot be undone at each destination once it is sent; those without are none."""
    return {name: said for name, takes in takes_of(settings).items() if (said := takes.finality)}


def time_of_platforms(settings: Settings) -> Callable[[], None]:
    """Return a function that has the first ad account's platform say what time it is.

    One that does not answer is passed over: the call that needs it reports it.
    """

    def ask() -> None:
        for account in accounts_of(settings)[:1]:
            with suppress(ConvsyncError):
                account.server_time()

    return ask


def accounts_of(settings: Settings) -> "Sequence[AdAccount]":
    """Return the ad accounts that the rules count in, in the file's order."""
    first = next(iter(settings.destinations))
    used = {rule.destination or first for rule in settings.rules.values()}
    return [
        VENDORS[table.kind]().account_of(name, table, settings)
        for name, table in settings.destinations.items()
        if name in used
    ]
