"""Events of the audit log as rows of a table: a column for each thing that an event can say.

What no column is for stands in `more`, as JSON, so that nothing of an event is left out.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # the command line knows these columns, and starts without a database
    from convsync.store.audit_log import AuditRow


class Kind(Enum):
    """What a column holds."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    AMOUNT = "amount"
    FLAG = "flag"


class Column(NamedTuple):
    """A column, and the field of an event's `detail` that it holds."""

    name: str
    kind: Kind
    field: str


_OF_EVENT = (
    Column("number", Kind.NUMBER, ""),
    Column("at", Kind.TIME, ""),
    Column("run", Kind.NUMBER, ""),
    Column("event", Kind.TEXT, ""),
    Column("source", Kind.TEXT, ""),
    Column("deal", Kind.TEXT, ""),
    Column("order_id", Kind.TEXT, ""),
)
_OF_DETAIL = (
    Column("rule", Kind.TEXT, "rule"),
    Column("milestone", Kind.TEXT, "milestone"),
    Column("milestone_at", Kind.TIME, "milestone_at"),
    Column("destination", Kind.TEXT, "destination"),
    Column("action", Kind.TEXT, "action"),
    Column("state", Kind.TEXT, "state"),
    Column("operation", Kind.TEXT, "operation"),
    Column("reason", Kind.TEXT, "reason"),
    Column("code", Kind.TEXT, "code"),
    Column("due_at", Kind.TIME, "due_at"),
    Column("value", Kind.AMOUNT, "value"),
    Column("currency", Kind.TEXT, "currency"),
    Column("told", Kind.AMOUNT, "told"),
    Column("told_currency", Kind.TEXT, "told_currency"),
    Column("event_at", Kind.TIME, "event_at"),
    Column("click", Kind.TEXT, "click"),
    Column("matched_by", Kind.TEXT, "matched_by"),
    Column("clicked_at", Kind.TIME, "clicked_at"),
    Column("is_click_estimated", Kind.FLAG, "is_click_estimated"),
    Column("seconds_to_close", Kind.NUMBER, "seconds_to_close"),
    Column("values_version", Kind.NUMBER, "values_version"),
    Column("is_unsure", Kind.FLAG, "is_unsure"),
    Column("entry", Kind.NUMBER, "entry"),
    Column("batch", Kind.NUMBER, "of_batch"),
    Column("request", Kind.TEXT, "request"),
    Column("rows", Kind.NUMBER, "rows"),
)
_LAST = (Column("more", Kind.TEXT, ""), Column("digest", Kind.TEXT, ""))
COLUMNS = (*_OF_EVENT, *_OF_DETAIL, *_LAST)
NAMES = tuple(column.name for column in COLUMNS)
_FIELDS = frozenset(column.field for column in _OF_DETAIL)

_READ: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.NUMBER: int,
    Kind.TEXT: str,
    Kind.TIME: datetime.fromisoformat,
    Kind.AMOUNT: Decimal,
    Kind.FLAG: bool,
}


def row_of(event: "AuditRow") -> dict[str, Any]:
    """Return an event by the names of `COLUMNS`; what it does not say is None."""
    detail = json.loads(event.detail)
    more = {field: value for field, value in detail.items() if field not in _FIELDS}
    said = {
        name: None if (value := detail.get(field)) is None else _READ[kind](value)
        for name, kind, field in _OF_DETAIL
    }
    return {
        "number": event.number,
        "at": event.at,
        "run": event.run_id,
        "event": event.event,
        "source": event.source,
        "deal": event.deal_id,
        "order_id": event.order_id,
        **said,
        "more": json.dumps(more, ensure_ascii=False) if more else None,
        "digest": event.digest.hex(),
    }
