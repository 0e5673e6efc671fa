"""Whole nights on either database: after each, replaying the audit log gives the ledger."""

from collections.abc import Iterator

import pytest

from convsync import pipeline
from convsync.sandbox.server import Sandbox
from tests.nights.company import Company, folder_in_memory

CLICKED = "2026-02-20T10:00Z"


@pytest.fixture
def company(url: str) -> Iterator[Company]:
    with Sandbox() as sandbox, folder_in_memory() as folder:
        company = Company(folder=folder, sandbox=sandbox)
        company.configure(("sqlite:///ledger.db", url))
        yield company
        company.close()


def test_nights_and_a_preview_leave_a_log_that_gives_the_ledger(
    company: Company,
) -> None:
    for name in ("stays", "grows", "lost"):
        click = {"gclid": f"G-{name}", "clicked": CLICKED}
        company.has(name, won="2026-03-02T15:00Z", amount=100, **click)
    company.has("no click", won="2026-03-02T15:00Z", amount=100)
    company.night("2026-03-03T02:00Z")
    assert company.audit_is_sound()
    company.night("2026-03-04T02:00Z")
    assert company.audit_is_sound()
    company.has("grows", amount=150)
    company.has("lost", lost="2026-03-04T12:00Z")
    company.export()
    planned = company.at("2026-03-05T01:00Z", pipeline.plan)
    assert (planned.plan.outgoing.restated, planned.plan.outgoing.retracted) == (1, 1)
    company.night("2026-03-05T02:00Z")
    company.night("2026-03-06T02:00Z")
    assert (company.value("stays"), company.value("grows"), company.value("lost")) == (100, 150, 0)
