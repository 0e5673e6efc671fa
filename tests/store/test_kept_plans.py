"""Of a plan that is kept goes what still says the same, and of everything else nothing."""

from sqlalchemy import Connection

from convsync.model import moves
from convsync.model.kept_plan import kept
from convsync.model.statement import OrderId, order_id_of
from convsync.store import deals, kept_plans, portions
from convsync.store.database import Database
from convsync.store.portions import OfKeptPlan
from tests.builders import NOW, a_conversion, a_deal, usd
from tests.store.rows import a_conversion_of, a_run, moved, plan, reserve, save


def order_id(deal_id: str) -> OrderId:
    return order_id_of("crm", deal_id, "won")


def planned(connection: Connection, *deal_ids: str) -> int:
    """Plan conversions, and keep the plan under the number of a run; return that."""
    run_id = a_run(connection)
    plan(connection, run_id, {each: a_conversion_of(each) for each in deal_ids})
    kept_plans.keep(connection, run_id, map(kept, portions.entries(connection, NOW)))
    return run_id


def sent(connection: Connection, run_id: int) -> list[OrderId]:
    """Reserve all that agrees with a kept plan; return its order IDs."""
    batch = reserve(connection, only=OfKeptPlan(run_id))
    return [] if batch is None else [one.order_id for one in batch.rows.statements]


def test_what_agrees_goes_and_nothing_that_was_planned_beside_it(database: Database) -> None:
    save(database, *map(a_deal, ("one", "two", "three")))
    with database.transaction("plan") as connection:
        run_id = planned(connection, "one", "two")
        plan(connection, a_run(connection), {"three": a_conversion_of("three")})
        assert sent(connection, run_id) == []
        assert kept_plans.compare(connection, run_id, OrderId(""), NOW)[0] == []
        assert sorted(sent(connection, run_id)) == sorted(map(order_id, ("one", "two")))


def test_a_planned_statement_that_would_now_differ_is_named_and_not_sent(
    database: Database,
) -> None:
    save(database, *map(a_deal, ("one", "two")))
    with database.transaction("plan") as connection:
        run_id = planned(connection, "one", "two")
        changed = a_conversion(order_id("two"), value=usd(999))
        (row,) = deals.rows_of(connection, "crm", ["two"])
        moved(connection, row, lambda entry: moves.planned(entry, changed, run_id=run_id))
        others, _ = kept_plans.compare(connection, run_id, OrderId(""), NOW)
        assert [str(one) for one in others] == ["won of two would say something else by now"]
        assert sent(connection, run_id) == [order_id("one")]


def test_a_planned_conversion_sent_meanwhile_is_named_and_not_sent_twice(
    database: Database,
) -> None:
    save(database, a_deal("one"))
    with database.transaction("plan") as connection:
        run_id = planned(connection, "one")
        assert reserve(connection) is not None
        ((differs,), _) = kept_plans.compare(connection, run_id, OrderId(""), NOW)
        assert str(differs) == "won of one has gone out already"
        assert sent(connection, run_id) == []


def test_a_plan_can_be_kept_for_another_run_and_is_forgotten_apart(database: Database) -> None:
    save(database, *map(a_deal, ("one", "two")))
    with database.transaction("plan") as connection:
        first, second = planned(connection, "one", "two"), a_run(connection)
        assert kept_plans.copy(connection, first, second) == 2
        kept_plans.forget(connection, first)
        assert kept_plans.count(connection, first) == 0
        assert kept_plans.count(connection, second) == 2
