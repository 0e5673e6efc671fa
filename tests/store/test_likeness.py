"""Deals that have something in common with others that are gone, on each database."""

from datetime import timedelta

from msgspec import structs

from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.deal import Gone
from convsync.model.key import Key, KeyKind
from convsync.model.seen_clicks import SeenClicks
from convsync.model.terms import SharedKeys
from convsync.store import click_index, clicks, deals, likeness, quarantine, shared_keys
from convsync.store.likeness import Alike
from tests.builders import CLICKED_AT, NOW, a_deal
from tests.store.rows import Passing, a_run, save

CONTACT, OTHER, OFFICE = (Key(KeyKind.CRM, name) for name in ("contact-1", "contact-2", "office"))
HOUR = timedelta(hours=1)
KEYS = {
    "gone": (CONTACT, OFFICE),
    "same contact": (CONTACT, OFFICE),
    "changed before": (CONTACT,),
    "gone, too": (CONTACT, OTHER),
    "another contact": (OTHER, OFFICE),
    "one more": (OFFICE,),
    "and another": (OFFICE,),
}


def test_a_deal_is_like_another_that_shares_a_key_which_few_have_and_changed_since(
    passing: Passing,
) -> None:
    for deal_id, keys in KEYS.items():
        at = NOW - 3 * HOUR if deal_id == "changed before" else NOW
        deal = structs.replace(a_deal(deal_id), clicks=(), keys=keys, modified_at=at)
        save(passing, deal)
    click = Sighting(
        click_ids=(ClickId(ClickIdKind.GCLID, "one"),), seen_at=CLICKED_AT, keys=(OFFICE,)
    )
    with passing.transaction("look") as connection:
        clicks.save(connection, SeenClicks.of([click]))
        click_index.fill(connection)
        rows = deals.present(connection, "crm", [*KEYS])
        shared_keys.note(connection, SharedKeys(most=4), sends_identifiers=False, now=NOW)
        left = [rows["gone"], rows["gone, too"]]
        found = likeness.alike(connection, "crm", left, NOW - HOUR)
        assert found == {
            rows["gone"]: [Alike("same contact", NOW)],
            rows["gone, too"]: [Alike("same contact", NOW), Alike("another contact", NOW)],
        }
        deals.mark_gone(connection, [rows["same contact"]], Gone.DELETED, NOW)
        found = likeness.alike(connection, "crm", left[:1], NOW - HOUR)
        assert [one.deal_id for one in found[rows["gone"]]] == ["gone, too"]
        unread = quarantine.Entry(
            source="crm", place="deal 7", problem="no ID", deal_id="changed before"
        )
        quarantine.add(connection, [unread], run_id=a_run(connection), now=NOW)
        found = likeness.alike(connection, "crm", left[:1], NOW - HOUR)
        assert {one.deal_id: one.is_readable for one in found[rows["gone"]]} == {
            "changed before": False,
            "gone, too": True,
        }
