"""Where a figure leads: the deals or conversions behind it, as typed and as an address of the page.

Both are made from one value, so that a report in a file and the page of the same report lead to the
same list.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from urllib.parse import urlencode

from convsync.report.conditions import Conditions

Days = tuple[date, date]
"""The first and the last day, both included."""
YES = "yes"
"""What an address says where a command has an option without a value."""
ALL_SO_FAR = "all"


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
    """Deals that came to a step of the funnel; with a fate, those that stopped there with it.

    The rest is as `report.behind.Asked` has it, in the words that are typed.
    """

    came_to: str
    fate: str | None = None
    lead: Days | None = None
    reached: Days | None = None
    where: Conditions = ()
    timed: bool = False
    decided_after: int | None = None
    sent_for: str | None = None
    with_click: bool = False
    went_round: str | None = None
    customers: str | None = None
    in_audience: str | None = None
    late: bool = False
    came_in: int | str | None = None

    def command(self) -> str:
        """Return what is to be typed to list them."""
        return _typed(self._asked())

    def address(self) -> str:
        """Return where the page lists them."""
        return f"/deals?{_query(self._asked())}"

    def _asked(self) -> Iterator[tuple[str, str | None]]:
        yield "came-to", self.came_to
        if self.fate is not None:
            yield "fate", self.fate
        yield from _between("lead", self.lead)
        yield from _between("reached", self.reached)
        for condition in self.where:
            yield "where", str(condition)
        for name in ("timed", "with_click", "late"):
            if getattr(self, name):
                yield name.replace("_", "-"), None
        for name in (
            "decided_after",
            "sent_for",
            "went_round",
            "customers",
            "in_audience",
            "came_in",
        ):
            value = getattr(self, name)
            if value is not None:
                yield name.replace("_", "-"), str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionsBehind:
    """Conversions that stand alike, and were matched by the same, or not for the same reason.

    `found_by` and `click` are as `report.coverage.How` has them; `covered` says whether they have a
    click or a person at all.
    """

    rule: str | None = None
    state: str | None = None
    reason: str | None = None
    code: str | None = None
    source: str | None = None
    click: str | None = None
    found_by: str | None = None
    covered: bool | None = None
    reached: Days | None = None
    where: Conditions = ()

    def command(self) -> str:
        """Return what is to be typed to list them."""
        return _typed(self._asked())

    def address(self) -> str:
        """Return where the page lists them."""
        return f"/conversions?{_query(self._asked())}"

    def _asked(self) -> Iterator[tuple[str, str | None]]:
        for name in ("rule", "state", "reason", "code", "source", "click", "found_by"):
            value = getattr(self, name)
            if value is not None:
                yield name.replace("_", "-"), value
        if self.covered is not None:
            yield "covered", YES if self.covered else "no"
        yield from _between("reached", self.reached)
        for condition in self.where:
            yield "where", str(condition)


def _between(what: str, days: Days | None) -> Iterator[tuple[str, str]]:
    if days is not None:
        first, last = days
        yield f"{what}-from", str(first)
        yield f"{what}-to", str(last)


def _typed(asked: Iterator[tuple[str, str | None]]) -> str:
    options = [word for name, value in asked for word in (f"--{name}", value) if word is not None]
    return shlex.join(["convsync", "deals", *options])


def _query(asked: Iterator[tuple[str, str | None]]) -> str:
    return urlencode(
        [(name.replace("-", "_"), YES if value is None else value) for name, value in asked]
    )
