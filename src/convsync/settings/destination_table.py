"""What the tables of all ad platforms have in common, and what the settings ask of a platform.

A platform's tables stand in a module beside this one, `PLATFORM_tables.py`, with one
`PlatformTables` that says all that is particular to them. A line in `platforms.py` names it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import get_args

from msgspec import Struct
from pydantic import Field

from convsync.settings.values import Days, Table
from convsync.settings.written import Config


class DestinationTable(Table):
    """What every destination has: what may go out, from when and until when, and how.

    `upload_window_days` is how long after a click the platform accepts a conversion for it, and
    `settling_hours` how old a click must be before the platform knows it.
    """

    kind: str
    enhanced_conversions: bool = False
    identifiers_need_consent: bool = True
    upload_window_days: Days = 90
    settling_hours: float = Field(default=0, ge=0, le=72)
    timeout_s: float = Field(default=120, gt=0, le=3600)
    requests_in_flight: int = Field(default=4, ge=1, le=32)


Check = Callable[[Config], Iterator[str]]
"""Yields what contradicts in a configuration, as `place: what, and what to do`."""


class PlatformTables(Struct, frozen=True, kw_only=True):
    """All that the settings know of one ad platform.

    `tables` have a literal `kind` each. `account_keys` name the ad account in a table, so that two
    rules that count in one account are known for it; `action_problem` says what is wrong with a
    rule's `action_id`, None where nothing is; `action_hint` is what `init` writes beside it, and
    `first_lines` are the lines of a first table of the platform.
    """

    tables: Sequence[type[DestinationTable]]
    account_keys: Sequence[str]
    action_problem: Callable[[str], str | None]
    action_hint: str
    first_action: str
    first_lines: Sequence[str]
    checks: Sequence[Check] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """Return the kinds of its destinations."""
        return frozenset(
            kind
            for table in self.tables
            for kind in get_args(table.model_fields["kind"].annotation)
        )
