"""The part of COQL, Zoho's query language, that the sandbox needs.

SELECT, FROM, WHERE with AND, ORDER BY and LIMIT. What is not known, too long, of the wrong type or
not bracketed in pairs is refused, in Zoho's words.
https://www.zoho.com/crm/developer/docs/api/v8/COQL-Overview.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from convsync.sandbox.crm.query_text import QueryText, tokens_of

Columns = Mapping[str, str]
"""The columns of a module and their types; those of a lookup's record stand behind a dot."""
MOST_COLUMNS, MOST_IN, MOST_ROWS, MOST_CRITERIA = 500, 100, 2_000, 25
_TOKEN = re.compile(
    r"\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<number>\d+)|(?P<sign><=|>=|!=|[=<>(),])|(?P<word>[A-Za-z_][\w.]*))"
)
_COMPARED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
_ORDERED: Final = frozenset({"datetime", "date", "bigint", "integer", "currency"})
_ANY_TYPE: Final = frozenset({"=", "!=", "in", "is null", "is not null"})


class CoqlError(Exception):
    """Zoho refuses a query, with a code, a message and details."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A column that is compared: by a sign, `in`, `between`, `is null` or `is not null`."""

    column: str
    operator: str
    values: Sequence[Any] = ()

    def holds(self, held: Any) -> bool:
        """Return whether a value fulfils it."""
        if self.operator in ("is null", "is not null"):
            return (held is None) == (self.operator == "is null")
        if held is None:
            return False
        if self.operator == "in":
            return held in self.values
        if self.operator == "between":
            return bool(self.values[0] <= held <= self.values[1])
        return _COMPARED[self.operator](held, self.values[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class CoqlQuery:
    """A query; without `order` its rows come by ID."""

    columns: Sequence[str]
    module: str
    where: Sequence[Criterion]
    order: tuple[str, bool] | None
    offset: int
    limit: int

    def values(self, column: str, *operators: str) -> Sequence[Any]:
        """Return what a column is compared with by one of these operators, () for nothing."""
        found = (one for one in self.where if one.column == column and one.operator in operators)
        criterion = next(found, None)
        return criterion.values if criterion else ()


def parsed(text: str, modules: Mapping[str, Columns]) -> CoqlQuery:
    """Return what a text asks of these modules; RefusedError where Zoho would refuse it."""
    tokens = [(kind, found.replace("''", "'")) for kind, found in tokens_of(text, _TOKEN, _refused)]
    query = _CoqlParser(tokens, _refused).query()
    columns = modules.get(query.module)
    if columns is None:
        raise CoqlError("INVALID_MODULE", "the given module is not supported in api")
    if len(query.columns) > MOST_COLUMNS:
        raise CoqlError("LIMIT_EXCEEDED", "too many columns", limit=MOST_COLUMNS)
    for at, column in enumerate(query.columns):
        if column in query.columns[:at]:
            raise CoqlError("DUPLICATE_DATA", "duplicate select column", column_name=column)
    ordered = [query.order[0]] if query.order else []
    for column in (*query.columns, *(one.column for one in query.where), *ordered):
        if column not in columns:
            raise CoqlError("INVALID_QUERY", "unsupported column", column_name=column)
    typed = [_typed(one, columns[one.column]) for one in query.where]
    return CoqlQuery(
        columns=query.columns,
        module=query.module,
        where=typed,
        order=query.order,
        offset=query.offset,
        limit=query.limit,
    )


def _typed(criterion: Criterion, kind: str) -> Criterion:
    """Return the criterion with its literals read as the column's type."""
    operator = criterion.operator
    if operator not in _ANY_TYPE and kind not in _ORDERED:
        raise _invalid(criterion, "invalid operator found")
    if operator == "in" and len(criterion.values) > MOST_IN:
        raise CoqlError("LIMIT_EXCEEDED", "too many values", limit=MOST_IN)
    try:
        values = [_read(kind, value) for value in criterion.values]
    except ValueError:
        raise _invalid(criterion, "invalid value found") from None
    return Criterion(column=criterion.column, operator=operator, values=values)


def _read(kind: str, literal: str) -> Any:
    if kind == "datetime":
        at = datetime.fromisoformat(literal)
        if at.tzinfo is None or at.microsecond:
            raise ValueError("not whole seconds with an offset")
        return at
    if kind in ("bigint", "integer", "lookup"):
        return int(literal)
    return {"true": True, "false": False}[literal.lower()] if kind == "boolean" else literal


def _invalid(criterion: Criterion, reason: str) -> CoqlError:
    return CoqlError(
        "INVALID_QUERY",
        "Invalid query formed",
        reason=reason,
        column_name=criterion.column,
        operator=criterion.operator,
    )


def _refused(near: str) -> CoqlError:
    return CoqlError("SYNTAX_ERROR", "unexpected token", near=near)


class _CoqlParser(QueryText):
    def query(self) -> CoqlQuery:
        self.expect("select")
        columns = [self.next("word")]
        while self.has(","):
            columns.append(self.next("word"))
        self.expect("from")
        module = self.next("word")
        if not self.has("where"):
            raise CoqlError("SYNTAX_ERROR", "missing clause", clause="where")
        where = self._both()
        if len(where) > MOST_CRITERIA:
            raise CoqlError("LIMIT_EXCEEDED", "too many criteria", limit=MOST_CRITERIA)
        order = self.ordered() if self.has("order", "by") else None
        offset, limit = self._limit() if self.has("limit") else (0, 200)
        self.expect_end()
        return CoqlQuery(
            columns=columns, module=module, where=where, order=order, offset=offset, limit=limit
        )

    def _both(self) -> list[Criterion]:
        """Read one or two criteria; a third needs a bracket."""
        criteria = self._one()
        if self.has("and"):
            criteria += self._one()
        return criteria

    def _one(self) -> list[Criterion]:
        if self.has("("):
            criteria = self._both()
            self.expect(")")
            return criteria
        return [self._criterion()]

    def _criterion(self) -> Criterion:
        column = self.next("word")
        if self.has("is", "not", "null"):
            return Criterion(column=column, operator="is not null")
        if self.has("is", "null"):
            return Criterion(column=column, operator="is null")
        if self.has("between"):
            first = self._literal()
            self.expect("and")
            return Criterion(column=column, operator="between", values=[first, self._literal()])
        if self.has("in"):
            self.expect("(")
            values = [self._literal()]
            while self.has(","):
                values.append(self._literal())
            self.expect(")")
            return Criterion(column=column, operator="in", values=values)
        operator = self.next("sign")
        if operator not in _COMPARED:
            raise self.unexpected()
        return Criterion(column=column, operator=operator, values=[self._literal()])

    def _literal(self) -> str:
        kind, text = self.peek()
        if kind not in ("text", "number") and text.lower() not in ("true", "false"):
            raise self.unexpected()
        self.step()
        return text

    def _limit(self) -> tuple[int, int]:
        first = int(self.next("number"))
        offset, limit = (first, int(self.next("number"))) if self.has(",") else (0, first)
        if limit < 1:
            raise CoqlError("INVALID_DATA", "limit should be greater than 0")
        if limit > MOST_ROWS:
            raise CoqlError("LIMIT_EXCEEDED", "too many rows", limit=MOST_ROWS)
        return offset, limit
