"""What is written back into a CRM: which fact of a deal into which field, and the result."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct


class Fact(StrEnum):
    """What can be written into a field of a deal: `NUMBERS` are numbers, all else is text."""

    CLICK_ID = "click_id"
    CAMPAIGN = "campaign"
    KEYWORD = "keyword"
    FIRST_CLICK = "first_click"
    PLATFORM = "platform"
    SCORE = "score"
    EXPECTED_VALUE = "expected_value"


NUMBERS = frozenset({Fact.SCORE, Fact.EXPECTED_VALUE})


class FieldChange(Struct, frozen=True, kw_only=True):
    """What is to be written into a deal: new values by field. `row` is the deal's own."""

    row: int
    deal_id: str
    values: Mapping[str, str]


class ToWriteBack(Struct, frozen=True, kw_only=True):
    """How many deals of a source lack something in their CRM, and how many lack it by field."""

    source: str
    deals: int
    fields: Mapping[str, int]
