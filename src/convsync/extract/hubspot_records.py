"""What HubSpot's records say, in the words of the other CRMs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from convsync.errors import UnexpectedResponseError
from convsync.extract.crm_adapter import FieldHistory, Person, instant
from convsync.extract.funnel import StageOutcome
from convsync.extract.hubspot_api import ids_in
from convsync.extract.mapping import CONTACT
from convsync.extract.source import Departed
from convsync.model.deal import Gone
from convsync.model.period import Period

MERGED_FROM: Final = "hs_merged_object_ids"


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


def people_in(record: Mapping[str, Any]) -> list[Person]:
    """Return the person that a contact is, and behind it the IDs of those it was merged from.

    A merge makes a new contact, and a click log may know the person by an old one.
    """
    created_at = instant(record.get("createdAt"))
    return [
        Person(
            kind=CONTACT,
            record_id=record["id"],
            created_at=created_at,
            fields=record["properties"],
            history=history_of(record),
        ),
        *(Person(kind=CONTACT, record_id=one) for one in merged_ids(record)),
    ]


def merged_ids(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the IDs of the records that became this one."""
    merged = (record.get("properties") or {}).get(MERGED_FROM) or ""
    return tuple(one for one in merged.split(";") if one and one != record["id"])


def merged_into(record: Mapping[str, Any]) -> Iterator[Departed]:
    """Yield the deals that were merged into this one."""
    for deal_id in merged_ids(record):
        yield Departed(deal_id=deal_id, gone=Gone.MERGED, survivor=record["id"])


def archived_in(window: Period, record: Mapping[str, Any]) -> Iterator[Departed]:
    """Yield the deal that was archived in a window, and those that it had been merged from."""
    at = instant(record.get("archivedAt"))
    if at and at in window:
        for deal_id in (record["id"], *merged_ids(record)):
            yield Departed(deal_id=deal_id, gone=Gone.DELETED)


def raise_if_cut(asked: Sequence[str], answer: Any, found: Sequence[Mapping[str, Any]]) -> None:
    """Raise UnexpectedResponseError where a batch leaves records out and says nothing of them.

    One that is not there is named by an error in the answer, if that names any, and one that was
    merged away comes under its survivor's ID.
    """
    given = {one for record in found for one in (record["id"], *merged_ids(record))}
    errors = [answer] if answer.get("category") else answer.get("errors") or ()
    named = {one for error in errors for one in ids_in(error)}
    says_why = bool(errors) and not named
    if not says_why and not (given | named).issuperset(asked):
        raise UnexpectedResponseError("HubSpot left records out of a batch and did not say why.")
