"""What an adapter promises that writes into fields of deals, and how it reports the result.

A writer overwrites: whether a field may be written is decided by whoever calls it, who has asked
for what the field holds just before.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Protocol, runtime_checkable

from msgspec import Struct

from convsync.model.write_back import NUMBERS, Fact, FieldChange


class Written(Struct, frozen=True):
    """A deal took its values. `modified_at` is its CRM's stamp since, None where it is not told."""

    modified_at: datetime | None = None


class NotWritten(Struct, frozen=True):
    """A deal did not take its values, for a reason that is its own; `code` is the vendor's word."""

    code: str


class FieldWriter(Protocol):
    """Writes into fields of one CRM's deals. Calls raise what `Http` raises.

    Whatever raises has perhaps written all the same. `most_at_once` is how many deals one call of
    `write` takes.
    """

    most_at_once: int

    def problems(self, texts: Sequence[str], numbers: Sequence[str]) -> Iterator[str]:
        """Yield why these fields cannot be written, and raise OperatorError where none can be.

        A number may be written into a text, too.
        """

    def held(
        self, deal_ids: Sequence[str], names: Sequence[str]
    ) -> Mapping[str, Mapping[str, str]]:
        """Return what deals hold in fields now, "" for nothing; those not there are left out."""

    def write(self, changes: Sequence[FieldChange]) -> Sequence[Written | NotWritten | None]:
        """Write each deal's values; the answers are in their order, None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBackTerms:
    """Which facts a source's deals get, each with its field, of how many deals a night, by what."""

    source: str
    fields: Mapping[Fact, str]
    most_deals: int
    open_writer: Callable[[], FieldWriter] = field(repr=False)


@runtime_checkable
class WritesFields(Protocol):
    """An adapter that can write as well as read."""

    def field_writer(self) -> FieldWriter:
        """Return what writes into fields of deals, signed in as the adapter is."""


def problems_with(terms: WriteBackTerms, writer: FieldWriter) -> Iterator[str]:
    """Yield why the fields of a source cannot be written."""
    numbers = [name for fact, name in terms.fields.items() if fact in NUMBERS]
    texts = [name for fact, name in terms.fields.items() if fact not in NUMBERS]
    return writer.problems(texts, numbers)


def is_same(held: str, value: str) -> bool:
    """Return whether a field holds a value, perhaps written as another number, as 23.0 for 23."""
    if held == value:
        return True
    try:
        return Decimal(held) == Decimal(value)
    except InvalidOperation:
        return False


def text_in(value: object) -> str:
    """Return what a field holds as it is compared: text without blanks around it."""
    return "" if value is None else str(value).strip()
