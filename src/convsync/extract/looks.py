"""What a look at a source hands over: its mapped columns, and each record beside its raw cells.

`check` looks at a source before the first night, and so needs what reading throws away: what stood
in a cell that says nothing, and how a value was written. A source hands its records over as they
come, once; what is made of them is counted elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from convsync.extract.mapping import (
    CONTACT,
    LEAD,
    CellFormat,
    ClickColumns,
    DealColumns,
    DealFields,
    RecordFields,
    bare_columns,
)
from convsync.extract.source import Quarantined
from convsync.model.click import ClickIdKind, Sighting
from convsync.model.deal import Deal


class Role(StrEnum):
    """What a column is mapped as, which decides how its cells are read and what may be amiss."""

    COUNTRY = "country"
    DEAL_ID = "deal ID"
    TIME = "time"
    CLICK_ID = "click ID"
    URL = "landing URL"
    AMOUNT = "amount"
    CURRENCY = "currency"
    EMAIL = "e-mail"
    PHONE = "phone"
    CONSENT = "consent"
    CRM_KEY = "CRM key"
    VISITOR = "visitor"
    CUSTOMER_TYPE = "customer type"
    SEGMENT = "segment"


class MappedColumn(NamedTuple):
    """A column or field, what it is mapped as, and the key in the configuration that maps it.

    `place` is the table of that key below the source's own, such as `columns` or `contact`.
    """

    name: str
    role: Role
    key: str
    place: str = "columns"
    kind: ClickIdKind | None = None

    @property
    def shown(self) -> str:
        """Return the name as people know it: a person's field with whose it is."""
        return f"{self.place}.{self.name}" if self.place in (CONTACT, LEAD) else self.name


class Look(NamedTuple):
    """One record: where it stands, what it was read as, and its cells as they came.

    `read` is None for a row that is no record, such as a row of a click log without a click ID. The
    cells are of the column whose position in `LookedAt.columns` stands before each; `said` stands
    for all that the record says, mapped or not.
    """

    place: str
    read: Deal | Sighting | Quarantined | None
    cells: Iterable[tuple[int, object]] = ()
    said: int = 0


def _nothing_left_out() -> int:
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """A source that is being looked at.

    `table` is its place in the configuration, `milestones` stand in the funnel's order. `left_out`
    tells, once the looks were gone through, how many rows are in no window of a query.
    `rows_are_deals` is False where several rows may be one deal, or none.
    """

    name: str
    table: str
    columns: tuple[MappedColumn, ...]
    form: CellFormat
    looks: Iterator[Look]
    left_out: Callable[[], int] = _nothing_left_out
    milestones: tuple[str, ...] = ()
    rows_are_deals: bool = False
    modified_at: str | None = None


@runtime_checkable
class CanBeLookedAt(Protocol):
    """A source whose records can be looked at, raw cells and all, before a night reads them."""

    name: str

    def looked_at(self) -> AbstractContextManager[LookedAt]:
        """Open the source, and close it behind; raises what reading it raises."""


def columns_of(columns: DealColumns | ClickColumns) -> tuple[MappedColumn, ...]:
    """Return every mapped column of a table, a country's before the phones it decides about.

    One that is mapped twice as the same, as when deals were won and lost, is there once.
    """
    found = [*_person(columns, "columns")]
    if isinstance(columns, ClickColumns):
        return _once([*_named((columns.logged_at, Role.TIME, "logged_at")), *found])
    own = [MappedColumn(columns.deal_id, Role.DEAL_ID, "deal_id"), *_deal(columns)]
    reached = [
        MappedColumn(milestone.column, Role.TIME, name, "milestones")
        for name, milestone in columns.milestones.items()
    ]
    return _once([*own, *reached, *found])


def fields_of(fields: RecordFields, kind: str) -> list[MappedColumn]:
    """Return every mapped field of a kind of record of a CRM."""
    return list(_person(fields, kind))


def deal_fields_of(fields: DealFields) -> list[MappedColumn]:
    """Return every field of a CRM that is mapped as something of the deal itself."""
    return [column._replace(place="") for column in _deal(fields)]


def _once(columns: Iterable[MappedColumn]) -> tuple[MappedColumn, ...]:
    found: dict[tuple[str, Role, ClickIdKind | None], MappedColumn] = {}
    for column in columns:
        found.setdefault((column.name, column.role, column.kind), column)
    return tuple(found.values())


def _deal(fields: DealFields) -> Iterator[MappedColumn]:
    yield from _named(
        (fields.created_at, Role.TIME, "created_at"),
        (fields.modified_at, Role.TIME, "modified_at"),
        (fields.amount, Role.AMOUNT, "amount"),
        (fields.currency, Role.CURRENCY, "currency"),
        (fields.customer_type, Role.CUSTOMER_TYPE, "customer_type"),
    )
    for name, column in fields.segments.items():
        yield MappedColumn(column, Role.SEGMENT, name, "segments")


def _person(columns: RecordFields | ClickColumns, place: str) -> Iterator[MappedColumn]:
    several = (
        (Role.EMAIL, "email", columns.emails),
        (Role.PHONE, "phone", columns.phones),
        (Role.CRM_KEY, "crm_key", columns.crm_keys),
        (Role.VISITOR, "visitor", columns.visitors),
    )
    yield from _named((columns.country, Role.COUNTRY, "country"), place=place)
    for kind, name in bare_columns(columns):
        yield MappedColumn(name, Role.CLICK_ID, kind.value, place, kind)
    yield from _named(
        (columns.landing_url, Role.URL, "landing_url"),
        (columns.clicked_at, Role.TIME, "clicked_at"),
        place=place,
    )
    for role, key, names in several:
        yield from _named(*((name, role, key) for name in names), place=place)
    if isinstance(columns, RecordFields):
        yield from _named(
            (columns.ad_user_data, Role.CONSENT, "ad_user_data"),
            (columns.ad_personalization, Role.CONSENT, "ad_personalization"),
            (columns.consented_at, Role.TIME, "consented_at"),
            place=place,
        )


def _named(*mapped: tuple[str | None, Role, str], place: str = "columns") -> Iterator[MappedColumn]:
    for name, role, key in mapped:
        if name is not None:
            yield MappedColumn(name, role, key, place)
