"""Settings → the vendors that a person signs in to: CRMs that have a page for it, and platforms.

The config may be half written, or not there: that is when people sign in.
"""

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from convsync.errors import OperatorError
from convsync.extract.mapping import CrmMapping
from convsync.retrying import RetryPolicy
from convsync.settings.crm_tables import AnyCrmDeals
from convsync.settings.crms import CRMS
from convsync.settings.crms.descriptor import Consent, CrmDescriptor
from convsync.settings.kept_secrets import variable
from convsync.settings.loading import written_tables
from convsync.signing_in.way import Answers, Entrance
from convsync.wiring.crm import crm_of
from convsync.wiring.destinations import PLATFORMS

Tables = Mapping[str, Mapping[str, Any]]
_NOT_YET = "not-yet-there"
"""Stands in for the refresh token in a table that is only asked for its addresses."""
_OTHER_WAYS = frozenset({"kind", "token", "username", "private_key_file", "refresh_token"})
"""What a table holds that this way in leaves out."""


def vendors() -> tuple[str, ...]:
    """Return the vendors that a person can sign in to, by the words for them."""
    return (*PLATFORMS, *(kind for kind, crm in CRMS.items() if crm.consent))


def entrance_to(vendor: str, config: Path, name: str | None) -> Entrance:
    """Return the way in to a vendor for the tables of a config that are its own.

    `name` chooses among several. Raises OperatorError where there are several and it does not, or
    none is called so.
    """
    written = written_tables(config)
    if vendor in PLATFORMS:
        found = _of_kind(written.get("destinations", {}), PLATFORMS[vendor].kinds)
        return PLATFORMS[vendor].wiring().entrance(_named(found, name, vendor, is_one=False))
    described = CRMS[vendor]
    assert described.consent is not None, "only such are offered"
    found = _of_kind(written.get("deals", {}), {vendor})
    chosen = _named(found, name, "crm", is_one=True)
    ((table_name, table),) = chosen.items()
    return _crm(described, described.consent, table_name, table, config.resolve().parent)


def _of_kind(tables: Tables, kinds: Set[str]) -> Tables:
    return {name: table for name, table in tables.items() if table.get("kind") in kinds}


def _named(found: Tables, name: str | None, usual: str, *, is_one: bool) -> Tables:
    if not found:
        return {name or usual: {}}
    if name is not None and name not in found:
        raise OperatorError(f"The config has no such name as {name}; it has: {', '.join(found)}.")
    if name is not None:
        return {name: found[name]}
    if is_one and len(found) > 1:
        raise OperatorError(f"The config has several: {', '.join(found)}. Choose one with --name.")
    return found


def _crm(
    described: CrmDescriptor[Any],
    consent: Consent[Any],
    name: str,
    table: Mapping[str, Any],
    folder: Path,
) -> Entrance:
    defaults = {key: described.table.model_fields[key].default for key in consent.keys}
    there = {key: value for key, value in {**defaults, **table}.items() if isinstance(value, str)}
    kept = {key: value for key, value in there.items() if key not in _OTHER_WAYS}

    def table_with(answers: Answers) -> AnyCrmDeals:
        sketched: AnyCrmDeals = described.sketched({**kept, "refresh_token": _NOT_YET, **answers})
        return sketched

    return Entrance(
        places=(f"deals.{name}",),
        keys=tuple(consent.keys),
        secret_keys=frozenset({"client_secret"}),
        known={key: there[key] for key in consent.keys if key in there},
        way=lambda answers: consent.way(table_with(answers)),
        prove=lambda answers: _read_stages(table_with(answers), folder),
        hint=_other_ways(name, table),
    )


def _other_ways(name: str, table: Mapping[str, Any]) -> str:
    """Say what has to go from a table that had another way to sign in, "" where nothing has."""
    others = sorted((_OTHER_WAYS - {"kind", "refresh_token"}) & table.keys())
    if not others:
        return ""
    variables = ", ".join(variable(f"deals.{name}", key) for key in others)
    return (
        f"Now take {', '.join(others)} out of [deals.{name}] (or unset {variables}): a table with"
        " two ways to sign in is refused.\n"
    )


def _read_stages(table: AnyCrmDeals, folder: Path) -> str:
    stages = crm_of(table, CrmMapping(milestones={}), folder, RetryPolicy()).stages()
    return f"{len(stages)} stages of deals can be read with it."
