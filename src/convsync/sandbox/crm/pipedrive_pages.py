"""Pipedrive's lists: which parameters they take, cursors, pages and refusals; pure functions."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from convsync.sandbox.crm.server import Reply

MOST, MOST_IDS, MOST_KEYS = 500, 100, 15
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
_INCLUDED = {"first_won_time", "participants_count", "source_lead_id"}


def refused(query: Mapping[str, str], allowed: set[str]) -> Reply | None:
    """Return why a query is not taken: an unknown parameter, a wrong time, too much."""
    if unknown := sorted(set(query) - allowed):
        return invalid(f"{unknown[0]}: Parameter '{unknown[0]}' is not allowed for this request")
    for name in ("updated_since", "updated_until"):
        if name in query and not _STAMP.match(query[name]):
            return invalid(f"{name}: This value is not a valid datetime.")
    limit = query.get("limit", "100")
    if not limit.isdigit() or not 1 <= int(limit) <= MOST:
        return invalid("limit: not from 1 to 500")
    if query.get("sort_by", "id") not in {"id", "update_time", "add_time"}:
        return invalid("sort_by: not one of id, update_time, add_time")
    if len(query.get("ids", "").split(",")) > MOST_IDS:
        return invalid("ids: too many")
    if len(query.get("custom_fields", "").split(",")) > MOST_KEYS:
        return invalid("custom_fields: too many")
    if set(filter(None, query.get("include_fields", "").split(","))) - _INCLUDED:
        return invalid("include_fields: not one of those there are")
    return None


def window(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """Return the instants between which records must have changed."""
    since = query.get("updated_since", "1900-01-01T00:00:00Z")
    until = query.get("updated_until", "9999-01-01T00:00:00Z")
    return datetime.fromisoformat(since), datetime.fromisoformat(until)


def paged(records: Sequence[dict[str, Any]], query: Mapping[str, str], by: str = "id") -> Reply:
    """Return a page, and the cursor that names the first record of the next one."""
    limit, field = limit_of(query), query.get("sort_by", by)
    is_down = query.get("sort_direction") == "desc"
    if by == "id":
        records = sorted(records, key=lambda one: (one[field], one["id"]), reverse=is_down)
    if query.get("cursor"):
        first = first_of(query, by)
        if first is None:
            return invalid("cursor: This value is not valid.")
        records = [one for one in records if by != "id" or one["id"] >= first]
    page, rest = records[:limit], records[limit:]
    following = None
    if rest:
        named = {"field": field, "fieldValue": rest[0][field], "sortDirection": "asc"}
        spelt = json.dumps(named | {by: rest[0][by]}, separators=(",", ":"), default=str)
        following = urlsafe_b64encode(spelt.encode()).decode().rstrip("=")
    return Reply(
        body={"success": True, "data": page, "additional_data": {"next_cursor": following}}
    )


def limit_of(query: Mapping[str, str]) -> int:
    """Return how many records a page is to have."""
    return int(query.get("limit", "100"))


def first_of(query: Mapping[str, str], by: str) -> Any:
    """Return what the first record of a cursor's page is known by; None: no cursor, or not one."""
    cursor = query.get("cursor", "")
    try:
        return json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[by]
    except (ValueError, KeyError):
        return None


def invalid(what: str) -> Reply:
    """Return the refusal of a parameter."""
    body = {
        "success": False,
        "error": f"Validation failed: {what}",
        "code": "ERR_SCHEMA_VALIDATION_FAILED",
    }
    return Reply(status=400, body=body)


def error(status: int, message: str, **more: object) -> Reply:
    """Return any other refusal."""
    body = {
        "success": False,
        "error": message,
        "errorCode": status,
        "error_info": "Please check developers.pipedrive.com",
        **more,
    }
    return Reply(status=status, body=body)
