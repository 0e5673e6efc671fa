"""Nights at a platform that may take a repeated request for a second conversion.

It is Google's stand-in, declared to know a repeat for a while or never; its answers are lost.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from convsync.model.takes import Repeats
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from convsync.upload.destination import Destination
from tests.nights.company import Company, SmallBatches

FIRST, NEXT, LATER = "2026-03-03T02:00Z", "2026-03-04T02:00Z", "2026-03-06T02:00Z"
NEVER = Repeats(within=timedelta(0))
TWO_DAYS = Repeats(within=timedelta(hours=48))
WITH_A_CLICK = Repeats(without_click=False)


class Knowing(SmallBatches):
    """A destination that knows repeats only as far as it says."""

    def __init__(self, inner: Destination, repeats: Repeats) -> None:
        super().__init__(inner, inner.max_batch)
        self.takes = replace(inner.takes, repeats=repeats)


def knowing(company: Company, repeats: Repeats) -> None:
    company.through = lambda inner: Knowing(inner, repeats)


def lose_answers(sandbox: Sandbox, tries: int = 4) -> None:
    for request in range(1, tries + 1):
        sandbox.platform.faults.add(
            PlannedFault(on="ingest", request=request, kind="unavailable_after")
        )


def won(company: Company, deal_id: str, **cells: object) -> None:
    click = {"gclid": f"G-{deal_id}", "clicked": "2026-02-20T10:00Z"}
    company.has(deal_id, **{"won": "2026-03-02T15:00Z", "amount": 100, **click, **cells})


def times_sent(company: Company, deal_id: str) -> int:
    counted = company.counted(deal_id)
    return counted.sent if counted else 0


def test_a_request_that_is_never_repeated_leaves_once_and_stays_unsure(
    company: Company, sandbox: Sandbox
) -> None:
    knowing(company, NEVER)
    won(company, "D-1")
    lose_answers(sandbox, tries=2)
    assert company.night(FIRST).exit_code == 1
    assert times_sent(company, "D-1") == 1
    company.night(NEXT)
    entry = company.entry("D-1")
    assert (entry.state, entry.reason, entry.told) == ("not_sent", "answer_lost", None)
    sandbox.platform.faults.clear()
    won(company, "D-2")
    company.night(LATER)
    assert company.entry("D-2").state == "accepted"
    assert times_sent(company, "D-1") == 1
    assert company.audit_is_sound()


@pytest.mark.parametrize(("night", "sent"), [(NEXT, 1), (LATER, 0)])
def test_a_conversion_that_a_platform_knows_for_two_days_is_repeated_within_them_or_not_at_all(
    company: Company, sandbox: Sandbox, night: str, sent: int
) -> None:
    knowing(company, TWO_DAYS)
    won(company, "D-1")
    lose_answers(sandbox)
    company.night(FIRST)
    before = times_sent(company, "D-1")
    company.night(night)
    assert times_sent(company, "D-1") == before + sent
    entry = company.entry("D-1")
    assert (entry.reason == "answer_lost") == (sent == 0)
    assert company.audit_is_sound()


def test_of_a_batch_only_what_has_a_click_is_repeated_where_only_that_is_known(
    company: Company, sandbox: Sandbox
) -> None:
    knowing(company, WITH_A_CLICK)
    won(company, "D-1")
    won(company, "D-2", gclid="", clicked="", email="somebody@example.com")
    lose_answers(sandbox, tries=1)
    company.night(FIRST)
    company.night(NEXT)
    assert (times_sent(company, "D-1"), times_sent(company, "D-2")) == (2, 1)
    assert company.entry("D-1").state == "accepted"
    assert company.entry("D-2").reason == "answer_lost"
    assert company.audit_is_sound()
