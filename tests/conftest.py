"""What holds after every test that lives through nights: replaying the log gives the ledger."""

from collections.abc import Iterator

import pytest

from convsync.verification import verify


@pytest.fixture(autouse=True)
def the_log_gives_the_ledger(request: pytest.FixtureRequest) -> Iterator[None]:
    """Replay the audit log of a test's company, and compare it with its ledger and its runs."""
    company = request.getfixturevalue("company") if "company" in request.fixturenames else None
    yield
    if company is not None:
        verified = verify(company.database)
        assert verified.is_sound, verified
