"""Deals of which a conversion waits for a click, on each database."""

import pytest

from convsync.model import moves
from convsync.model.deal import Gone
from convsync.model.moves import Place
from convsync.model.outcome import Reason
from convsync.store import deals, ledger, waiting
from tests.builders import NOW, a_deal
from tests.store.rows import Passing, a_conversion_of, a_run, new_entry, save

REASONS = {
    "waits": Reason.WAITING_FOR_CLICK,
    "gone": Reason.WAITING_FOR_CLICK,
    "waits for the platform": Reason.CLICK_TOO_RECENT,
    "waits, too": Reason.WAITING_FOR_CLICK,
}


@pytest.mark.parametrize("limit", [1, 10])
def test_deals_that_are_there_and_wait_for_a_click_are_listed_in_pages(
    passing: Passing, limit: int
) -> None:
    save(passing, *map(a_deal, [*REASONS, "waits for nothing"]))
    with passing.transaction("hold") as connection:
        run_id = a_run(connection)
        for deal_id, reason in REASONS.items():
            entry = new_entry(connection, deal_id, a_conversion_of(deal_id))
            place = Place(
                action=entry.action, milestone=entry.milestone, milestone_at=entry.milestone_at
            )
            ledger.write(connection, [moves.held(entry, place, reason, NOW, run_id=run_id)])
        rows = deals.present(connection, "crm", [*REASONS])
        deals.look_again(connection, dict.fromkeys(rows.values(), NOW))
        deals.mark_gone(connection, [rows["gone"]], Gone.DELETED, NOW)
        found, after = list[str](), 0
        later = run_id + 1
        while page := waiting.for_a_click(connection, "crm", after, run_id=later, limit=limit):
            found += [deal_id for _, deal_id in page]
            after = page[-1][0]
        now = waiting.for_a_click(connection, "crm", 0, run_id=run_id, limit=limit)
    assert found == ["waits", "waits, too"]
    assert now == [], "what began to wait in this run has just been read"
