"""What a query's window would lose, and the query without it: the text alone."""

import pytest
from sqlalchemy import text

from convsync.extract.sql_window import (
    as_bound_by_sqlalchemy,
    bounds_in,
    letting_null_through,
    without_window,
)

ALONE = "SELECT * FROM d WHERE {}"

COMPARISONS = [
    pytest.param("at >= :since", "at", id="plain"),
    pytest.param(":since <= d.at", "d.at", id="bind first"),
    pytest.param("greatest(a, b) >= :since", "greatest(a, b)", id="function of columns"),
    pytest.param('"Last Change" >= :since', '"Last Change"', id="quoted column"),
    pytest.param("at::timestamp >= :since", "at::timestamp", id="cast of a column"),
    pytest.param("at >= CAST(:since AS timestamp)", "at", id="cast of the bind"),
    pytest.param("at >= :since::timestamptz", "at", id="short cast of the bind"),
    pytest.param("at > :since - interval '1 AND 2'", "at", id="arithmetic"),
    pytest.param("epoch >= strftime('%s', :since)", "epoch", id="function of the bind"),
    pytest.param("at BETWEEN :since AND :until", "at", id="between"),
    pytest.param(
        "CASE WHEN a > b AND c THEN a ELSE b END >= :since",
        "CASE WHEN a > b AND c THEN a ELSE b END",
        id="case",
    ),
    pytest.param("LEFT(at, 10) >= :since", "LEFT(at, 10)", id="function named like a join"),
    pytest.param("at >= (SELECT :since)", "at", id="subquery"),
]


@pytest.mark.parametrize(("comparison", "operand"), COMPARISONS)
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "x = 1 AND {} AND y = ':since'",
        "x = 1 OR ({})",
        "EXISTS (SELECT 1 FROM h WHERE h.d = d.id AND {} ORDER BY h.at) AND z > 3",
    ],
    ids=["alone", "among others", "in brackets", "in a subquery"],
)
def test_a_comparison_is_found_with_what_it_compares(
    comparison: str, operand: str, around: str
) -> None:
    query = ALONE.format(around.format(comparison))
    assert without_window(query) == ALONE.format(around.format("1 = 1"))
    widened = f"({comparison} OR ({operand}) IS NULL)"
    assert letting_null_through(query) == ALONE.format(around.format(widened))


@pytest.mark.parametrize(
    "around",
    [
        "NOT {}",
        "NOT ({})",
        "x = 1 AND NOT (y = 2 OR {})",
        "NOT (NOT (NOT {}))",
        "NOT EXISTS (SELECT 1 FROM h WHERE h.d = d.id AND {})",
        "id NOT IN (SELECT d FROM h WHERE {})",
    ],
)
def test_under_a_not_a_comparison_lets_rows_pass_by_being_false(around: str) -> None:
    query = ALONE.format(around.format("at < :since"))
    assert without_window(query) == ALONE.format(around.format("1 = 0"))
    narrowed = "(at < :since AND (at) IS NOT NULL)"
    assert letting_null_through(query) == ALONE.format(around.format(narrowed))


def test_a_not_before_another_condition_negates_nothing() -> None:
    query = ALONE.format("NOT deleted AND (NOT (x = 1) OR NOT (NOT (at >= :since)))")
    assert without_window(query) == query.replace("at >= :since", "1 = 1")


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("SELECT to_char(at, 'HH24:MI') FROM d", r"SELECT to_char(at, 'HH24\:MI') FROM d"),
        (r"SELECT '10\:00' FROM d", r"SELECT '10\:00' FROM d"),
        ('SELECT "a:b" FROM d -- :since', r'SELECT "a\:b" FROM d -- \:since'),
        ("SELECT 1 /* :until */ FROM d", r"SELECT 1 /* \:until */ FROM d"),
        ("SELECT at::date FROM d WHERE at > :since", "SELECT at::date FROM d WHERE at > :since"),
        ("SELECT 1 FROM d WHERE at > :since::date", "SELECT 1 FROM d WHERE at > (:since)::date"),
    ],
)
def test_binds_are_where_they_are_meant_and_nowhere_else(query: str, written: str) -> None:
    assert as_bound_by_sqlalchemy(query) == written
    assert {*text(written).compile().params} <= {"since"}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM a JOIN b ON b.at >= :since LEFT JOIN c ON c.id = b.id",
        "SELECT * FROM a JOIN b ON b.at >= :since\n-- :until is not used\nWHERE a.x = 1",
        r"SELECT * FROM a WHERE x LIKE 'a\_b' ESCAPE '\' AND at < :until AND y = 'z'",
        "WITH n AS (SELECT * FROM a WHERE at < :until /* AND at > :since */) SELECT * FROM n",
    ],
)
def test_the_query_around_a_window_comparison_is_unchanged(query: str) -> None:
    found = "b.at >= :since" if "b.at" in query else "at < :until"
    assert without_window(query) == query.replace(found, "1 = 1")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ':since', \":until\", at::since FROM d",
        "SELECT * FROM d WHERE is_recent(at, :since)",
        "SELECT :since AS since FROM d",
        "SELECT * FROM d WHERE :since BETWEEN a AND b",
        "SELECT * FROM d WHERE :since < :until",
        r"SELECT '\:x' FROM d WHERE note = 'it''s :since'",
    ],
)
def test_a_query_without_a_plain_comparison_stays_as_it_is(query: str) -> None:
    assert without_window(query) == letting_null_through(query) == query


def test_the_names_that_a_query_uses_are_known() -> None:
    assert bounds_in("SELECT ':since' FROM d -- :until") == frozenset()
    assert bounds_in("SELECT * FROM d WHERE at >= :since AND x = :other") == {"since"}
