"""How Zoho CRM lays out what it answers: pages, times, lookups and refusals; pure functions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from convsync.sandbox.crm.book import Departure
from convsync.sandbox.crm.coql import CoqlQuery
from convsync.sandbox.crm.server import Reply, Request

A_LIST: Final = 200
_USERS_ZONE = timezone(timedelta(hours=5, minutes=30))


def by_id(
    after: Callable[[str | None], list[Any]], id_of: Callable[[Any], str], last: str | None
) -> Iterator[Any]:
    """Yield records in the order of their IDs, some at a time."""
    while records := after(last):
        yield from records
        last = id_of(records[-1])


def last_id(query: CoqlQuery) -> str | None:
    """Return the ID that a query goes on behind, None at its beginning."""
    return next((str(value) for value in query.values("id", ">")), None)


def window(bounds: Sequence[datetime]) -> tuple[datetime | None, datetime | None]:
    """Return the half-open window between two instants, both of which are in it."""
    since, until = [*bounds, None, None][:2]
    return since, until and until + timedelta(seconds=1)


def fits(query: CoqlQuery, row: Mapping[str, Any]) -> bool:
    """True where a row meets every condition of a query."""
    return all(one.holds(compared(row[one.column])) for one in query.where)


def rank(column: str, row: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return what rows sort by; null comes first."""
    value = compared(row[column])
    return value is not None, value


def compared(value: Any) -> Any:
    """Return what is compared of a value: IDs as numbers, a lookup by its ID, times in seconds."""
    if isinstance(value, Mapping):
        return int(value["id"])
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return int(value) if isinstance(value, str) and value.isdigit() else value


def lookup(record_id: str | None) -> dict[str, str] | None:
    """Return a record as fields that point to one hold it."""
    return {"name": "", "id": record_id} if record_id else None


def left_as(departure: Departure) -> str:
    """Return what kind of a deletion a departure is to Zoho."""
    return "permanent" if departure.survivor else "recycle"


def as_json(value: Any) -> Any:
    """Return a value as Zoho writes it: times in the user's zone, what is empty as null."""
    if isinstance(value, datetime):
        return value.astimezone(_USERS_ZONE).isoformat(timespec="seconds")
    return None if value == "" else value


def listed(request: Request, rows: Sequence[Mapping[str, Any]]) -> Reply:
    """Answer with a page of rows, as lists are paged."""
    size, page = int(request.query.get("per_page", A_LIST)), int(request.query.get("page", 1))
    if size > A_LIST:
        return refused(400, "LIMIT_EXCEEDED", "the limit is exceeded", param_name="per_page")
    shown = rows[(page - 1) * size : page * size]
    if not shown:
        return Reply(status=204)
    more = page * size < len(rows)
    info = {"per_page": size, "count": len(shown), "page": page, "more_records": more}
    data = [{name: as_json(value) for name, value in row.items()} for row in shown]
    return Reply(body={"data": data, "info": info})


def refused(status: int, code: str, message: str, **details: Any) -> Reply:
    """Return a refusal as Zoho words it."""
    body = {"code": code, "details": details, "message": message, "status": "error"}
    return Reply(status=status, body=body)
