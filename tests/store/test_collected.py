"""Reports of browsers in the store: each once, read by window, erased with their people."""

from datetime import UTC, datetime, timedelta

from convsync.collect.reports import report_in
from convsync.collect.source import CollectedClicks
from convsync.model.collected import Report
from convsync.model.key import Key, KeyKind
from convsync.model.period import Period
from convsync.store import collected
from convsync.store.database import Database
from tests.collect.browser_reports import ANNA, GCLID, a_report, body_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A_DAY = Period(since=NOON - timedelta(hours=12), until=NOON + timedelta(hours=12))
REFUSAL = {"age": 0, "source": "site", "ad_storage": "granted", "ad_user_data": "denied"}


def reported(number: int, *, minute: int = 0, site: str = "website", **changes: object) -> Report:
    at = NOON + timedelta(minutes=minute)
    body = body_of(a_report(number, **changes))
    return report_in(body, site=site, country=None, received_at=at)


def kept(database: Database, *reports: Report) -> None:
    with database.transaction("save") as connection:
        collected.save(connection, reports)


def read(database: Database, window: Period = A_DAY, site: str = "website") -> list[Report]:
    with database.reading() as connection:
        return list(collected.received(connection, site, window))


def read_all(database: Database) -> list[Report]:
    with database.reading() as connection:
        ever = Period(since=NOON - timedelta(days=9), until=NOON + timedelta(days=9))
        return list(collected.received(connection, "website", ever, with_refused=True))


def test_a_report_comes_back_as_it_came(database: Database) -> None:
    report = reported(1)
    kept(database, report)
    assert read(database) == [report]


def test_a_report_that_arrives_twice_is_kept_once(database: Database) -> None:
    kept(database, reported(1), reported(1, minute=1))
    kept(database, reported(1, minute=2))
    assert len(read(database)) == 1


def test_a_window_and_a_site_have_their_own_reports(database: Database) -> None:
    kept(database, reported(1), reported(2, minute=30), reported(3, site="shop"))
    assert [one.id[-1] for one in read(database)] == [1, 2]
    first_half = Period(since=NOON, until=NOON + timedelta(minutes=30))
    assert [one.id[-1] for one in read(database, first_half)] == [1]
    assert [one.id[-1] for one in read(database, site="shop")] == [3]


def test_pages_follow_one_another_without_gap_or_repeat(database: Database) -> None:
    kept(database, *(reported(number, minute=number % 3) for number in range(1, 10)))
    pages, last = [], None
    with database.reading() as connection:
        while page := collected.received(connection, "website", A_DAY, last, size=2):
            pages.append(page)
            last = page[-1]
    assert sorted(one.id[-1] for page in pages for one in page) == list(range(1, 10))
    assert [len(page) for page in pages] == [2, 2, 2, 2, 1]


def test_nothing_is_read_of_a_visitor_who_refused_since(database: Database) -> None:
    other = "f" * 32
    refused = reported(2, minute=5, consent=REFUSAL, identifiers=[])
    kept(database, reported(1), refused, reported(3, visitor=other))
    assert [one.visitor for one in read(database)] == [other]


def test_erasing_a_person_erases_their_reports(database: Database) -> None:
    kept(database, reported(1), reported(2, visitor="f" * 32, identifiers=[], landings=[]))
    with database.transaction("erase") as connection:
        collected.erase(connection, [Key(KeyKind.EMAIL, ANNA).digest()])
    assert [one.id[-1] for one in read(database)] == [2]


def test_a_sweep_erases_what_is_old(database: Database) -> None:
    kept(database, reported(1), reported(2, minute=10))
    with database.transaction("sweep") as connection:
        collected.sweep(connection, NOON + timedelta(minutes=5))
    assert [one.id[-1] for one in read(database)] == [2]


def test_a_night_reads_the_clicks_with_all_that_joins_them_to_deals(database: Database) -> None:
    kept(database, reported(1), reported(2, site="shop"), reported(3, minute=60 * 24))
    (chunk,) = CollectedClicks(name="website", database=database).read(A_DAY)
    assert list(chunk.seen.values) == [GCLID]
    assert list(chunk.seen.seen_at) == [NOON - timedelta(days=5)]
    visitor = Key(KeyKind.VISITOR, "0" * 31 + "7")
    keys = {key for key, _ in chunk.seen.keys}
    assert keys == {visitor.digest(), Key(KeyKind.EMAIL, ANNA).digest()}


def test_a_default_of_denied_is_no_refusal_and_an_answer_is(database: Database) -> None:
    presumed = {**REFUSAL, "source": "default"}
    kept(
        database,
        reported(1, consent=presumed, identifiers=[]),
        reported(2, visitor="e" * 32, consent=REFUSAL, identifiers=[]),
    )
    (page,) = CollectedClicks(name="website", database=database).said(A_DAY)
    refused = {said.record for _, said in page if said.is_refusal}
    assert refused == {"e" * 32}


def test_whoever_refuses_refuses_for_all_that_their_browser_has_reported(
    database: Database,
) -> None:
    withdrawal = reported(
        2, minute=60 * 24 - 1, consent=REFUSAL, identifiers=[], landings=[], form=None
    )
    kept(database, reported(1), withdrawal)
    later = Period(since=NOON + timedelta(hours=12), until=NOON + timedelta(hours=24))
    (page,) = CollectedClicks(name="website", database=database).said(later)
    refused = {key for key, said in page if said.is_refusal}
    (first,) = [one for one in read_all(database) if one.id[-1] == 1]
    assert refused == {*first.digests}
    assert Key(KeyKind.EMAIL, ANNA).digest() in refused
