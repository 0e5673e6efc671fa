"""The older part of the log sealed in a file: what is left proves as much, and nothing is lost."""

import gzip
from datetime import datetime

import pytest
from sqlalchemy import delete, text, update

from convsync.errors import ConvsyncError, LockedError, OperatorError
from convsync.model.chain import Head
from convsync.model.event import EventKind
from convsync.proof import sealing
from convsync.proof.sealing import Sealed
from convsync.proof.verification import verify, verify_within
from convsync.store import audit_log, audit_search, lookup
from convsync.store.audit_search import Wanted
from convsync.store.database import Database, ignore_step
from convsync.store.schema import audit_events, audit_head
from tests.nights.company import Company, instant
from tests.store.rows import rolled_back

pytestmark = pytest.mark.long

CLICKED = "2026-02-20T10:00Z"
BEFORE, NOW = instant("2026-03-05T00:00Z"), instant("2026-09-01T08:00Z")


def won(company: Company, name: str, at: str = "2026-03-02T15:00Z", **cells: object) -> None:
    company.has(
        name, **{"won": at, "amount": 100, "gclid": f"G-{name}", "clicked": CLICKED} | cells
    )


@pytest.fixture
def lived(company: Company) -> Company:
    """Two nights that will be sealed, and two after which something of the same deals changed."""
    for name in ("stays", "grows", "lost"):
        won(company, name)
    company.has("no-click", won="2026-03-02T15:00Z", amount=100)
    company.night("2026-03-03T02:00Z")
    company.night("2026-03-04T02:00Z")
    company.has("grows", amount=150)
    company.has("lost", lost="2026-03-05T12:00Z")
    won(company, "new", "2026-03-05T15:00Z", clicked="2026-03-01T10:00Z")
    company.night("2026-03-06T02:00Z")
    company.night("2026-03-07T02:00Z")
    return company


def seal(company: Company, before: datetime = BEFORE, name: str = "old.jsonl") -> Sealed:
    return sealing.seal(
        company.database,
        None,
        file=company.folder / name,
        before=before,
        now=NOW,
        real_clock=lambda: NOW,
        by="somebody",
    )


def events(database: Database, deal_id: str | None = None, **wanted: object) -> list[str]:
    with database.reading() as connection:
        asked = None if deal_id is None else lookup.of_deals(connection, [deal_id])
        return [row.event for row in audit_search.every(connection, Wanted(**wanted), asked)]  # type: ignore[arg-type]


def numbers(company: Company) -> list[int]:
    with company.database.reading() as connection:
        return [row[0] for page in audit_log.chain(connection) for row in page]


def test_what_was_sealed_is_in_the_file_and_the_log_that_is_left_gives_the_ledger(
    lived: Company,
) -> None:
    before = numbers(lived)
    sealed = seal(lived)
    file = lived.folder / "old.jsonl"
    assert len(file.read_text().splitlines()) == sealed.content.events + 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert numbers(lived)[0] == sealed.content.events + 1
    assert set(before) <= {*range(1, sealed.content.events + 1), *numbers(lived)}
    found = verify(lived.database)
    assert found.is_sound
    assert found.sealed_events == sealed.content.events
    assert found.sealed is not None
    assert found.sealed["kinds"] == sealed.content.kinds
    assert sealing.check_file(lived.database, file).sha256 == sealed.content.sha256
    assert "reserved" in sealed.content.kinds
    assert sealed.conversions == 4


def test_nights_go_on_after_a_sealing_and_still_correct_what_was_carried_over(
    lived: Company,
) -> None:
    seal(lived, instant("2026-03-08T00:00Z"))
    lived.has("stays", amount=120)
    won(lived, "newer", "2026-03-07T15:00Z", clicked="2026-03-01T10:00Z")
    lived.night("2026-03-08T02:00Z")
    lived.night("2026-03-09T02:00Z")
    assert lived.audit_is_sound()
    assert [lived.value(name) for name in ("stays", "grows", "lost", "newer")] == [120, 150, 0, 100]


def test_a_conversion_is_found_as_what_it_had_come_to(lived: Company) -> None:
    seal(lived)
    assert events(lived.database, "stays") == ["carried"]
    grown = events(lived.database, "grows")
    assert (grown[0], grown[-1]) == ("restated", "carried")
    assert events(lived.database, "new").count("carried") == 0
    assert events(lived.database, rule="won", event=EventKind.CARRIED)
    with lived.database.reading() as connection:
        amounts = lookup.with_amount(connection, None, None)
    assert {one.deal_id for one in amounts.conversions} == {"stays", "grows", "lost", "new"}


def test_a_second_sealing_goes_on_from_the_first_and_tells_of_both_files(lived: Company) -> None:
    first = seal(lived)
    second = seal(lived, instant("2026-03-06T12:00Z"), "newer.jsonl")
    assert second.content.before == first.content.last
    for name in ("old.jsonl", "newer.jsonl"):
        assert sealing.check_file(lived.database, lived.folder / name).events
    lived.night("2026-03-08T02:00Z")
    seal(lived, instant("2026-04-01T00:00Z"), "newest.jsonl")
    assert lived.audit_is_sound()


STEPS = (
    *("open run: before commit", "open run: committed"),
    *("seal the log: before commit", "seal the log: committed"),
)


@pytest.mark.parametrize("step", STEPS)
def test_a_sealing_that_is_killed_loses_nothing_and_is_done_again(
    lived: Company, step: str
) -> None:
    def kill(at: str) -> None:
        if at == step:
            raise KeyboardInterrupt

    lived.close_ledger()
    lived.on_step = kill
    with pytest.raises(KeyboardInterrupt):
        seal(lived)
    lived.close_ledger()
    lived.on_step = ignore_step
    assert lived.audit_is_sound()
    with lived.database.transaction("its process has ended") as connection:
        connection.execute(text("UPDATE runs SET lock = NULL WHERE lock IS NOT NULL"))
    if step != "seal the log: committed":
        assert numbers(lived)[0] == 1
        seal(lived)
    assert numbers(lived)[0] > 1
    assert sealing.check_file(lived.database, lived.folder / "old.jsonl").events


REFUSED = {
    "2026-08-01T00:00Z": "last 90 days",
    "2026-01-01T00:00Z": "No event in the database was written before 2026-01-01",
}


@pytest.mark.parametrize("before", REFUSED)
def test_a_sealing_of_too_much_or_of_nothing_removes_nothing(lived: Company, before: str) -> None:
    with pytest.raises(OperatorError, match=REFUSED[before]):
        seal(lived, instant(before))
    assert numbers(lived)[0] == 1
    assert lived.audit_is_sound()
    assert not (lived.folder / "old.jsonl").exists()


def test_a_file_that_is_something_else_is_neither_used_nor_written_over(lived: Company) -> None:
    (lived.folder / "old.jsonl").write_text("mine\n")
    with pytest.raises(OperatorError, match="not what was sealed: its first line"):
        seal(lived)
    assert (lived.folder / "old.jsonl").read_text() == "mine\n"
    assert numbers(lived)[0] == 1


def test_a_log_that_does_not_give_the_ledger_is_not_sealed(lived: Company) -> None:
    with lived.database.transaction("edit") as connection:
        connection.execute(text("UPDATE ledger SET value = value + 1 WHERE value IS NOT NULL"))
    with pytest.raises(OperatorError, match="do not agree"):
        seal(lived)
    assert numbers(lived)[0] == 1
    with lived.database.transaction("undo") as connection:
        connection.execute(text("UPDATE ledger SET value = value - 1 WHERE value IS NOT NULL"))


def test_the_database_refuses_to_remove_what_is_not_sealed(lived: Company) -> None:
    seal(lived)
    with (
        pytest.raises(ConvsyncError, match="append-only"),
        lived.database.transaction("forge") as connection,
    ):
        connection.execute(delete(audit_events).where(audit_events.c.number == numbers(lived)[0]))


def test_a_beginning_that_no_event_vouches_for_is_found(lived: Company) -> None:
    first, second = numbers(lived)[:2]
    with rolled_back(lived.database) as connection:
        digest = audit_log.digest_at(connection, first)
        forged = {"sealed": first, "sealed_digest": digest, "sealed_in": second}
        connection.execute(update(audit_head).values(forged))
        connection.execute(delete(audit_events).where(audit_events.c.number == first))
        broken = verify_within(connection).broken
    assert broken is not None
    assert broken.problem == "the log begins here, and no event says that the rest was sealed"


def edited(line: str) -> str:
    return line.replace('"confirmed', '"rejected', 1)


def test_a_sealed_file_in_which_anything_was_changed_is_found(lived: Company) -> None:
    seal(lived)
    file = lived.folder / "old.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    for forged in (lines[:-1], lines[:3] + lines[4:], [*map(edited, lines)], lines[1:]):
        copy = lived.folder / "copy.jsonl"
        copy.write_text("".join(forged))
        with pytest.raises(OperatorError, match=r"copy\.jsonl is n"):
            sealing.check_file(lived.database, copy)
    packed = lived.folder / "copy.jsonl.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert sealing.check_file(lived.database, packed).events


def test_a_head_from_before_is_proved_by_the_file(lived: Company) -> None:
    with lived.database.reading() as connection:
        head = Head(3, audit_log.digest_at(connection, 3) or b"")
    seal(lived)
    file = lived.folder / "old.jsonl"
    with pytest.raises(OperatorError, match=r"Event 3 was sealed.*--sealed old\.jsonl"):
        verify(lived.database, head=head)
    assert sealing.check_file(lived.database, file, head=head).events
    with pytest.raises(OperatorError, match="no event 3 with the digest"):
        sealing.check_file(lived.database, file, head=Head(3, bytes(32)))


def test_a_forged_row_of_a_run_whose_events_were_sealed_is_found(lived: Company) -> None:
    seal(lived)
    with rolled_back(lived.database) as connection:
        connection.execute(text("UPDATE runs SET uploads = uploads + 1 WHERE id = 1"))
        found = verify_within(connection)
    assert [(one.about, one.field) for one in found.differences] == [("run 1", "uploads")]


def test_nothing_is_sealed_while_a_run_goes_on(lived: Company) -> None:
    until = int(NOW.timestamp() * 1_000_000) * 2
    hold = f"UPDATE runs SET lock = 'run', lease_until = {until} WHERE id = 1"
    with lived.database.transaction("begin") as connection:
        connection.execute(text(hold))
    with pytest.raises(LockedError):
        seal(lived)
    assert numbers(lived)[0] == 1
