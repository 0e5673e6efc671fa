"""What HubSpot's records say, in the words of the other CRMs."""

from collections.abc import Iterator, Mapping
from typing import Any

from convsync.extract.crm_adapter import FieldHistory, Person, instant
from convsync.extract.funnel import StageOutcome
from convsync.extract.mapping import CONTACT
from convsync.extract.source import Departed
from convsync.model.deal import Gone


def outcome_of(metadata: Mapping[str, Any]) -> StageOutcome:
    """Return what a stage means: closed at probability 1 is won, closed at another is lost.

    `isClosed` is not in the published schema: without it, probability 1 is won and 0 is lost.
    """
    try:
        probability = float(metadata.get("probability") or 0)
    except (TypeError, ValueError):
        return StageOutcome.OPEN
    is_closed = str(metadata.get("isClosed", "")).casefold()
    if is_closed == "true" or (not is_closed and probability in (0, 1)):
        return StageOutcome.WON if probability == 1 else StageOutcome.LOST
    return StageOutcome.OPEN


def history_of(record: Mapping[str, Any]) -> FieldHistory:
    """Return what the properties of a record held over time."""
    return {
        name: [(one["value"], at) for one in values if (at := instant(one["timestamp"]))]
        for name, values in (record.get("propertiesWithHistory") or {}).items()
    }


def person_of(record: Mapping[str, Any]) -> Person:
    """Return the person that a contact is."""
    return Person(
        kind=CONTACT,
        record_id=record["id"],
        created_at=instant(record.get("createdAt")),
        fields=record["properties"],
        history=history_of(record),
    )


def merged_ids(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the IDs of the deals that became this one."""
    merged = record["properties"].get("hs_merged_object_ids") or ""
    return tuple(one for one in merged.split(";") if one and one != record["id"])


def merged_into(record: Mapping[str, Any]) -> Iterator[Departed]:
    """Yield the deals that were merged into this one."""
    for deal_id in merged_ids(record):
        yield Departed(deal_id=deal_id, gone=Gone.MERGED, survivor=record["id"])
