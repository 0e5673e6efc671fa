"""Events are found by all that people ask for, on both databases, and what many did at once too."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from convsync import audit
from convsync.model import moves
from convsync.model.event import Event, EventKind
from convsync.model.ledger import State
from convsync.model.moves import Place
from convsync.model.outcome import Confirmed, Reason, Rejected
from convsync.model.period import Period
from convsync.model.statement import Operation, order_id_of
from convsync.store import audit_blocks, audit_search, batches, ledger, lookup
from convsync.store.audit_log import AuditRow
from convsync.store.audit_search import Wanted
from convsync.store.database import Connection, Database
from convsync.store.lookup import Asked
from tests.builders import ACTION, NOW, a_deal, usd
from tests.store.conftest import Kind, text_of
from tests.store.rows import a_conversion_of, a_run, new_entry, save

VALUES = {"D-1": 100, "D-2": 4711, "D-3": 250}
NEXT = NOW + timedelta(days=1)
REQUEST = "request-7"


def entry_of(connection: Connection, deal_id: str, rule: str = "won") -> Any:
    (asked,) = lookup.of_deals(connection, [deal_id]).deals
    return ledger.entries_for(connection, [asked])[asked, rule]


@pytest.fixture(scope="module")
def log(kind: Kind) -> Iterator[Database]:
    """One log for all questions, which change nothing of it."""
    url = kind.migrated()
    with closing(Database(text_of(url))) as database:
        yield filled(database)
    kind.drop(url)


@pytest.fixture
def own_log(database: Database) -> Database:
    """The same, for a test that goes on with it."""
    return filled(database)


def filled(database: Database) -> Database:
    """Send three deals in one request, of which one is refused; restate one, and give up a fourth.

    1–4: planned, and not sent. 5: reserved. 6: confirmed, two. 7: rejected. 8: restated.
    """
    save(database, *map(a_deal, (*VALUES, "D-4")))
    with database.transaction("first night") as connection:
        run = a_run(connection)
        for deal_id, value in VALUES.items():
            conversion = a_conversion_of(deal_id, value=usd(value))
            entry = new_entry(connection, deal_id, conversion)
            planned = moves.planned(entry, conversion, run_id=run)
            audit.write(connection, [planned], run_id=run, at=NOW)
        _give_up(connection, run, "D-4")
        _send(connection, run)
    with database.transaction("next night") as connection:
        run = a_run(connection)
        entry = entry_of(connection, "D-1")
        statement = entry.statement.corrected(Operation.RESTATE, usd(120))
        restated = moves.corrected(entry, statement, reason=None, run_id=run)
        audit.write(connection, [restated], run_id=run, at=NEXT)
    return database


def _give_up(connection: Connection, run: int, deal_id: str) -> None:
    conversion = a_conversion_of(deal_id, rule="mql")
    entry = new_entry(connection, deal_id, conversion)
    place = Place(action=entry.action, milestone=entry.milestone, milestone_at=entry.milestone_at)
    given_up = moves.not_sent(entry, place, Reason.NO_CLICK, run_id=run)
    audit.write(connection, [given_up], run_id=run, at=NOW)


def _send(connection: Connection, run: int) -> None:
    numbers = [entry_of(connection, deal_id).number for deal_id in VALUES]
    batch = batches.open_batch(connection, ACTION, run_id=run, rows=3, now=NOW)
    reserved = moves.reserved_together(numbers, batch, ACTION)
    audit.write_together(connection, reserved, run_id=run, at=NOW)
    batches.answer(connection, batch, request_id=REQUEST, now=NOW, poll_at=NOW)
    confirmed = moves.settled_together(numbers[:2], Confirmed(), batch, ACTION)
    assert confirmed is not None
    audit.write_together(connection, confirmed, run_id=run, at=NOW)
    refused = moves.settled(entry_of(connection, "D-3"), Rejected(code="EXPIRED"), now=NOW)
    audit.write(connection, [refused], run_id=run, at=NOW)


def numbers_of(rows: list[AuditRow]) -> list[int]:
    return [row.number for row in rows]


DAY = Period(since=NEXT - timedelta(hours=1), until=NEXT + timedelta(hours=1))
WANTED = [
    pytest.param({}, [1, 2, 3, 4, 5, 6, 7, 8], id="all"),
    pytest.param({"run_id": 2}, [8], id="a run"),
    pytest.param({"period": DAY}, [8], id="a day"),
    pytest.param({"event": EventKind.RESTATED}, [8], id="restated"),
    pytest.param({"event": EventKind.RETRACTED}, [], id="nothing was taken back"),
    pytest.param({"event": EventKind.CONFIRMED}, [6], id="what many did"),
    pytest.param({"state": State.PLANNED}, [1, 2, 3, 8], id="a state that several kinds lead to"),
    pytest.param({"state": State.REJECTED}, [7], id="a state"),
    pytest.param({"state": State.PLANNED, "run_id": 1}, [1, 2, 3], id="a state in a run"),
    pytest.param({"code": "EXPIRED"}, [7], id="a code"),
    pytest.param({"code": "EXPIRE"}, [], id="part of a code is none"),
    pytest.param({"rule": "won"}, [1, 2, 3, 5, 6, 7, 8], id="a rule, and its batches"),
    pytest.param({"rule": "mql"}, [4], id="a rule that shares the action, and took no part"),
    pytest.param({"rule": "won", "event": EventKind.RESERVED}, [5], id="a rule and a kind"),
    pytest.param({"rule": "sql"}, [], id="no such rule"),
]


@pytest.mark.parametrize(("asked", "numbers"), WANTED)
def test_events_are_found_by_what_they_say(
    log: Database, asked: Mapping[str, Any], numbers: list[int]
) -> None:
    with log.reading() as connection:
        assert numbers_of([*audit_search.every(connection, Wanted(**asked))]) == numbers
        assert numbers_of(audit_search.newest(connection, Wanted(**asked), 2)) == numbers[-2:]
        assert numbers_of(audit_search.newest(connection, Wanted(**asked), 99)) == numbers


def conversions(connection: Connection, what: str, name: str) -> Asked:
    match what:
        case "deal":
            return lookup.of_deals(connection, [name])
        case "order":
            return lookup.of_order(connection, order_id_of("crm", *name.split("/")))
        case "click":
            return lookup.of_click(connection, name)
        case "request":
            return lookup.of_request(connection, name)
        case "value":
            return lookup.with_amount(connection, Decimal(name), Decimal(name))
        case _:
            return lookup.with_amount(connection, Decimal(name), None)


ASKED = [
    pytest.param("deal", "D-1", [1, 5, 6, 8], id="a deal"),
    pytest.param("deal", "D-4", [4], id="a deal of which nothing was sent"),
    pytest.param("deal", "d-1", [], id="no such deal"),
    pytest.param("order", "D-3/won", [3, 5, 7], id="an order"),
    pytest.param("order", "D-4/mql", [4], id="an order that was never ready"),
    pytest.param("order", "D-9/won", [], id="no such order"),
    pytest.param("request", REQUEST, [5, 5, 5, 6, 6, 7], id="a request, told of each conversion"),
    pytest.param("request", "request-8", [], id="no such request"),
    pytest.param("value", "4711.00", [2, 5, 6], id="a value, in another spelling"),
    pytest.param("value", "100", [1, 5, 6, 8], id="a value that has been restated since"),
    pytest.param("value", "99.99", [], id="no such value"),
    pytest.param("above", "250.01", [2, 5, 6], id="a value above"),
]


@pytest.mark.parametrize(("what", "name", "numbers"), ASKED)
def test_events_are_found_by_whom_they_are_about(
    log: Database, what: str, name: str, numbers: list[int]
) -> None:
    with log.reading() as connection:
        asked = conversions(connection, what, name)
        found = [*audit_search.every(connection, Wanted(), asked)]
    assert numbers_of(found) == numbers
    assert all(row.deal_id in {*VALUES, "D-4"} for row in found)


def test_a_click_leads_to_the_deal_that_carries_it(log: Database) -> None:
    with log.reading() as connection:
        statement = entry_of(connection, "D-2").statement
        assert statement is not None
        assert statement.click_id is not None
        asked = lookup.of_click(connection, statement.click_id.value)
        assert {one.deal_id for one in asked.conversions} >= {"D-2"}
        assert lookup.of_click(connection, "no-such-click").deals == frozenset()


def test_two_questions_at_once_are_answered_by_what_meets_both(log: Database) -> None:
    with log.reading() as connection:
        deal, request = (
            conversions(connection, *of) for of in (("deal", "D-3"), ("request", REQUEST))
        )
        wanted = Wanted(state=State.REJECTED)
        both = deal.within(request)
        assert numbers_of([*audit_search.every(connection, wanted, both)]) == [7]
        other = conversions(connection, "deal", "D-4").within(request)
        assert numbers_of([*audit_search.every(connection, Wanted(), other)]) == []


def test_of_many_conversions_with_a_value_the_last_are_looked_for(
    log: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST_CONVERSIONS", 1)
    with log.reading() as connection:
        asked = lookup.with_amount(connection, Decimal(100), Decimal(300))
    assert asked.is_cut
    assert [one.deal_id for one in asked.conversions] == ["D-1"], "restated last"


def test_every_event_stands_in_one_block(own_log: Database) -> None:
    with own_log.transaction("mixed") as connection:
        run = a_run(connection)
        many = Event(EventKind.RESERVED, {"of_batch": 9, "entries": "2,4-6"})
        one = Event(EventKind.RUN_STARTED, {"command": "run"})
        audit.record(connection, [one, many, many, one, one], run_id=run, at=NEXT)
        blocks = audit_blocks.found(connection, Wanted().looked(), is_newest_first=False)
        named = audit_blocks.naming(connection, [6])
    covered = [n for block in blocks for n in range(block.first, block.last + 1)]
    assert covered == list(range(1, 14))
    assert [block.batch for block in blocks[-4:]] == [None, 9, 9, None]
    assert [block.first for block in named] == [10, 11]
