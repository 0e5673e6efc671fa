"""What customers with several deals bought, on each database."""

from datetime import timedelta

from sqlalchemy import insert

from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.deal import Gone
from convsync.store import deals, persons, sales, schema
from convsync.store.database import Connection, Database
from convsync.store.sales import Customers, Sale
from tests.builders import NOW, WON_AT, a_deal, a_milestone

DAY = timedelta(days=1)
CLICK = Candidate(
    Click(click_id=ClickId(ClickIdKind.GCLID, "hers"), clicked_at=None), MatchBasis.CONTACT
)


def known(connection: Connection) -> Customers:
    return sales.customers(connection, WON_AT)


def test_sales_are_listed_by_customer_and_time_without_lost_withdrawn_or_future_ones(
    database: Database,
) -> None:
    chunk = [
        a_deal("D-1", clicks=(CLICK,)),
        a_deal("D-2", milestones=(a_milestone(reached_at=WON_AT - DAY),)),
        a_deal("D-3", milestones=(a_milestone(reached_at=WON_AT + DAY),)),
        a_deal("D-4"),
        a_deal("D-5"),
        a_deal("D-6"),
    ]
    with database.transaction("sell") as connection:
        assert known(connection) == Customers(are_known=False)
        deals.save(connection, "crm", chunk, now=NOW)
        persons.note_need(connection, chunk)
        joined = {"joined_at": NOW, "person": 1, "is_crowd": False}
        rows = [{**joined, "deal": row} for row in (1, 2, 3, 4, 5)]
        crowd = {**joined, "deal": 6, "person": 6, "is_crowd": True}
        connection.execute(insert(schema.persons), [*rows, crowd])
        deals.mark_gone(connection, [4], Gone.DELETED, NOW)
        deals.withdraw_milestones(connection, [5], NOW)
        found = known(connection)
    assert found.of_deal == dict.fromkeys((1, 2, 3, 4, 5), 1)
    assert found.sales == {1: [Sale(WON_AT - DAY, 2), Sale(WON_AT, 1)]}
