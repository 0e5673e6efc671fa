"""What Zoho's records hold, as cells: lookups, picks, and what it writes for nothing."""

from collections.abc import Iterable
from typing import Any, Final

from convsync.extract.crm_adapter import Fields
from convsync.extract.zoho_api import ZohoRecord

_NOTHING: Final = "-None-"
"""What a picklist shows where nothing was picked."""


def id_of(lookup: Any) -> str:
    """Return the ID of the record that a lookup names, "" for none."""
    return str(lookup["id"]) if lookup else ""


def ids_named(rows: Iterable[ZohoRecord], lookup: str) -> list[str]:
    """Return the IDs of the records that a lookup of these names."""
    return [*filter(None, dict.fromkeys(id_of(row.get(lookup)) for row in rows))]


def plain_fields(row: ZohoRecord) -> Fields:
    """Return the values of a record as cells hold them."""
    return {name: plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """Return a value as a cell holds it: several picks are one text, a lookup is its record's ID.

    Its name may be a person's.
    """
    if isinstance(value, dict):
        return value.get("id")
    if isinstance(value, list):
        return "; ".join(str(one) for one in map(plain, value) if one)
    return None if value == _NOTHING else value
