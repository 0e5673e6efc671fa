"""A company whose people come, buy, are lost, withdraw and come back at random, night by night.

What each list should hold is computed here from the rows of the CRM, and shares no code with
convsync: who that is follows from the words of the conditions.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from convsync.errors import ConvsyncError
from convsync.running.services import Report
from convsync.sandbox.faults import Call, PlannedFault
from convsync.sandbox.server import Sandbox
from tests.nights.audiences import on_list
from tests.nights.company import Company

FIRST = datetime(2026, 3, 2, 2, tzinfo=UTC)
TABLES = """
[keys]
shared_by_more_than = 1000

[audiences.lost]
state = "lost"
but_not = ["customers"]
membership_days = 10

[audiences.stuck]
state = "open"
stage = "mql"
since_days = 5
membership_days = 6

[audiences.customers]
state = "won"
"""
NAMES = ("lost", "stuck", "customers")
CALLS: tuple[Call, ...] = ("members_ingest", "members_remove", "user_lists", "status", "ingest")
KINDS = ("unavailable_before", "unavailable_after", "resource_exhausted", "internal", "garbage")
CODE = "PROCESSING_ERROR_REASON_INTERNAL_ERROR"


class KilledError(BaseException):
    """Stands for a process that is killed: nothing of convsync catches it."""


@dataclass
class AudienceWorld:
    """`random` decides everything. People are numbers; each has a deal, some have two."""

    company: Company
    sandbox: Sandbox
    random: Random
    number: int = 0
    consent: dict[int, str] = field(default_factory=dict)
    person_of: dict[str, int] = field(default_factory=dict)
    hidden: dict[str, dict[str, Any]] = field(default_factory=dict)
    spoke_today: set[int] = field(default_factory=set)

    @property
    def now(self) -> datetime:
        return FIRST + timedelta(days=self.number)

    def pass_a_day(self) -> None:
        """Let some things happen in the CRM."""
        self.number += 1
        self.spoke_today.clear()
        for _ in range(self.random.randint(1, 3)):
            self._somebody_new()
        for deal_id in self.random.sample([*self.company.deals], k=min(6, len(self.company.deals))):
            self._something_happens_to(deal_id)
        for deal_id in [*self.hidden]:
            if self.random.random() < 0.5:
                self.company.deals[deal_id] = self.hidden.pop(deal_id)

    def _somebody_new(self) -> None:
        person = self.random.choice([*self.consent, len(self.consent)])
        deal_id = f"D-{len(self.person_of)}"
        self.person_of[deal_id] = person
        self.consent.setdefault(person, self.random.choice(["yes", "yes", "yes", "", "no"]))
        mql = self.now - timedelta(days=self.random.randint(0, 8))
        self.company.has(
            deal_id,
            mql=mql.isoformat(),
            email=f"person-{person}@example.com",
            consent=self.consent[person],
            amount=100,
        )

    def _something_happens_to(self, deal_id: str) -> None:
        yesterday = (self.now - timedelta(hours=self.random.randint(1, 20))).isoformat()
        what = self.random.choice(["won", "lost", "reopen", "consent", "consent", "vanish"])
        if what in {"won", "lost"}:
            self.company.has(deal_id, **{what: yesterday})
        elif what == "reopen":
            self.company.has(deal_id, won="", lost="")
        elif what == "vanish" and self.person_of[deal_id] not in self.spoke_today:
            self.hidden[deal_id] = self.company.deals.pop(deal_id)
        elif what == "consent":
            self._consent_changes(self.person_of[deal_id])

    def _consent_changes(self, person: int) -> None:
        """Let a person say otherwise in all their records, unless one of them cannot be seen.

        What that one said last would still hold: docs/consent.md.
        """
        if person in {self.person_of[deal_id] for deal_id in self.hidden}:
            return
        self.spoke_today.add(person)
        said = "no" if self.consent[person] == "yes" else "yes"
        self.consent[person] = said
        for deal_id, row in self.company.deals.items():
            if self.person_of[deal_id] == person:
                row["consent"] = said

    def night(self) -> Report | None:
        """Let a night pass, in which things may fail or be killed, and one more undisturbed."""
        self.sandbox.platform.faults.clear()
        for _ in range(self.random.randint(0, 3)):
            kinds = tuple(self.random.choice(KINDS) for _ in range(self.random.randint(1, 5)))
            fault = PlannedFault(
                on=self.random.choice(CALLS), request=self.random.randint(1, 3), kind=kinds
            )
            self.sandbox.platform.faults.add(fault)
        self.sandbox.platform.verdicts = {}
        if self.consent and self.random.random() < 0.3:
            unlucky = self.random.choice([*self.consent])
            self.sandbox.platform.verdicts = {hash_of(unlucky): CODE}
        self._killed_after(self.random.choice([0, 0, self.random.randint(1, 60)]))
        with suppress(KilledError, ConvsyncError):  # whatever became of it, the next run goes on
            self.company.night(self.now, force=True)
        self.company.on_step = lambda _: None
        self.company.close_ledger()
        with self.company.database.transaction("the killed process is gone") as connection:
            connection.exec_driver_sql("UPDATE runs SET lock = NULL")
        self.sandbox.platform.faults.clear()
        self.sandbox.platform.verdicts = {}
        later = self.now + timedelta(hours=1)
        return self.company.night(later, force=True)

    def _killed_after(self, steps: int) -> None:
        left = [steps]

        def step(_: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        self.company.on_step = step if steps else lambda _: None
        self.company.close_ledger()

    def held(self) -> Mapping[str, set[str]]:
        """Return who is on which list, by the platform's books."""
        return {name: on_list(self.sandbox, name) for name in NAMES}

    def expected(self) -> Mapping[str, set[str]]:
        """Return who should be, by the rows of the CRM."""
        listed: dict[str, set[str]] = {name: set() for name in NAMES}
        buyers = {
            self.person_of[deal_id]
            for deal_id, row in self.company.deals.items()
            if _state(row) == "won"
        }
        for deal_id, row in self.company.deals.items():
            person = self.person_of[deal_id]
            if self.consent[person] != "yes":
                continue
            name = {"won": "customers", "lost": "lost", "open": "stuck"}[_state(row)]
            is_old = datetime.fromisoformat(row["mql"]) <= self.now - timedelta(days=5)
            if (name == "stuck" and not is_old) or (name == "lost" and person in buyers):
                continue
            listed[name].add(hash_of(person))
        return listed


def _state(row: Mapping[str, Any]) -> str:
    won, lost = row.get("won") or "", row.get("lost") or ""
    if lost and (not won or datetime.fromisoformat(lost) >= datetime.fromisoformat(won)):
        return "lost"
    return "won" if won else "open"


def hash_of(person: int) -> str:
    return sha256(f"person-{person}@example.com".encode()).hexdigest()
