"""Nights with more new deals than are planned one by one: the books, the log, and what follows."""

from convsync.reconcile import MANY
from tests.nights.company import Company

CLICKED = "2026-02-20T10:00Z"
WON = "2026-03-02T15:00Z"
NIGHTS = [f"2026-03-{day:02}T02:00Z" for day in range(3, 8)]


def events(company: Company, kind: str) -> int:
    (row,) = company.query(f"SELECT count(*) AS number FROM audit_events WHERE event = '{kind}'")
    return int(row["number"])


def test_deals_that_were_planned_together_go_on_one_by_one(company: Company) -> None:
    names = [f"D-{number}" for number in range(MANY)]
    for at, name in enumerate(names):
        company.has(name, won=WON, amount=100 + at, gclid=f"G-{name}", clicked=CLICKED)
    company.has("nobody's", won=WON, amount=5)
    company.night(NIGHTS[0])
    assert events(company, "planned") == 1
    assert [company.value(name) for name in names] == [100 + at for at in range(MANY)]
    assert company.value("nobody's") is None

    company.night(NIGHTS[1])
    company.has("D-1", amount=250)
    company.has("D-2", consent="no")
    company.has("nobody's", gclid="G-late", clicked=CLICKED)
    company.night(NIGHTS[2])
    assert (company.value("D-1"), company.value("D-2")) == (250, 0)
    assert company.value("nobody's") == 5
    assert events(company, "planned") == 2
    assert company.audit_is_sound()
