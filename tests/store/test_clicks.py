"""Click IDs as they are kept: byte for byte, each once, at the first time they were seen."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis, Sighting
from convsync.model.deal import Deal
from convsync.model.key import Key, KeyKind
from convsync.model.seen_clicks import SeenClicks
from convsync.store import click_index, click_news, clicks, deals
from convsync.store.clicks import Stored
from convsync.store.database import Database
from convsync.store.schema import clicks as clicks_table
from convsync.store.schema import deal_keys
from tests.builders import CLICKED_AT, NOW, a_candidate, a_click, a_deal
from tests.store.rows import Passing, recheck_times, save

HOUR = timedelta(hours=1)
GCLID = ClickIdKind.GCLID
VISITOR = Key(KeyKind.VISITOR, "v-1")
CRM = Key(KeyKind.CRM, "lead-7")
EMAIL = Key(KeyKind.EMAIL, "a" * 64)
PHONE = Key(KeyKind.PHONE, "b" * 64)


def seen(
    *values: str,
    at: datetime | None = CLICKED_AT,
    kind: ClickIdKind = GCLID,
    is_whole_day: bool = False,
    keys: tuple[Key, ...] = (VISITOR,),
) -> Sighting:
    click_ids = tuple(ClickId(kind, value) for value in values)
    return Sighting(click_ids=click_ids, seen_at=at, is_whole_day=is_whole_day, keys=keys)


def keep(database: Database | Passing, *sightings: Sighting) -> Stored:
    with database.transaction("keep") as connection:
        stored = clicks.save(connection, SeenClicks.of(sightings))
        click_index.fill(connection)
        return stored


def kept(database: Database | Passing) -> dict[ClickId, tuple[datetime | None, bool]]:
    with database.reading() as connection:
        return {
            ClickId(ClickIdKind(row.kind), row.value): (row.clicked_at, row.is_whole_day)
            for row in connection.execute(select(clicks_table))
        }


def found_for(database: Database | Passing, *deal_rows: int) -> dict[int, list[Candidate]]:
    with database.reading() as connection:
        return clicks.candidates(connection, deal_rows)


def test_the_same_sighting_again_changes_nothing(database: Database) -> None:
    sighting = seen("one", "two")
    assert keep(database, sighting) == Stored(2, 0, 0)
    before = kept(database)
    assert keep(database, sighting) == Stored(0, 0, 2)
    assert keep(database, sighting, sighting) == Stored(0, 0, 2)
    assert kept(database) == before
    assert keep(database) == Stored(0, 0, 0)


LATER = CLICKED_AT + timedelta(microseconds=1)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param([CLICKED_AT, LATER, None], id="first"),
        pytest.param([LATER, None, CLICKED_AT], id="last"),
        pytest.param([None, LATER, CLICKED_AT, LATER], id="in between"),
        pytest.param([None, CLICKED_AT - HOUR, CLICKED_AT - 2 * HOUR], id="ever earlier"),
    ],
)
def test_of_all_times_a_click_was_seen_the_earliest_counts(
    passing: Passing, order: Sequence[datetime | None]
) -> None:
    earliest = min(at for at in order if at is not None)
    for at in order:
        keep(passing, seen("apart", at=at))
    keep(passing, *(seen("together", at=at) for at in order))
    assert {at for at, _ in kept(passing).values()} == {earliest}


def test_a_click_seen_earlier_counts_as_such_and_takes_the_new_time_whole(
    database: Database,
) -> None:
    keep(database, seen("one", at=CLICKED_AT))
    day = CLICKED_AT.replace(hour=0, minute=0)
    assert keep(database, seen("one", at=day, is_whole_day=True)) == Stored(0, 1, 0)
    assert kept(database) == {ClickId(GCLID, "one"): (day, True)}
    assert keep(database, seen("one", at=None)) == Stored(0, 0, 1)
    assert keep(database, seen("one", at=NOW)) == Stored(0, 0, 1)


IDS = ["Cj0KCQ-one", "cj0kcq-one", "Cj0KCQ-one ", "a%2Bb", "a+b", "_.-~", "🙂", "é", "e\u0301", "0"]


def test_click_ids_are_kept_byte_for_byte(database: Database) -> None:
    for kind in ClickIdKind:
        assert keep(database, seen(*IDS, kind=kind)) == Stored(len(IDS), 0, 0)
    assert set(kept(database)) == {ClickId(kind, value) for kind in ClickIdKind for value in IDS}


def test_times_are_kept_to_the_microsecond(database: Database) -> None:
    at = datetime(2026, 2, 20, 23, 59, 59, 999_999, tzinfo=UTC)
    keep(database, seen("one", at=at))
    assert kept(database) == {ClickId(GCLID, "one"): (at, False)}


def test_more_clicks_than_one_query_takes_are_known_again(database: Database) -> None:
    many = [seen(f"click-{number}", keys=()) for number in range(5_100)]
    assert keep(database, *many) == Stored(5_100, 0, 0)
    assert keep(database, *many) == Stored(0, 0, 5_100)
    with database.reading() as connection:
        assert clicks.count(connection) == 5_100


# Whom a click belongs to


@pytest.mark.parametrize(
    ("key", "basis"),
    [
        pytest.param(VISITOR, MatchBasis.VISITOR, id="visitor"),
        pytest.param(CRM, MatchBasis.CRM, id="CRM"),
        pytest.param(EMAIL, MatchBasis.EMAIL, id="e-mail"),
        pytest.param(PHONE, MatchBasis.PHONE, id="phone"),
    ],
)
def test_a_click_is_found_by_a_key_it_shares_with_the_deal(
    passing: Passing, key: Key, basis: MatchBasis
) -> None:
    save(passing, a_deal("D-1", keys=(key,)), a_deal("D-2", keys=(Key(key.kind, "other"),)))
    keep(passing, seen("one", keys=(key,)))
    assert found_for(passing, 1, 2) == {1: [a_candidate(a_click("one"), basis=basis)]}


def test_a_click_is_found_whatever_kinds_of_keys_other_clicks_have(database: Database) -> None:
    every = (CRM, PHONE, EMAIL, VISITOR)
    save(database, a_deal(keys=every))
    for number in range(1, len(every) + 1):
        some = every[-number:]
        keep(database, *(seen(key.value, keys=(key,)) for key in some))
        found = {one.click.click_id.value for one in found_for(database, 1)[1]}
        assert found == {key.value for key in some}


def test_a_deals_own_click_id_is_found_in_the_click_log_with_its_time(database: Database) -> None:
    own = a_candidate(a_click("one", clicked_at=None), basis=MatchBasis.LEAD)
    save(database, a_deal(clicks=(own,)))
    keep(database, seen("one", keys=()), seen("one", keys=(), kind=ClickIdKind.WBRAID))
    assert found_for(database, 1) == {1: [a_candidate(a_click("one"), basis=MatchBasis.DEAL)]}


def test_a_click_found_in_several_ways_is_found_once_by_the_best(database: Database) -> None:
    save(database, a_deal(keys=(PHONE, EMAIL, CRM, VISITOR)))
    keep(database, seen("weak", keys=(EMAIL, PHONE)), seen("strong", keys=(PHONE, CRM, VISITOR)))
    found = {each.click.click_id.value: each.basis for each in found_for(database, 1)[1]}
    assert found == {"weak": MatchBasis.EMAIL, "strong": MatchBasis.CRM}
    assert len(found_for(database, 1)[1]) == 2


def test_a_candidate_comes_back_with_everything_known_of_the_click(database: Database) -> None:
    save(database, a_deal(keys=(VISITOR,)))
    keep(
        database,
        seen("undated", at=None, kind=ClickIdKind.GBRAID),
        seen("day", is_whole_day=True, kind=ClickIdKind.WBRAID),
    )
    found = {each.click for each in found_for(database, 1)[1]}
    assert found == {
        Click(click_id=ClickId(ClickIdKind.GBRAID, "undated"), clicked_at=None),
        a_click("day", kind=ClickIdKind.WBRAID, is_whole_day=True),
    }


def test_no_deals_have_no_candidates(database: Database) -> None:
    keep(database, seen("one"))
    assert found_for(database) == {}
    assert found_for(database, 1) == {}


# The news of a click


def due_after(database: Database | Passing, *sightings: Sighting) -> list[str]:
    """Return the deals that are due once sightings were kept and their news was spread."""
    keep(database, *sightings)
    with database.transaction("spread") as connection:
        clicks.spread_news(connection, now=NOW)
        assert not click_news.is_there(connection)
    with database.reading() as connection:
        return sorted(each.deal.deal_id for each in deals.due(connection, NOW, limit=99))


def with_keys(deal_id: str, *keys: Key) -> Deal:
    return a_deal(deal_id, keys=keys)


def nothing_due(database: Database | Passing) -> None:
    with database.transaction("calm") as connection:
        everything = dict.fromkeys(range(1, 9))
        deals.look_again(connection, everything)


def test_a_new_click_makes_the_deals_due_that_share_a_key_with_it(database: Database) -> None:
    save(database, with_keys("D-1", VISITOR, CRM), with_keys("D-2", EMAIL), with_keys("D-3"))
    assert due_after(database, seen("one", keys=(VISITOR, EMAIL))) == ["D-1", "D-2"]


@pytest.mark.parametrize(
    ("again", "due"),
    [
        pytest.param(seen("one"), [], id="nothing new"),
        pytest.param(seen("one", at=NOW), [], id="seen later"),
        pytest.param(seen("one", at=CLICKED_AT - HOUR), ["D-1"], id="seen earlier"),
        pytest.param(seen("one", keys=(EMAIL,)), ["D-1", "D-2"], id="a key it did not have"),
        pytest.param(seen("two"), ["D-1"], id="another click"),
        pytest.param(seen("two", keys=()), [], id="another click that belongs to nobody"),
    ],
)
def test_a_click_seen_again_is_news_only_if_something_about_it_is(
    passing: Passing, again: Sighting, due: list[str]
) -> None:
    save(passing, with_keys("D-1", VISITOR), with_keys("D-2", EMAIL))
    assert due_after(passing, seen("one")) == ["D-1"]
    nothing_due(passing)
    assert due_after(passing, again) == due


def test_news_waits_until_it_is_spread(database: Database) -> None:
    save(database, with_keys("D-1", VISITOR))
    keep(database, seen("one"))
    with database.reading() as connection:
        assert click_news.is_there(connection)
        assert deals.due(connection, NOW, limit=9) == []


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        pytest.param(seen("two", keys=(EMAIL,)), False, id="nobody came back"),
        pytest.param(seen("two", keys=(VISITOR,)), True, id="a visitor came back"),
        pytest.param(seen("two", keys=()), False, id="nobody known"),
    ],
)
def test_a_click_leads_on_where_another_has_a_key_of_it_or_may_until_news_was_spread(
    passing: Passing, then: Sighting, expected: bool
) -> None:
    due_after(passing, seen("one", keys=(VISITOR,)))
    assert not click_news.may_lead_on(passing.connection)
    keep(passing, then)
    assert click_news.may_lead_on(passing.connection)
    due_after(passing)
    assert click_news.may_lead_on(passing.connection) is expected


def test_news_never_puts_off_a_deal_that_is_due_sooner(database: Database) -> None:
    save(database, with_keys("D-1", VISITOR), with_keys("D-2", VISITOR))
    with database.transaction("wait") as connection:
        deals.look_again(connection, {1: NOW - HOUR, 2: NOW + HOUR})
    assert due_after(database, seen("one")) == ["D-1", "D-2"]
    with database.reading() as connection:
        assert recheck_times(connection) == {"D-1": NOW - HOUR, "D-2": NOW}


def test_two_imports_at_once_lose_nothing(database: Database, another: Database) -> None:
    def keep_many(of: Database, name: str) -> None:
        for number in range(10):
            keep(of, seen(f"{name}-{number}", "shared"))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(keep_many, [database, another], ["one", "other"]))
    assert len(kept(database)) == 21


def test_a_key_of_a_deal_that_is_not_there_makes_nothing_due(passing: Passing) -> None:
    with passing.transaction("a key of nobody") as connection:
        connection.execute(insert(deal_keys), {"deal": 9, "key": VISITOR.digest()})
    assert due_after(passing, seen("one")) == []
