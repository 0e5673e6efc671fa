"""A real funnel night by night: the platform's books against the funnel worked out by hand.

The quick suite lives through every 14th night only, which must come to the same: what a night
misses the next one does. `make soak` lives through all of them.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from convsync.sandbox.server import Sandbox
from scripts.replay_olist import Olist, Replay, opened
from tests.nights.company import folder_in_memory
from tests.nights.olist_by_hand import (
    SAO_PAULO,
    Fate,
    fates,
    last_second_of,
    read,
)

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PAGES = {"mql": "1234567890/111", "won": "1234567890/222"}

pytestmark = pytest.mark.skipif(
    not (DATA / "olist_funnel").is_dir(), reason="Olist's data are not part of the project"
)


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """The replay at its end, and what should have come of it."""

    replay: Replay
    sandbox: Sandbox
    fates: dict[tuple[str, str], Fate]

    def ledger(self) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.replay.folder / "ledger.db")) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(
                "SELECT d.deal_id, l.* FROM ledger l JOIN deals d ON d.id = l.deal"
            )
            return [dict(row) for row in rows]


@pytest.fixture(params=[pytest.param(1, marks=pytest.mark.slow), 14], ids=["all", "every 14th"])
def replayed(request: pytest.FixtureRequest) -> Iterator[Replayed]:
    olist = Olist.read(DATA)
    with (
        folder_in_memory() as folder,
        Sandbox() as sandbox,
        opened(folder, sandbox, olist) as replay,
    ):
        replay.every_night(step=request.param)
        yield Replayed(replay=replay, sandbox=sandbox, fates=fates(DATA, olist.nights[-1]))


def the_books_agree_with_the_funnel_worked_out_by_hand_id_by_id(replayed: Replayed) -> None:
    expected = {
        (PAGES[milestone], fate.gclid): (fate.happened_at, float(fate.value), "BRL")
        for (_, milestone), fate in replayed.fates.items()
        if fate.why == "sent"
    }
    counted = {}
    for page, conversions in replayed.sandbox.books.counted.items():
        for conversion in conversions.values():
            event = conversion.event
            at = event.event_timestamp.ToDatetime(tzinfo=UTC)
            key = page, event.ad_identifiers.gclid
            assert key not in counted, "a lead is counted twice"
            if page == PAGES["mql"]:  # known by its day: sent at a second of it, after the click
                at = last_second_of(at.astimezone(SAO_PAULO).date())
            counted[key] = at, conversion.value, conversion.currency
    assert counted == expected
    assert len(expected) == 946


def every_lead_is_accounted_for_with_the_reason_worked_out_by_hand(replayed: Replayed) -> None:
    became = {
        (row["deal_id"], row["rule"]): "sent" if row["told_value"] is not None else row["reason"]
        for row in replayed.ledger()
    }
    assert became == {key: fate.why for key, fate in replayed.fates.items()}
    by_milestone = Counter((key[1], why) for key, why in became.items())
    assert by_milestone == {
        ("mql", "sent"): 879,
        ("mql", "click_after_milestone"): 169,
        ("mql", "no_click"): 4_297,
        ("won", "sent"): 67,
        ("won", "click_outside_lookback"): 3,
        ("won", "click_after_milestone"): 2,
        ("won", "no_click"): 264,
    }
    assert sum(n for (milestone, _), n in by_milestone.items() if milestone == "mql") == 5_345


def a_transaction_id_leads_from_the_books_to_the_lead_and_its_click(
    replayed: Replayed,
) -> None:
    for row in replayed.ledger():
        conversion = replayed.sandbox.books.counted[PAGES[row["rule"]]].get(
            f"cs-{row['order_id'].hex()}"
        )
        fate = replayed.fates[row["deal_id"], row["rule"]]
        gclid = None if conversion is None else conversion.event.ad_identifiers.gclid
        assert gclid == (fate.gclid if fate.why == "sent" else None)


def every_gclid_arrives_byte_for_byte(replayed: Replayed) -> None:
    rows = read(DATA / "web_clicks" / "paid_search_leads_with_gclid.csv")
    real = {row["gclid"].encode() for row in rows}
    told = {
        conversion.event.ad_identifiers.gclid.encode()
        for conversions in replayed.sandbox.books.counted.values()
        for conversion in conversions.values()
    }
    assert told < real
    assert len(told) >= 879


def the_report_names_the_milestone_that_had_caught_the_wins_that_came_too_late(
    replayed: Replayed,
) -> None:
    fates = replayed.fates
    too_late = [
        lead
        for (lead, milestone), fate in fates.items()
        if (milestone, fate.why) == ("won", "click_outside_lookback")
    ]
    caught = sum(fates[lead, "mql"].why == "sent" for lead in too_late)
    assert replayed.replay.status.caught_earlier == {("won", "mql"): caught}
    assert (len(too_late), caught) == (3, 2)


def every_night_was_quiet_about_its_work_and_its_account_balanced(replayed: Replayed) -> None:
    assert replayed.replay.problems == []
    assert replayed.replay.exit_codes == {0: replayed.replay.nights}
    assert replayed.replay.is_audit_sound
    assert replayed.replay.status.sums.is_balanced
    assert replayed.replay.status.sums.extracted == 5_345 + 336


def reading_everything_once_more_sends_nothing(replayed: Replayed) -> None:
    sent = len(replayed.sandbox.books.requests)
    replayed.replay.touch_everything_and_run()
    assert len(replayed.sandbox.books.requests) == sent


CHECKS: list[Callable[[Replayed], None]] = [
    the_books_agree_with_the_funnel_worked_out_by_hand_id_by_id,
    every_lead_is_accounted_for_with_the_reason_worked_out_by_hand,
    a_transaction_id_leads_from_the_books_to_the_lead_and_its_click,
    every_gclid_arrives_byte_for_byte,
    the_report_names_the_milestone_that_had_caught_the_wins_that_came_too_late,
    every_night_was_quiet_about_its_work_and_its_account_balanced,
    reading_everything_once_more_sends_nothing,
]


@pytest.mark.long
def test_a_real_funnel_comes_out_as_worked_out_by_hand(
    replayed: Replayed, subtests: pytest.Subtests
) -> None:
    for check in CHECKS:
        with subtests.test(check.__name__.replace("_", " ")):
            check(replayed)
