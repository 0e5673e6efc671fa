"""The ad platforms whose tables a configuration may hold: a line for each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Union

from convsync.settings.destination_table import Check, DestinationTable, PlatformTables
from convsync.settings.google_tables import GOOGLE
from convsync.settings.linkedin_tables import LINKEDIN
from convsync.settings.meta_tables import META
from convsync.settings.microsoft_tables import MICROSOFT
from convsync.settings.written import Config, destination_of, tables_in

PLATFORM_TABLES: Mapping[str, PlatformTables] = {
    "google": GOOGLE,
    "microsoft": MICROSOFT,
    "meta": META,
    "linkedin": LINKEDIN,
}

OF_KIND: Mapping[str, PlatformTables] = {
    kind: platform for platform in PLATFORM_TABLES.values() for kind in sorted(platform.kinds)
}
"""What is known of a platform, by the `kind` of a destination."""

if TYPE_CHECKING:
    AnyDestination = DestinationTable
else:
    AnyDestination = Union[  # noqa: UP007 (made, not written)
        tuple(table for platform in PLATFORM_TABLES.values() for table in platform.tables)
    ]


def account_of(destination: Mapping[str, object]) -> str | None:
    """Return the ad account that a destination's table names, as it is written."""
    platform = OF_KIND.get(str(destination.get("kind")))
    named = (destination.get(key) for key in (platform.account_keys if platform else ()))
    return next((str(one) for one in named if one), None)


def _actions_of_rules(config: Config) -> Iterator[str]:
    for name, rule in tables_in(config, "rules").items():
        platform = OF_KIND.get(str(destination_of(rule, config).get("kind")))
        action_id = rule.get("action_id")
        if platform is None or isinstance(action_id, bool) or not isinstance(action_id, str | int):
            continue
        if problem := platform.action_problem(str(action_id).strip()):
            yield f"rules.{name}.action_id: {problem}."


PLATFORM_CHECKS: Sequence[Check] = (
    _actions_of_rules,
    *(check for platform in PLATFORM_TABLES.values() for check in platform.checks),
)
