"""What contradicts across the tables of a configuration, each check with the sentence it says.

Checks read the merged text and not the validated settings, so that a mistake within one table does
not hide one between two. Each yields what is wrong as `place: what, and what to do`. Whatever would
be accepted and have no effect is a contradiction, too.
"""

import os.path
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from convsync.model.deal import KNOWN_MILESTONES, LOST
from convsync.model.rule import after_in
from convsync.settings.crm_tables import ALWAYS_THERE
from convsync.settings.money_checks import MONEY_CHECKS, stated_values
from convsync.settings.platforms import PLATFORM_CHECKS, account_of
from convsync.settings.values import moves
from convsync.settings.written import Config, TableOf
from convsync.settings.written import destination_of as _destination_of
from convsync.settings.written import is_true as _is_true
from convsync.settings.written import names_in as _names
from convsync.settings.written import tables_in as _tables
from convsync.settings.written import text_in as _text


def contradictions_in(config: Config) -> list[str]:
    """Return what is wrong between the tables, whether or not each is right in itself."""
    return [mistake for check in CHECKS for mistake in check(config)]


# --- Rules ---------------------------------------------------------------------------------------


def _milestones_of_rules(config: Config) -> Iterator[str]:
    known = _milestones(config)
    for name, rule in _tables(config, "rules").items():
        milestone = _text(rule, "milestone")
        if milestone is not None and milestone not in known:
            yield f"rules.{name}.milestone: {_no_source_has(milestone, known)}"
        if milestone == LOST and _is_true(rule.get("undone_by_loss")):
            yield (
                f"rules.{name}.undone_by_loss: a loss cannot undo itself, "
                "and nothing would be sent."
            )


def _destinations_of_rules(config: Config) -> Iterator[str]:
    destinations = _names(config, "destinations")
    listed = ", ".join(sorted(destinations))
    for name, rule in _tables(config, "rules").items():
        destination = _text(rule, "destination")
        if "destination" not in rule and len(destinations) > 1:
            yield f"rules.{name}.destination: is missing; there are several: {listed}."
        if destination is not None and destination not in destinations:
            yield (
                f"rules.{name}.destination: there is no destination '{destination}'; "
                f"there are: {listed}."
            )


def _variables_of_rules(config: Config) -> Iterator[str]:
    for name, rule in _tables(config, "rules").items():
        variable = _text(rule, "days_to_close_variable")
        if variable is None and _is_true(rule.get("estimated_days_to_close")):
            yield (
                f"rules.{name}.estimated_days_to_close: no days are sent; name the account's "
                "custom variable in days_to_close_variable."
            )


def _segments_of_rules(config: Config) -> Iterator[str]:
    segments = _segments(config)
    listed = ", ".join(sorted(segments)) or "none"
    for name, rule in _tables(config, "rules").items():
        value, when = rule.get("value"), rule.get("when")
        needed = []
        for key, stated in stated_values(value):
            if stated.get("kind") == "table":
                needed.append((f"{key}.segment", _text(stated, "segment")))
        if isinstance(when, Mapping):
            needed += [(f"when.{segment}", segment) for segment in when]
        for key, segment in needed:
            if segment is not None and segment not in segments:
                yield f"rules.{name}.{key}: no deal source maps it; segments there are: {listed}."


def _rules_that_count_twice(config: Config) -> Iterator[str]:
    rules = _tables(config, "rules")
    yield from _unknown_companions("rules", "counts_beside", rules)
    for (first, one), (second, other) in combinations(rules.items(), 2):
        is_meant = _is_meant("counts_beside", first, one, second, other)
        if is_meant or _counted(one, config) != _counted(other, config):
            continue
        if None not in _counted(one, config) and _overlap(one.get("when"), other.get("when")):
            yield (
                f"rules.{second}: counts the same milestone towards the same action as "
                f"rules.{first}, so a deal would count twice. Tell them apart by `when`, or, if "
                f'that is meant, write counts_beside = ["{first}"].'
            )


def _counted(rule: TableOf, config: Config) -> tuple[Any, ...]:
    """Return what a rule counts and where: by account, for two roads may lead to one."""
    road = _destination_of(rule, config)
    account = (account_of(road) or "").replace("-", "").strip() or None
    action = rule.get("action_id")
    return rule.get("milestone"), account, None if action is None else str(action)


def _overlap(one: Any, other: Any) -> bool:
    """Return whether a deal can satisfy both conditions."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return True
    return all(set(_words(one[key])) & set(_words(other[key])) for key in one.keys() & other.keys())


# --- Sources and milestones ----------------------------------------------------------------------


def _names_of_sources(config: Config) -> Iterator[str]:
    for name in sorted(_names(config, "deals") & _names(config, "clicks")):
        yield f"clicks.{name}: deals and clicks may not share a name."
    others = _names(config, "deals") | _names(config, "clicks")
    for name in sorted(others & _names(config, "collect")):
        yield f"collect.{name}: a site may not share its name with a source of deals or clicks."


def _keys_of_sites(config: Config) -> Iterator[str]:
    sites = _tables(config, "collect")
    for (first, one), (second, other) in combinations(sites.items(), 2):
        if one.get("key") is not None and one.get("key") == other.get("key"):
            yield f"collect.{second}.key: is that of collect.{first}; give each site its own."


PLACES: Mapping[str, Sequence[str]] = {
    "csv": ("path",),
    "google_template": ("path",),
    "sql": ("url", "query"),
    "hubspot": ("url", "token", "client_id", "refresh_token"),
    "salesforce": ("url",),
    "pipedrive": ("url",),
    "zoho": ("login_url", "url", "client_id", "refresh_token"),
    "dynamics": ("url",),
    "odoo": ("url", "database"),
}
"""What tells two sources of a kind apart; where a vendor has one URL for all, the sign-in."""


def _sources_that_read_the_same(config: Config) -> Iterator[str]:
    sources = _tables(config, "deals")
    yield from _unknown_companions("deals", "reads_beside", sources)
    for (first, one), (second, other) in combinations(sources.items(), 2):
        is_meant = _is_meant("reads_beside", first, one, second, other)
        if not is_meant and (place := _read_from(one)) and place == _read_from(other):
            yield (
                f"deals.{second}: reads the same deals as deals.{first}, and all would count "
                f'twice. Remove one, or, if that is meant, write reads_beside = ["{first}"].'
            )


def _read_from(source: TableOf) -> tuple[Any, ...] | None:
    """Return where a source reads, None where it does not say."""
    kind = _text(source, "kind") or ""
    keys = PLACES.get(kind, ())
    place = [_normal(key, source.get(key)) for key in keys]
    return (kind, *place) if any(value is not None for value in place) else None


def _normal(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if key == "path":
        return os.path.normpath(value)
    return value.rstrip("/").lower() if key.endswith("url") else value


def _agreements(config: Config) -> Iterator[str]:
    known, funnels = _milestones(config), _funnels(config)
    for name, milestone in _tables(config, "milestones").items():
        if name not in known:
            yield f"milestones.{name}: {_no_source_has(name, known)}"
        elif funnels and "next_within_days" in milestone and not after_in(name, funnels):
            yield (
                f"milestones.{name}.next_within_days: nothing comes after '{name}' in the order "
                "of any deal source's milestones; remove it, or order them as in the funnel."
            )


# --- What was renamed ----------------------------------------------------------------------------

_MOVABLE = {"rules": "rules", "sources": "deals"}
"""What can be renamed, by the word for it in [moved]; the table it stands in."""
_MOVE = re.compile(r"(rules|sources)\.([a-z][a-z0-9_-]{0,39})")


def _renamings(config: Config) -> Iterator[str]:
    written = moves(config.get("moved", {}))
    if not isinstance(written, Mapping):
        return
    targets = list(written.values())
    for old, new in written.items():
        place = f'moved."{old}"'
        before, now = _MOVE.fullmatch(str(old)), _MOVE.fullmatch(str(new))
        if before is None or now is None or before[1] != now[1]:
            yield f'{place}: write "rules.OLD" = "rules.NEW" or "sources.OLD" = "sources.NEW".'
            continue
        there = _names(config, _MOVABLE[before[1]])
        if new in written:
            yield f"{place}: {new} was renamed, too; give the name it has now."
        elif now[2] not in there:
            listed = ", ".join(sorted(there)) or "none"
            yield f"{place}: there is no {now[1]} table '{now[2]}' now; there are: {listed}."
        if before[2] in there:
            yield f"{place}: {old} is still there; remove it, or this line."
        if targets.count(new) > 1:
            yield f"{place}: {new} is given to several; two cannot become one."


# --- Clocks --------------------------------------------------------------------------------------


def _times_of_day(config: Config) -> Iterator[str]:
    company = config.get("company")
    if isinstance(company, Mapping) and company.get("time_zone"):
        return
    for table, key in (("schedule", "at"), ("alerts", "quiet_hours")):
        written = config.get(table)
        if isinstance(written, Mapping) and written.get(key):
            yield f"{table}.{key}: by whose clock? Set [company] time_zone."


CHECKS: Sequence[Callable[[Config], Iterator[str]]] = (
    _milestones_of_rules,
    _destinations_of_rules,
    _variables_of_rules,
    _segments_of_rules,
    _rules_that_count_twice,
    _names_of_sources,
    _keys_of_sites,
    _sources_that_read_the_same,
    _agreements,
    _renamings,
    _times_of_day,
    *MONEY_CHECKS,
    *PLATFORM_CHECKS,
)


# --- What the checks read ------------------------------------------------------------------------


def _unknown_companions(kind: str, key: str, tables: Mapping[str, TableOf]) -> Iterator[str]:
    for name, table in tables.items():
        for other in _words(table.get(key)):
            if other == name or other not in tables:
                listed = ", ".join(sorted(tables.keys() - {name})) or "none"
                yield f"{kind}.{name}.{key}: there is no other '{other}'; there are: {listed}."


def _is_meant(key: str, first: str, one: TableOf, second: str, other: TableOf) -> bool:
    return second in _words(one.get(key)) or first in _words(other.get(key))


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _mapped(config: Config, key: str) -> list[Sequence[str]]:
    inner = (table.get(key) for table in _tables(config, "deals").values())
    return [list(table) for table in inner if isinstance(table, Mapping)]


def _funnels(config: Config) -> list[Sequence[str]]:
    return _mapped(config, "milestones")


def _milestones(config: Config) -> set[str]:
    return {name for names in _funnels(config) for name in names} or set(KNOWN_MILESTONES)


def _no_source_has(milestone: Any, known: set[str]) -> str:
    return f"no deal source has '{milestone}'; there are: {', '.join(sorted(known))}."


def _segments(config: Config) -> set[str]:
    """Return the segments that are mapped, and those every CRM's deals have."""
    kinds = {_text(table, "kind") for table in _tables(config, "deals").values()}
    mapped = {name for names in _mapped(config, "segments") for name in names}
    return mapped | (set() if kinds <= {"csv", "google_template", "sql"} else ALWAYS_THERE)
