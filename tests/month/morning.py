"""One morning: what the night's last run should have said, and what it did say.

How many rows went out, and what they were worth, comes from the platform's books, before the run
and after it; what should count from the CRM's cells.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from convsync.model.statement import order_id_of
from tests.month.books import Books, Evening, Tables
from tests.month.script import Night
from tests.month.truth import Key, Truth
from tests.month.typist import Typed

_CLOSING = re.compile(
    r"(?P<ending>[A-Z]+) run (?P<run>\d+): (?P<counts>[^·]*?)"
    r"(?: · (?P<value>[\d,.]+) EUR)? · head (?P<head>\d+:[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A run's closing line, without its number and head."""

    ending: str
    counts: Mapping[str, int]
    value: Decimal


@dataclass(frozen=True, kw_only=True)
class Morning:
    """A run that came to its end: the books in the evening, before it and after it.

    `earlier` are the ledger's tables before it.
    """

    night: Night
    ended: Typed
    evening: Evening
    before: Books
    after: Books
    earlier: Tables
    truth: Truth

    @cached_property
    def said(self) -> Line | None:
        """Return what its closing line says, None where that is none."""
        found = _CLOSING.fullmatch(self.ended.last_line)
        if found is None:
            return None
        counts = (part.rpartition(" ") for part in found["counts"].split(", "))
        return Line(
            ending=found["ending"],
            counts={what: int(number.replace(",", "")) for what, _, number in counts},
            value=Decimal((found["value"] or "0").replace(",", "")),
        )

    @cached_property
    def should_say(self) -> Line:
        """Return what its closing line should say."""
        sent = self.after.came_since(self.before)
        heard = self.earlier.accepted - self.before.came_since(self.evening.books)
        rejected = heard & self.evening.rejected
        waiting = len(self._claimed.keys() - self.after.counted.keys() - self.after.refused.keys())
        counts = {
            "sent": len(sent),
            "confirmed": len(heard - rejected),
            "rejected": len(rejected),
            "waiting": waiting,
            "not sent": len(self.truth.reached) - len(self.has_gone_out) - waiting,
            "unreadable": len(self.truth.unreadable),
        }
        is_to_look = (
            rejected or self.night.is_gone or self.truth.unreadable - self.earlier.unreadable
        )
        ending = "LOOK" if is_to_look else "WAITING" if waiting else "OK"
        return Line(ending=ending, counts=counts, value=sum(map(self._worth, sent), Decimal(0)))

    @property
    def head(self) -> str:
        """Return the head of the audit log that its closing line ends with, "" without one."""
        found = _CLOSING.fullmatch(self.ended.last_line)
        return found["head"] if found else ""

    @property
    def run_id(self) -> int:
        """Return the number that its closing line bears, 0 without one."""
        found = _CLOSING.fullmatch(self.ended.last_line)
        return int(found["run"]) if found else 0

    @cached_property
    def tonight(self) -> set[str]:
        """Return the order IDs of all that came to the platform tonight."""
        return self.after.came_since(self.evening.books)

    @property
    def has_gone_out(self) -> set[str]:
        """Return the order IDs of all that counts, or is not known yet not to."""
        return {*self.after.counted} | self.after.refused_since(self.evening.books)

    def problems(self, account: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is not as it should be; `account` is the sum that `status` shows."""
        yield from self._of_books()
        if self.said is None:
            yield f"the last line is {self.ended.last_line!r}: {self.ended.err[-500:]}"
        elif self.said != self.should_say:
            yield f"the closing line says {self.said}, and should say {self.should_say}"
        shown = {"extracted": account["extracted"], "unreadable": account["unreadable"]}
        shown |= {side: sum(account[side].values()) for side in ("sent", "waiting", "not_sent")}
        shown["accepted"] = account["sent"].get("accepted", 0)
        if shown != (should := self._sum()):
            yield f"the sum is {shown}, and should be {should}"

    def _of_books(self) -> Iterator[str]:
        """Compare what the platform counts with what it should."""
        wanted = {_name(key): value for key, value in self.truth.counted.items()}
        for name in sorted(wanted.keys() | self.after.counted.keys()):
            counted, should = self.after.counted.get(name), wanted.get(name)
            if counted != should:
                yield f"{name} counts {counted}, and should count {should}"

    def _sum(self) -> dict[str, int]:
        counts = self.should_say.counts
        return {
            "extracted": len(self.truth.reached),
            "unreadable": counts["unreadable"],
            "sent": len(self.has_gone_out),
            "waiting": counts["waiting"],
            "not_sent": counts["not sent"],
            "accepted": len(self.tonight),
        }

    def _worth(self, name: str) -> Decimal:
        counted = self.after.counted.get(name)
        return self._claimed[name] if counted is None else counted

    @cached_property
    def _claimed(self) -> Mapping[str, Decimal]:
        return {_name(key): value for key, value in self.truth.claimed()}


def _name(key: Key) -> str:
    return order_id_of("crm", *key)
