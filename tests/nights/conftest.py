"""A company that reports to the sandbox, as new for every test."""

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from convsync.sandbox.server import Sandbox
from convsync.store import migrate
from convsync.store.database import Database
from tests.nights.company import A_FILE, Company, folder_in_memory
from tests.store.conftest import Server, text_of
from tests.store.conftest import server as server


@pytest.fixture(scope="session")
def with_tables(server: Server) -> str:
    """The name of a PostgreSQL database that has all tables, and is copied for each company."""
    url = server.create()
    with closing(Database(text_of(url))) as database:
        migrate.upgrade(database)
    return str(url.database)


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> str:
    """Where the company keeps its ledger: in a file, or as `make nights-on-postgresql` has it."""
    if os.environ.get("NIGHTS_ON") != "postgresql":
        return A_FILE
    server: Server = request.getfixturevalue("server")
    template = request.getfixturevalue("with_tables")
    return text_of(server.create(like=template))


@pytest.fixture
def ledger_in_a_file(ledger: str) -> None:
    """Skip what copies or reads the ledger's own file where it is kept on a server."""
    if ledger != A_FILE:
        pytest.skip("the ledger is no file of the company's here")


@pytest.fixture
def company(sandbox: Sandbox, ledger: str) -> Iterator[Company]:
    with folder_in_memory() as folder:
        company = Company.founded(folder, sandbox, ledger)
        yield company
        company.close()
