"""Names that left the configuration: what counts under them, and how they are carried over."""

import pytest

from convsync.errors import OperatorError
from convsync.model.event import EventKind
from convsync.model.outcome import Confirmed
from convsync.model.period import Period
from convsync.model.terms import Moved
from convsync.running import renames
from convsync.store import account, audit_search, ledger, runs
from convsync.store.audit_search import Wanted
from convsync.store.database import Connection, Database
from convsync.store.retired import Retired, retired
from tests.builders import NOW, WON_AT, a_deal, a_rule, usd
from tests.store.rows import (
    a_conversion_of,
    a_run,
    moved,
    plan,
    put_batch,
    reserve_step,
    save,
    settle_step,
)

RENAMED = Wanted(event=EventKind.RULE_MOVED)
SALE = Moved(rules={"won": "sale"})


def counted(connection: Connection, *deal_ids: str, rule: str = "won") -> int:
    """Plan and confirm a conversion of each deal; return the run that did."""
    run_id = a_run(connection)
    batch = put_batch(connection, run_id)
    plan(connection, run_id, {each: a_conversion_of(each, rule=rule) for each in deal_ids})
    for row in range(1, len(deal_ids) + 1):
        moved(connection, row, reserve_step(batch), settle_step(Confirmed()), rule=rule)
    return run_id


def test_a_renamed_rule_keeps_its_entries_and_their_order_ids(database: Database) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"))
    with database.transaction("rename") as connection:
        run_id = counted(connection, "D-1", "D-2")
        before = ledger.entries_for(connection, [1, 2])
        renames.carry_over(connection, SALE, run_id=run_id, at=NOW)
        after = ledger.entries_for(connection, [1, 2])
        renames.carry_over(connection, SALE, run_id=run_id, at=NOW)  # there is nothing left to do
        said = [row.detail for row in audit_search.every(connection, RENAMED)]
    assert set(after) == {(1, "sale"), (2, "sale")}
    assert after[1, "sale"].order_id == before[1, "won"].order_id
    assert said == ['{"from":"won","to":"sale","renamed":2}']


def test_a_rule_that_counted_under_both_names_is_not_renamed(database: Database) -> None:
    save(database, a_deal("D-1"))
    with database.transaction("rename") as connection:
        run_id = counted(connection, "D-1")
        counted(connection, "D-1", rule="sale")
        with pytest.raises(OperatorError, match="1 deals have conversions under both names"):
            renames.carry_over(connection, SALE, run_id=run_id, at=NOW)
        assert set(ledger.entries_for(connection, [1])) == {(1, "won"), (1, "sale")}


def test_a_renamed_source_keeps_its_deals_and_goes_on_from_its_watermark(
    database: Database,
) -> None:
    save(database, a_deal("D-1"))
    with database.transaction("rename") as connection:
        run_id = counted(connection, "D-1")
        runs.move_watermark(connection, "crm", Period(since=WON_AT, until=NOW), run_id)
        moved_source = Moved(sources={"crm": "hubspot"})
        renames.carry_over(connection, moved_source, run_id=run_id, at=NOW)
        (entry,) = ledger.entries_for(connection, [1]).values()
        assert runs.watermark(connection, "hubspot") == NOW
        assert runs.watermark(connection, "crm") is None
    assert entry.source == "hubspot"
    assert save(database, a_deal("D-1", source="hubspot"), source="hubspot").unchanged == [1]


def test_what_is_planned_again_under_a_new_name_is_refused_and_names_the_table(
    database: Database,
) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"))
    with database.transaction("plan") as connection:
        run_id = counted(connection, "D-1", "D-2")
        plan(connection, run_id, {"D-1": a_conversion_of("D-1", rule="sale")})
        (said,) = renames.counting_again(connection, rules=["sale"], sources=["crm"])
        assert not renames.counting_again(connection, rules=["sale", "won"], sources=["crm"])
    assert '"rules.won" = "rules.sale"' in said
    assert "1 conversions planned for rules.sale count already" in said


def test_a_deal_that_comes_again_from_a_new_source_is_refused(database: Database) -> None:
    save(database, a_deal("D-1"))
    with database.transaction("count") as connection:
        run_id = counted(connection, "D-1")
    save(database, a_deal("D-1", source="export"), source="export")
    with database.transaction("plan") as connection:
        found = ledger.entries_for(connection, [1])[1, "won"]
        connection.exec_driver_sql(
            "INSERT INTO ledger (id, deal, rule, order_id, destination, action_id, milestone,"
            " queue, milestone_at, state, operation, value, currency, event_at, is_unsure, run_id)"
            " SELECT 99, 2, rule, 'cs-other', destination, action_id, milestone, 1,"
            f" milestone_at, 'planned', 'count', value, currency, event_at, is_unsure, {run_id}"
            f" FROM ledger WHERE id = {found.number}"
        )
        (said,) = renames.counting_again(connection, rules=["won"], sources=["export"])
        assert '"sources.crm" = "sources.export"' in said
        assert not renames.counting_again(connection, rules=["won"], sources=["export", "crm"])


def test_conversions_under_removed_names_are_added_up(database: Database) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"), a_deal("D-3"))
    with database.transaction("count") as connection:
        run_id = counted(connection, "D-1", "D-2")
        plan(connection, run_id, {"D-3": a_conversion_of("D-3")})  # counts nothing yet
        of_rule = retired(connection, rules=["sale"], sources=["crm"])
        of_source = retired(connection, rules=["won"], sources=["other"])
        assert retired(connection, rules=["won"], sources=["crm"]) == []
    worth = usd("200.00")
    expected = [
        Retired(kind=kind, name=name, count=2, value=worth.amount, currency="USD")
        for kind, name in (("rule", "won"), ("source", "crm"))
    ]
    assert [*of_rule, *of_source] == expected
    assert str(of_rule[0]) == "rule won: 2 conversions still count, 200.00 USD"


def test_deals_a_rule_does_not_apply_to_have_their_place_in_the_account(
    database: Database,
) -> None:
    alpha, beta = a_deal("A", segments={"brand": "Alpha"}), a_deal("B", segments={"brand": "B"})
    save(database, alpha, beta, a_deal("none"))
    rule = a_rule(when={"brand": frozenset({"Alpha"})})
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), {"A": a_conversion_of("A")})
        sums = account.sums(connection, [rule])
    assert {detail: count for (_, detail), count in sums.by_state.items()} == {
        "planned": 1,
        "outside_rule": 2,
    }
    assert sums.is_balanced
