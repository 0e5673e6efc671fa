"""The part of SOQL that the sandbox needs: SELECT, FROM, WHERE with AND, ORDER BY and LIMIT.

Literals have types and fields have types; what does not fit is refused, as Salesforce refuses it.
https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select.html
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from convsync.sandbox.crm.query_text import QueryText, tokens_of

SoqlRow = Mapping[str, Any]
LONGEST: Final = 100_000
COUNT: Final = "COUNT()"
ID_TYPES: Final = frozenset({"id", "reference"})
_TOKEN = re.compile(
    r"""\s*(?:
      '(?P<text>(?:[^'\\]|\\.)*)'
    | (?P<stamp>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<sign><=|>=|!=|[=<>(),])
    | (?P<word>[A-Za-z_][\w.]*(?:\(\))?)
    )""",
    re.VERBOSE,
)
_COMPARED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "text": str, "stamp": datetime.fromisoformat, "date": date.fromisoformat, "number": Decimal,
}  # fmt: skip
_WORDS: Final = {"null": None, "true": True, "false": False}


class SoqlError(Exception):
    """Salesforce refuses a query; `code` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class SoqlCondition:
    """A comparison of a field, possibly of a parent (`Contact.Email`), with a literal or several.

    `operator` is one of the signs, or IN.
    """

    field: str
    operator: str
    value: Any

    def holds(self, row: SoqlRow) -> bool:
        """Return whether a row fulfils it: what is null is only ever equal to null."""
        held = value_of(row, self.field)
        if self.operator == "IN":
            return held in self.value
        if held is None or self.value is None:
            return self.operator in ("=", "!=") and _COMPARED[self.operator](held, self.value)
        return _COMPARED[self.operator](held, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoqlQuery:
    """A query; `order` are fields, each with whether it descends."""

    fields: Sequence[str]
    records: str
    where: Sequence[SoqlCondition] = ()
    order: Sequence[tuple[str, bool]] = ()
    limit: int | None = None

    def condition(self, field: str, *operators: str) -> Any:
        """Return what a field is compared with by one of these operators; None for none."""
        found = (
            one.value for one in self.where if one.field == field and one.operator in operators
        )
        return next(found, None)

    def run(self, rows: Iterable[SoqlRow]) -> list[SoqlRow]:
        """Return the rows it finds. Without ORDER BY their order is nobody's promise."""
        found = [row for row in rows if all(one.holds(row) for one in self.where)]
        for field, descends in reversed(self.order or [("Id", True)]):
            found.sort(key=partial(_rank, field), reverse=descends)
        return found[: self.limit]

    def selected(self, row: SoqlRow) -> dict[str, Any]:
        """Return what is selected of a row, fields of parents in an object of their own."""
        shown: dict[str, Any] = {}
        for field in self.fields:
            parent, _, name = field.rpartition(".")
            if not parent:
                shown[name] = row[name]
            elif row[parent] is None:
                shown[parent] = None
            else:
                shown.setdefault(parent, {})[name] = row[parent][name]
        return shown


def value_of(row: SoqlRow, field: str) -> Any:
    """Return the value of a field of a row, or of its parent."""
    parent, _, name = field.rpartition(".")
    if not parent:
        return row[name]
    return None if row[parent] is None else row[parent][name]


def parsed(soql: str) -> SoqlQuery:
    """Return what a text asks; RefusedError where it is no query."""
    if len(soql) > LONGEST:
        raise SoqlError("QUERY_TOO_COMPLICATED", "SoqlQuery is too long")
    return _SoqlParser(tokens_of(soql, _TOKEN, _refused), _refused, end="<EOF>").query()


def _refused(near: str) -> SoqlError:
    return SoqlError("MALFORMED_QUERY", f"unexpected token: '{near}'")


class _SoqlParser(QueryText):
    def query(self) -> SoqlQuery:
        self.expect("select")
        fields = self._listed(self._name)
        self.expect("from")
        records = self._name()
        where = self._and() if self.has("where") else []
        order = self._listed(self.ordered) if self.has("order", "by") else []
        limit = int(self.next("number")) if self.has("limit") else None
        self.expect_end()
        return SoqlQuery(fields=fields, records=records, where=where, order=order, limit=limit)

    def _and(self) -> list[SoqlCondition]:
        conditions = [self._condition()]
        while self.has("and"):
            conditions.append(self._condition())
        return conditions

    def _condition(self) -> SoqlCondition:
        field = self._name()
        if self.has("in"):
            self.expect("(")
            values = self._listed(self._literal)
            self.expect(")")
            return SoqlCondition(field=field, operator="IN", value=frozenset(values))
        operator = self.next("sign")
        if operator not in _COMPARED:
            raise self.unexpected()
        return SoqlCondition(field=field, operator=operator, value=self._literal())

    def _literal(self) -> Any:
        kind, text = self.peek()
        if kind == "word" and text.lower() in _WORDS:
            self.step()
            return _WORDS[text.lower()]
        if kind not in _READ:
            raise self.unexpected()
        self.step()
        return _READ[kind](text)

    def _listed(self, read: Callable[[], Any]) -> list[Any]:
        listed = [read()]
        while self.has(","):
            listed.append(read())
        return listed

    def _name(self) -> str:
        return self.next("word")


def _rank(field: str, row: SoqlRow) -> tuple[bool, Any]:
    """Return what rows sort by; null comes first."""
    value = value_of(row, field)
    return (value is not None, value if value is not None else 0)
