"""Records that could not be read are shown until they can be."""

from datetime import timedelta

from convsync.store import quarantine
from convsync.store.database import Database
from convsync.store.quarantine import Entry
from tests.builders import NOW
from tests.store.rows import a_run

HOUR = timedelta(hours=1)


def an_entry(
    place: str = "deals.csv:7",
    *,
    source: str = "crm",
    problem: str = "amount is not a number",
    deal_id: str | None = "D-7",
) -> Entry:
    return Entry(source=source, place=place, problem=problem, deal_id=deal_id)


def add(database: Database, *entries: Entry, hours: int = 0) -> int:
    """Add records in a run of their own; return its number."""
    with database.transaction("add") as connection:
        run_id = a_run(connection)
        quarantine.add(connection, entries, run_id=run_id, now=NOW + hours * HOUR)
        return run_id


def places(database: Database) -> list[str]:
    with database.reading() as connection:
        found = quarantine.entries(connection)
        assert quarantine.count(connection) == len(found)
    return [f"{row['source']} {row['place']}" for row in found]


def test_records_are_listed_by_source_and_place(database: Database) -> None:
    add(database, an_entry("b"), an_entry("a"), an_entry("a", source="a source"))
    assert places(database) == ["a source a", "crm a", "crm b"]
    add(database)
    assert len(places(database)) == 3


def test_a_record_that_is_still_wrong_keeps_when_it_was_first_seen(database: Database) -> None:
    add(database, an_entry())
    run_id = add(database, an_entry(problem="größer 🙂", deal_id=None), hours=1)
    with database.reading() as connection:
        (row,) = quarantine.entries(connection)
    assert (row["first_seen_at"], row["run_id"]) == (NOW, run_id)
    assert (row["problem"], row["deal_id"]) == ("größer 🙂", None)


def test_a_record_seen_twice_in_one_read_is_one(database: Database) -> None:
    add(database, an_entry(problem="first"), an_entry(problem="second"))
    assert len(places(database)) == 1


def test_a_deal_that_was_read_leaves_the_quarantine_of_its_own_source(database: Database) -> None:
    add(database, an_entry("1"), an_entry("2", deal_id="D-8"), an_entry("3", source="other"))
    add(database, an_entry("4", deal_id=None), an_entry("5", deal_id="d-7"))
    with database.transaction("release") as connection:
        quarantine.release_deals(connection, "crm", ["D-7", "D-9"])
    assert places(database) == ["crm 2", "crm 4", "crm 5", "other 3"]


def test_an_empty_quarantine_has_nobody_to_release(database: Database) -> None:
    with database.transaction("release") as connection:
        quarantine.release_deals(connection, "crm", ["D-7"])
        quarantine.release_unseen(connection, "crm", 1)
    assert places(database) == []


def test_what_a_read_of_everything_did_not_find_again_is_released(database: Database) -> None:
    add(database, an_entry("1"), an_entry("2"), an_entry("3", source="other"))
    run_id = add(database, an_entry("2"), an_entry("4"))
    with database.transaction("release") as connection:
        quarantine.release_unseen(connection, "crm", run_id)
    assert places(database) == ["crm 2", "crm 4", "other 3"]
