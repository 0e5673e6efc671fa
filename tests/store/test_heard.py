"""Stored clicks and deals as what people said leaves them, on each database."""

from msgspec import structs

from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.consent import Consent, ConsentStatus, Purpose, Said
from convsync.model.identifiers import Identifiers
from convsync.model.key import Key, KeyKind
from convsync.model.seen_clicks import SeenClicks, digests_of_ids
from convsync.store import click_index, clicks, consents, deals, heard
from tests.builders import CLICKED_AT, NOW, a_deal
from tests.store.rows import Passing, save

EMAIL = Key(KeyKind.EMAIL, "a" * 64)
GCLID = ClickId(ClickIdKind.GCLID, "of-a-visitor-who-refused")
DENIED, GRANTED = ConsentStatus.DENIED, ConsentStatus.GRANTED


def said(status: ConsentStatus, purpose: Purpose = Purpose.AD_USER_DATA) -> Said:
    return Said(purpose=purpose, status=status, said_at=NOW, source="website", record="visitor")


def with_a_deal(passing: Passing) -> None:
    """Store a deal without a click of its own, and a click that its e-mail leads to."""
    deal = a_deal(identifiers=Identifiers(emails=(EMAIL.value,)))
    save(passing, structs.replace(deal, clicks=(), keys=(EMAIL,), consent=Consent()))
    with passing.transaction("click") as connection:
        sighting = Sighting(click_ids=(GCLID,), seen_at=CLICKED_AT, keys=(EMAIL,))
        clicks.save(connection, SeenClicks.of([sighting]))
        click_index.fill(connection)


def test_a_click_is_no_candidate_once_its_visitor_refused(passing: Passing) -> None:
    with_a_deal(passing)
    (of_click,) = digests_of_ids(GCLID.kind, [GCLID.value])
    with passing.transaction("match") as connection:
        (row,) = deals.rows_of(connection, a_deal().source, [a_deal().deal_id])
        found = clicks.candidates(connection, [row])
        assert heard.without_refused(connection, found) == found
        refused = [(of_click, said(DENIED, Purpose.AD_STORAGE))]
        consents.add_of_site(connection, [*refused, (EMAIL.digest(), said(GRANTED))])
        assert heard.without_refused(connection, found) == {row: []}


def test_a_stored_deal_has_the_consent_that_was_given_elsewhere(passing: Passing) -> None:
    with_a_deal(passing)
    with passing.transaction("hear") as connection:
        (stored,) = deals.named(connection, a_deal().deal_id)
        assert heard.with_consent(connection, [stored]) == [stored]
        consents.add_of_site(connection, [(EMAIL.digest(), said(GRANTED))])
        (now,) = heard.with_consent(connection, [stored])
        assert (now.deal.consent.ad_user_data, now.row) == (GRANTED, stored.row)
        assert heard.deciding(connection, stored) == [said(GRANTED)]
