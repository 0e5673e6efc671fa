"""What a chunk planned at once is found, told and proved as if each had an event of its own."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from msgspec.json import decode
from sqlalchemy import text

from convsync import audit
from convsync.model import moves
from convsync.model.event import EventKind
from convsync.model.ledger import State
from convsync.model.outcome import Confirmed
from convsync.model.statement import Operation, order_id_of
from convsync.proof.verification import Verified, verify_within
from convsync.store import audit_search, batches, ledger, lookup
from convsync.store.audit_search import Wanted
from convsync.store.database import Connection, Database
from convsync.store.lookup import Asked
from tests.builders import ACTION, NOW, a_deal, all_planned_together, usd
from tests.store.rows import Passing, a_conversion_of, a_run, new_entry, rolled_back, save

VALUES = {"D-1": 100, "D-2": 4711, "D-3": 250}


def live(connection: Connection, *, together: bool) -> None:
    """Plan three deals, at once or one by one, send and confirm them, and restate one."""
    save(Passing(connection), *map(a_deal, VALUES))
    run = a_run(connection)
    first = ledger.next_number(connection)
    alone = []
    for number, (deal_id, value) in enumerate(VALUES.items(), first):
        conversion = a_conversion_of(deal_id, value=usd(value))
        entry = structs.replace(new_entry(connection, deal_id, conversion), number=number)
        alone.append(moves.planned(entry, conversion, run_id=run, step="new"))
    if together:
        planned = all_planned_together([move.after for move in alone], step="new")
        audit.write(connection, [], planned=[planned], run_id=run, at=NOW)
    else:
        audit.write(connection, alone, run_id=run, at=NOW)
    numbers = [move.after.number for move in alone]
    batch = batches.open_batch(connection, ACTION, run_id=run, rows=3, now=NOW)
    batches.answer(connection, batch, request_id="r-1", now=NOW, poll_at=NOW)
    confirmed = moves.settled_together(numbers, Confirmed(), batch, ACTION)
    assert confirmed is not None
    for sent in (moves.reserved_together(numbers, batch, ACTION), confirmed):
        audit.write_together(connection, sent, run_id=run, at=NOW)
    entry = ledger.entries_numbered(connection, numbers)[0]
    assert entry.statement is not None
    restated = entry.statement.corrected(Operation.RESTATE, usd(120))
    audit.write(
        connection,
        [moves.corrected(entry, restated, reason=None, run_id=run)],
        run_id=run,
        at=NOW,
    )


Ask = Callable[[Connection], tuple[Wanted, Asked | None]]
QUESTIONS: dict[str, Ask] = {
    "everything": lambda _: (Wanted(), None),
    "what was planned": lambda _: (Wanted(event=EventKind.PLANNED), None),
    "a state": lambda _: (Wanted(state=State.PLANNED), None),
    "a rule": lambda _: (Wanted(rule="won"), None),
    "another rule": lambda _: (Wanted(rule="mql"), None),
    "a deal": lambda c: (Wanted(), lookup.of_deals(c, ["D-1"])),
    "two deals": lambda c: (Wanted(event=EventKind.PLANNED), lookup.of_deals(c, ["D-1", "D-3"])),
    "an order": lambda c: (Wanted(), lookup.of_order(c, order_id_of("crm", "D-2", "won"))),
    "a request": lambda c: (Wanted(), lookup.of_request(c, "r-1")),
    "a value": lambda c: (Wanted(), lookup.with_amount(c, Decimal(100), Decimal(100))),
    "a value above": lambda c: (Wanted(), lookup.with_amount(c, Decimal("100.01"), None)),
    "no such value": lambda c: (Wanted(), lookup.with_amount(c, Decimal(7), Decimal(7))),
}


def answers(database: Database, ask: Ask, *, together: bool) -> list[tuple[Any, ...]]:
    """Every event that answers a question, without numbers and what the seal makes of it."""
    with rolled_back(database) as connection:
        live(connection, together=together)
        wanted, asked = ask(connection)
        found = [*audit_search.every(connection, wanted, asked)]
        assert audit_search.newest(connection, wanted, 99, asked) == found
        assert audit_search.newest(connection, wanted, 2, asked) == found[-2:]
    told = []
    for row in found:
        detail = decode(row.detail)
        hidden = ("click", "about", "batch", "of_batch")
        sealed = {name: bool(detail.pop(name, None)) for name in hidden}
        told.append((row.event, row.source, row.deal_id, row.order_id, row.deal, sealed, detail))
    return told


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_the_same_answer_however_deals_were_planned(
    database: Database, question: str
) -> None:
    together = answers(database, QUESTIONS[question], together=True)
    assert together == answers(database, QUESTIONS[question], together=False)
    assert bool(together) is (question not in {"another rule", "no such value"})


def verified(connection: Connection, edit: str = "") -> Verified:
    live(connection, together=True)
    if edit:
        connection.execute(text(edit))
    return verify_within(connection)


def test_a_replay_gives_the_ledger_of_deals_that_were_planned_together(database: Database) -> None:
    with rolled_back(database) as connection:
        found = verified(connection)
    assert found.is_sound, found
    assert found.events == 4, "planned, reserved, confirmed and restated"


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE ledger SET value = 1 WHERE value = 4711000000",
        "UPDATE ledger SET click_id = 'another' WHERE value = 4711000000",
        "UPDATE ledger SET milestone_at = milestone_at + 1 WHERE value = 4711000000",
        "UPDATE deals SET deal_id = 'D-9' WHERE deal_id = 'D-2'",
        "UPDATE deals SET source = 'other' WHERE deal_id = 'D-2'",
        "DELETE FROM ledger WHERE value = 4711000000",
    ],
)
def test_an_edit_of_a_deal_that_was_planned_with_others_is_found(
    database: Database, edit: str
) -> None:
    with rolled_back(database) as connection:
        found = verified(connection, edit)
    order_id = order_id_of("crm", "D-2", "won")
    assert {difference.about for difference in found.differences} == {order_id}
