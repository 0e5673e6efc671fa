"""As much of SOQL as is asked of the sandbox: SELECT, FROM, WHERE with AND, ORDER BY and LIMIT.

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

Row = Mapping[str, Any]
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


class RefusedError(Exception):
    """Salesforce refuses a query; `code` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A comparison of a field, possibly of a parent (`Contact.Email`), with a literal or several.

    `operator` is one of the signs, or IN.
    """

    field: str
    operator: str
    value: Any

    def holds(self, row: Row) -> bool:
        """Return whether a row fulfils it: what is null is only ever equal to null."""
        held = value_of(row, self.field)
        if self.operator == "IN":
            return held in self.value
        if held is None or self.value is None:
            return self.operator in ("=", "!=") and _COMPARED[self.operator](held, self.value)
        return _COMPARED[self.operator](held, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query; `order` are fields, each with whether it descends."""

    fields: Sequence[str]
    records: str
    where: Sequence[Condition] = ()
    order: Sequence[tuple[str, bool]] = ()
    limit: int | None = None

    def condition(self, field: str, *operators: str) -> Any:
        """Return what a field is compared with by one of these operators; None for none."""
        found = (
            one.value for one in self.where if one.field == field and one.operator in operators
        )
        return next(found, None)

    def run(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows it finds. Without ORDER BY their order is nobody's promise."""
        found = [row for row in rows if all(one.holds(row) for one in self.where)]
        for field, descends in reversed(self.order or [("Id", True)]):
            found.sort(key=partial(_rank, field), reverse=descends)
        return found[: self.limit]

    def selected(self, row: Row) -> dict[str, Any]:
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


def value_of(row: Row, field: str) -> Any:
    """Return the value of a field of a row, or of its parent."""
    parent, _, name = field.rpartition(".")
    if not parent:
        return row[name]
    return None if row[parent] is None else row[parent][name]


def parsed(soql: str) -> Query:
    """Return what a text asks; RefusedError where it is no query."""
    if len(soql) > LONGEST:
        raise RefusedError("QUERY_TOO_COMPLICATED", "Query is too long")
    return _Parser(_tokens(soql)).query()


def _tokens(soql: str) -> list[tuple[str, str]]:
    tokens, at, end = [], 0, len(soql.rstrip())
    while at < end:
        found = _TOKEN.match(soql, at)
        if not found:
            raise RefusedError("MALFORMED_QUERY", f"unexpected token: '{soql[at : at + 10]}'")
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
        at = found.end()
    return tokens


class _Parser:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "<EOF>")]
        self._at = 0

    def query(self) -> Query:
        self._expect("SELECT")
        fields = self._listed(self._name)
        self._expect("FROM")
        records = self._name()
        where = self._and() if self._has("WHERE") else []
        order = self._listed(self._ordered) if self._has("ORDER", "BY") else []
        limit = int(self._next("number")) if self._has("LIMIT") else None
        if self._tokens[self._at][0] != "end":
            raise self._unexpected()
        return Query(fields=fields, records=records, where=where, order=order, limit=limit)

    def _and(self) -> list[Condition]:
        conditions = [self._condition()]
        while self._has("AND"):
            conditions.append(self._condition())
        return conditions

    def _condition(self) -> Condition:
        field = self._name()
        if self._has("IN"):
            self._sign("(")
            values = self._listed(self._literal)
            self._sign(")")
            return Condition(field=field, operator="IN", value=frozenset(values))
        operator = self._next("sign")
        if operator not in _COMPARED:
            raise self._unexpected()
        return Condition(field=field, operator=operator, value=self._literal())

    def _ordered(self) -> tuple[str, bool]:
        field = self._name()
        descends = self._has("DESC")
        if not descends:
            self._has("ASC")  # which is what it is anyway
        return field, descends

    def _literal(self) -> Any:
        kind, text = self._tokens[self._at]
        if kind == "word" and text.lower() in _WORDS:
            self._at += 1
            return _WORDS[text.lower()]
        if kind not in _READ:
            raise self._unexpected()
        self._at += 1
        return _READ[kind](text)

    def _listed(self, read: Callable[[], Any]) -> list[Any]:
        listed = [read()]
        while self._tokens[self._at] == ("sign", ","):
            self._at += 1
            listed.append(read())
        return listed

    def _name(self) -> str:
        return self._next("word")

    def _sign(self, sign: str) -> None:
        if self._next("sign") != sign:
            raise self._unexpected()

    def _expect(self, *words: str) -> None:
        if not self._has(*words):
            raise self._unexpected()

    def _has(self, *words: str) -> bool:
        """Step over these words, if they are next."""
        following = [text.upper() for _, text in self._tokens[self._at : self._at + len(words)]]
        if following != [*words]:
            return False
        self._at += len(words)
        return True

    def _next(self, kind: str) -> str:
        found, text = self._tokens[self._at]
        if found != kind:
            raise self._unexpected()
        self._at += 1
        return text

    def _unexpected(self) -> RefusedError:
        return RefusedError("MALFORMED_QUERY", f"unexpected token: '{self._tokens[self._at][1]}'")


def _rank(field: str, row: Row) -> tuple[bool, Any]:
    """Return what rows sort by; null comes first."""
    value = value_of(row, field)
    return (value is not None, value if value is not None else 0)
