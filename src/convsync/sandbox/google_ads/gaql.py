"""The Google Ads Query Language: text becomes a `GaqlQuery`, or a `QueryError` says why it cannot.

https://developers.google.com/google-ads/api/docs/query/grammar
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from convsync.sandbox.google_ads.failures import Failure

Item = TypeVar("Item")

# With the number of values each wants; no number is a list of them in brackets.
OPERATORS: dict[tuple[str, ...], int | None] = {
    ("=",): 1,
    ("!=",): 1,
    (">=",): 1,
    ("<=",): 1,
    (">",): 1,
    ("<",): 1,
    ("NOT", "IN"): None,
    ("IN",): None,
    ("NOT", "LIKE"): 1,
    ("LIKE",): 1,
    ("BETWEEN",): 2,
    ("DURING",): 1,
    ("IS", "NOT", "NULL"): 0,
    ("IS", "NULL"): 0,
}

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<word>[A-Za-z0-9_.+-]+)
      | (?P<symbol>!=|>=|<=|[=<>(),])
    )""",
    re.VERBOSE,
)


def query_error(name: str) -> Failure:
    """Return the refusal of a query for one reason of `QueryError`."""
    return Failure.of(f"query_error.{name}", ("query", None))


@dataclass(frozen=True, slots=True, kw_only=True)
class GaqlCondition:
    """One condition of the WHERE clause; the values as text, without quotes."""

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GaqlQuery:
    """What is asked: fields of a resource, where, in which order, how many."""

    fields: tuple[str, ...]
    resource: str
    conditions: tuple[GaqlCondition, ...] = ()
    order_by: tuple[tuple[str, bool], ...] = ()  # field, and whether the largest comes first
    limit: int | None = None


def parse(text: str) -> GaqlQuery:
    """Read a query; a `Failure` if it is none."""
    return _Reader(text).query()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    is_string: bool = False

    def says(self, keyword: str) -> bool:
        return not self.is_string and self.text.upper() == keyword

    @property
    def is_word(self) -> bool:
        return not self.is_string and self.text[0] not in "!=<>(),"


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)

    def query(self) -> GaqlQuery:
        self._expect("SELECT", "EXPECTED_SELECT")
        fields = self._listed(self._field)
        self._expect("FROM", "EXPECTED_FROM")
        query = GaqlQuery(
            fields=fields,
            resource=self._word("BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
            conditions=self._conditions() if self._took("WHERE") else (),
            order_by=self._order_by() if self._took("ORDER") else (),
            limit=self._limit() if self._took("LIMIT") else None,
        )
        if self._took("PARAMETERS"):
            self._tokens.clear()
        if self._tokens:
            raise query_error("UNEXPECTED_INPUT")
        return query

    def _conditions(self) -> tuple[GaqlCondition, ...]:
        conditions = [self._condition()]
        while self._took("AND"):
            conditions.append(self._condition())
        return tuple(conditions)

    def _condition(self) -> GaqlCondition:
        field = self._field()
        for words, wanted in OPERATORS.items():
            if self._took(*words):
                values = self._bracketed() if wanted is None else self._values(wanted)
                return GaqlCondition(field=field, operator=" ".join(words), values=values)
        raise query_error("BAD_OPERATOR" if self._tokens else "UNEXPECTED_END_OF_QUERY")

    def _values(self, wanted: int) -> tuple[str, ...]:
        values: list[str] = []
        while len(values) < wanted:
            if values:
                self._expect("AND", "EXPECTED_AND")
            values.append(self._value())
        return tuple(values)

    def _bracketed(self) -> tuple[str, ...]:
        self._expect("(", "EXPECTED_LIST")
        if self._took(")"):
            raise query_error("PROHIBITED_EMPTY_LIST_IN_CONDITION")
        values = self._listed(self._value)
        self._expect(")", "EXPECTED_LIST")
        return values

    def _order_by(self) -> tuple[tuple[str, bool], ...]:
        self._expect("BY", "EXPECTED_BY")
        return self._listed(self._ordering)

    def _ordering(self) -> tuple[str, bool]:
        field = self._field()
        return field, self._took("DESC") or (self._took("ASC") and False)

    def _limit(self) -> int:
        text = self._word("BAD_LIMIT_VALUE")
        if not text.isdecimal():
            raise query_error("BAD_LIMIT_VALUE")
        if not int(text):
            raise query_error("LIMIT_VALUE_TOO_LOW")
        return int(text)

    def _listed(self, read: Callable[[], Item]) -> tuple[Item, ...]:
        items = [read()]
        while self._took(","):
            items.append(read())
        return tuple(items)

    def _field(self) -> str:
        return self._word("BAD_FIELD_NAME")

    def _value(self) -> str:
        if self._tokens and (self._tokens[0].is_string or self._tokens[0].is_word):
            return self._tokens.pop(0).text
        raise query_error("BAD_VALUE" if self._tokens else "UNEXPECTED_END_OF_QUERY")

    def _word(self, otherwise: str) -> str:
        if self._tokens and self._tokens[0].is_word:
            return self._tokens.pop(0).text
        raise query_error(otherwise if self._tokens else "UNEXPECTED_END_OF_QUERY")

    def _took(self, *words: str) -> bool:
        ahead = self._tokens[: len(words)]
        if len(ahead) < len(words) or not all(map(_Token.says, ahead, words)):
            return False
        del self._tokens[: len(words)]
        return True

    def _expect(self, word: str, otherwise: str) -> None:
        if not self._took(word):
            raise query_error(otherwise)


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    text = text.strip().rstrip(";")
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            rest = text[at:].lstrip()
            raise query_error("STRING_NOT_TERMINATED" if rest[0] in "'\"" else "BAD_SYMBOL")
        at = found.end()
        string = found["string"]
        if string:
            tokens.append(_Token(re.sub(r"\\(.)", r"\1", string[1:-1]), is_string=True))
        else:
            tokens.append(_Token(found["word"] or found["symbol"]))
    return tokens
