"""Versions of learned values: kept as they were learned, and one of them accepted for the rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.json import decode, encode
from sqlalchemy import Connection, Row, Select, insert, select, update

from convsync.model.expected import AcceptedValues, ExpectedTable, Forecast
from convsync.model.rule import ConversionRule
from convsync.store.schema import value_versions

T = TypeVar("T", bound=tuple[Any, ...])


class Version(Struct, frozen=True, kw_only=True):
    """One version: its table, how it did on past months, and who let the rules use it, and when.

    `restates` says whether it was also to correct what was counted by then.
    """

    number: int
    learned_at: datetime
    learned_by: str
    table: ExpectedTable
    forecasts: Sequence[Forecast]
    accepted_at: datetime | None
    accepted_by: str | None
    restates: bool


def keep(
    connection: Connection,
    table: ExpectedTable,
    forecasts: Sequence[Forecast],
    *,
    at: datetime,
    by: str,
) -> int:
    """Keep a version; return its number."""
    values = {
        "learned_at": at,
        "learned_by": by,
        "content": encode(table).decode(),
        "forecasts": encode(forecasts).decode(),
        "restates": False,
    }
    kept = insert(value_versions).values(values).returning(value_versions.c.id)
    return int(connection.execute(kept).scalar_one())


def accept(connection: Connection, number: int, *, at: datetime, by: str, restates: bool) -> None:
    """Let rules use a version from now on."""
    said = {"accepted_at": at, "accepted_by": by, "restates": restates}
    connection.execute(update(value_versions).where(value_versions.c.id == number).values(said))


def version(connection: Connection, number: int | None = None) -> Version | None:
    """Return a version, or the latest; None where there is no such one."""
    found = select(value_versions).order_by(value_versions.c.id.desc()).limit(1)
    if number is not None:
        found = found.where(value_versions.c.id == number)
    return _read(connection.execute(found).first())


def accepted(connection: Connection) -> Version | None:
    """Return the version that rules use; None where none was ever accepted."""
    return _read(connection.execute(_accepted_last(select(value_versions))).first())


def accepted_number(connection: Connection) -> int | None:
    """Return the number of the version that rules use; None where none was ever accepted."""
    return connection.execute(_accepted_last(select(value_versions.c.id))).scalar()


def newer(connection: Connection) -> int | None:
    """Return the number of the latest version, None where it, or a later one, was accepted."""
    columns = (value_versions.c.id, value_versions.c.accepted_at)
    latest = connection.execute(select(*columns).order_by(value_versions.c.id.desc()).limit(1))
    found = latest.one_or_none()
    if found is None or found.accepted_at is not None:
        return None
    used = accepted_number(connection)
    return int(found.id) if used is None or found.id > used else None


def listed(connection: Connection) -> Sequence[Version]:
    """Return all versions, the latest first."""
    found = select(value_versions).order_by(value_versions.c.id.desc())
    return [one for row in connection.execute(found) if (one := _read(row)) is not None]


def in_rules(connection: Connection, rules: Sequence[ConversionRule]) -> Sequence[ConversionRule]:
    """Return the rules with the accepted version in those whose value is learned."""
    if not any(rule.learned for rule in rules):
        return rules
    found = accepted(connection)
    if found is None:
        return rules
    used = AcceptedValues(version=found.number, table=found.table, restates=found.restates)
    return [rule.with_accepted(used) for rule in rules]


def _accepted_last(asked: Select[T]) -> Select[T]:
    was_accepted = value_versions.c.accepted_at.is_not(None)
    in_order = (value_versions.c.accepted_at.desc(), value_versions.c.id.desc())
    return asked.where(was_accepted).order_by(*in_order).limit(1)


def _read(row: Row[Any] | None) -> Version | None:
    if row is None:
        return None
    return Version(
        number=row.id,
        learned_at=row.learned_at,
        learned_by=row.learned_by,
        table=decode(row.content, type=ExpectedTable),
        forecasts=decode(row.forecasts, type=list[Forecast]),
        accepted_at=row.accepted_at,
        accepted_by=row.accepted_by,
        restates=row.restates,
    )
