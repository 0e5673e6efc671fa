"""Who should be on a list, whom it may hold, and the difference, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from convsync import pipeline
from convsync.model.audience import Audience, Change, Condition, Kind, Listed
from convsync.model.comeback import Comeback, ComebackKind
from convsync.sandbox.server import Sandbox
from convsync.store import audience_lists, audience_members, comebacks
from convsync.store.audience_lists import KeptList
from convsync.store.database import Database
from tests.builders import NOW, a_deal
from tests.nights.audiences import keep_audiences, mail_of, on_list
from tests.nights.company import Company
from tests.store.rows import a_run, save

LOST = Audience(name="lost", destination="google", condition=Condition(), display_name="Lost")
EVER = NOW - timedelta(days=365)


def listed(name: str, deal: int, kind: Kind = Kind.EMAIL) -> Listed:
    return Listed(name.encode().ljust(32, b"."), kind, deal)


ANN, BOB, CID = listed("ann", 1), listed("bob", 2), listed("cid", 3, Kind.PHONE)


@pytest.fixture
def with_deals(database: Database) -> Database:
    """A database with three deals, in the rows 1 to 3."""
    save(database, *map(a_deal, ("one", "two", "three")))
    return database


def want(connection: Connection, *wanted: Listed, audience: str = "lost") -> None:
    audience_members.begin_look(connection)
    audience_members.want(connection, audience, wanted)


def to_add(connection: Connection, kept: KeptList, limit: int = 10) -> list[Listed]:
    return audience_members.to_add(connection, "lost", kept.row, before=EVER, limit=limit)


def to_remove(connection: Connection, kept: KeptList) -> list[Listed]:
    return audience_members.to_remove(connection, "lost", kept.row, limit=10)


def a_batch(
    connection: Connection, kept: KeptList, change: Change, some: list[Listed], run_id: int
) -> int:
    number = audience_lists.open_batch(
        connection,
        kept,
        change,
        members=len(some),
        identifiers=len(some),
        run_id=run_id,
        now=NOW,
    )
    audience_members.put_into(connection, kept.row, number, change, some)
    return number


def test_a_member_is_added_once_and_kept_until_its_removal_is_confirmed(
    with_deals: Database,
) -> None:
    with with_deals.transaction("test") as connection:
        run_id, kept = a_run(connection), audience_lists.list_of(connection, LOST)
        want(connection, ANN, BOB)
        added = a_batch(connection, kept, Change.ADD, to_add(connection, kept), run_id)
        assert to_add(connection, kept) == []
        audience_members.confirm(connection, added, Change.ADD, NOW)
        assert to_add(connection, kept) == []
        want(connection, BOB)
        assert to_remove(connection, kept) == [ANN]
        removed = a_batch(connection, kept, Change.REMOVE, [ANN], run_id)
        assert to_remove(connection, kept) == []
        assert audience_members.counts_by_state(connection, kept.row) == {"held": 1, "removing": 1}
        audience_members.confirm(connection, removed, Change.REMOVE, None)
        assert audience_members.counts_by_state(connection, kept.row) == {"held": 1}


def test_who_comes_back_while_being_removed_is_added_and_the_removal_settles_nothing(
    with_deals: Database,
) -> None:
    with with_deals.transaction("test") as connection:
        run_id, kept = a_run(connection), audience_lists.list_of(connection, LOST)
        want(connection, ANN)
        audience_members.confirm(
            connection, a_batch(connection, kept, Change.ADD, [ANN], run_id), Change.ADD, NOW
        )
        removed = a_batch(connection, kept, Change.REMOVE, [ANN], run_id)
        assert to_add(connection, kept) == [ANN]
        a_batch(connection, kept, Change.ADD, [ANN], run_id)
        audience_members.confirm(connection, removed, Change.REMOVE, None)
        assert audience_members.counts_by_state(connection, kept.row) == {"adding": 1}


def test_what_was_never_answered_is_planned_again(with_deals: Database) -> None:
    with with_deals.transaction("test") as connection:
        run_id, kept = a_run(connection), audience_lists.list_of(connection, LOST)
        want(connection, ANN, BOB)
        a_batch(connection, kept, Change.ADD, [ANN, BOB], run_id)
        (lost,) = audience_lists.open_ended(connection)
        audience_members.let_go(connection, [lost.number])
        assert audience_members.counts_by_state(connection, kept.row) == {"unsure": 2}
        want(connection, BOB)
        assert (to_add(connection, kept), to_remove(connection, kept)) == ([BOB], [ANN])


def test_counts_are_of_people_and_tell_new_ones_from_those_renewed(with_deals: Database) -> None:
    with with_deals.transaction("test") as connection:
        run_id, kept = a_run(connection), audience_lists.list_of(connection, LOST)
        both = listed("ann-phone", 1, Kind.PHONE)
        want(connection, ANN, both, BOB, CID)
        for one in (BOB, CID):
            number = a_batch(connection, kept, Change.ADD, [one], run_id)
            audience_members.confirm(connection, number, Change.ADD, NOW - timedelta(days=50))
        want(connection, ANN, both, BOB)
        before = NOW - timedelta(days=45)
        assert audience_members.count_wanted(connection, "lost") == 2
        counted = audience_members.count_changes(connection, "lost", kept.row, before=before)
        assert counted == (1, 1, 1)


def test_whoever_shares_an_identifier_with_an_excluded_audience_is_left_out(
    with_deals: Database,
) -> None:
    with with_deals.transaction("test") as connection:
        ann_elsewhere = listed("ann", 3)
        want(connection, ANN, listed("ann-phone", 1, Kind.PHONE), BOB)
        audience_members.want(connection, "customers", [ann_elsewhere])
        assert audience_members.exclude(connection, "lost", ["customers"]) == 1
        kept = audience_lists.list_of(connection, LOST)
        assert to_add(connection, kept) == [BOB]


def test_an_identifier_of_two_deals_is_listed_once_under_the_first(with_deals: Database) -> None:
    with with_deals.transaction("test") as connection:
        want(connection, listed("ann", 2), ANN)
        assert to_add(connection, audience_lists.list_of(connection, LOST)) == [ANN]


def test_a_member_under_way_without_a_request_is_refused_by_the_database(
    with_deals: Database,
) -> None:
    with with_deals.transaction("test") as connection:
        kept = audience_lists.list_of(connection, LOST)
        rows = f"({kept.row}, {_bytes(connection)}, 1, 1, 'adding')"
        columns = "(list, identifier, kind, deal, state)"
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.exec_driver_sql(f"INSERT INTO audience_members {columns} VALUES {rows}")


def _bytes(connection: Connection) -> str:
    return "x'00'" if connection.dialect.name == "sqlite" else "'\\x00'::bytea"


@pytest.mark.long
def test_a_plan_of_audiences_sends_and_leaves_nothing(company: Company, sandbox: Sandbox) -> None:
    url = company.settings().store.url.get_secret_value()
    company.ledger = url
    keep_audiences(company)
    company.has("D-1", lost="2026-03-02", email="D-1@example.com")
    company.night("2026-03-03T02:00")
    company.has("D-2", lost="2026-03-03", email="bob@example.com")
    company.export()
    (planned, *_), problems = company.at("2026-03-04T02:00", pipeline.plan_audiences)
    assert not problems
    assert (planned.audience, planned.wanted, planned.added) == ("lost", 1, 0)
    assert on_list(sandbox, "lost") == {mail_of("D-1")}
    assert len([one for one in sandbox.books.requests if one.call == "members_ingest"]) == 1


def test_a_comeback_is_kept_once_and_reserved_by_one(with_deals: Database) -> None:
    came = Comeback(kind=ComebackKind.CLICKED, deal=1, at=NOW, sign="7", campaign="Spring")
    with with_deals.transaction("test") as connection:
        run_id = a_run(connection)
        assert comebacks.add(connection, [came, came], run_id=run_id) == 1
        assert comebacks.add(connection, [came], run_id=run_id) == 0
        (kept,) = comebacks.waiting(connection)
        assert (kept.deal_id, kept.said) == ("one", {"campaign": "Spring"})
        assert comebacks.reserve(connection, [kept.number]) == {kept.number}
        assert comebacks.reserve(connection, [kept.number]) == set()
        comebacks.settle(connection, [kept.number], is_told=False)
        assert len(comebacks.waiting(connection)) == 1
        comebacks.forget(connection, [1])
        assert comebacks.latest(connection, 9) == []
