"""A configuration as it was written, before it is validated: what the checks between tables read.

Whatever is of the wrong type reads as absent here; pydantic complains of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

Config = Mapping[str, Any]
TableOf = Mapping[str, Any]


def text_in(table: TableOf, key: str) -> str | None:
    """Return a text, None where there is none."""
    value = table.get(key)
    return value if isinstance(value, str) else None


def is_true(value: Any) -> bool:
    """Read a yes as pydantic does, which takes `yes`, `on` and `1` from a variable too."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        return False


def names_in(config: Config, key: str) -> set[str]:
    """Return the names of the tables of one sort, or the keys of one table."""
    table = config.get(key)
    return set(table) if isinstance(table, Mapping) else set()


def tables_in(config: Config, key: str) -> dict[str, TableOf]:
    """Return the tables of one sort, by their names."""
    tables = config.get(key)
    listed = tables.items() if isinstance(tables, Mapping) else ()
    return {name: table for name, table in listed if isinstance(table, Mapping)}


def destination_of(rule: TableOf, config: Config) -> TableOf:
    """Return a rule's destination: the one it names, or the only one; else nothing."""
    destinations = tables_in(config, "destinations")
    only = next(iter(destinations)) if len(destinations) == 1 else None
    return destinations.get(text_in(rule, "destination") or only or "", {})


def destinations_of_kind(config: Config, *kinds: str) -> dict[str, TableOf]:
    """Return the destinations of some kinds, by their names and in that order."""
    found = sorted(tables_in(config, "destinations").items())
    return {name: table for name, table in found if table.get("kind") in kinds}


def rules_to(config: Config, *kinds: str) -> dict[str, TableOf]:
    """Return the rules whose destination is of some kinds, by their names."""
    return {
        name: rule
        for name, rule in tables_in(config, "rules").items()
        if destination_of(rule, config).get("kind") in kinds
    }


def held_too_long(name: str, rule: TableOf, days: int, platform: str) -> Iterator[str]:
    """Say of a rule that holds a milestone until its platform no longer takes it."""
    held = rule.get("hold_days", 0)
    if isinstance(held, int | float) and held >= days:
        yield (
            f"rules.{name}.hold_days: {platform} takes nothing older than {days} days, so what is "
            f"held for {held:g} never counts; hold it for less, by a day or more."
        )
