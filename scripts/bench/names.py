"""What is asked of a ledger in the morning: names out of its middle, and the commands with them."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_NAMES = """
    SELECT deals.deal_id, 'cs-' || lower(hex(ledger.order_id)), ledger.click_id,
        batches.request_id, ledger.value / 1e6, ledger.rule
    FROM ledger JOIN deals ON deals.id = ledger.deal JOIN batches ON batches.id = ledger.batch_id
    WHERE ledger.id >= (SELECT max(id) / 2 FROM ledger) AND ledger.click_id IS NOT NULL LIMIT 2
"""
_NIGHT = "SELECT date(as_of / 1000000, 'unixepoch'), id FROM runs WHERE command = 'run' LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The CPU milliseconds of each filter and of none (`last`), over so many events."""

    events: int
    last: float
    by_filter: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """A conversion from the middle of a ledger by all its names, another deal, and its night."""

    deal: str
    other_deal: str
    order: str
    click: str
    request: str
    value: str
    rule: str
    day: str
    run: int

    @classmethod
    def of(cls, database: Path) -> "Names":
        """Return names that a ledger has."""
        with closing(sqlite3.connect(database)) as connection:
            first, second = connection.execute(_NAMES).fetchall()
            day, run = connection.execute(_NIGHT).fetchone()
        deal, order, click, request, value, rule = first
        return cls(
            deal=deal,
            other_deal=second[0],
            order=order,
            click=click,
            request=request,
            value=f"{value:.2f}",
            rule=rule,
            day=day,
            run=run,
        )

    def questions(self) -> dict[str, Sequence[str]]:
        """Return the seven questions of operations, each as one command."""
        return {
            "order ID": ("find", self.order),
            "click ID": ("find", self.click),
            "request ID": ("find", self.request),
            "day": ("audit", "list", "--day", self.day),
            "state": ("deals", "--state", "waiting"),
            "several deals": ("audit", "list", "--deal", self.deal, "--deal", self.other_deal),
            "stuck deals": ("deals", "--state", "waiting", "--older-than", "21d"),
        }
