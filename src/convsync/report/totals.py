"""What a list of deals adds up to, in sentences: so that a figure is found again in its list."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from convsync.model.money import add_to, amounts_in_words
from convsync.plain_text import several
from convsync.report.behind import Asked, Behind
from convsync.report.shares import middle_and_ninth
from convsync.report.shortfalls import LEAD


class Totals:
    """Counts deals as they pass."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.deals = 0
        self._worth: dict[str | None, Decimal] = {}
        self._sent: dict[str | None, Decimal] = {}
        self._came_in: dict[str | None, Decimal] = {}
        self._from_lead: list[float] = []
        self._between: list[float] = []

    def counted(self, deals: Iterable[Behind]) -> Iterator[Behind]:
        """Yield deals, and count those that were asked for."""
        for one in deals:
            self.deals += 1
            if one.worth:
                add_to(self._worth, one.worth_currency, one.worth)
            for sums, more in ((self._sent, one.sent), (self._came_in, one.came_in)):
                for currency, amount in (more or {}).items():
                    add_to(sums, currency, amount)
            if one.days_from_lead is not None:
                self._from_lead.append(one.days_from_lead)
            if one.days_between is not None:
                self._between.append(one.days_between)
            yield one

    def sentences(self) -> Iterator[str]:
        """Yield what they add up to, and how long half of them took and nine in ten."""
        worth = f", worth {amounts_in_words(self._worth)}" if self._worth else ""
        yield f"{several(self.deals, 'deal')}{worth}."
        if self._asked.sent_for is not None:
            sent = amounts_in_words(self._sent) or "no value"
            yield f"Sent to platforms for {self._asked.sent_for}: {sent}."
        if self._asked.came_in is not None:
            yield f"Came in for them: {amounts_in_words(self._came_in) or 'nothing yet'}."
        step = self._asked.came_to
        if step != LEAD and self._from_lead:
            yield f"Days from the lead to {step}: {_spread(self._from_lead)}."
        if self._between:
            known = len(self._between)
            of = "" if known == self.deals else f", of the {known:,} whose times are known"
            yield f"Days from the step before to {step}: {_spread(self._between)}{of}."


def _spread(days: list[float]) -> str:
    """Return the middle and nine in ten, as the funnel takes them."""
    middle, ninth = middle_and_ninth(days)
    return f"half took up to {_number(middle)}, nine in ten up to {_number(ninth)}"


def _number(days: float) -> str:
    return f"{days:,}" if isinstance(days, int) else f"{days:,.1f}"
