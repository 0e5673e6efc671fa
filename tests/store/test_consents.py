"""What people said of the use of their data: kept by key, and spread to their deals."""

from datetime import datetime, timedelta

from msgspec import structs
from sqlalchemy import select, update

from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.consent import ConsentStatus, Purpose, Said
from convsync.model.identifiers import Identifiers
from convsync.model.key import Key, KeyKind
from convsync.model.terms import SharedKeys
from convsync.store import consents, deals, shared_keys
from convsync.store.schema import deals as deals_table
from tests.builders import CLICKED_AT, NOW, a_deal
from tests.store.people import Ledger
from tests.store.rows import Passing, save

EMAIL = Key(KeyKind.EMAIL, "a" * 64)
KEY = EMAIL.digest()
DAY = timedelta(days=1)


def said(
    status: ConsentStatus = ConsentStatus.DENIED,
    at: datetime | None = NOW,
    *,
    source: str = "website",
    record: str = "visitor",
) -> Said:
    return Said(
        purpose=Purpose.AD_USER_DATA, status=status, said_at=at, source=source, record=record
    )


GRANTED = said(ConsentStatus.GRANTED)


def with_ada(passing: Passing, *deal_ids: str) -> None:
    """Store deals of one person that are not due."""
    deal = a_deal(identifiers=Identifiers(emails=(EMAIL.value,)))
    save(passing, *(structs.replace(deal, deal_id=one, keys=(EMAIL,)) for one in deal_ids))
    with passing.transaction("rest") as connection:
        connection.execute(update(deals_table).values(reconcile_at=None))


def due(passing: Passing) -> set[str]:
    with passing.transaction("look") as connection:
        return {one.deal.deal_id for one in deals.due(connection, NOW, limit=100)}


def test_a_consent_statement_makes_that_person_s_deals_due_once(passing: Passing) -> None:
    with_ada(passing, "D-1", "D-2")
    with passing.transaction("hear") as connection:
        consents.add_of_site(connection, [(KEY, said())])
        concerned = consents.spread_news(connection, now=NOW)
        assert {(one.deal_id, one.said) for one in concerned} == {("D-1", said()), ("D-2", said())}
        assert consents.spread_news(connection, now=NOW) == []
    assert due(passing) == {"D-1", "D-2"}


def test_a_repeated_or_older_consent_statement_changes_nothing(passing: Passing) -> None:
    with_ada(passing, "D-1")
    with passing.transaction("hear") as connection:
        consents.add_of_site(connection, [(KEY, said())])
        consents.spread_news(connection, now=NOW)
        older = said(ConsentStatus.GRANTED, NOW - DAY)
        consents.add_of_site(connection, [(KEY, said()), (KEY, older)])
        assert consents.spread_news(connection, now=NOW) == []
        assert consents.of_keys(connection, [KEY]) == {KEY: [said()]}


def test_a_deal_s_own_record_is_not_spread_to_itself(passing: Passing) -> None:
    with_ada(passing, "D-1", "D-2")
    with passing.transaction("hear") as connection:
        own = said(source=a_deal().source, record="D-1")
        new = consents.replace_of_records(connection, own.source, {"D-1"}, [(KEY, own)])
        assert new == [(KEY, own)]
        assert [one.deal_id for one in consents.spread_news(connection, now=NOW)] == ["D-2"]


def test_a_record_that_says_nothing_more_sets_free_whom_it_held(passing: Passing) -> None:
    with_ada(passing, "D-1", "D-2")
    own = said(source=a_deal().source, record="D-1")
    with passing.transaction("hear") as connection:
        consents.replace_of_records(connection, own.source, {"D-1"}, [(KEY, own)])
        consents.spread_news(connection, now=NOW)
        consents.replace_of_records(connection, own.source, {"D-1"}, [])
        (freed,) = consents.spread_news(connection, now=NOW)
        assert (freed.deal_id, freed.said.status) == ("D-2", ConsentStatus.UNSPECIFIED)


def test_a_key_that_too_many_deals_have_spreads_nothing(passing: Passing) -> None:
    with_ada(passing, "D-1", "D-2", "D-3")
    with passing.transaction("hear") as connection:
        terms = SharedKeys(most=2)
        shared_keys.note(connection, terms, sends_identifiers=True, now=NOW - DAY)
        consents.add_of_site(connection, [(KEY, said())])
        assert consents.spread_news(connection, now=NOW) == []
        rows = connection.execute(select(deals_table.c.id)).scalars().all()
        assert consents.of_deals(connection, rows) == {}


def test_refusals_outlive_consents_and_forgetting_takes_both(passing: Passing) -> None:
    other = Key(KeyKind.VISITOR, "v").digest()
    with passing.transaction("hear") as connection:
        consents.add_of_site(connection, [(KEY, said()), (other, GRANTED)])
        consents.sweep(connection, NOW + DAY)
        assert consents.of_keys(connection, [KEY, other]) == {KEY: [said()]}
        consents.erase(connection, [KEY])
        assert consents.is_empty(connection)


def test_a_refusal_holds_for_all_deals_of_one_customer_and_a_consent_for_its_own(
    passing: Passing,
) -> None:
    """The e-mail is on one deal alone; a click of the laptop's joins it to the other."""
    laptop = Key(KeyKind.VISITOR, "laptop")
    of_laptop = Sighting(
        click_ids=(ClickId(ClickIdKind.GCLID, "one"),), seen_at=CLICKED_AT, keys=(EMAIL, laptop)
    )
    ledger = Ledger(passing.connection)
    known_by = {"D-1": EMAIL, "D-2": laptop}
    bought = [a_deal(name, keys=(key,), clicks=()) for name, key in known_by.items()]
    ledger.night([of_laptop, *bought])
    consents.add_of_site(ledger.connection, [(KEY, said())])
    concerned = consents.spread_news(ledger.connection, now=NOW)
    assert {(one.deal_id, one.said) for one in concerned} == {("D-1", said()), ("D-2", said())}
    rows = [one.row for one in concerned]
    assert consents.of_deals(ledger.connection, rows) == {row: {KEY: [said()]} for row in rows}
    consents.add_of_site(ledger.connection, [(KEY, said(ConsentStatus.GRANTED, NOW + DAY))])
    assert [*consents.of_deals(ledger.connection, rows)] == [min(rows)], "whose e-mail it is"
