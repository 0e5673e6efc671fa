"""A person is erased alike from both databases, and found again after a backup was put back."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.sql.expression import FromClause

from convsync.model.click import Candidate, ClickId, ClickIdKind, MatchBasis, Sighting
from convsync.model.deal import Deal
from convsync.model.key import Key, KeyKind, kind_of
from convsync.model.seen_clicks import SeenClicks
from convsync.model.terms import PrivacySettings
from convsync.privacy import forgetting
from convsync.privacy.forgetting import Forgotten, Whom
from convsync.store import click_index, clicks, deals, erasing, schema
from convsync.store.database import Database
from convsync.store.session import RunSession
from tests.builders import NOW, SOMEBODY, WON_AT, a_click, a_deal
from tests.store.rows import a_conversion_of, a_run, plan, save

KEY = PrivacySettings(key=b"a secret of sixteen or more")
YEAR = timedelta(days=365)
CLICK = ClickId(ClickIdKind.GCLID, "her-click")
VISITOR = Key(KeyKind.VISITOR, "her-visit")
(MAIL,) = (Key(KeyKind.EMAIL, one) for one in SOMEBODY.emails)


def hers(deal_id: str = "D-1") -> Deal:
    click = Candidate(a_click(CLICK.value), MatchBasis.DEAL)
    return a_deal(deal_id, identifiers=SOMEBODY, keys=(MAIL, VISITOR), clicks=(click,))


@dataclass
class Kept:
    """A ledger with her two deals, her click, and somebody else's."""

    database: Database
    session: RunSession

    def rows(self, table: FromClause) -> list[dict[str, Any]]:
        with self.database.reading() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def forget(self, **whom: Any) -> Forgotten:
        return forgetting.forget(
            self.session, KEY, Whom(**whom), by="ann", plan=lambda _connection, _deals: None
        )


@pytest.fixture
def kept(database: Database) -> Kept:
    save(database, hers("D-1"), a_deal("D-2", identifiers=SOMEBODY, keys=(MAIL,)), a_deal("D-9"))
    seen = Sighting(click_ids=(CLICK,), seen_at=WON_AT, keys=(VISITOR, MAIL))
    other = Sighting(click_ids=(ClickId(ClickIdKind.GCLID, "his"),), seen_at=WON_AT)
    with database.transaction("a night") as connection:
        clicks.save(connection, SeenClicks.of([seen, other]))  # by an import that was killed
        run_id = a_run(connection)
        plan(connection, run_id, {each: a_conversion_of(each) for each in ("D-1", "D-2", "D-9")})
    session = RunSession(database, run_id, NOW, real_clock=lambda: NOW, has_lock=False)
    return Kept(database, session)


def test_her_deals_clicks_and_statements_are_empty_and_others_are_as_they_were(kept: Kept) -> None:
    assert kept.forget(deal_ids=frozenset({"D-1"})) == Forgotten(deals=2, clicks=1, conversions=2)
    for deal in kept.rows(schema.deals):
        is_hers = deal["deal_id"] != "D-9"
        assert (deal["ad_user_data"] == "forgotten") is is_hers
        assert (deal["emails"], deal["phones"], deal["clicks"]) == (None, None, None)
        assert deal["amount"] is not None
    clicked = {one["value"]: one["clicked_at"] for one in kept.rows(schema.clicks)}
    assert clicked == {"": None, "his": WON_AT}
    assert [one["joined_by"] for one in kept.rows(schema.clicks)] == [b"", b""]
    assert kept.rows(schema.click_keys) == []
    assert kept.rows(schema.deal_keys) == []
    named = {one["deal"]: one["click_id"] for one in kept.rows(schema.ledger)}
    assert [click is None for _, click in sorted(named.items())] == [True, True, False]
    kept.database.scrub()


def test_somebody_that_a_backup_brought_back_is_found_by_the_list_alone(kept: Kept) -> None:
    kept.forget(deal_ids=frozenset({"D-1"}))
    with kept.database.transaction("a backup is put back") as connection:
        deals.save(connection, "crm", [hers("D-7"), a_deal("D-8")], now=NOW)
        erased = forgetting.known(connection, KEY)
        rows, keys = erasing.forgotten_again(connection, erased)
        found = erasing.people(connection, rows, keys)
    again = {one.deal.deal_id for one in found.deals}
    assert "D-7" in again
    assert again.isdisjoint({"D-8", "D-9"})


@pytest.mark.parametrize(
    ("later", "is_swept"),
    [pytest.param(YEAR, True, id="a year later"), pytest.param(YEAR / 12, False, id="in time")],
)
def test_hashes_are_swept_once_nothing_can_be_corrected(
    kept: Kept, later: timedelta, *, is_swept: bool
) -> None:
    with kept.database.transaction("everything is told") as connection:
        connection.execute(schema.ledger.delete())
        connection.execute(schema.deals.update().values(reconcile_at=None))
        click_index.fill(connection)
    session = RunSession(
        kept.database, kept.session.run_id, NOW + later, real_clock=lambda: NOW, has_lock=False
    )
    window = timedelta(days=90)
    forgetting.sweep(session, correctable=window, matchable=2 * window)
    emails = {deal["emails"] for deal in kept.rows(schema.deals)}
    assert (emails == {None}) is is_swept
    kinds = {kind_of(one["key"]) for one in kept.rows(schema.click_keys)}
    assert kinds.isdisjoint({KeyKind.EMAIL, KeyKind.PHONE}) is is_swept
