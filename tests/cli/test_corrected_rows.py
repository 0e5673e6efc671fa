"""Rows that are corrected, or turn up, under a stamp of long ago: no window would find them."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.cli.office import NEXT_NIGHT, THIRD_NIGHT, Office

LONG_AGO = ("1970-01-01", "1900-01-01 00:00:00", "2026-02-01 09:00:00")
QUERY = """
kind = "sql"
url = "sqlite:///crm.sqlite"
query = "SELECT * FROM deals WHERE changed >= :since"

[deals.crm.columns]
deal_id = "id"
amount = "amount"
gclid = "gclid"
modified_at = "changed"

[deals.crm.milestones]
won = "won"

[clicks.site]
"""


def in_quarantine(office: Office) -> list[str]:
    """Return the places of what could not be read."""
    listed = office.types("quarantine", "list", "--format", "json").out
    return [entry["place"] for entry in json.loads(listed)]


@pytest.fixture
def changes(office: Office) -> Office:
    """A company whose export need not hold every deal."""
    office.configure("complete = true", "complete = false")
    office.deal("before", mql_date="")
    office.night()
    return office


@pytest.mark.parametrize("stamp", [*LONG_AGO, "2031-01-01 00:00:00"])
def test_a_row_of_a_file_that_turns_up_under_any_stamp_is_read(changes: Office, stamp: str) -> None:
    changes.deal("late", mql_date="", last_modified=stamp)
    changes.night(NEXT_NIGHT)
    assert len(changes.counted("333")) == 2


def test_a_row_of_a_file_that_is_edited_under_its_old_stamp_is_read(changes: Office) -> None:
    changes.deal("before", mql_date="", amount="1500")
    changes.night(NEXT_NIGHT)
    assert changes.values("333") == [1500]


def test_a_file_in_which_nothing_changed_gives_nothing(changes: Office) -> None:
    said = changes.night(NEXT_NIGHT)
    assert "sent 0" in said.out.splitlines()[-1]
    assert changes.values("333") == [1000]


@pytest.mark.long
@pytest.mark.parametrize(
    ("cells", "old", "new"),
    [
        pytest.param({"amount": "1000,50"}, "complete", 'decimal = ","\ncomplete', id="config"),
        pytest.param({"amount": "1000,50"}, "", "", id="file"),
        pytest.param({"last_modified": "soon"}, "", "", id="stamp"),
    ],
)
def test_a_deal_that_could_not_be_read_is_read_once_that_is_corrected(
    changes: Office, cells: dict[str, str], old: str, new: str
) -> None:
    changes.deal("bad", mql_date="", **cells)
    changes.night(NEXT_NIGHT)
    assert in_quarantine(changes) == ["deals.csv:3"]
    changes.configure(old, new) if old else changes.deal("bad", mql_date="")
    changes.night(THIRD_NIGHT)
    assert in_quarantine(changes) == []
    assert len(changes.counted("333")) == 2


@pytest.mark.long
@pytest.mark.parametrize("logged", ["", 'logged_at = "Landing page"\n'])
def test_a_click_that_could_not_be_read_leaves_the_quarantine_once_it_is(
    office: Office, logged: str
) -> None:
    office.configure("[clicks.site.columns]\n", f"[clicks.site.columns]\n{logged}")
    office.configure('landing_url = "Landing page"\nvisitor', "visitor")
    office.deal("D-1", mql_date="", gclid="")
    click = {"GCLID": "click", "Deal ID": "D-1", "Landing page": "2026-02-20T08:00:00Z"}
    office.clicks["one"] = {**click, "Clicked at": "20.02.2026 08:00"}
    office.night()
    assert in_quarantine(office) == ["clicks.csv:2"]
    office.clicks["one"] = {**click, "Clicked at": "2026-02-20T08:00:00Z"}
    office.night(NEXT_NIGHT)
    assert in_quarantine(office) == []
    assert len(office.counted("333")) == 1


@pytest.mark.long
def test_a_row_of_a_query_that_could_not_be_read_is_read_once_the_config_is_corrected(
    office: Office,
) -> None:
    rows = [(str(n), "1000,50" if n % 2 else "1000", f"click-{n}") for n in range(1, 5)]
    with closing(sqlite3.connect(office.folder / "crm.sqlite")) as database, database:
        database.execute("CREATE TABLE deals (id, amount, gclid, won, changed)")
        times = "'2026-02-25 10:00:00', '2026-02-25 11:00:00'"
        database.executemany(f"INSERT INTO deals VALUES (?, ?, ?, {times})", rows)
    office.cut("[milestones.mql]", "[milestones.won]")
    office.cut("[deals.crm]", "[clicks.site]")
    office.cut("[rules.mql]", "[rules.won]")
    office.configure("[clicks.site]\n", f"[deals.crm]{QUERY}")
    office.night()
    assert office.values("333") == [1000, 1000]
    assert len(in_quarantine(office)) == 2
    office.configure('kind = "sql"', 'kind = "sql"\ndecimal = ","')
    office.night(NEXT_NIGHT)
    assert in_quarantine(office) == []
    assert office.values("333") == [1000, 1000, 1000.5, 1000.5]
    assert "sent 0" in office.night(THIRD_NIGHT).out.splitlines()[-1]
