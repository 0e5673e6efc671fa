"""Somebody edits the database, or puts an older one back: it is noticed, nothing is forgotten."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from convsync.errors import OperatorError
from convsync.proof import head_file
from convsync.proof.verification import Verified, verify
from convsync.running import restore
from tests.nights.company import Company, folder_in_memory, instant

NIGHT = ("2026-03-03T02:00Z", "2026-03-04T02:00Z", "2026-03-05T02:00Z")
CLICKED = "2026-02-20T10:00Z"


def won(company: Company, name: str = "D-1", **cells: Any) -> None:
    click = {"gclid": f"G-{name}", "clicked": CLICKED}
    company.has(name, **{"won": "2026-03-02T15:00Z", "amount": 100, **click, **cells})


def edit(company: Company, sql: str) -> None:
    with closing(sqlite3.connect(company.folder / "ledger.db")) as connection, connection:
        assert connection.execute(sql).rowcount == 1


# Edits: the database of the company is no test's own, so each works on a copy


@pytest.fixture
def lived(company: Company) -> Company:
    """A company after two nights: one deal was counted, one has no click."""
    won(company)
    won(company, "D-2", gclid="", clicked="")
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    return company


def verified(company: Company, *edits: str) -> Verified:
    """Return what `verify` says of a copy of the ledger after these edits."""
    with folder_in_memory() as folder:
        shutil.copyfile(company.folder / "convsync.toml", folder / "convsync.toml")
        with (
            closing(sqlite3.connect(company.folder / "ledger.db")) as ledger,
            closing(sqlite3.connect(folder / "ledger.db")) as copy,
        ):
            ledger.backup(copy)
        forged = Company(folder=folder)
        for sql in edits:
            edit(forged, sql)
        found = verify(forged.database)
        forged.close()
        return found


COUNTED = "(SELECT l.id FROM ledger l JOIN deals d ON d.id = l.deal WHERE d.deal_id = 'D-1')"
LEDGER_EDITS = {
    "deal": "(SELECT max(id) + 0 FROM deals WHERE deal_id = 'D-2')",
    "rule": "'renamed'",
    "order_id": "'cs-0'",
    "destination": "'elsewhere'",
    "action_id": "'999'",
    "milestone": "'mql'",
    "milestone_at": "milestone_at + 1",
    "state": "'rejected'",
    "queue": "1, state = 'planned'",
    "operation": "'restate'",
    "reason": "'no_click'",
    "code": "'X'",
    "due_at": "1",
    "value": "value + 1",
    "currency": "'USD'",
    "told_value": "told_value + 10000",
    "told_currency": "'USD'",
    "is_unsure": "1",
    "event_at": "event_at + 1",
    "basis": "2",
    "click_kind": "'gbraid'",
    "click_id": "'other'",
    "clicked_at": "clicked_at + 1",
    "is_click_estimated": "1",
    "seconds_to_close": "1",
    "values_version": "1",
    "extras": "NULL",
    "batch_id": "NULL",
    "run_id": "2",
}


@pytest.mark.long
def test_an_edit_of_any_column_of_the_ledger_is_found(lived: Company) -> None:
    columns = {row["name"] for row in lived.query("PRAGMA table_info(ledger)")}
    assert LEDGER_EDITS.keys() == columns - {"id"}
    assert verified(lived).is_sound
    order_id = lived.entry("D-1").order_id
    missed = {}
    for column, value in LEDGER_EDITS.items():
        found = verified(
            lived,
            *(["DELETE FROM ledger WHERE id <> " + COUNTED] if column == "deal" else []),
            f"UPDATE ledger SET {column} = {value} WHERE id = {COUNTED}",
        )
        about = {difference.about for difference in found.differences}
        if not about & {order_id, "cs-0"}:
            missed[column] = found
    assert not missed


@pytest.mark.parametrize("column", ["run_id", "batch_id"])
def test_audit_verify_finds_a_row_whose_run_or_batch_is_missing(
    lived: Company, column: str
) -> None:
    found = verified(lived, f"UPDATE ledger SET {column} = 99 WHERE id = {COUNTED}")
    assert {difference.about for difference in found.differences} == {lived.entry("D-1").order_id}


def test_audit_verify_finds_a_ledger_column_that_the_state_does_not_use(lived: Company) -> None:
    for column in ("operation", "told_currency", "clicked_at", "event_at", "extras"):
        value = "'restate'" if column == "operation" else "1"
        idle = f"UPDATE ledger SET {column} = {value} WHERE id <> {COUNTED}"
        assert verified(lived, idle).different, column


def test_a_row_that_was_removed_or_slipped_in_is_found(lived: Company) -> None:
    removed = verified(lived, f"DELETE FROM ledger WHERE id = {COUNTED}")
    (difference,) = removed.differences
    assert difference.about == lived.entry("D-1").order_id
    assert "only the audit log knows" in str(difference)
    copied = ", ".join(("77", *(c if c != "rule" else "'more'" for c in LEDGER_EDITS)))
    slipped_in = verified(
        lived,
        f"INSERT INTO ledger (id, {', '.join(LEDGER_EDITS)}) SELECT "
        f"{copied.replace('order_id', repr('cs-7'))} FROM ledger WHERE id = {COUNTED}",
    )
    (difference,) = slipped_in.differences
    assert difference.about == "cs-7"
    assert "only the ledger knows" in str(difference)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("command", "'backfill'"),
        ("as_of", "as_of + 1000000"),
        ("exit_code", "1"),
        ("message", "'all well'"),
        ("uploads", "7"),
        ("audit_number", "2"),
    ],
)
def test_an_edited_run_is_found(lived: Company, column: str, value: str) -> None:
    found = verified(lived, f"UPDATE runs SET {column} = {value} WHERE id = 1")
    said = [(difference.about, difference.field) for difference in found.differences]
    assert ("run 1", column) in said or (column == "audit_number" and found.broken)


def test_a_difference_is_said_in_plain_words(lived: Company) -> None:
    found = verified(lived, f"UPDATE ledger SET told_value = 7000000 WHERE id = {COUNTED}")
    (difference,) = found.differences
    order_id = lived.entry("D-1").order_id
    assert str(difference) == f"{order_id}: told is '7.00', and the audit log says '100.00'"


# A restored ledger


@pytest.mark.long
def test_a_restored_ledger_stops_the_run_and_then_resends_what_was_sent_since(
    company: Company,
) -> None:
    won(company)
    won(company, "D-2")
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    backup(company)
    company.has("D-1", amount=150)
    won(company, "D-3", won="2026-03-03T15:00Z")
    company.night("2026-03-04T12:00Z")
    company.night(NIGHT[2])
    assert (company.value("D-1"), company.value("D-3")) == (150, 100)
    company.has("D-1", amount=100)  # the amount that the backup says was told
    put_back(company)
    with pytest.raises(OperatorError, match=r"\d+ events, written between 2026-03-04 02:00 UTC"):
        company.night("2026-03-06T02:00Z")
    path = company.folder / "convsync.audit-head"
    accepted = restore.accept(company.database, path, now=instant("2026-03-06T03:00Z"))
    assert accepted.lost is not None
    assert accepted.unsure == 2
    assert ("D-1", "won") in company.unsure()
    company.night("2026-03-06T04:00Z")
    company.night("2026-03-07T04:00Z")
    assert (company.value("D-1"), company.value("D-2"), company.value("D-3")) == (100, 100, 100)
    assert not company.unsure()
    company.sums()


def test_another_log_under_the_same_numbers_is_no_continuation(company: Company) -> None:
    won(company)
    company.night(NIGHT[0])
    backup(company)
    company.night(NIGHT[1])
    put_back(company)
    (company.folder / "convsync.audit-head").rename(company.folder / "head.old")
    company.night("2026-03-04T03:00Z")
    (company.folder / "head.old").rename(company.folder / "convsync.audit-head")
    with pytest.raises(OperatorError, match="is not the one that was written by"):
        company.night("2026-03-04T04:00Z")


def test_nothing_is_accepted_where_nothing_is_lost_unless_somebody_is_certain(
    company: Company,
) -> None:
    won(company)
    company.night(NIGHT[0])
    path, now = company.folder / "convsync.audit-head", instant(NIGHT[1]) + timedelta(hours=1)
    with pytest.raises(OperatorError, match="nothing seems to be lost"):
        restore.accept(company.database, path, now=now)
    restore.accept(company.database, path, now=now, is_certain=True)
    assert company.audit_is_sound()


def test_the_head_file_says_where_the_log_ends_and_a_broken_one_stops_the_run(
    company: Company,
) -> None:
    won(company)
    company.night(NIGHT[0])
    path = company.folder / "convsync.audit-head"
    kept = head_file.read(path)
    assert kept is not None
    assert verify(company.database, head=kept.head).is_sound
    assert kept.head.number == company.query("SELECT max(number) AS n FROM audit_events")[0]["n"]
    path.write_text("12:34")
    with pytest.raises(OperatorError, match="cannot be read"):
        company.night(NIGHT[1])


def backup(company: Company) -> None:
    with (
        closing(sqlite3.connect(company.folder / "ledger.db")) as ledger,
        closing(sqlite3.connect(company.folder / "backup.db")) as copy,
    ):
        ledger.backup(copy)


def put_back(company: Company) -> None:
    company.close_ledger()
    for leftover in company.folder.glob("ledger.db*"):
        leftover.unlink()
    shutil.copyfile(company.folder / "backup.db", company.folder / "ledger.db")
