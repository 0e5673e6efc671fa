"""What Dataverse understands of OData's `$filter`: comparisons, `and`, `or`, parentheses.

A filter is read once and then asked about rows; an `or` of many equalities is one look-up.
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

ODataRow = Mapping[str, Any]
MOST_CONDITIONS: Final = 300
_TOKEN = re.compile(r"\s*(\(|\)|'(?:[^']|'')*'|[^\s()]+)")
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\Z")
_WORDS: Final = {"null": None, "true": True, "false": False}
_COMPARE: Final = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "ge": lambda left, right: left >= right,
    "gt": lambda left, right: left > right,
    "le": lambda left, right: left <= right,
    "lt": lambda left, right: left < right,
}


class FilterError(ValueError):
    """A filter that Dataverse refuses."""


@dataclass(frozen=True)
class ODataComparison:
    """A column compared with a value."""

    column: str
    operator: str
    value: Any

    def matches(self, row: ODataRow) -> bool:
        """Return whether a row fulfils it; nothing is neither more nor less than anything."""
        held = row[self.column]
        if self.operator not in ("eq", "ne") and (held is None or self.value is None):
            return False
        return bool(_COMPARE[self.operator](_folded(held), self.value))

    def __iter__(self) -> Iterator["ODataComparison"]:
        yield self


@dataclass(frozen=True)
class Every:
    """Conditions of which all must be fulfilled."""

    terms: tuple["Filter", ...]

    def matches(self, row: ODataRow) -> bool:
        """Return whether a row fulfils every one."""
        return all(term.matches(row) for term in self.terms)

    def __iter__(self) -> Iterator[ODataComparison]:
        for term in self.terms:
            yield from term


@dataclass(frozen=True)
class Either:
    """Conditions of which one is enough."""

    terms: tuple["Filter", ...]

    @cached_property
    def equal(self) -> Mapping[str, set[Any]]:
        """The values that columns may equal."""
        found: dict[str, set[Any]] = {}
        for term in self.terms:
            if isinstance(term, ODataComparison) and term.operator == "eq":
                found.setdefault(term.column, set()).add(term.value)
        return found

    @cached_property
    def others(self) -> tuple["Filter", ...]:
        """The conditions that say anything else."""
        return tuple(
            term
            for term in self.terms
            if not (isinstance(term, ODataComparison) and term.operator == "eq")
        )

    def matches(self, row: ODataRow) -> bool:
        """Return whether a row fulfils one."""
        return any(_folded(row[column]) in values for column, values in self.equal.items()) or any(
            term.matches(row) for term in self.others
        )

    def __iter__(self) -> Iterator[ODataComparison]:
        for term in self.terms:
            yield from term


Filter = ODataComparison | Every | Either


def parsed(text: str) -> Filter:
    """Return a filter; FilterError says why it is refused."""
    tokens = _TOKEN.findall(text)
    found, rest = _any(tokens)
    if rest:
        raise FilterError(f"Syntax error at '{rest[0]}' in '$filter'.")
    if sum(1 for _ in found) > MOST_CONDITIONS:
        raise FilterError(
            "Query on Entity has exceeded the hard limit of conditions in a single filter"
            f" ({MOST_CONDITIONS})."
        )
    return found


def named(found: Filter, *columns: str) -> set[Any] | None:
    """Return the values one of the columns must equal to fulfil a filter; None: it names none."""
    match found:
        case ODataComparison(column=one, operator="eq", value=value) if one in columns:
            return {value}
        case Either() if not found.others and found.equal.keys() <= {*columns}:
            return {value for values in found.equal.values() for value in values}
        case Every():
            by_term = (named(term, *columns) for term in found.terms)
            return next((values for values in by_term if values is not None), None)
    return None


def bounds(found: Filter, column: str) -> tuple[datetime | None, datetime | None]:
    """Return from when on and until when a stamp must lie."""
    terms = found.terms if isinstance(found, Every) else (found,)
    bounds = {
        term.operator: term.value
        for term in terms
        if isinstance(term, ODataComparison) and term.column == column
    }
    return bounds.get("ge"), bounds.get("lt")


def _any(tokens: list[str]) -> tuple[Filter, list[str]]:
    first, rest = _all(tokens)
    terms = [first]
    while rest[:1] == ["or"]:
        term, rest = _all(rest[1:])
        terms.append(term)
    return (first if len(terms) == 1 else Either(tuple(terms))), rest


def _all(tokens: list[str]) -> tuple[Filter, list[str]]:
    first, rest = _one(tokens)
    terms = [first]
    while rest[:1] == ["and"]:
        term, rest = _one(rest[1:])
        terms.append(term)
    flat = tuple(
        one for term in terms for one in (term.terms if isinstance(term, Every) else (term,))
    )
    return (first if len(terms) == 1 else Every(flat)), rest


def _one(tokens: list[str]) -> tuple[Filter, list[str]]:
    if tokens[:1] == ["("]:
        inside, rest = _any(tokens[1:])
        if rest[:1] != [")"]:
            raise FilterError("Syntax error: ')' expected in '$filter'.")
        return inside, rest[1:]
    if len(tokens) < 3 or tokens[1] not in _COMPARE:
        raise FilterError(f"Syntax error at '{' '.join(tokens[:3])}' in '$filter'.")
    column, operator, written = tokens[:3]
    if GUID.match(written) and operator not in ("eq", "ne"):
        raise FilterError(f"The operator '{operator}' is not valid for a Unique Identifier.")
    return ODataComparison(column, operator, _value(written)), tokens[3:]


def _value(written: str) -> Any:
    if written in _WORDS:
        return _WORDS[written]
    if written.startswith("'"):
        return written[1:-1].replace("''", "'").casefold()
    if GUID.match(written):
        return written.lower()
    if _STAMP.match(written):
        return datetime.fromisoformat(written)
    try:
        return Decimal(written)
    except ArithmeticError:
        raise FilterError(f"'{written}' is no literal.") from None


def _folded(held: Any) -> Any:
    return held.casefold() if isinstance(held, str) else held
