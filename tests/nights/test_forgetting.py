"""Somebody is forgotten: nothing leads to them any more, and the account still adds up."""

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from convsync import pipeline
from convsync.errors import OperatorError
from convsync.model.erased import digests_of_people
from convsync.model.identifiers import Identifiers
from convsync.model.terms import PrivacySettings
from convsync.privacy.forgetting import Forgotten, Whom
from convsync.running.services import Services
from convsync.store import schema
from tests.nights.company import A_FILE, Company

NIGHT = [f"2026-03-0{day}T02:00Z" for day in range(3, 9)]
CLICKED = "2026-02-20T10:00Z"
EMAIL = "ann@example.org"
HASH = sha256(EMAIL.encode()).hexdigest()
KEY = b"a secret of sixteen or more"


def won(company: Company, name: str, **cells: Any) -> None:
    click = {"gclid": f"G-of-{name}", "clicked": CLICKED, "email": f"{name.lower()}@example.org"}
    company.has(name, **{"won": "2026-03-02T15:00Z", "amount": 100, **click, **cells})


def forget(company: Company, *deal_ids: str, at: str = NIGHT[2], **whom: Any) -> Forgotten:
    meant = Whom(deal_ids=frozenset(deal_ids), **whom)
    return company.at(at, lambda services: pipeline.forget(services, meant))


@pytest.fixture(autouse=True)
def has_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSYNC_PRIVACY__KEY", KEY.decode())


@pytest.fixture
def lived(company: Company) -> Company:
    """A company that has reported Ann's two deals, one by her e-mail alone, and Bob's."""
    won(company, "ANN", email=EMAIL, visitor="V-ann")
    won(company, "ANN-2", email=EMAIL, gclid="", clicked="")
    won(company, "BOB")
    company.clicked("G-later", "2026-02-25T10:00Z", visitor="V-ann")
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    assert company.value("ANN-2") == 100.0
    return company


def in_the_files(company: Company, *texts: str) -> set[str]:
    """Return those texts that stand somewhere in the bytes of the ledger's files.

    A server's files are no company's own: there every row of every table is looked at.
    """
    if company.ledger != A_FILE:
        tables = schema.metadata.tables
        rows = [
            row[0] for table in tables for row in company.query(f"SELECT t::text FROM {table} t")
        ]
        return {text for text in texts if any(text in row for row in rows)}
    company.close_ledger()
    held = b"".join(path.read_bytes() for path in company.folder.glob("ledger.db*"))
    return {text for text in texts if text.encode() in held}


HERS = ("G-of-ANN", "G-later", HASH, EMAIL)


def test_nothing_in_the_files_leads_to_who_was_forgotten(lived: Company) -> None:
    assert in_the_files(lived, *HERS) == {"G-of-ANN", "G-later", HASH}
    assert forget(lived, "ANN") == Forgotten(deals=2, clicks=1, conversions=2)
    assert in_the_files(lived, *HERS, "G-of-BOB") == {"G-of-BOB"}


def test_order_ids_and_amounts_stay_and_the_log_verifies(lived: Company) -> None:
    before = lived.entries()
    forget(lived, "ANN")
    after = lived.entries()
    assert after.keys() == before.keys()
    for name in ("ANN", "ANN-2"):
        kept, was = after[name, "won"], before[name, "won"]
        assert (kept.order_id, kept.told, kept.state) == (was.order_id, was.told, was.state)
        assert kept.click is None
    assert lived.audit_is_sound()
    assert lived.sums()


def test_the_log_says_that_somebody_was_forgotten_and_not_who(lived: Company) -> None:
    forget(lived, "ANN")
    sql = "SELECT deal_id, order_id, detail FROM audit_events WHERE event = 'person_forgotten'"
    (event,) = lived.query(sql)
    assert (event["deal_id"], event["order_id"]) == (None, None)
    assert '"deals":2' in event["detail"]
    assert "ANN" not in event["detail"]


def test_who_was_forgotten_is_not_read_again_from_files(lived: Company) -> None:
    forget(lived, "ANN")
    won(lived, "ANN", email=EMAIL, amount=900, modified="2026-03-05T12:00Z")
    won(lived, "ANN-3", email=EMAIL, won="2026-03-05T15:00Z")
    lived.clicked("G-of-ANN", CLICKED, visitor="V-ann")
    lived.night(NIGHT[4])
    assert in_the_files(lived, *HERS) == set()
    assert lived.value("ANN") == 100.0
    assert lived.entry("ANN-3").reason == "person_forgotten"
    assert lived.audit_is_sound()
    assert lived.sums()


def test_what_was_still_to_be_sent_or_corrected_is_not(company: Company) -> None:
    won(company, "ANN", email=EMAIL)
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    won(company, "ANN", email=EMAIL, amount=700)
    won(company, "ANN-2", email=EMAIL, won="2026-03-03T15:00Z")
    company.export()
    preview = company.at(NIGHT[2], pipeline.plan)
    assert preview.plan.steps.total() == 2
    forget(company, "ANN")
    company.night(NIGHT[3])
    assert (company.value("ANN"), company.value("ANN-2")) == (100.0, None)
    assert company.audit_is_sound()


def test_an_address_is_forgotten_whose_deals_nobody_named(lived: Company) -> None:
    digests = frozenset(digests_of_people(Identifiers(emails=(HASH,))))
    assert forget(lived, digests=digests).deals == 2
    assert in_the_files(lived, *HERS) == set()


@pytest.mark.usefixtures("ledger_in_a_file")
def test_a_restored_backup_forgets_again(lived: Company) -> None:
    lived.close_ledger()
    backup = lived.folder / "backup.db"
    shutil.copyfile(lived.folder / "ledger.db", backup)
    forget(lived, "ANN")
    lived.close_ledger()
    for path in lived.folder.glob("ledger.db-*"):
        path.unlink()
    shutil.copyfile(backup, lived.folder / "ledger.db")
    (lived.folder / "convsync.audit-head").unlink()  # as `audit accept-restore` would
    lived.night(NIGHT[4])
    lived.database.scrub()
    assert in_the_files(lived, *HERS, "G-of-BOB") == {"G-of-BOB"}
    assert lived.audit_is_sound()


def test_without_its_secret_nobody_is_forgotten_and_nothing_is_read(
    lived: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(services: Services, key: bytes | None) -> Services:
        return replace(services, privacy=PrivacySettings(key=key))

    whom = Whom(deal_ids=frozenset({"ANN"}))
    with pytest.raises(OperatorError, match="set CONVSYNC_PRIVACY__KEY"):
        lived.at(NIGHT[2], lambda services: pipeline.forget(without(services, None), whom))
    forget(lived, "ANN")
    with pytest.raises(OperatorError, match="CONVSYNC_PRIVACY__KEY is not set"):
        lived.at(NIGHT[3], lambda services: pipeline.run(without(services, None)))
    with pytest.raises(OperatorError, match="is not the key with which"):
        lived.at(NIGHT[3], lambda services: pipeline.run(without(services, KEY[::-1])))


def test_the_list_says_nothing_of_whom_it_holds_and_is_its_owners_alone(lived: Company) -> None:
    forget(lived, "ANN")
    path = lived.folder / "convsync.erased"
    assert HASH not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


# Those who refused, and what is old


def test_of_somebody_who_refuses_no_hash_is_kept(company: Company) -> None:
    won(company, "ANN", email=EMAIL, consent="no", gclid="", clicked="")
    company.night(NIGHT[0])
    assert in_the_files(company, HASH) == set()


def test_hashes_go_when_nothing_can_be_corrected_any_more(company: Company) -> None:
    won(company, "ANN", email=EMAIL, gclid="", clicked="")
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    company.database.scrub()
    assert in_the_files(company, HASH) == {HASH}
    company.night("2026-06-20T02:00Z")
    company.database.scrub()
    assert in_the_files(company, HASH) == set()
    assert company.value("ANN") == 100.0
    assert company.audit_is_sound()


@pytest.fixture
def files(company: Company) -> list[Path]:
    won(company, "ANN")
    company.night(NIGHT[0])
    return list(company.folder.glob("ledger.db*"))


@pytest.mark.usefixtures("ledger_in_a_file")
def test_the_database_is_readable_only_by_its_owner(files: list[Path]) -> None:
    assert len(files) >= 2
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600] * len(files)
