"""`GoogleAdsService.Search` and `SearchStream`: queries over the tables the sandbox holds.

Which fields exist is read from the messages of the version that was called. A resource that the
sandbox has no rows for exists all the same, and is empty.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import eq, ge, gt, le, lt, ne
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf import json_format

from convsync.sandbox.account import ReportRow, SandboxAccount
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.google_ads import gaql
from convsync.sandbox.google_ads.batch import account_of
from convsync.sandbox.google_ads.failures import Failure
from convsync.sandbox.google_ads.gaql import GaqlCondition, GaqlQuery, query_error
from convsync.sandbox.google_ads.tables import rows_of
from convsync.sandbox.google_ads.version import Version
from convsync.sandbox.messages import Message

ROWS_A_PAGE = 10_000
CLICKS_ARE_KEPT = timedelta(days=90)

_OF_CRITERIA = ("campaign", "ad_group", "ad_group_criterion", "metrics", "segments")
# What else may be selected from a resource; where nothing is listed, anything may.
JOINED = {
    "customer": {"metrics", "segments"},
    "conversion_action": {"customer", "metrics", "segments"},
    "click_view": {"customer", "campaign", "ad_group", "metrics", "segments"},
    "campaign": {"customer", "metrics", "segments"},
    "ad_group": {"customer", "campaign", "metrics", "segments"},
    "keyword_view": {"customer", *_OF_CRITERIA},
    "geographic_view": {"customer", "campaign", "ad_group", "metrics", "segments"},
    "ad_group_audience_view": {"customer", *_OF_CRITERIA},
    "offline_conversion_upload_client_summary": {"customer"},
    "offline_conversion_upload_conversion_action_summary": {"customer"},
}
# Days from and to today, today being 0.
DURING = {
    "TODAY": (0, 0),
    "YESTERDAY": (-1, -1),
    "LAST_7_DAYS": (-7, -1),
    "LAST_14_DAYS": (-14, -1),
    "LAST_30_DAYS": (-30, -1),
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq,
    "!=": ne,
    ">": gt,
    "<": lt,
    ">=": ge,
    "<=": le,
}
DATE = "segments.date"
# A segment that only conversions have, and what cannot be told by it.
OF_CONVERSIONS = "segments.conversion_action"
NOT_BY_CONVERSION = ("metrics.clicks", "metrics.cost_micros", "metrics.impressions")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """The rows a query is answered with, and what it asked of each."""

    query: GaqlQuery
    fields: "_Fields"
    rows: Sequence[ReportRow]

    def fill(self, response: Message, begin: int) -> None:
        """Put a page of rows into a response; a resource always says its own name."""
        name = f"{self.query.resource}.resource_name"
        shown = list(dict.fromkeys((name, *self.query.fields)))
        for row in self.rows[begin : begin + ROWS_A_PAGE]:
            result = response.results.add()
            for path in shown:
                if path in row:
                    self.fields.put(result, path, row[path])
        response.field_mask.paths.extend(self.query.fields)


def search(platform: AdPlatform, version: Version, request: Message, request_id: str) -> Message:
    """One page of what was asked for."""
    with platform.faults.around("search"):
        if request.page_size:
            raise Failure.of("request_error.PAGE_SIZE_NOT_SUPPORTED", ("page_size", None))
        if request.page_token and not request.page_token.isdecimal():
            raise Failure.of("request_error.INVALID_PAGE_TOKEN", ("page_token", None))
        report = _report(platform, version, request)
        response = version.search_response()
        if not request.validate_only:
            begin = int(request.page_token or 0)
            end = begin + ROWS_A_PAGE
            report.fill(response, begin)
            response.next_page_token = str(end) if end < len(report.rows) else ""
        if request.search_settings.return_total_results_count:
            response.total_results_count = len(report.rows)
        return response


def search_stream(
    platform: AdPlatform, version: Version, request: Message, request_id: str
) -> list[Message]:
    """Everything that was asked for, in parts; at least one."""
    with platform.faults.around("search"):
        report = _report(platform, version, request)
        parts = []
        for begin in range(0, max(len(report.rows), 1), ROWS_A_PAGE):
            part = version.stream_response(request_id=request_id)
            report.fill(part, begin)
            parts.append(part)
        return parts


def _report(platform: AdPlatform, version: Version, request: Message) -> _Report:
    account = account_of(platform, request.customer_id)
    query = gaql.parse(request.query)
    fields = _Fields(version, query)
    today = platform.clock.now().astimezone(ZoneInfo(account.time_zone)).date()
    if query.resource == "click_view":
        _check_days(query, today)
    rows = _selected(fields, query, today, platform, request.customer_id, account)
    return _Report(query=query, fields=fields, rows=rows[: query.limit])


def _selected(
    fields: "_Fields",
    query: GaqlQuery,
    today: date,
    platform: AdPlatform,
    customer_id: str,
    account: SandboxAccount,
) -> list[ReportRow]:
    conditions = [fields.predicate(condition, today) for condition in query.conditions]
    rows = [
        row
        for row in rows_of(query.resource, platform, customer_id, account)
        if all(holds(row) for holds in conditions)
    ]
    if any(field.startswith("metrics.") for field in query.fields):
        rows = _added_up(rows, query.fields)
    for field, is_descending in reversed(query.order_by):
        kind = fields.kind(field)
        rows.sort(key=lambda row, f=field, k=kind: k.of(row.get(f)), reverse=is_descending)  # type: ignore[misc]
    return rows


def _added_up(rows: Sequence[ReportRow], fields: Sequence[str]) -> list[ReportRow]:
    """Return a row for all that is alike in what is selected; none where every metric is zero."""
    metrics = [field for field in fields if field.startswith("metrics.")]
    others = [field for field in fields if field not in metrics]
    sums: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        alike = tuple(repr(row.get(field)) for field in others)
        total = sums.setdefault(alike, {**row, **dict.fromkeys(metrics, 0)})
        for metric in metrics:
            total[metric] += row.get(metric, 0)
    return [row for row in sums.values() if any(row[metric] for metric in metrics)]


# --- which fields there are ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How the values of a field are read and compared."""

    read: Callable[[str], Any]
    default: Any

    def of(self, value: Any) -> Any:
        return self.default if value is None else value


class _Fields:
    """The fields a query names, each of which has to exist and to belong there."""

    def __init__(self, version: Version, query: GaqlQuery) -> None:
        self._row = version.row
        self._known: dict[str, Any] = {}
        if query.resource not in self._row.fields_by_name:
            raise query_error("BAD_RESOURCE_TYPE_IN_FROM_CLAUSE")
        allowed = JOINED.get(query.resource)
        named = [condition.field for condition in query.conditions]
        ordered = [field for field, _ in query.order_by]
        for field in (*query.fields, *named, *ordered):
            self._descriptor(field)
            resource = field.partition(".")[0]
            if allowed is not None and resource not in allowed | {query.resource}:
                raise query_error("PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE")
        for field in query.fields:
            descriptor = self._descriptor(field)
            if descriptor.message_type and not descriptor.is_repeated:
                raise query_error("PROHIBITED_FIELD_IN_SELECT_CLAUSE")
        if any(field.startswith(OF_CONVERSIONS) for field in query.fields) and any(
            field in NOT_BY_CONVERSION for field in query.fields
        ):
            raise query_error("PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE")
        for field in named:
            if field.startswith("segments.") and field != DATE and field not in query.fields:
                raise query_error("EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE")

    def kind(self, field: str) -> _Kind:
        descriptor = self._descriptor(field)
        if descriptor.message_type or descriptor.is_repeated:
            raise query_error("PROHIBITED_FIELD_IN_WHERE_CLAUSE")
        if enum := descriptor.enum_type:
            return _Kind(read=_constant_of(enum), default="UNSPECIFIED")
        if descriptor.cpp_type == descriptor.CPPTYPE_BOOL:
            return _Kind(read=_boolean, default=False)
        if descriptor.cpp_type == descriptor.CPPTYPE_STRING:
            return _Kind(read=str, default="")
        return _Kind(read=_number, default=0)

    def predicate(self, condition: GaqlCondition, today: date) -> Callable[[ReportRow], bool]:
        """Whether a row meets a condition."""
        kind, field, operator = self.kind(condition.field), condition.field, condition.operator
        if operator in ("IS NULL", "IS NOT NULL"):
            return lambda row: (row.get(field) is None) == (operator == "IS NULL")
        if operator in ("DURING", "BETWEEN"):
            first, last = map(kind.read, _bounds(condition, today))
            return lambda row: bool(first <= kind.of(row.get(field)) <= last)
        if operator.endswith("LIKE"):
            pattern = re.compile(_like(condition.values[0]), re.IGNORECASE | re.DOTALL)
            wanted = operator == "LIKE"
            return lambda row: bool(pattern.fullmatch(kind.of(row.get(field)))) == wanted
        values = [kind.read(value) for value in condition.values]
        if operator.endswith("IN"):
            wanted = operator == "IN"
            return lambda row: (kind.of(row.get(field)) in values) == wanted
        compare = COMPARISONS[operator]
        return lambda row: compare(kind.of(row.get(field)), values[0])

    def put(self, row: Message, path: str, value: Any) -> None:
        """Set a field of a row: a constant by its name, what has parts as JSON."""
        field, message = self._descriptor(path), row
        for parent in path.split(".")[:-1]:
            message = getattr(message, parent)
        if field.is_repeated or field.message_type:
            json_format.ParseDict({field.json_name: value}, message)
        elif field.enum_type:
            setattr(message, field.name, field.enum_type.values_by_name[value].number)
        else:
            setattr(message, field.name, value)

    def _descriptor(self, path: str) -> Any:
        if path not in self._known:
            self._known[path] = self._look_up(path)
        return self._known[path]

    def _look_up(self, path: str) -> Any:
        message, found = self._row, None
        for name in path.split("."):
            fields = message.fields_by_name if message is not None else {}
            # A field named as a word of Python has an underscore in these classes.
            found = fields.get(name) or fields.get(f"{name}_")
            if found is None or name.endswith("_"):
                raise query_error("UNRECOGNIZED_FIELD")
            message = None if found.is_repeated else found.message_type
        if "." not in path:
            raise query_error("BAD_FIELD_NAME")
        return found


def _constant_of(enum: Any) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in enum.values_by_name:
            raise query_error("BAD_ENUM_CONSTANT")
        return text

    return read


def _boolean(text: str) -> bool:
    if text.upper() not in ("TRUE", "FALSE"):
        raise query_error("BAD_VALUE")
    return text.upper() == "TRUE"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise query_error("BAD_NUMBER") from error


def _like(pattern: str) -> str:
    return ".*".join(map(re.escape, pattern.split("%")))


# --- days ----------------------------------------------------------------------------------------


def _check_days(query: GaqlQuery, today: date) -> None:
    """`click_view` is asked for one day at a time, and for the last 90 days only."""
    days = [limits for condition in query.conditions if (limits := _days(condition, today))]
    if not days:
        raise query_error("EXPECTED_FILTERS_ON_DATE_RANGE")
    first, last = max(begin for begin, _ in days), min(end for _, end in days)
    if first < last:
        raise query_error("DATE_RANGE_TOO_WIDE")
    if today - first > CLICKS_ARE_KEPT:
        raise Failure.of("date_error.EARLIER_THAN_MINIMUM_DATE", ("query", None))


def _days(condition: GaqlCondition, today: date) -> tuple[date, date] | None:
    if condition.field != DATE:
        return None
    if condition.operator in ("DURING", "BETWEEN"):
        first, last = _bounds(condition, today)
        return _day(first), _day(last)
    day = _day(condition.values[0])
    return {
        "=": (day, day),
        ">=": (day, date.max),
        "<=": (date.min, day),
    }.get(condition.operator)


def _bounds(condition: GaqlCondition, today: date) -> Iterator[str]:
    if condition.operator == "BETWEEN":
        yield from condition.values
        return
    days = DURING.get(condition.values[0].upper())
    if days is None:
        raise query_error("INVALID_VALUE_WITH_DURING_OPERATOR")
    yield from ((today + timedelta(days=day)).isoformat() for day in days)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise query_error("INVALID_DATE_FORMAT") from error
