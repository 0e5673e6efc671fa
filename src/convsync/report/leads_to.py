"""Where a figure leads: the deals or conversions behind it, as typed and as an address of the page.

Both are made from one value, so that a report in a file and the page of the same report lead to the
same list.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol
from urllib.parse import urlencode

Days = tuple[date, date]
"""The first and the last day, both included."""


class Behind(Protocol):
    """What stands behind a figure."""

    def command(self) -> str:
        """Return what is to be typed to list it."""
        ...

    def address(self) -> str:
        """Return where the page lists it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DealsBehind:
    """Deals that came to a step of the funnel; with a fate, those that stopped there with it."""

    came_to: str
    fate: str | None = None
    lead: Days | None = None
    reached: Days | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    def command(self) -> str:
        """Return what is to be typed to list them."""
        return _typed(self._asked())

    def address(self) -> str:
        """Return where the page lists them."""
        return f"/deals?{_query(self._asked())}"

    def _asked(self) -> Iterator[tuple[str, str]]:
        yield "came-to", self.came_to
        if self.fate is not None:
            yield "fate", self.fate
        yield from _between("lead", self.lead)
        yield from _between("reached", self.reached)
        for name, value in self.where.items():
            yield "where", f"{name}={value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionsBehind:
    """Conversions of a rule that stand alike, and were matched by the same, or not for the same.

    `found_by` and `click` are as `report.coverage.How` has them.
    """

    rule: str
    state: str
    reason: str | None = None
    code: str | None = None
    click: str | None = None
    found_by: str | None = None
    reached: Days | None = None

    def command(self) -> str:
        """Return what is to be typed to list them."""
        return _typed(self._asked())

    def address(self) -> str:
        """Return where the page lists them."""
        return f"/conversions?{_query(self._asked())}"

    def _asked(self) -> Iterator[tuple[str, str]]:
        yield "rule", self.rule
        yield "state", self.state
        for name in ("reason", "code", "click", "found_by"):
            value = getattr(self, name)
            if value is not None:
                yield name.replace("_", "-"), value
        yield from _between("reached", self.reached)


def _between(what: str, days: Days | None) -> Iterator[tuple[str, str]]:
    if days is not None:
        first, last = days
        yield f"{what}-from", str(first)
        yield f"{what}-to", str(last)


def _typed(asked: Iterator[tuple[str, str]]) -> str:
    options = [word for name, value in asked for word in (f"--{name}", value)]
    return shlex.join(["convsync", "deals", *options])


def _query(asked: Iterator[tuple[str, str]]) -> str:
    return urlencode([(name.replace("-", "_"), value) for name, value in asked])
