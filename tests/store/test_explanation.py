"""Which rules a deal is explained under."""

from dataclasses import replace

from convsync.report.explanation import explain
from convsync.store.database import Database
from tests.builders import a_deal, a_rule
from tests.store.rows import save


def test_a_deal_is_explained_under_the_rules_whose_condition_it_satisfies(
    database: Database,
) -> None:
    save(database, a_deal(segments={"brand": "Alpha"}))
    alpha = replace(a_rule(), name="alpha", when={"brand": frozenset({"Alpha"})})
    beta = replace(a_rule(), name="beta", when={"brand": frozenset({"Beta"})})
    (explained,) = explain(database, [alpha, beta], "D-1", {})
    assert [line.rule for line in explained.lines] == ["alpha"]
