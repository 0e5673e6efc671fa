"""Which deal is explained, and under which rules."""

from dataclasses import replace

from convsync.model.outcome import EXPLANATIONS, Reason
from convsync.model.statement import order_id_of
from convsync.report.explanation import Agreed, explain
from convsync.store.database import Database
from tests.builders import a_deal, a_rule
from tests.store.rows import a_conversion_of, a_run, plan, save


def test_a_deal_is_explained_under_the_rules_whose_condition_it_satisfies(
    database: Database,
) -> None:
    save(database, a_deal(segments={"brand": "Alpha"}))
    alpha = replace(a_rule(), name="alpha", when={"brand": frozenset({"Alpha"})})
    beta = replace(a_rule(), name="beta", when={"brand": frozenset({"Beta"})})
    (explained,) = explain(database, "D-1", Agreed(rules=[alpha, beta]))
    assert [line.rule for line in explained.lines] == ["alpha"]


def test_a_deal_outside_every_rule_is_explained_as_that(database: Database) -> None:
    save(database, a_deal(segments={"brand": "Gamma"}))
    alpha = replace(a_rule(), name="alpha", when={"brand": frozenset({"Alpha"})})
    ((line,),) = [each.lines for each in explain(database, "D-1", Agreed(rules=[alpha]))]
    assert (line.entry, line.explanation) == (None, EXPLANATIONS[Reason.OUTSIDE_RULE])


def test_a_deal_is_found_by_the_order_id_of_its_conversion(database: Database) -> None:
    save(database, a_deal("one"), a_deal("two"))
    with database.transaction("plan") as connection:
        plan(connection, a_run(connection), {"two": a_conversion_of("two")})
    order_id = order_id_of("crm", "two", "won")
    (explained,) = explain(database, order_id, Agreed(rules=[a_rule()]))
    assert explained.deal.deal_id == "two"


def test_a_deal_of_salesforce_is_found_by_either_length_of_its_id(database: Database) -> None:
    save(database, a_deal("0063t000012AbCdAAK"))
    for asked in ("0063t000012AbCd", "0063t000012AbCdAAK"):
        (explained,) = explain(database, asked, Agreed(rules=[a_rule()]))
        assert explained.deal.deal_id == "0063t000012AbCdAAK"
