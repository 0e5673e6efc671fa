"""A ledger with data, at every released revision, is brought up to the newest and proves itself.

As long as nothing is released, nights of the code as it is make the one ledger there is. With a
release `python -m tests.store.released_ledger` keeps such a ledger for good, and every migration
after it has to bring that one up, too.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text

from convsync.proof.verification import verify
from convsync.sandbox.server import Sandbox
from convsync.store import migrate
from convsync.store.database import Database
from tests.nights.company import Company, folder_in_memory
from tests.store.released_ledger import FOLDER, Kept, kept_rows, load, read, work_some_nights

pytestmark = pytest.mark.long

RELEASED = sorted(path.name.partition(".")[0] for path in FOLDER.glob("*.json.gz"))
LIVE = "as it is"
HEAD = "SELECT number, digest FROM audit_events ORDER BY number DESC LIMIT 1"
WORTH = "SELECT state, count(*), sum(value) FROM ledger GROUP BY state ORDER BY state"


@pytest.fixture(scope="module")
def made() -> Iterator[Kept]:
    """The rows of a ledger that nights of the code as it is have filled, as a file keeps them."""
    with (
        Sandbox() as sandbox,
        folder_in_memory() as folder,
        closing(Company.founded(folder, sandbox)) as company,
    ):
        work_some_nights(company)
        yield json.loads(json.dumps(kept_rows(company.database)))


def of(release: str, made: Kept) -> tuple[Kept, str]:
    return (made, migrate.newest()) if release == LIVE else (read(release), release)


def told(database: Database) -> Mapping[str, Any]:
    """What must come out of an upgrade as it was: the log's head, and what is worth what."""
    with database.reading() as connection:
        return {
            "head": [tuple(row) for row in connection.execute(text(HEAD))],
            "worth": [tuple(row) for row in connection.execute(text(WORTH))],
        }


def test_there_is_a_ledger_of_every_revision_below_the_newest() -> None:
    below = [f"{number:04}" for number in range(1, int(migrate.newest()))]
    assert set(below) <= set(RELEASED), "python -m tests.store.released_ledger was to be run first"


@pytest.mark.parametrize("release", [*RELEASED, LIVE])
def test_a_ledger_of_that_release_is_brought_up_with_all_that_it_knows(
    release: str, made: Kept, empty: Database
) -> None:
    kept, revision = of(release, made)
    load(kept, empty, revision)
    before = told(empty)
    migrate.upgrade(empty)
    migrate.require_current(empty)
    verified = verify(empty)
    assert verified.is_sound, verified
    assert told(empty) == before
    states = {row[0] for row in before["worth"]}
    assert {"accepted", "confirmed", "not_sent"} <= states


def test_the_ledger_holds_something_of_most_tables(made: Kept) -> None:
    filled = {name for name, rows in made.items() if rows}
    assert {"deals", "milestones", "clicks", "ledger", "audit_events", "runs"} <= filled
    assert {"batches", "quarantine", "deal_keys", "click_keys"} <= filled


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(
            "UPDATE ledger SET value = value + 1000000 WHERE state = 'confirmed'", id="value"
        ),
        pytest.param("UPDATE ledger SET rule = 'sale' WHERE rule = 'won'", id="rule"),
        pytest.param("UPDATE runs SET exit_code = 3 WHERE id = 1", id="a run"),
    ],
)
def test_a_migration_that_harms_what_is_known_would_be_found(
    harm: str, made: Kept, empty: Database
) -> None:
    load(made, empty, migrate.newest())
    with empty.transaction("a bad migration") as connection:
        assert connection.execute(text(harm)).rowcount
    assert not verify(empty).is_sound
