"""Which keys join nobody, and are not sent: counted over all deals, on each database."""

import pytest
from msgspec import structs

from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.identifiers import Identifiers
from convsync.model.key import Key, KeyKind
from convsync.model.seen_clicks import SeenClicks
from convsync.model.terms import SharedKeys
from convsync.store import click_index, clicks, shared_keys
from convsync.store.reach import joining_nobody
from tests.builders import CLICKED_AT, NOW, a_deal
from tests.store.rows import Passing, save

EMAIL = Key(KeyKind.EMAIL, "a" * 64)
ACCOUNT = Key(KeyKind.CRM, "account-7")
VISITOR = Key(KeyKind.VISITOR, "v-1")


@pytest.mark.parametrize(
    ("sends_identifiers", "is_clicked", "expected"),
    [
        pytest.param(False, False, set(), id="nothing is found by keys"),
        pytest.param(True, False, {EMAIL}, id="an e-mail is sent"),
        pytest.param(False, True, {VISITOR, EMAIL, ACCOUNT}, id="a click has one of them"),
    ],
)
def test_an_email_matters_where_it_is_sent_and_every_key_where_clicks_have_any(
    passing: Passing, sends_identifiers: bool, is_clicked: bool, expected: set[Key]
) -> None:
    deal = structs.replace(a_deal(identifiers=Identifiers(emails=(EMAIL.value,))), clicks=())
    keys = (EMAIL, ACCOUNT, VISITOR)
    save(passing, *(structs.replace(deal, deal_id=one, keys=keys) for one in "abc"))
    click = Sighting(
        click_ids=(ClickId(ClickIdKind.GCLID, "one"),), seen_at=CLICKED_AT, keys=(VISITOR,)
    )
    with passing.transaction("note") as connection:
        clicks.save(connection, SeenClicks.of([click] if is_clicked else []))
        click_index.fill(connection)
        for most, found in ((3, set()), (2, expected)):
            terms = SharedKeys(most=most)
            shared_keys.note(connection, terms, sends_identifiers=sends_identifiers, now=NOW)
            assert joining_nobody(connection) == {key.digest() for key in found}
