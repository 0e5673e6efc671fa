"""What is kept of a source between reads: its stages under every name, and its merged deals."""

from datetime import timedelta

from msgspec import structs

from convsync.model.deal import Merged, Milestone
from convsync.model.ledger import LedgerEntry, State
from convsync.model.stage import Stage, StageOutcome
from convsync.reading import recollection
from convsync.store import account, memory
from convsync.store.database import Database
from tests.builders import NOW, WON_AT, a_deal, an_entry, usd
from tests.store.rows import save, stored

SQL = Stage(stage_id="1", name="SQL", pipeline="Sales", position=1)
WON = Stage(stage_id="2", name="Won", pipeline="Sales", position=2, outcome=StageOutcome.WON)
DAY = timedelta(days=1)


def keep(database: Database, *stages: Stage, days: int = 0, source: str = "crm") -> None:
    with database.transaction("keep") as connection:
        memory.keep_stages(connection, source, stages, now=NOW + days * DAY)


def known(database: Database, source: str = "crm") -> list[Stage]:
    with database.reading() as connection:
        return memory.stages_of(connection, source)


def test_a_stage_is_known_under_every_name_it_had_the_latest_last(database: Database) -> None:
    renamed = structs.replace(SQL, name="Qualified")
    keep(database, SQL, WON)
    keep(database, renamed, days=1)
    keep(database, SQL, days=2, source="another")
    assert sorted(known(database), key=lambda one: (one.stage_id, one.name)) == [renamed, SQL, WON]
    assert [one for one in known(database) if one.stage_id == "1"] == [SQL, renamed]
    keep(database, SQL, days=3)
    assert [one for one in known(database) if one.stage_id == "1"] == [renamed, SQL]


def test_a_stage_that_means_something_else_now_is_known_as_that(database: Database) -> None:
    keep(database, WON)
    keep(database, structs.replace(WON, outcome=StageOutcome.LOST), days=1)
    (only,) = known(database)
    assert only.outcome is StageOutcome.LOST


def test_what_merged_deals_had_reached_comes_back_as_it_was(database: Database) -> None:
    reached = (
        Milestone("sql", WON_AT, is_estimated=True),
        Milestone("won", WON_AT, is_whole_day=True),
    )
    with database.transaction("keep") as connection:
        memory.keep_merged(connection, "crm", {"D-3": Merged(NOW - DAY)})
        memory.keep_merged(connection, "crm", {"D-3": Merged(NOW, reached)})
    with database.reading() as connection:
        assert memory.merged_deals(connection, "crm") == {"D-3": Merged(NOW, reached)}
        assert memory.merged_deals(connection, "another") == {}


def test_an_estimate_is_stored_counted_and_no_longer_one_once_the_history_says_when(
    database: Database,
) -> None:
    save(database, a_deal("D-1", milestones=(Milestone("won", WON_AT, is_estimated=True),)))
    assert stored(database).milestones == (Milestone("won", WON_AT, is_estimated=True),)
    with database.reading() as connection:
        assert account.estimated(connection) == {"won": 1}
    saved = save(database, a_deal("D-1", milestones=(Milestone("won", WON_AT),)))
    assert len(saved.changed) == 1, "the same time, and known now"
    with database.reading() as connection:
        assert account.estimated(connection) == {}


def test_a_survivor_has_its_own_milestone_or_else_the_earliest() -> None:
    own = [Milestone("sql", WON_AT)]
    theirs = [
        Milestone("sql", WON_AT - DAY),
        Milestone("won", WON_AT + 2 * DAY),
        Milestone("won", WON_AT + DAY),
    ]
    read = [Milestone("won", WON_AT), Milestone("mql", WON_AT - 9 * DAY)]
    assert recollection.inherited(read, own, theirs) == (
        Milestone("mql", WON_AT - 9 * DAY),
        Milestone("sql", WON_AT),
        Milestone("won", WON_AT + DAY),
    )


def test_one_counted_conversion_a_rule_moves_and_none_where_the_survivor_has_its_own() -> None:
    def entry(number: int, row: int, rule: str, state: State, told: int | None) -> LedgerEntry:
        found = an_entry(state, told=None if told is None else usd(told))
        return structs.replace(found, number=number, deal_row=row, rule=rule, told=found.told)

    late = structs.replace(entry(1, 1, "won", State.CONFIRMED, 90), milestone_at=WON_AT + DAY)
    entries = [
        late,
        entry(2, 2, "won", State.CONFIRMED, 90),
        entry(3, 1, "sql", State.CONFIRMED, 90),
        entry(4, 9, "sql", State.NOT_SENT, None),
        entry(5, 1, "mql", State.CONFIRMED, 0),
        entry(6, 1, "offer", State.REJECTED, None),
        entry(7, 2, "demo", State.SENDING, None),
    ]
    found = recollection.conversions_to_move(entries, 9)
    assert {entry.number for entry in found} == {2, 7}
