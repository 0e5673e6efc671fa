"""Revenue through whole nights on either database, and nights that stop at a step about it."""

import csv

import pytest

from convsync.store.database import ignore_step
from tests.nights.company import Company

CLICKED = "2026-02-20T10:00Z"
NIGHTS = [f"2026-03-{day:02}T02:00Z" for day in range(3, 31)]
REVENUE = """
[revenue.invoices]
kind = "csv"
path = "invoices.csv"
complete = true
columns = { line = "no", paid_at = "paid", amount = "amount", currency = "currency", \
deal_id = "deal", customer = "customer" }
"""
WORTH = 'action_id = 222\nvalue = { kind = "revenue", within_days = 90 }\n'


class StoppedHereError(Exception):
    """A night is stopped at a step, as a power cut would."""


def prepare(company: Company, ledger: str) -> None:
    company.configure(("sqlite:///ledger.db", ledger), ("action_id = 222\n", WORTH), more=REVENUE)
    for name in ("first", "second", "third"):
        company.has(name, won="2026-03-02T15:00Z", amount=100, gclid=f"G-{name}", clicked=CLICKED)


def invoiced(company: Company, *rows: str) -> None:
    with (company.folder / "invoices.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("no", "paid", "amount", "currency", "deal", "customer"))
        writer.writerows([*row.split(","), ""] for row in rows)


@pytest.mark.long
def test_a_night_stopped_at_any_step_about_revenue_ends_the_same(
    company: Company, url: str
) -> None:
    """Each night a line moves to the other deal, and one of a third comes or is taken back."""
    prepare(company, url)
    steps: list[str] = []
    which = 0
    for which, night in enumerate(NIGHTS):
        here, other = ("first", "second") if which % 2 else ("second", "first")
        of_third = () if which % 2 else ("R-2,2026-03-02,70,EUR,third",)
        invoiced(company, f"R-1,2026-03-02,50,EUR,{here}", *of_third)
        steps = stopped_at(company, night, which)
        company.night(night.replace("T02", "T03"))
        company.night(night.replace("T02", "T05"))
        assert company.value(here) == 50, steps
        assert company.value(other) == 100, steps
        assert company.value("third") == (100 if which % 2 else 70), steps
        assert company.audit_is_sound()
        if which >= len(steps):
            break
    assert which == len(steps) == 4, "two transactions, before and after their commit"


def stopped_at(company: Company, night: str, which: int) -> list[str]:
    """Run a night that stops at one of its steps about revenue; return those it came to."""
    steps: list[str] = []

    def on_step(step: str) -> None:
        if "revenue" in step:
            steps.append(step)
            if len(steps) == which + 1:
                raise StoppedHereError

    company.close_ledger()
    company.on_step = on_step
    try:
        company.night(night)
    except StoppedHereError:
        pass
    finally:
        company.on_step = ignore_step
        company.close_ledger()
    return steps
