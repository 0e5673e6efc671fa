"""Figures: what was measured, beside its floor and its bar."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

TIMES = "×"
_NEVER = "did not end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a figure must reach: at most, or at least; it says something from so many deals on."""

    value: float
    is_minimum: bool = False
    from_deals: int = 0

    def holds(self, value: float) -> bool:
        """True where a figure reaches it."""
        return value >= self.value if self.is_minimum else value <= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What a figure is seen beside, measured in the same run, and what that is."""

    value: float
    unit: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, under the name by which it is asked for; None where the work did not end.

    `deals` is the size at which it was measured.
    """

    name: str
    what: str
    value: float | None
    unit: str
    deals: int
    bar: Bar | None = None
    floor: Floor | None = None
    aside: str = ""

    @property
    def ratio(self) -> float | None:
        """Return how many times its floor the figure is; some figures are that themselves."""
        if self.unit == TIMES or self.floor is None or self.value is None:
            return self.value if self.unit == TIMES else None
        return self.value / self.floor.value if self.floor.value else None

    @property
    def verdict(self) -> str:
        """Return whether the bar holds, as a word."""
        if self.bar is None:
            return "no bar"
        if self.value is None:
            return "misses"
        if self.deals < self.bar.from_deals:
            return "not judged"
        return "holds" if self.bar.holds(self.value) else "misses"

    @property
    def share_of_bar(self) -> float | None:
        """Return the figure as a share of its bar: less is better, and 1 is the bar itself."""
        if self.bar is None:
            return None
        if not self.value:
            return math.inf
        return self.bar.value / self.value if self.bar.is_minimum else self.value / self.bar.value


HEADER = ("name", "what", "size", "figure", "floor", "ratio", "bar", "verdict")


def cells(figure: Figure) -> tuple[str, ...]:
    """Return a figure as the cells of a row under `HEADER`."""
    floor, ratio, bar = figure.floor, figure.ratio, figure.bar
    value = _NEVER if figure.value is None else f"{_number(figure.value)} {figure.unit}"
    return (
        figure.name,
        figure.what + (f" ({figure.aside})" if figure.aside else ""),
        f"{figure.deals:,}",
        value.strip(),
        f"{_number(floor.value)} {floor.unit}: {floor.what}" if floor else "–",
        f"{_number(ratio)}×" if ratio is not None else "–",
        f"{'≥' if bar.is_minimum else '≤'} {_number(bar.value)}" if bar else "–",
        figure.verdict,
    )


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table."""
    titles = list(header)
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
