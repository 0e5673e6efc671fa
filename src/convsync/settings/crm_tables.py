"""What the tables of all CRMs have in common: what stages and fields mean. crms/ has the vendors'.

Secrets are given by name, as `CONVSYNC_DEALS__CRM__TOKEN` or a file in the secrets directory.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from convsync.extract.mapping import ATTRIBUTES
from convsync.settings.deal_fields import DealFieldsTable, RecordFieldsTable
from convsync.settings.values import (
    ConsentWords,
    Currency,
    CustomerWords,
    DateFormats,
    Minutes,
    Region,
    Separator,
    Table,
    Words,
    Zone,
)

ALWAYS_THERE = frozenset(ATTRIBUTES)
"""The segments of every CRM's deals, mapped or not."""


class CrmMilestone(Table):
    """What counts as a milestone: stages, an outcome, a field with its time, or the deal itself.

    `is_date` says that midnight in the field means the whole day.
    """

    stages: Words = ()
    outcome: Literal["won", "lost"] | None = None
    field: str | None = None
    is_date: bool = False
    created: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        is_by_stage = bool(self.stages or self.outcome)
        if is_by_stage + (self.field is not None) + self.created != 1:
            raise ValueError("say `stages` or `outcome`, or `field`, or `created = true`")
        if self.is_date and self.field is None:
            raise ValueError("`is_date` belongs to a `field`")
        return self


def _crm_milestone(value: Any) -> Any:
    return {"stages": value} if isinstance(value, str | list) else value


class AnyCrmDeals(Table):
    """What every CRM has. Milestones are in the funnel's order.

    `lag_minutes` and `overlap_minutes` override the vendor's defaults. `token_file` keeps access
    tokens that expire between runs, with file mode 0600; without it they are not kept.
    `reads_beside` names sources that intentionally read the same deals.
    """

    kind: str
    milestones: dict[str, Annotated[CrmMilestone, BeforeValidator(_crm_milestone)]] = Field(
        min_length=1
    )
    deal: DealFieldsTable = DealFieldsTable()
    contact: RecordFieldsTable = RecordFieldsTable()
    lead: RecordFieldsTable = RecordFieldsTable()
    segments: dict[str, str] = Field(default_factory=dict)
    consent: ConsentWords = ConsentWords()
    customer_type: CustomerWords = CustomerWords()
    time_zone: Zone | None = None
    country: Region | None = None
    currency: Currency | None = None
    date_formats: DateFormats = ()
    value_separator: Separator | None = None
    blank_words: Words = ()
    emails_are_hashed: bool = False
    phones_are_hashed: bool = False
    lag_minutes: Minutes | None = None
    overlap_minutes: Minutes | None = None
    token_file: Path | None = None
    reads_beside: Words = ()

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_shown(cls, value: Any) -> Any:
        """Refuse a secret that no header takes: one that was copied with its line break."""
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            if not secret.isprintable() or secret != secret.strip():
                raise PydanticCustomError(
                    "unfit_secret",
                    "it holds a line break, a space at its end or a control character; set it again"
                    " without",
                )
        return value

    def require_one_of(self, *ways: tuple[str, ...]) -> None:
        """Raise ValueError unless the keys of exactly one way to sign in are there."""
        there = [way for way in ways if all(getattr(self, key) is not None for key in way)]
        if len(there) != 1:
            listed = ", or ".join(" and ".join(way) for way in ways)
            raise ValueError(f"to sign in, give {listed}, and only one of these")
