"""The fields of the sandbox's Pipedrive: those it has of itself, and those that somebody made."""

from collections.abc import Mapping
from hashlib import sha1
from typing import Final

from convsync.sandbox.crm.book import CONTACT
from convsync.sandbox.crm.server import Field
from convsync.sandbox.crm.writing import NUMBER, WRITABLE

_TYPES = {NUMBER: "double"}


def _custom(kind: str, own: str, label: str) -> Field:
    key = sha1(f"{kind}:{own}".encode(), usedforsecurity=False).hexdigest()
    return Field(
        kind=kind, own=own, name=key, label=label, type=_TYPES.get(own, "varchar"), longest=255
    )


FIELDS: Final = (
    *(
        _custom("deal", own, label)
        for own, label in (
            ("region", "Region"),
            ("vertical", "Vertical"),
            ("deal_type", "Deal type"),
            ("origin", "Lead origin"),
            ("gclid", "GCLID"),
            ("mql_on", "MQL on"),
            *WRITABLE.items(),
        )
    ),
    *(
        _custom(CONTACT, own, label)
        for own, label in (
            ("country", "Country"),
            ("consent", "Ads consent"),
            ("gclid", "GCLID"),
            ("gbraid", "GBRAID"),
            ("wbraid", "WBRAID"),
            ("landing_page", "Landing page"),
            ("visitor_id", "Visitor ID"),
        )
    ),
)
BUILT_IN = {
    "deal": ("id", "title", "value", "currency", "stage_id", "status", "owner_id", "lost_reason"),
    CONTACT: ("id", "name", "email", "phone", "owner_id"),
}


def custom_values(
    kind: str, fields: Mapping[str, str], query: Mapping[str, str]
) -> dict[str, str | None]:
    """Return what a record has in the fields that a query asks for, all where it asks for none."""
    asked = query.get("custom_fields")
    keys = None if asked is None else asked.split(",")
    return {
        one.name: fields.get(one.own) or None
        for one in FIELDS
        if one.kind == kind and (keys is None or one.name in keys)
    }
