"""`report trend` and `note`: by hand, and a world against DuckDB, which shares no code."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from convsync.sandbox.world import World
from convsync.sandbox.world_csv import rows_of_deals
from tests.cli.office import NEXT_NIGHT, NIGHT, Office, rows_of

DAYS = ("--from", "2026-02-02", "--to", "2026-03-01", "--as-of", NIGHT)


@pytest.fixture
def leads(office: Office) -> Office:
    """Two leads a week for three weeks and six in the fourth; one sale in each week."""
    for week, leads in enumerate((2, 2, 2, 6)):
        for number in range(leads):
            day = f"2026-02-{2 + 7 * week + number % 3:02}"
            won = f"2026-02-{6 + 7 * week:02}" if not number else ""
            created = {"created": f"{day} 10:00:00", "mql_date": f"{day} 10:00:00"}
            clicked = {"clicked_at": f"{day}T08:00:00Z"}
            office.deal(f"D-{week}-{number}", won_date=won, **created, **clicked)
    office.night()
    return office


def weeks(office: Office, *words: str, days: tuple[str, ...] = DAYS) -> list[dict[str, Any]]:
    said = office.types("report", "trend", *days, *words, "--format", "json")
    assert said.code == 0, said.err
    found: list[dict[str, Any]] = json.loads(said.out)["weeks"]
    return found


def test_a_week_counts_what_happened_in_it(leads: Office) -> None:
    columns = ("week", "whole", "leads", "mql", "won", "sales", "value", "currency")
    assert [tuple(row[column] for column in columns) for row in weeks(leads)] == [
        ("2026-W06", True, 2, 2, 1, 1, "1000.00", "EUR"),
        ("2026-W07", True, 2, 2, 1, 1, "1000.00", "EUR"),
        ("2026-W08", True, 2, 2, 1, 1, "1000.00", "EUR"),
        ("2026-W09", True, 6, 6, 1, 1, "1000.00", "EUR"),
    ]


def test_a_week_is_compared_with_the_weeks_before_it(leads: Office) -> None:
    first, second, _, last = weeks(leads)
    assert first["lead_lift"] is None
    assert (second["lead_lift"], second["sale_lift"], second["value_lift"]) == (0, 0, 0)
    assert last["lead_lift"] == 2.0
    assert 0 < last["lead_lift_low"] < 2 < last["lead_lift_high"]
    against_one = weeks(leads, "--against", "1")
    assert against_one[-1]["lead_lift"] == 2.0
    assert against_one[-1]["lead_lift_low"] < last["lead_lift_low"]


def test_a_week_that_is_not_whole_is_marked_and_compared_with_none(leads: Office) -> None:
    days = ("--from", "2026-02-03", "--to", "2026-03-08", "--as-of", NIGHT)
    found = weeks(leads, days=days)
    assert [row["whole"] for row in found] == [False, True, True, True, False]
    assert (found[0]["lead_lift"], found[1]["lead_lift"]) == (None, None)


def test_what_was_sent_agrees_with_the_ledger_to_the_cent(leads: Office) -> None:
    leads.types("retry", "--as-of", NIGHT)
    ((number, value),) = leads.sql(
        "SELECT count(*), sum(coalesce(told_value, value)) FROM ledger"
        " WHERE told_value IS NOT NULL OR state IN ('accepted', 'confirmed')"
    )
    found = weeks(leads)
    assert sum(row["sent"] for row in found) == number > 0
    assert sum(Decimal(row["value_sent"]) for row in found) == Decimal(value).scaleb(-6)


def test_a_note_stands_in_its_week_with_who_made_it(leads: Office) -> None:
    assert leads.types("note", "new landing page", "--on", "2026-02-10", "--by", "anna").code == 0
    assert leads.types("note", "--by", "ben", "--on", "2026-02-24", "prices").code == 0
    found = weeks(leads)
    assert found[1]["notes"] == [{"day": "2026-02-10", "text": "new landing page", "by": "anna"}]
    said = leads.types("report", "trend", *DAYS)
    assert "2026-02-10: new landing page (anna)" in said.out
    listed = leads.types("note", "list", "--format", "csv")
    assert [(row["number"], row["day"], row["by"]) for row in rows_of(listed.out)] == [
        ("1", "2026-02-10", "anna"),
        ("2", "2026-02-24", "ben"),
    ]
    assert leads.types("note", "remove", "1").code == 0
    assert weeks(leads)[1]["notes"] == []
    gone = leads.types("note", "remove", "1")
    assert (gone.code, "`convsync note list` shows their numbers" in gone.err) == (2, True)


def test_a_note_needs_words_and_a_day(office: Office) -> None:
    assert "A note needs words" in office.types("note", " ").err
    listed = office.types("note", "--config", str(office.config), "list")
    assert (listed.code, "Write the command first" in listed.err) == (2, True)
    assert "--on soon is not a day" in office.types("note", "x", "--on", "soon").err


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        pytest.param("The contract is signed", "Paid", "milestone won changed", id="words"),
        pytest.param('won = "Won date"', 'won = "SQL date"', "milestone won changed", id="column"),
        pytest.param("amount = 20,", "amount = 25,", "rule mql changed", id="rule"),
        pytest.param('owner = "marketing"', 'owner = "growth"', "", id="owner"),
    ],
)
def test_a_changed_definition_is_a_break_and_no_week_is_compared_across_it(
    leads: Office, old: str, new: str, what: str
) -> None:
    leads.configure(old, new)
    before = leads.types("report", "trend", *DAYS)
    pending = f"which the next one marks: {what.removesuffix(' changed')}."
    assert (pending in before.out) is bool(what)
    leads.night(NEXT_NIGHT, "--force")
    days = ("--from", "2026-02-02", "--to", "2026-03-22", "--as-of", "2026-03-23T02:00+01:00")
    found = weeks(leads, days=days)
    broken = {row["week"]: row["breaks"] for row in found if row["breaks"]}
    assert broken == ({"2026-W10": [what]} if what else {})
    after = next(row for row in found if row["week"] == "2026-W11")
    assert (after["lead_lift_low"] is None) is bool(what)
    said = leads.types("report", "trend", *days)
    assert "which the next one marks" not in said.out
    assert (f"─ {what} ─" in said.out) is bool(what)


@pytest.mark.long
def test_a_worlds_weeks_are_what_an_independent_computation_finds(office: Office) -> None:
    night = datetime.fromisoformat(NIGHT)
    world = World(seed=5, deals=300, ends_at=night, days=80, everything_matches=True)
    office.reads_its_account()
    office.sandbox.platform.advertise(world)
    office.deals = {row["Deal ID"]: row for row in rows_of_deals(world, night)}
    office.night(NIGHT, "--force")
    office.types("costs", "fetch", "--as-of", NIGHT)
    days = ("--from", "2025-12-29", "--to", "2026-03-01", "--as-of", NIGHT)
    found = {row["monday"]: row for row in weeks(office, days=days) if row["leads"] is not None}
    read = f"read_csv('{office.folder}/deals.csv', all_varchar = true)"
    lead = 'least(Created::TIMESTAMP, coalesce("Won date"::TIMESTAMP, Created::TIMESTAMP))'
    leads = duckdb.execute(
        f"SELECT date_trunc('week', {lead})::DATE, count(*) FROM {read} GROUP BY 1"
    ).fetchall()
    sales = duckdb.execute(
        "SELECT date_trunc('week', \"Won date\"::DATE)::DATE, count(*),"
        " sum(Amount::DECIMAL(18, 2)) FILTER (Currency = 'EUR' AND"
        f" Amount::DECIMAL(18, 2) < 1000000) FROM {read}"
        ' WHERE "Won date" IS NOT NULL AND "Lost date" IS NULL GROUP BY 1'
    ).fetchall()
    by_week = {str(week): number for week, number in leads}
    assert {week: row["leads"] for week, row in found.items()} == {
        week: by_week[week] for week in found
    }
    sold = {str(week): (number, value) for week, number, value in sales}
    for week, row in found.items():
        number, value = sold.get(week, (0, None))
        assert row["sales"] == number
        if row["currency"] == "EUR":
            assert Decimal(row["value"] or 0) == (value or 0)
    spent = office.sql(
        "SELECT sum(cost) FROM ad_costs WHERE view = 'campaign' AND day BETWEEN '2025-12-29'"
        " AND '2026-03-01'"
    )
    shown = sum(Decimal(row["cost"] or 0) for row in weeks(office, days=days))
    assert shown == Decimal(spent[0][0]).scaleb(-6)
    for row in found.values():
        if row["roi"] is not None:
            cost, from_ads = Decimal(row["cost"]), Decimal(row["value_from_ads"] or 0)
            assert row["roi"] == pytest.approx(float(from_ads / cost - 1), abs=1e-4)
