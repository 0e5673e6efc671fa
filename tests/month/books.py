"""What stands in the platform's books and in the ledger's tables at an instant, read as it is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from convsync.sandbox.server import Sandbox
from tests.nights.company import Company


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The platform's books: how often each order ID was counted or refused, and what it is worth.

    `sent` and `refused` grow with every row that comes; `counted` is what it all comes to.
    """

    sent: Mapping[str, int]
    refused: Mapping[str, int]
    counted: Mapping[str, Decimal]

    @classmethod
    def of(cls, sandbox: Sandbox) -> Self:
        """Read them."""
        pages = sandbox.books.counted.values()
        counted = {name: one for page in pages for name, one in page.items()}
        return cls(
            sent={name: one.sent for name, one in counted.items()},
            refused=Counter(one.transaction_id for one in sandbox.books.refused),
            counted={name: Decimal(str(one.value)) for name, one in counted.items()},
        )

    def came_since(self, before: "Books") -> set[str]:
        """Return the order IDs of all rows that came since then, counted or not."""
        return {name for name, times in self.sent.items() if times > before.sent.get(name, 0)} | (
            self.refused_since(before)
        )

    def refused_since(self, before: "Books") -> set[str]:
        """Return the order IDs of all rows that were refused since then."""
        return {name for name, times in self.refused.items() if times > before.refused.get(name, 0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The ledger's own tables: what waits for a verdict, and which deals could not be read."""

    accepted: frozenset[str]
    unreadable: frozenset[str]

    @classmethod
    def of(cls, company: Company) -> Self:
        """Read them, with none of convsync's code."""
        accepted = company.query("SELECT order_id FROM ledger WHERE state = 'accepted'")
        unreadable = company.query("SELECT deal_id FROM quarantine")
        return cls(
            accepted=frozenset(f"cs-{row['order_id'].hex()}" for row in accepted),
            unreadable=frozenset(row["deal_id"] for row in unreadable),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """Both before a night."""

    books: Books
    tables: Tables

    @property
    def heard(self) -> frozenset[str]:
        """Return the rows whose verdict the night will hear: all that wait for one."""
        return self.tables.accepted

    @property
    def rejected(self) -> frozenset[str]:
        """Return those among them that the platform has refused."""
        return self.heard & self.books.refused.keys() - self.books.counted.keys()
