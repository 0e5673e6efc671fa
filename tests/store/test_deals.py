"""Deals as they are kept: word for word, each once, and looked at again when they should be."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from convsync.model.click import ClickIdKind, MatchBasis
from convsync.model.consent import UNSPECIFIED, Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.deal import LOST, WON, Deal, Gone, Milestone
from convsync.model.identifiers import Identifiers
from convsync.model.key import Key, KeyKind
from convsync.store import deals
from convsync.store.database import Database
from convsync.store.deals import Saved
from convsync.store.schema import deal_keys, milestones
from convsync.store.schema import deals as deals_table
from convsync.store.seen_rows import Seen
from tests.builders import (
    CLICKED_AT,
    DENIED,
    NOW,
    SOMEBODY,
    WON_AT,
    a_candidate,
    a_click,
    a_deal,
    a_milestone,
)
from tests.store.rows import Passing, recheck_times, save, stored

HOUR = timedelta(hours=1)
TO_THE_MICROSECOND = datetime(2026, 3, 2, 15, 4, 5, 123457, tzinfo=UTC)
VISITOR = Key(KeyKind.VISITOR, "v-1")
CRM = Key(KeyKind.CRM, "lead-7")


@pytest.mark.parametrize(
    "deal",
    [
        pytest.param(a_deal(), id="an ordinary deal"),
        pytest.param(Deal(source="crm", deal_id="D-1"), id="nothing but an ID"),
        pytest.param(
            a_deal(
                identifiers=Identifiers(
                    emails=("a" * 64, "b" * 64),
                    phones=("c" * 64,),
                    plain=(("a" * 64, "d" * 64), ("c" * 64, "e" * 64)),
                )
            ),
            id="hashes in two forms",
        ),
        pytest.param(
            a_deal(
                created_at=TO_THE_MICROSECOND,
                modified_at=TO_THE_MICROSECOND + timedelta(microseconds=1),
                milestones=(a_milestone(reached_at=TO_THE_MICROSECOND),),
            ),
            id="times to the microsecond",
        ),
        pytest.param(
            a_deal(
                created_at=datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
                modified_at=datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
                milestones=(a_milestone(reached_at=datetime(1969, 7, 20, 20, 17, tzinfo=UTC)),),
            ),
            id="the first and the last time there is",
        ),
        pytest.param(
            a_deal(
                milestones=(
                    a_milestone("mql", CLICKED_AT + HOUR),
                    a_milestone("sql", WON_AT - HOUR, is_whole_day=True),
                    a_milestone(WON, WON_AT),
                    a_milestone("an upsell, größer", WON_AT + HOUR),
                )
            ),
            id="milestones in their order, a bare date among them",
        ),
        *[
            pytest.param(a_deal(amount=amount, currency=currency), id=f"amount {amount}")
            for amount, currency in (
                ("0.1", "USD"),
                ("-5", "EUR"),
                ("0", "EUR"),
                ("123456789012345678901234567890.123456789", "JPY"),
                ("1E+3", None),
                (None, None),
                (None, "EUR"),
            )
        ],
        pytest.param(
            a_deal(
                clicks=(
                    a_candidate(a_click("Cj0K-_.*", clicked_at=TO_THE_MICROSECOND)),
                    a_candidate(a_click("cj0k-_.*", clicked_at=None), basis=MatchBasis.LEAD),
                    a_candidate(
                        a_click("W, \"quoted\" 'too' 🙂", kind=ClickIdKind.WBRAID),
                        basis=MatchBasis.CONTACT,
                    ),
                    a_candidate(a_click("day", is_whole_day=True, kind=ClickIdKind.GBRAID)),
                )
            ),
            id="clicks of every kind, one known by its day",
        ),
        pytest.param(
            a_deal(identifiers=Identifiers(emails=("a" * 64, "b" * 64), phones=("c" * 64,))),
            id="hashes of e-mails and phones",
        ),
        pytest.param(a_deal(consent=DENIED), id="consent denied"),
        pytest.param(
            a_deal(
                consent=Consent(
                    ad_user_data=ConsentStatus.GRANTED, ad_personalization=ConsentStatus.DENIED
                )
            ),
            id="consent to one of two",
        ),
        pytest.param(a_deal(consent=UNSPECIFIED), id="consent unspecified"),
        pytest.param(
            a_deal(segments={"region": "Süd-Ost 🏔", "plan": 'a "pro" one,\n two', "": ""}),
            id="segments",
        ),
        *[
            pytest.param(a_deal(customer_type=kind), id=f"a {kind} customer")
            for kind in CustomerType
        ],
        *[pytest.param(a_deal(gone=gone), id=f"gone, {gone}") for gone in Gone],
    ],
)
def test_a_deal_comes_back_as_it_was_read(passing: Passing, deal: Deal) -> None:
    save(passing, deal)
    assert stored(passing) == deal
    assert save(passing, deal).unchanged == [1]


IDS = [
    pytest.param("deal-1", "DEAL-1", id="case"),
    pytest.param("straße", "strasse", id="sharp s"),
    pytest.param("é", "e\u0301", id="composed and decomposed"),
    pytest.param("🙂", "🙃", id="emoji"),
    pytest.param("a", "a ", id="a space at the end"),
    pytest.param("1", "01", id="a zero in front"),
    pytest.param("x" * 199 + "y", "x" * 199 + "z", id="the last of 200 characters"),
    pytest.param("🙂" * 200, "🙂" * 199, id="200 characters of four bytes"),
    pytest.param("a%b", "a_b", id="wildcards"),
    pytest.param("'; DROP TABLE deals; --", '"quoted"', id="quotes"),
    pytest.param("", " ", id="nothing at all"),
]


@pytest.mark.parametrize(("one", "other"), IDS)
def test_two_ids_are_two_deals_if_they_differ_in_anything(
    passing: Passing, one: str, other: str
) -> None:
    save(passing, a_deal(one, amount=1), a_deal(other, amount=2))
    assert stored(passing, one) == a_deal(one, amount=1)
    assert stored(passing, other) == a_deal(other, amount=2)
    again = save(passing, a_deal(other, amount=2), a_deal(one, amount=1))
    assert (again.changed, sorted(again.unchanged)) == ([], [1, 2])


def test_the_same_id_in_two_sources_is_two_deals(database: Database) -> None:
    save(database, a_deal(source="crm"))
    save(database, a_deal(source="old-crm", amount=7), source="old-crm")
    with database.reading() as connection:
        found = deals.named(connection, "D-1")
    assert [each.deal.source for each in found] == ["crm", "old-crm"]
    assert [each.deal.amount for each in found] == [100, 7]


def ids(saved: Saved) -> list[str]:
    return [each.deal.deal_id for each in saved.changed]


def test_only_what_is_new_or_differs_is_written(database: Database) -> None:
    first = save(database, a_deal("D-1"), a_deal("D-2"))
    assert (ids(first), first.unchanged) == (["D-1", "D-2"], [])
    second = save(database, a_deal("D-2", amount=7), a_deal("D-3"), a_deal("D-1"))
    assert sorted(ids(second)) == ["D-2", "D-3"]
    assert second.unchanged == [1]
    assert stored(database, "D-2").amount == 7
    third = save(database, a_deal("D-2", amount=7), a_deal("D-3"), a_deal("D-1"))
    assert (ids(third), sorted(third.unchanged)) == ([], [1, 2, 3])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"amount": 101}, id="amount"),
        pytest.param({"currency": "EUR"}, id="currency"),
        pytest.param({"created_at": NOW}, id="created"),
        pytest.param({"modified_at": NOW}, id="modified"),
        pytest.param({"milestones": (a_milestone(is_whole_day=True),)}, id="a bare date"),
        pytest.param({"milestones": (a_milestone(reached_at=NOW),)}, id="a milestone's time"),
        pytest.param({"milestones": ()}, id="no milestone"),
        pytest.param({"clicks": (a_candidate(),)}, id="a click"),
        pytest.param({"keys": (VISITOR,)}, id="a key"),
        pytest.param({"identifiers": SOMEBODY}, id="an identifier"),
        pytest.param({"consent": DENIED}, id="consent"),
        pytest.param({"customer_type": CustomerType.NEW}, id="the type of customer"),
        pytest.param({"segments": {"region": "north"}}, id="a segment"),
        pytest.param({"gone": Gone.MERGED}, id="gone"),
    ],
)
def test_a_change_of_anything_is_a_change(passing: Passing, change: Mapping[str, Any]) -> None:
    save(passing, a_deal())
    changed = a_deal(**change)
    assert ids(save(passing, changed)) == ["D-1"]
    assert save(passing, changed).unchanged == [1]


def test_of_a_deal_that_occurs_twice_the_later_counts(passing: Passing) -> None:
    saved = save(passing, a_deal(amount=1), a_deal("D-2"), a_deal(amount=2, milestones=()))
    assert sorted(ids(saved)) == ["D-1", "D-2"]
    assert stored(passing) == a_deal(amount=2, milestones=())
    twice = save(passing, a_deal(amount=3), a_deal(amount=2, milestones=()))
    assert (twice.changed, twice.unchanged) == ([], [1])


def test_an_empty_chunk_is_nothing(database: Database) -> None:
    assert save(database) == Saved([], [], [])


@pytest.mark.long
def test_a_large_chunk_is_written_and_read_as_a_whole(database: Database) -> None:
    chunk = [a_deal(f"D-{number}", keys=(VISITOR, CRM)) for number in range(5_000)]
    assert len(save(database, *chunk).changed) == 5_000
    assert len(save(database, *chunk).unchanged) == 5_000
    with database.transaction("due") as connection:
        deals.look_at_all_again(connection, NOW)
        assert len(deals.due(connection, NOW, limit=5_000)) == 5_000


def withdrawn(database: Database) -> dict[str, datetime | None]:
    """Return every milestone ever stored, with when it was withdrawn."""
    with database.reading() as connection:
        found = connection.execute(select(milestones.c.name, milestones.c.withdrawn_at))
        return {row.name: row.withdrawn_at for row in found}


def test_a_milestone_the_deal_no_longer_has_is_withdrawn_and_never_forgotten(
    database: Database,
) -> None:
    save(database, a_deal(milestones=(a_milestone("sql"), a_milestone(WON))))
    save(database, a_deal(milestones=(a_milestone("sql"),)), now=NOW + HOUR)
    assert withdrawn(database) == {"sql": None, WON: NOW + HOUR}
    assert stored(database).milestones == (a_milestone("sql"),)


def test_a_milestone_reached_again_stands_again_at_its_new_time(database: Database) -> None:
    save(database, a_deal(milestones=(a_milestone(WON), a_milestone("sql"))))
    save(database, a_deal(milestones=()), now=NOW + HOUR)
    again = a_deal(milestones=(a_milestone(WON, NOW + HOUR, is_whole_day=True),))
    save(database, again, now=NOW + 2 * HOUR)
    assert withdrawn(database) == {"sql": NOW + HOUR, WON: None}
    assert stored(database) == again


def test_a_withdrawal_keeps_its_first_time(database: Database) -> None:
    save(database, a_deal())
    save(database, a_deal(milestones=()), now=NOW + HOUR)
    save(database, a_deal(milestones=(), amount=5), now=NOW + 2 * HOUR)
    assert withdrawn(database) == {WON: NOW + HOUR}


def keys_of(database: Database) -> set[tuple[int, bytes]]:
    with database.reading() as connection:
        found = connection.execute(select(deal_keys.c.deal, deal_keys.c.key))
        return {(deal, bytes(key)) for deal, key in found}


def test_the_keys_of_a_changed_deal_are_replaced(database: Database) -> None:
    save(database, a_deal("D-1", keys=(VISITOR, CRM, VISITOR)), a_deal("D-2", keys=(VISITOR,)))
    own = Key(KeyKind.CLICK, "gclid:gc")
    save(database, a_deal("D-1", keys=(CRM,), clicks=(a_candidate(a_click("gc")),)))
    assert keys_of(database) == {(1, CRM.digest()), (1, own.digest()), (2, VISITOR.digest())}


# When a deal is looked at again


def recheck_at(database: Database | Passing) -> dict[str, datetime | None]:
    with database.transaction("read") as connection:
        return recheck_times(connection)


def due(database: Database, at: datetime, limit: int = 99) -> list[str]:
    with database.reading() as connection:
        return [each.deal.deal_id for each in deals.due(connection, at, limit=limit)]


def test_deals_are_due_at_their_time_and_those_that_wait_longest_come_first(
    database: Database,
) -> None:
    save(database, *(a_deal(f"D-{number}") for number in range(1, 5)))
    assert due(database, NOW) == []
    with database.transaction("wait") as connection:
        deals.look_again(connection, {1: NOW, 2: NOW - HOUR, 3: NOW + HOUR, 4: None})
    assert due(database, NOW - timedelta(microseconds=1)) == ["D-2"]
    assert due(database, NOW) == ["D-2", "D-1"]
    assert due(database, NOW, limit=1) == ["D-2"]
    assert due(database, NOW + HOUR) == ["D-2", "D-1", "D-3"]


def test_looking_again_sets_and_clears_and_leaves_other_deals_alone(passing: Passing) -> None:
    save(passing, *(a_deal(f"D-{number}") for number in range(1, 4)))
    with passing.transaction("wait") as connection:
        deals.look_again(connection, {1: NOW, 2: NOW, 3: NOW})
        deals.look_again(connection, {1: NOW + HOUR, 2: None})
    assert recheck_at(passing) == {"D-1": NOW + HOUR, "D-2": None, "D-3": NOW}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, NOW, id="never"),
        pytest.param(NOW + HOUR, NOW, id="later"),
        pytest.param(NOW, NOW, id="just then"),
        pytest.param(NOW - HOUR, NOW - HOUR, id="sooner stays"),
    ],
)
def test_looking_again_sooner_never_puts_off(
    passing: Passing, before: datetime | None, after: datetime
) -> None:
    save(passing, a_deal("D-1"), a_deal("D-2"))
    with passing.transaction("wait") as connection:
        deals.look_again(connection, {1: before, 2: None})
        deals.look_again_sooner(connection, {1: NOW})
        deals.look_again_sooner(connection, {})
    assert recheck_at(passing) == {"D-1": after, "D-2": None}


def test_new_rules_make_every_deal_due(database: Database) -> None:
    save(database, a_deal("D-1"), a_deal("D-2"))
    with database.transaction("rules") as connection:
        deals.look_at_all_again(connection, NOW)
    assert due(database, NOW) == ["D-1", "D-2"]


def test_a_changed_deal_waits_for_nothing_until_it_was_looked_at(database: Database) -> None:
    save(database, a_deal())
    with database.transaction("wait") as connection:
        deals.look_again(connection, {1: NOW + HOUR})
    save(database, a_deal())
    assert recheck_at(database) == {"D-1": NOW + HOUR}
    save(database, a_deal(amount=1))
    assert recheck_at(database) == {"D-1": None}


# A period


def test_a_period_holds_the_milestones_reached_in_it_and_not_those_withdrawn(
    database: Database,
) -> None:
    save(
        database,
        a_deal("first instant", milestones=(a_milestone(WON, NOW),)),
        a_deal("before", milestones=(a_milestone(WON, NOW - timedelta(microseconds=1)),)),
        a_deal("last instant", milestones=(a_milestone(LOST, NOW + HOUR),)),
        a_deal("two", milestones=(a_milestone("sql", NOW), a_milestone(WON, NOW))),
        a_deal("withdrawn", milestones=(a_milestone(WON, NOW),)),
        a_deal("none", milestones=()),
    )
    save(database, a_deal("withdrawn", milestones=()))
    assert reached(database, limit=99) == [["first instant", "two"]]


def test_a_period_is_read_in_chunks_that_neither_repeat_nor_skip(database: Database) -> None:
    everything = [f"D-{number}" for number in range(7)]
    save(database, *(a_deal(each, milestones=(a_milestone(WON, NOW),)) for each in everything))
    chunks = reached(database, limit=3)
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    assert [each for chunk in chunks for each in chunk] == everything


def reached(database: Database, *, limit: int) -> list[list[str]]:
    chunks, after = [], 0
    with database.reading() as connection:
        while chunk := deals.reached_in(connection, NOW, NOW + HOUR, after=after, limit=limit):
            chunks.append([each.deal.deal_id for each in chunk])
            after = chunk[-1].row
    return chunks


# What a CRM no longer has


def test_deals_a_complete_read_did_not_find_are_gone_and_due(database: Database) -> None:
    save(database, *(a_deal(f"D-{number}") for number in range(1, 5)))
    save(database, a_deal("D-1", source="other"), source="other")
    save(database, a_deal("D-4", gone=Gone.MERGED))
    seen = Seen()
    with database.transaction("miss") as connection:
        seen.add(deals.rows_of(connection, "crm", ["D-2", "unknown"]))
        missing = list(deals.gone_missing(connection, "crm", seen))
        assert missing == [(1, "D-1"), (3, "D-3")]
        deals.mark_gone(connection, [row for row, _ in missing], Gone.DELETED, NOW)
        assert list(deals.gone_missing(connection, "crm", seen)) == []
    assert stored(database, "D-3").gone is Gone.DELETED
    assert stored(database, "D-2").gone is None
    assert stored(database, "D-4").gone is Gone.MERGED
    assert due(database, NOW) == ["D-1", "D-3"]


def test_a_deleted_deal_that_comes_back_unchanged_is_noticed(database: Database) -> None:
    save(database, a_deal())
    with database.transaction("miss") as connection:
        deals.mark_gone(connection, [1], Gone.DELETED, NOW)
        deals.mark_gone(connection, [], Gone.DELETED, NOW)
    saved = save(database, a_deal())
    assert ids(saved) == ["D-1"]
    assert [one.row for one in saved.returned] == [1]
    assert stored(database) == a_deal()
    assert save(database, a_deal(amount=Decimal(7))).returned == []


def test_deals_that_vanished_are_listed_while_a_milestone_is_recent(database: Database) -> None:
    old, recent = NOW - timedelta(days=100), NOW - timedelta(days=3)
    for name, reached_at in (("D-1", old), ("D-2", recent), ("D-3", recent), ("D-4", recent)):
        save(database, a_deal(name, milestones=(Milestone("won", reached_at),)))
    with database.transaction("vanish") as connection:
        deals.mark_gone(connection, [1, 2], Gone.DELETED, NOW)
        deals.mark_gone(connection, [3], Gone.MERGED, NOW)
        since = NOW - timedelta(days=90)
        assert deals.vanished_after(connection, "crm", 0, since, limit=9) == [(2, "D-2")]
        assert deals.vanished_after(connection, "crm", 2, since, limit=9) == []
        assert deals.vanished_after(connection, "erp", 0, since, limit=9) == []
        assert deals.count_present(connection, "crm", 5) == 1
        assert deals.count_present(connection, "crm", 4) == 0, "those added since do not count"


def test_missing_deals_can_be_marked_while_they_are_still_being_listed(
    database: Database,
) -> None:
    save(database, *(a_deal(f"D-{number}") for number in range(30)))
    with database.transaction("miss") as connection:
        found = deals.gone_missing(connection, "crm", Seen())
        deals.mark_gone(connection, [row for row, _ in islice(found, 10)], Gone.DELETED, NOW)
        assert len(list(deals.gone_missing(connection, "crm", Seen()))) == 20


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="none"),
        pytest.param([1], id="the first"),
        pytest.param([7, 8, 9], id="across a byte"),
        pytest.param([1, 40_000, 32_768], id="far apart"),
        pytest.param([1_000_000], id="the millionth"),
    ],
)
def test_a_set_of_row_numbers_contains_exactly_the_added_ones(rows: list[int]) -> None:
    seen = Seen()
    seen.add(rows)
    around = {row + step for row in rows for step in (-8, -1, 0, 1, 8)} | {0, 2**31 - 1}
    assert {row for row in around if row >= 0 and row in seen} == set(rows)
    assert set(range(1, 50_000)) - set(seen.unseen(50_000)) == set(rows) & set(range(50_000))


@pytest.mark.parametrize("table", [deals_table, milestones], ids=lambda table: str(table.name))
def test_saving_again_adds_no_rows(database: Database, table: Table) -> None:
    for amount in (1, 2, 2, Decimal("2.0")):
        save(database, a_deal(amount=amount))
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar() == 1
