"""Lines of revenue on both databases: corrected, repeated, taken back, and given to their deals."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from convsync.model.deal import WON, Deal, Gone
from convsync.model.key import Key, KeyKind
from convsync.model.money import Money
from convsync.model.revenue import MoneyTerms, RevenueLine
from convsync.store import memory, revenue
from convsync.store.database import Database
from convsync.store.deals import withdraw_milestones
from convsync.store.schema import deals
from tests.builders import NOW, WON_AT, a_deal, a_milestone, usd
from tests.store.rows import save

CUSTOMER = Key(KeyKind.CRM, "C-7")
TERMS = MoneyTerms()


def line(
    name: str = "R-1",
    amount: str = "10",
    *,
    deal_id: str | None = "D-1",
    customer: Key | None = None,
    at: datetime = NOW,
    currency: str = "USD",
) -> RevenueLine:
    return RevenueLine(
        line=name,
        paid_at=at,
        money=Money(amount=Decimal(amount), currency=currency),
        deal_id=deal_id,
        customer=None if customer is None else customer.digest(),
    )


def of_customer(name: str, at: datetime) -> RevenueLine:
    return line(name, deal_id=None, customer=CUSTOMER, at=at)


def a_sale(deal_id: str, at: datetime) -> Deal:
    return a_deal(deal_id, milestones=(a_milestone(WON, at),), keys=(CUSTOMER,))


def kept(database: Database, *lines: RevenueLine) -> revenue.Saved:
    with database.transaction("keep revenue") as connection:
        saved = revenue.save(connection, "invoices", lines)
        revenue.assign(connection)
    return saved


def came(database: Database, *rows: int) -> dict[int, list[str]]:
    """Return the amounts that came in for deals, by row."""
    with database.reading() as connection:
        found = revenue.of_deals(connection, rows, TERMS)
    return {row: [str(one.money.amount) for one in of.payments] for row, of in found.items()}


def test_a_correction_replaces_a_line_and_a_repeat_changes_nothing(database: Database) -> None:
    save(database, a_deal())
    assert kept(database, line("R-1"), line("R-2", "5")) == (2, 0, frozenset())
    assert kept(database, line("R-1"), line("R-2", "5")) == (0, 0, frozenset())
    assert kept(database, line("R-1", "8"), line("R-2", "5")) == (0, 1, frozenset({1}))
    assert came(database, 1) == {1: ["8.00", "5.00"]}


def test_of_two_rows_with_one_name_the_later_counts(database: Database) -> None:
    save(database, a_deal())
    kept(database, line("R-1", "10"), line("R-1", "-3"))
    assert came(database, 1) == {1: ["-3.00"]}


def test_a_line_whose_deal_is_unknown_is_kept_until_the_deal_comes(database: Database) -> None:
    kept(database, line("R-1", "10"), line("R-2", "4", currency="EUR"))
    with database.reading() as connection:
        assert revenue.unknown(connection) == [
            ("EUR", 1, Decimal("4.00")),
            ("USD", 1, Decimal("10.00")),
        ]
    save(database, a_deal())
    with database.transaction("assign") as connection:
        assert revenue.assign(connection) == {1}
        assert revenue.assign(connection) == frozenset()
        assert revenue.unknown(connection) == []
    assert came(database, 1) == {1: ["10.00", "4.00"]}


def test_a_line_that_names_another_deal_now_leaves_the_first(database: Database) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"))
    kept(database, line())
    assert kept(database, line(deal_id="D-2")).deals == {1}
    assert came(database, 1, 2) == {2: ["10.00"]}


def test_what_a_customer_pays_is_of_the_last_deal_they_had_won_by_then(
    database: Database,
) -> None:
    second_at = WON_AT + timedelta(days=30)
    save(database, a_sale("D-1", WON_AT), a_sale("D-2", second_at))
    kept(
        database,
        of_customer("before both", WON_AT - timedelta(days=3)),
        of_customer("on the day of the first", WON_AT - timedelta(hours=3)),
        of_customer("after the first", WON_AT + timedelta(days=20)),
        of_customer("after both", second_at + timedelta(days=200)),
    )
    assert {row: len(amounts) for row, amounts in came(database, 1, 2).items()} == {1: 2, 2: 1}


def test_a_second_sale_that_becomes_known_later_takes_what_came_after_it(
    database: Database,
) -> None:
    save(database, a_sale("D-1", WON_AT))
    kept(database, of_customer("R-1", WON_AT + timedelta(days=40)))
    assert came(database, 1, 2) == {1: ["10.00"]}
    save(database, a_sale("D-2", WON_AT + timedelta(days=30)))
    with database.transaction("assign") as connection:
        assert revenue.assign(connection) == {1, 2}
    assert came(database, 1, 2) == {2: ["10.00"]}


def merged(database: Database, deal_id: str, survivor: str) -> None:
    """Have a deal become another, as a run does that reads the survivor."""
    with database.transaction("merge") as connection:
        memory.keep_survivors(connection, "crm", {deal_id: survivor})
        row = connection.execute(select(deals.c.id).where(deals.c.deal_id == deal_id)).scalar()
        if row is not None:
            gone = update(deals).where(deals.c.id == row).values(gone=Gone.MERGED)
            connection.execute(gone)
            withdraw_milestones(connection, [row], NOW)
        revenue.assign(connection)


def test_what_was_paid_for_a_deal_follows_it_to_its_survivor(database: Database) -> None:
    save(database, a_sale("D-1", WON_AT), a_sale("D-2", WON_AT), a_sale("D-3", WON_AT))
    kept(database, line())
    merged(database, "D-1", "D-2")
    assert came(database, 1, 2) == {2: ["10.00"]}
    kept(database, line("R-2", "20"))
    assert came(database, 1, 2) == {2: ["10.00", "20.00"]}
    merged(database, "D-2", "D-3")
    assert came(database, 1, 2, 3) == {3: ["10.00", "20.00"]}
    with database.transaction("again") as connection:
        assert revenue.assign(connection) == frozenset()


def test_a_payment_may_name_a_deal_that_was_merged_before_it_was_read(database: Database) -> None:
    save(database, a_sale("D-2", WON_AT))
    kept(database, line())
    assert came(database, 1) == {}
    merged(database, "D-1", "D-2")
    assert came(database, 1) == {1: ["10.00"]}


def test_what_the_customer_of_a_merged_deal_pays_is_the_survivors(database: Database) -> None:
    """The survivor names another customer, as where the CRM keeps one contact of two."""
    other = (a_milestone(WON, WON_AT + timedelta(days=1)),)
    save(database, a_sale("D-1", WON_AT), a_deal("D-2", milestones=other))
    kept(database, of_customer("before", WON_AT + timedelta(days=9)))
    assert came(database, 1, 2) == {1: ["10.00"]}
    merged(database, "D-1", "D-2")
    kept(database, of_customer("after", WON_AT + timedelta(days=40)))
    kept(database, of_customer("too early", WON_AT - timedelta(days=40)))
    assert came(database, 1, 2) == {2: ["10.00", "10.00"]}
    with database.transaction("again") as connection:
        assert revenue.assign(connection) == frozenset()


def test_lines_that_a_complete_source_no_longer_has_are_taken_out(database: Database) -> None:
    save(database, a_deal())
    kept(database, line("R-1"), line("R-2"))
    seen = revenue.Names()
    seen.add([line("R-2")])
    with database.transaction("take back") as connection:
        gone = revenue.unseen(connection, "invoices", seen)
        assert (gone.stored, gone.names, gone.deals) == (2, ["R-1"], frozenset({1}))
        revenue.remove(connection, "invoices", gone.names)
    assert came(database, 1) == {1: ["10.00"]}


@pytest.mark.long
def test_a_preview_sees_what_it_would_read_and_leaves_nothing(database: Database) -> None:
    save(database, a_deal())
    kept(database, line("R-1"), line("R-2"))
    with database.preview() as connection:
        revenue.save(connection, "invoices", [line("R-1", "7"), line("R-3", "2")])
        revenue.remove(connection, "invoices", ["R-2"])
        revenue.assign(connection)
        (takings,) = revenue.of_deals(connection, [1], TERMS).values()
        assert takings.sum(takings.payments, "USD") == usd(9)
    assert came(database, 1) == {1: ["10.00", "10.00"]}


def test_revenue_of_a_forgotten_customer_names_nobody(database: Database) -> None:
    save(database, a_sale("D-1", WON_AT))
    kept(database, of_customer("R-1", NOW))
    with database.transaction("forget") as connection:
        revenue.forget_customers(connection, [CUSTOMER.digest()])
        revenue.assign(connection)
    assert came(database, 1) == {1: ["10.00"]}
    with database.reading() as connection:
        customers = connection.exec_driver_sql("SELECT customer FROM revenue").scalars().all()
    assert customers == [None]
