"""Deals that change while they are read: whatever happens between two requests, nothing is lost.

A state machine for each way CRMs page, over the real pipeline and ledger: people edit, move, delete
and add deals and contacts, before, between and after the requests of a night; some edits are only
committed later, under the stamp they began with; days' limits are reached in the middle. After any
night, what lies behind the watermark is in the store as it was; in the end everything is.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import responses
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from convsync import pipeline
from convsync.model.deal import WON
from convsync.running.services import Services
from convsync.sandbox.crm.book import Deal
from convsync.store import deals, runs
from convsync.store.database import Database
from tests.contract.crm_suite import CrmOffice
from tests.contract.source_suite import CREATED, TOUCHED, WON_DEAL, put_deal, put_person
from tests.contract.test_dynamics_source import DynamicsOffice
from tests.contract.test_hubspot_source import HubSpotOffice
from tests.contract.test_odoo_source import OdooOffice
from tests.contract.test_pipedrive_source import PipedriveOffice
from tests.contract.test_salesforce_source import SalesforceOffice
from tests.contract.test_zoho_source import ZohoOffice
from tests.fakes.new_ledger import new_ledger
from tests.nights.company import folder_in_memory

OFFICES: dict[str, type[CrmOffice]] = {
    "dynamics": DynamicsOffice,
    "hubspot": HubSpotOffice,
    "odoo": OdooOffice,
    "pipedrive": PipedriveOffice,
    "salesforce": SalesforceOffice,
    "zoho": ZohoOffice,
}

AMOUNTS = st.integers(1, 10_000).map(Decimal)
PICKS = st.integers(0, 10**6)
DAY = timedelta(days=1)


def nobody(name: str) -> Any:
    """There is nothing to send, so there is nobody to send it to."""
    raise AssertionError(f"nothing goes to {name}")


class EditedWhileRead(RuleBasedStateMachine):
    """One company's nights and days."""

    office_class: type[CrmOffice]

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        mock = self._open.enter_context(responses.RequestsMock(assert_all_requests_are_fired=False))
        folder = self._open.enter_context(folder_in_memory())
        self.office = self.office_class(mock)
        new_ledger(folder / "ledger.db")
        self.database = Database(f"sqlite:///{folder}/ledger.db")
        self._open.callback(self.database.close)
        self.next_number = 1
        self.between: dict[int, Callable[[], None]] = {}
        self.office.over_http.before_each = self._between

    def teardown(self) -> None:
        self.office.server.faults.clear()
        self.between.clear()
        self.night()
        self.night()
        self.everything_is_stored_up_to(self.office.now + DAY)
        self.everything_deleted_is_gone()
        self.close()

    def close(self) -> None:
        """Let go of the ledger and of the CRM."""
        self._open.close()

    # What people do

    @initialize()
    def found(self) -> None:
        for _ in range(2 * self.office.a_page + 3):
            self._add(TOUCHED)

    @rule(pick=PICKS, amount=AMOUNTS)
    def somebody_edits(self, pick: int, amount: Decimal) -> None:
        self._edit(pick, amount, self.office.now)

    @rule(pick=PICKS, amount=AMOUNTS, late=st.floats(0.05, 0.9))
    def an_edit_is_committed_late(self, pick: int, amount: Decimal, late: float) -> None:
        crm = self.office.make_crm(self.office.mapping)
        self._edit(pick, amount, self.office.now - crm.lag - late * crm.overlap)

    @rule(pick=PICKS)
    def a_deal_is_deleted(self, pick: int) -> None:
        self.office.book.delete(self._any(pick).deal_id, self.office.now)

    @rule()
    def a_deal_is_added(self) -> None:
        self._add(self.office.now)

    @rule(pick=PICKS)
    def a_contact_changes(self, pick: int) -> None:
        deal = self._any(pick)
        if deal.people:
            gclid = f"G-{pick}"
            self.office.book.edit_person(deal.people[0], self.office.now, gclid=gclid)

    # What the nights do

    @rule(
        edits=st.lists(st.tuples(st.integers(1, 12), PICKS, AMOUNTS), max_size=6),
        limit=st.none() | st.integers(4, 14),
    )
    def a_night_in_which_people_work(
        self, edits: list[tuple[int, int, Decimal]], limit: int | None
    ) -> None:
        first = self.office.over_http.count
        for request, pick, amount in edits:
            self.between[first + request] = partial(self._edit_now, pick, amount)
        if limit is not None:
            reached = [self.office.daily_limit] * 200
            self.office.server.faults = dict(enumerate(reached, limit))
        self.night()
        self.between.clear()
        self.office.server.faults.clear()

    def night(self) -> None:
        self.office.now += DAY
        source = self.office.source()
        services = Services(
            database=self.database,
            rules=(),
            takes={},
            deal_sources=[source],
            click_sources=(),
            destinations=nobody,
            retry=self.office.policy,
            clock=lambda: self.office.now,
        )
        pipeline.run(services, force=True)
        self.office.now += timedelta(hours=1)

    @invariant()
    def what_lies_behind_the_watermark_is_stored(self) -> None:
        with self.database.reading() as connection:
            watermark = runs.watermark(connection, "crm")
        if watermark is not None:
            overlap = self.office.make_crm(self.office.mapping).overlap
            self.everything_is_stored_up_to(watermark - overlap)

    # How

    def _between(self, request: int) -> None:
        if edit := self.between.pop(request, None):
            edit()

    def _add(self, at: datetime) -> None:
        number, self.next_number = self.next_number, self.next_number + 1
        contact = put_person(self.office, 500_000 + number) if number % 10 == 0 else None
        put_deal(
            self.office,
            number,
            modified_at=at,
            entered=WON_DEAL if number % 3 else WON_DEAL[:2],
            people=(contact,) if contact else (),
        )

    def _any(self, pick: int) -> Deal:
        there = self.office.book.modified()
        return there[pick % len(there)]

    def _edit(self, pick: int, amount: Decimal, at: datetime) -> None:
        deal = self._any(pick)
        self.office.book.edit(deal.deal_id, max(at, deal.modified_at), amount=amount)

    def _edit_now(self, pick: int, amount: Decimal) -> None:
        self._edit(pick, amount, self.office.now)

    def everything_is_stored_up_to(self, until: datetime) -> None:
        expected = {
            deal.deal_id: (deal.amount, deal.stage == "won", None)
            for deal in self.office.book.modified(CREATED, until)
        }
        with self.database.reading() as connection:
            stored = {
                deal_id: (found.amount, found.milestone(WON) is not None, found.gone)
                for deal_id in expected
                for found in (stored.deal for stored in deals.named(connection, deal_id))
            }
        assert stored == expected

    def everything_deleted_is_gone(self) -> None:
        with self.database.reading() as connection:
            for deal_id in self.office.book.departures:
                assert all(stored.deal.gone for stored in deals.named(connection, deal_id))


@pytest.mark.long
@pytest.mark.parametrize("crm", sorted(OFFICES))
def test_nothing_is_lost_whatever_happens_between_two_requests(crm: str) -> None:
    class Company(EditedWhileRead):
        office_class = OFFICES[crm]

    run_state_machine_as_test(
        Company,
        settings=settings(
            max_examples=2,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
