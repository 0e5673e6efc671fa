"""The table that says which facts go back into which fields of a CRM's deals."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from convsync.model.write_back import Fact
from convsync.settings.crm_tables import AnyCrmDeals
from convsync.settings.values import Table

FieldName = Annotated[str, Field(min_length=1, max_length=100)]


class WriteBackTable(Table):
    """Which field of a deal gets which fact: a text, or for the last two a number.

    `most_deals` is the largest number of deals to write into in a night.
    """

    click_id: FieldName | None = None
    campaign: FieldName | None = None
    keyword: FieldName | None = None
    first_click: FieldName | None = None
    platform: FieldName | None = None
    score: FieldName | None = None
    expected_value: FieldName | None = None
    most_deals: int = Field(default=5_000, ge=1, le=100_000)

    @property
    def fields(self) -> Mapping[Fact, str]:
        """Return the field of each fact that has one."""
        named = {fact: getattr(self, fact.value) for fact in Fact}
        return {fact: name for fact, name in named.items() if name is not None}

    @model_validator(mode="after")
    def _names_fields(self) -> Self:
        names = [*self.fields.values()]
        if not names:
            facts = ", ".join(Fact)
            raise ValueError(f"nothing is to be written back; name a field for one of {facts}")
        if len({*names}) < len(names):
            raise ValueError("each fact needs a field of its own")
        return self


class WritableCrmDeals(AnyCrmDeals):
    """The deals of a CRM into whose fields convsync can write, where the config says so."""

    write_back: WriteBackTable | None = None

    @model_validator(mode="after")
    def _reads_nothing_that_it_writes(self) -> Self:
        if self.write_back is None:
            return self
        fields = {how.field for how in self.milestones.values() if how.field}
        read = {*_texts(self.deal.model_dump()), *self.segments.values(), *fields}
        if both := sorted(read.intersection(self.write_back.fields.values())):
            raise ValueError(
                f"write_back would write what is read as the deal's own: {', '.join(both)}."
                " Name other fields: what convsync wrote is no evidence"
            )
        return self


def _texts(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*map(_texts, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(_texts, value))
    return {value} if isinstance(value, str) else set()
