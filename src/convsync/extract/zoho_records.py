"""What Zoho's records contain, as cells: lookups, picklists, and its forms of an empty value."""

from collections.abc import Iterable
from typing import Any, Final

from convsync.extract.crm_adapter import Fields, Person, instant
from convsync.extract.funnel import Stage, StageOutcome
from convsync.extract.zoho_api import ZohoRecord

_OUTCOMES: Final = {
    "open": StageOutcome.OPEN, "closedwon": StageOutcome.WON, "closedlost": StageOutcome.LOST,
}  # fmt: skip
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


def stage_of(pipeline: ZohoRecord, stage: ZohoRecord, number: int) -> Stage:
    """Return a stage of a pipeline, the so many-th there, with what it means."""
    return Stage(
        stage_id=f"{pipeline['id']}:{stage['id']}",
        name=stage["display_value"],
        pipeline=pipeline["display_value"],
        position=int(stage.get("sequence_number") or number),
        outcome=_outcome(stage),
    )


def _outcome(stage: ZohoRecord) -> StageOutcome:
    """Return what a stage means: by its type, however that is spelled, else by probability 1."""
    letters = "".join(filter(str.isalpha, str(stage.get("forecast_type") or ""))).casefold()
    is_certain = str(stage.get("probability")) == "100"
    return _OUTCOMES.get(letters, StageOutcome.WON if is_certain else StageOutcome.OPEN)


def person_of(kind: str, row: ZohoRecord) -> Person:
    """Return the person that a contact or lead is."""
    created_at = instant(row.get("Created_Time"))
    return Person(kind=kind, record_id=row["id"], created_at=created_at, fields=plain_fields(row))
