"""Pages of Dataverse: columns, order, annotations, and the link to what follows; pure functions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, unquote

from convsync.sandbox.crm import odata
from convsync.sandbox.crm.dynamics_rows import DataverseRow
from convsync.sandbox.crm.dynamics_tables import FIELDS, DataverseTable
from convsync.sandbox.crm.server import Request

BASE: Final = "/api/data/v9.2"
_LABEL: Final = "OData.Community.Display.V1.FormattedValue"
_TARGET: Final = "Microsoft.Dynamics.CRM.lookuplogicalname"
_OPTIONS = frozenset({"$select", "$filter", "$orderby", "$expand", "$top", "$skiptoken"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The columns rows are ordered by, of which the key is always the last."""

    columns: tuple[str, ...]
    is_down: bool

    def key(self, row: DataverseRow) -> tuple[Any, ...]:
        """Return what a row is ordered by."""
        return tuple(row.values[name] for name in self.columns)


def order_of(table: DataverseTable, query: Mapping[str, str]) -> Order:
    """Return the order a query asks for; FilterError where there is none such."""
    column, _, way = query.get("$orderby", table.key).partition(" ")
    if column not in table.columns or way not in ("", "asc", "desc"):
        raise odata.FilterError(f"The query order '{column} {way}' is not valid.")
    return Order(columns=tuple(dict.fromkeys((column, table.key))), is_down=way == "desc")


def selected(
    table: DataverseTable, query: Mapping[str, str], where: odata.Filter | None
) -> tuple[str, ...]:
    """Return the columns to answer with; FilterError where one is asked for that is not there."""
    if unknown := sorted(set(query) - _OPTIONS):
        raise odata.FilterError(f"The query parameter {unknown[0]} is not supported.")
    select = tuple(query["$select"].split(",")) if "$select" in query else table.columns
    filtered = [one.column for one in where or () if one.column not in table.through]
    for name in (*select, *filtered):
        if name not in table.columns:
            raise odata.FilterError(
                f"Could not find a property named '{name}' on type"
                f" 'Microsoft.Dynamics.CRM.{table.name}'."
            )
    money = {one.name for one in FIELDS if one.type == "Money"} | {"actualvalue"}
    more = ["_transactioncurrencyid_value"] if money & {*select} else []
    return tuple(dict.fromkeys((table.key, *select, *more)))


def as_json(
    table: DataverseTable,
    row: DataverseRow,
    select: Sequence[str],
    query: Mapping[str, str],
    prefer: str,
) -> dict[str, Any]:
    """Return a row as JSON has it, annotations before their columns where they are asked for."""
    is_annotated = "odata.include-annotations" in prefer
    shown: dict[str, Any] = {"@odata.etag": 'W/"72201545"'}
    for name in select:
        value = row.values[name]
        if is_annotated and value is not None:
            if name in row.targets:
                shown[f"{name}@{_TARGET}"] = row.targets[name]
            if name in row.labels:
                shown[f"{name}@{_LABEL}"] = row.labels[name]
        shown[name] = stamp(value) if isinstance(value, datetime) else value
    if query.get("$expand", "").startswith("processid("):
        shown["processid"] = row.values["processid"]
    return shown


def row_after(token: str, order: Order) -> tuple[Any, ...] | None:
    """Return what the row was ordered by after which to go on."""
    if not token:
        return None
    outer = re.search(r'pagingcookie="([^"]*)"', token)
    inner = unquote(unquote(outer[1])) if outer else ""
    ends = [re.search(rf'<{name} last="([^"]*)"', inner) for name in order.columns]
    if not all(ends):
        raise odata.FilterError("The paging cookie is malformed.")
    written = [end[1].strip("{}").lower() for end in ends if end]
    return tuple(
        one if odata.GUID.match(one) else datetime.fromisoformat(one.upper()) for one in written
    )


def link_behind(request: Request, records: str, order: Order, page: Sequence[DataverseRow]) -> str:
    """Return the link to what comes after a page: the same question, and where to go on."""
    first, last = order.key(page[0]), order.key(page[-1])
    inner = "".join(
        f'<{name} last="{_written(end)}" first="{_written(begin)}" />'
        for name, begin, end in zip(order.columns, first, last, strict=True)
    )
    cookie = quote(quote(f'<cookie page="1">{inner}</cookie>'))
    token = f'<cookie pagenumber="2" pagingcookie="{cookie}" istracking="False" />'
    asked = {**request.query, "$skiptoken": token}
    encoded = "&".join(f"{name}={quote(text)}" for name, text in asked.items())
    return f"{request.base_url}{BASE}/{records}?{encoded}"


def _written(value: Any) -> str:
    """Return a value as cookies have it: IDs in capitals and braces."""
    return stamp(value) if isinstance(value, datetime) else f"{{{value.upper()}}}"


def stamp(at: datetime) -> str:
    """Return an instant as Dataverse writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
