"""`values`: learned, accepted, used by rules and by nothing before; and the score of a deal."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office, rows_of

FIXED = 'value = { kind = "fixed", amount = 150, currency = "EUR" }'
YESTERDAY = "2026-03-02 18:00:00"
TODAY = "2026-03-03 18:00:00"


@pytest.fixture
def seller(office: Office) -> Office:
    """Two hundred SQLs of last autumn, more of them won in the north; and one that is open now."""
    office.configure(FIXED, 'value = { kind = "expected" }')
    office.configure("\n[retry]", '\n[values]\nby = "region"\n\n[retry]')
    for number in range(100):
        past(office, f"N-{number}", number, region="North", is_won=number % 5 < 3)
        past(office, f"S-{number}", number, region="South", is_won=number % 5 < 1)
    enter(office, "NEW", region="North")
    return office


def past(office: Office, deal_id: str, number: int, *, region: str, is_won: bool) -> None:
    since = date(2025, 8, 1) + timedelta(days=number % 90)
    ended = f"{since + timedelta(days=3 + number % 20 if is_won else 60)}"
    office.deal(
        deal_id,
        created=f"{since}",
        last_modified=YESTERDAY,
        mql_date=f"{since} 10:00:00",
        sql_date=f"{since + timedelta(days=2)} 10:00:00",
        won_date=ended if is_won else "",
        lost_date="" if is_won else ended,
        region=region,
        gclid="",
    )


def enter(office: Office, deal_id: str, **cells: str) -> None:
    """Enter an SQL that came by an ad and is still open."""
    sql = {"sql_date": "2026-02-25 10:00:00", "won_date": "", "amount": ""}
    office.deal(deal_id, **{"last_modified": YESTERDAY, **sql, **cells})


def learn_and_accept(office: Office, at: str, *words: str) -> str:
    learned = office.types("values", "learn", "--as-of", at, "--by", "Ann")
    assert learned.code == 0, learned.err
    accepted = office.types("values", "accept", "--as-of", at, "--by", "Ben", *words)
    assert accepted.code == 0, accepted.err
    return learned.out


def version_of(office: Office, deal_id: str) -> int | None:
    """Return the version of learned values that the value of a deal's SQL is of."""
    said = office.types("explain", deal_id, "--format", "json")
    (line,) = [one for one in json.loads(said.out) if one["rule"] == "sql"]
    version: int | None = line["values_version"]
    return version


def value_of(office: Office, deal_id: str) -> float | None:
    said = office.types("explain", deal_id, "--format", "json")
    (line,) = [one for one in json.loads(said.out) if one["rule"] == "sql"]
    return float(line["value"]) if line["value"] else None


def reason_of(office: Office, deal_id: str) -> Any:
    said = office.types("explain", deal_id, "--format", "json")
    (line,) = [one for one in json.loads(said.out) if one["rule"] == "sql"]
    return line["reason"]


def test_before_a_version_is_accepted_nothing_is_sent_and_the_reason_names_the_command(
    seller: Office,
) -> None:
    assert seller.night().code == 0
    assert seller.counted("222") == {}
    assert reason_of(seller, "NEW") == "values_not_accepted"
    assert "convsync values accept" in seller.types("explain", "NEW").out
    refused = seller.types("deals", "--order", "score")
    assert refused.code == 2
    assert "convsync values learn" in refused.err
    check = seller.types("check", "--as-of", NIGHT)
    assert "no version is accepted, and sql would send nothing" in check.out


@pytest.mark.long
def test_learned_values_are_sent_once_they_are_accepted(seller: Office) -> None:
    seller.night()
    printed = learn_and_accept(seller, NIGHT)
    assert "Kept as version 1" in printed
    assert seller.counted("222") == {}
    assert seller.night(NEXT_NIGHT).code == 0
    (value,) = seller.values("222")
    assert value == pytest.approx(600, rel=0.05)  # three in five are won, and bring 1,000 each
    assert version_of(seller, "NEW") == 1
    assert "by version 1 of the learned values" in seller.types("explain", "NEW").out
    events = json.loads(seller.types("audit", "show", "NEW", "--format", "json").out)
    planned = [one["detail"] for one in events if one["event"] == "planned"]
    assert [one["values_version"] for one in planned if one["rule"] == "sql"] == [1]
    assert seller.types("audit", "verify").code == 0


def test_the_table_says_from_how_many_leads_each_value_is_known(seller: Office) -> None:
    seller.night()
    seller.types("values", "learn", "--as-of", NIGHT)
    rows = list(rows_of(seller.types("values", "show", "--format", "csv").out))
    north = next(row for row in rows if row["milestone"] == "sql" and "North" in row["group"])
    assert (north["leads"], north["won"], north["young"]) == ("101", "60", "1")
    assert float(north["chance_low"]) < 0.6 < float(north["chance_high"])
    assert float(north["amount"]) == pytest.approx(1000)


def test_learned_values_are_available_as_json(seller: Office) -> None:
    seller.night()
    said = json.loads(seller.types("values", "learn", "--as-of", NIGHT, "--format", "json").out)
    assert {row["milestone"] for row in said["values"]} == {"mql", "sql"}
    october = [one for one in said["backtest"] if one["month"] == "2025-10"]
    assert [one["milestone"] for one in october] == ["mql", "sql"]
    assert all(one["expected"]["low"] <= one["expected"]["value"] for one in october)


def test_a_version_is_not_accepted_at_a_time_before_the_one_in_use(seller: Office) -> None:
    seller.night()
    learn_and_accept(seller, NEXT_NIGHT)
    refused = seller.types("values", "accept", "--as-of", NIGHT)
    assert refused.code == 2
    assert "Version 1 was accepted at 2026-03-04 01:00:00 UTC" in refused.err


def test_a_milestone_that_was_withdrawn_has_no_value_any_more(seller: Office) -> None:
    seller.night()
    learn_and_accept(seller, NIGHT)
    seller.deals["NEW"] |= {"SQL date": "", "Last modified": TODAY}
    seller.night(THIRD_NIGHT)
    asked = ("values", "explain", "NEW", "--as-of", THIRD_NIGHT, "--format", "csv")
    assert [row["milestone"] for row in rows_of(seller.types(*asked).out)] == ["mql"]


@pytest.mark.long
def test_a_new_version_changes_new_conversions_and_leaves_what_is_counted(seller: Office) -> None:
    seller.night()
    learn_and_accept(seller, NIGHT)
    seller.night(NEXT_NIGHT)
    before = value_of(seller, "NEW")
    for number in range(0, 100, 2):  # the CRM corrects what half of the sales in the north brought
        past(seller, f"N-{number}", number, region="North", is_won=number % 5 < 3)
        seller.deals[f"N-{number}"] |= {"Amount": "3000", "Last modified": TODAY}
    enter(seller, "NEWER", region="North", last_modified=TODAY)
    seller.night(THIRD_NIGHT)
    learn_and_accept(seller, THIRD_NIGHT)
    enter(seller, "NEWEST", region="North", last_modified="2026-03-04 18:00:00")
    seller.night("2026-03-06T02:00+01:00")
    assert value_of(seller, "NEW") == value_of(seller, "NEWER") == before
    assert before is not None
    assert (value_of(seller, "NEWEST") or 0) > 1.5 * before
    named = {name: version_of(seller, name) for name in ("NEW", "NEWER", "NEWEST")}
    assert named == {"NEW": 1, "NEWER": 1, "NEWEST": 2}


@pytest.mark.long
def test_what_is_counted_is_restated_where_a_person_says_so(seller: Office) -> None:
    seller.night()
    learn_and_accept(seller, NIGHT)
    seller.night(NEXT_NIGHT)
    for name, deal in seller.deals.items():
        if name.startswith("N-"):
            deal |= {"Amount": "2000", "Last modified": TODAY}
    seller.night(THIRD_NIGHT)
    learn_and_accept(seller, THIRD_NIGHT, "--restate")
    (was,) = seller.values("222")
    planned = seller.types("plan", "--as-of", "2026-03-06T02:00+01:00")
    assert "restated          1" in " ".join(planned.out.split("\n"))
    assert seller.night("2026-03-06T02:00+01:00", "--force").code == 0
    (now,) = seller.values("222")
    assert now == pytest.approx(2 * was, rel=0.1)
    assert version_of(seller, "NEW") == 2
    assert seller.types("audit", "verify").code == 0


def test_a_deal_is_explained_by_its_group_and_what_moved_its_chance(seller: Office) -> None:
    seller.night()
    learn_and_accept(seller, NIGHT)
    said = seller.types("values", "explain", "NEW", "--as-of", NIGHT)
    assert "Deal NEW of crm, by version 1" in said.out
    assert "region: North × 1." in said.out
    row = json.loads(
        seller.types("values", "explain", "NEW", "--as-of", NIGHT, "--format", "json").out
    )[-1]
    assert (row["milestone"], row["group"]) == ("sql", {"region": "North"})
    assert row["chance_low"] < row["chance"] < row["chance_high"]
    assert row["chance_now"] < row["chance"]  # open for five days already
    assert "It has ended" in seller.types("values", "explain", "N-0", "--as-of", NIGHT).out
    assert seller.types("values", "explain", "X").code == 2


def test_a_group_of_few_leads_is_said_to_be_too_few_and_has_the_value_of_the_whole(
    seller: Office,
) -> None:
    enter(seller, "NEW", region="West")
    seller.night()
    learn_and_accept(seller, NIGHT)
    asked = ("values", "explain", "NEW", "--as-of", NIGHT)
    assert "Fewer than 20 leads of West" in seller.types(*asked).out
    row = json.loads(seller.types(*asked, "--format", "json").out)[-1]
    assert row["group"] == {}


def test_open_deals_are_listed_by_their_chance_and_what_moved_it(seller: Office) -> None:
    enter(seller, "WORSE", region="South")
    enter(seller, "FIRST", sql_date="2026-03-02 10:00:00", region="North")
    seller.night()
    learn_and_accept(seller, NIGHT)
    asked = ("deals", "--order", "score", "--as-of", NIGHT)
    rows = list(rows_of(seller.types(*asked, "--format", "csv").out))
    assert [row["deal_id"] for row in rows] == ["FIRST", "NEW", "WORSE"]
    assert "region: South × 0." in rows[-1]["facts"]
    table = seller.types(*asked, "--limit", "1")
    assert "FIRST" in table.out
    assert "NEW" not in table.out
    assert seller.types(*asked, "--state", "waiting").code == 2
    assert seller.types("deals", "--order", "value").code == 2


def test_who_accepted_which_version_stands_in_the_audit_log(seller: Office) -> None:
    seller.night()
    learn_and_accept(seller, NIGHT, "--restate")
    listed = json.loads(seller.types("audit", "list", "--format", "json").out)
    said = {event["event"]: event for event in listed}
    assert '"by": "Ben"' in json.dumps(said["values_accepted"])
    assert '"restates": true' in json.dumps(said["values_accepted"])
    assert '"by": "Ann"' in json.dumps(said["values_learned"])
    shown = seller.types("values", "show").out
    assert "accepted 2026-03-03 by Ben, restating what was counted" in shown
    assert seller.types("audit", "verify").code == 0


@pytest.mark.long
def test_drift_is_said_and_nothing_is_switched(seller: Office) -> None:
    """By what was known in the autumn three in five were won; of those who came since, none."""
    seller.night()
    learn_and_accept(seller, NIGHT)
    for number in range(90):
        since = date(2026, 4, 1) + timedelta(days=number)
        cells = {"mql_date": f"{since} 10:00:00", "sql_date": f"{since} 11:00:00"}
        enter(
            seller,
            f"L-{number}",
            **cells,
            created=f"{since}",
            region="North",
            lost_date=f"{since + timedelta(days=3)}",
            last_modified="2026-07-03 10:00:00",
            gclid="",
        )
    late = "2026-10-20T02:00+02:00"
    assert "drift 2 ·" in seller.night(late).out
    said = seller.types("values", "learn", "--as-of", late)
    assert "drift: by the values that rules use, of 90 leads at sql" in said.out
    assert "0 came" in said.out
    assert "drift from version 1" in seller.types("check", "--as-of", late).out
    assert "Learned values have drifted" in seller.types("status", "--check", "--as-of", late).out
    assert "Version 1\n" in seller.types("values", "show").out
    accepted = seller.types("values", "accept", "--as-of", late)
    assert accepted.code == 0
    said = seller.types("status", "--check", "--as-of", "2026-10-20T03:00+02:00")
    assert "drift" not in said.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("values", "accept"), "convsync values learn", id="nothing to accept"),
        pytest.param(("values", "show"), "there are none yet", id="nothing to show"),
        pytest.param(("values", "learn"), "nothing to learn from", id="nothing was won"),
    ],
)
def test_without_history_each_command_says_what_to_do(
    office: Office, words: tuple[str, ...], said: str
) -> None:
    enter(office, "NEW")
    office.night()
    answer = office.types(*words)
    assert answer.code == 2
    assert said in answer.err


def test_a_version_that_rests_on_few_sales_is_not_accepted(office: Office) -> None:
    for number in range(9):
        past(office, f"N-{number}", number, region="North", is_won=True)
    office.night()
    assert office.types("values", "learn", "--as-of", NIGHT).code == 0
    refused = office.types("values", "accept")
    assert refused.code == 2
    assert "rests on 9 sales" in refused.err
    assert "there are: 1" in office.types("values", "accept", "7").err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param('by = "region"', 'by = "planet"', "values.by", id="a segment that is not"),
        pytest.param('by = "region"', 'by = "stage"', "knows how the deal ended", id="the stage"),
        pytest.param(
            'milestone = "sql"', 'milestone = "won"', "rules.sql.value", id="the value of a sale"
        ),
        pytest.param(
            'currency = "EUR"\n\n[store]', "\n[store]", "values.currency", id="no currency"
        ),
    ],
)
def test_a_setting_that_contradicts_another_is_named(
    seller: Office, old: str, new: str, said: str
) -> None:
    seller.configure(old, new)
    refused = seller.types("values", "learn")
    assert refused.code == 2
    assert said in refused.err
