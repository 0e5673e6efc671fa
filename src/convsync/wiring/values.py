"""Settings' plain values, as the rest of convsync takes them."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from convsync.extract.sql_query import is_file_of_sql
from convsync.model.customer import CustomerType
from convsync.settings.values import CustomerWords, Table, TimeColumnTable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from convsync.settings import Settings


def minutes(count: float | None) -> timedelta | None:
    """Return so many minutes, None for none."""
    return None if count is None else timedelta(minutes=count)


def zone_of(settings: "Settings") -> ZoneInfo:
    """Return the company's zone, for whoever can do with UTC where none is set."""
    return settings.company.time_zone or ZoneInfo("UTC")


def customer_words(words: CustomerWords) -> dict[CustomerType, frozenset[str]]:
    """Return the words for each type of customer."""
    return {
        CustomerType.NEW: frozenset(words.new),
        CustomerType.RETURNING: frozenset(words.returning),
        CustomerType.REENGAGED: frozenset(words.reengaged),
    }


class Sources(Protocol):
    """The tables of a company's deals and clicks: `Settings`, or a stand-in."""

    @property
    def deals(self) -> Mapping[str, Table]:
        """Return the sources of deals."""

    @property
    def clicks(self) -> Mapping[str, Table]:
        """Return the sources of clicks."""


def joins_plain_hashes(around: Sources) -> bool:
    """True where any of a company's sources has e-mails or phones that were hashed elsewhere."""
    sources = (*around.deals.values(), *around.clicks.values())
    keys = ("emails_are_hashed", "phones_are_hashed")
    return any(getattr(source, key, False) for source in sources for key in keys)


def mapped(table: Table, into: type["DataclassInstance"]) -> dict[str, Any]:
    """Return what a table of fields says, by the names of the mapping that takes it.

    A new field of a deal has one name in both, and needs no line here.
    """
    keys = {of.name: _KEYS.get(of.name, of.name) for of in fields(into)}
    there = type(table).model_fields
    return {name: _name_of(getattr(table, key)) for name, key in keys.items() if key in there}


def date_columns(*tables: Table) -> frozenset[str]:
    """Return the columns that tables declare to hold dates."""
    values = (value for table in (*tables,) for _, value in table)
    columns = (value for value in (*tables, *values) if isinstance(value, TimeColumnTable))
    return frozenset(column.column for column in columns if column.is_date)


def _name_of(value: Any) -> Any:
    return value.column if isinstance(value, TimeColumnTable) else value


_KEYS = {"emails": "email", "phones": "phone", "crm_keys": "crm_key", "visitors": "visitor"}
"""The keys in the config of what a mapping names in the plural."""


def query_of(written: str, folder: Path) -> str:
    """Return a query whose .sql file, where it is one, lies in the config's folder."""
    return str(folder / written.strip()) if is_file_of_sql(written) else written
