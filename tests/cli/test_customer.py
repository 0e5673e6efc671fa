"""`customer`: all deals and clicks of one customer in order, from whatever leads to them."""

import io
import json
from hashlib import sha256
from typing import Any

import pytest

from tests.cli.office import NEXT_NIGHT, Office


@pytest.fixture
def ledger(office: Office) -> Office:
    """Ada bought twice and clicked twice; Bob has a deal of his own."""
    office.deal("D-1", e_mail="ada@x.example", visitor_id="v-ada")
    office.deal("D-2", gclid="", e_mail="ada@x.example", amount="250", won_date="")
    office.deal("D-3", e_mail="bob@x.example")
    office.clicks["second"] = {
        "Clicked at": "2026-02-21T08:00:00Z",
        "GCLID": "her-second",
        "Visitor ID": "v-ada",
    }
    office.night()
    return office


def steps(office: Office, *words: str) -> list[dict[str, Any]]:
    said = office.types("customer", *words, "--format", "json")
    assert said.code == 0, said.err
    found: list[dict[str, Any]] = json.loads(said.out)
    return found


def names(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["kind"], one["what"], one["deal_id"]) for one in found]


ADAS = [
    ("click", "gclid", "D-1"),
    ("deal", "created", "D-1"),
    ("deal", "created", "D-2"),
    ("milestone", "mql", "D-1"),
    ("milestone", "mql", "D-2"),
    ("click", "gclid", ""),
    ("milestone", "won", "D-1"),
]


def test_a_customer_is_all_that_keys_lead_to_in_order(ledger: Office) -> None:
    found = steps(ledger, "D-1")
    assert names(found)[:7] == ADAS
    sent = {(one["what"], one["deal_id"], one["name"]) for one in found[7:]}
    assert sent == {
        ("reserved", "D-1", "mql"),
        ("reserved", "D-1", "won"),
        ("reserved", "D-2", "mql"),
        ("joined", "D-1", ""),
        ("joined", "D-2", ""),
    }
    assert not {one["deal_id"] for one in found} & {"D-3"}


def test_every_name_leads_to_the_same_customer(
    ledger: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = steps(ledger, "D-1")
    (order_id,) = ledger.counted("333").keys() - {
        one for one in ledger.counted("333") if "D-3" in ledger.types("find", one).out
    }
    for name in ("D-2", order_id, "click-of-D-1", "her-second"):
        assert steps(ledger, name) == expected
    monkeypatch.setattr("sys.stdin", io.StringIO("Ada@X.example\n"))
    assert steps(ledger, "--email-stdin") == expected


@pytest.mark.long
def test_a_merge_joins_two_customers_and_undone_parts_them(ledger: Office) -> None:
    alone = names(steps(ledger, "D-3"))
    ledger.deal("D-3", e_mail="ada@x.example", last_modified="2026-03-03 09:00:00")
    ledger.night(NEXT_NIGHT)
    assert {"D-1", "D-2", "D-3"} <= {one["deal_id"] for one in steps(ledger, "D-1")}
    ledger.deal("D-3", e_mail="bob@x.example", last_modified="2026-03-04 09:00:00")
    ledger.night("2026-03-05T02:00+01:00")
    assert names(steps(ledger, "D-3"))[:4] == alone[:4]
    assert not {one["deal_id"] for one in steps(ledger, "D-1")} & {"D-3"}
    merge = [(what, deal) for kind, what, deal in names(steps(ledger, "D-3")) if kind == "customer"]
    assert merge == [("joined", "D-3"), ("parted", "D-3")]


def test_a_key_of_many_deals_joins_nobody(office: Office) -> None:
    for number in range(7):
        office.deal(f"D-{number}", e_mail="info@x.example")
    office.night()
    assert {one["deal_id"] for one in steps(office, "D-1")} == {"D-1"}


def test_people_read_it_as_a_story(ledger: Office) -> None:
    said = ledger.types("customer", "D-1").out.splitlines()
    assert said[0] == "2 deals (D-1, D-2), 2 click IDs"
    assert said[2].split() == ["2026-02-20", "09:00", "click", "gclid", "click-of-D-1", "D-1"]
    (won,) = [line for line in said if "milestone won" in line]
    assert won.split()[:2] == ["2026-03-02", "23:59"]
    assert "1,000.00 EUR" in won
    assert "ada@" not in "\n".join(said)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(("D-99",), "leads to such a customer", id="nobody"),
        pytest.param((), "Which customer?", id="no name"),
        pytest.param(("D-1", "--email-stdin"), "Which customer?", id="two names"),
    ],
)
def test_a_name_that_leads_nowhere_says_so(
    ledger: Office, words: tuple[str, ...], why: str
) -> None:
    said = ledger.types("customer", *words)
    assert (said.code, said.out) == (2, "")
    assert why in said.err


@pytest.mark.parametrize("is_by_google", [True, False], ids=["by Google's rule", "as it stands"])
@pytest.mark.parametrize("last_cell", ["", "DE\n"], ids=["read by columns", "read by rows"])
def test_a_click_log_with_hashes_joins_by_either_rule(
    office: Office, last_cell: str, *, is_by_google: bool
) -> None:
    office.configure('crm_key = "Deal ID"\n', "")
    office.configure(
        '[clicks.site]\nkind = "csv"', '[clicks.site]\nkind = "csv"\nemails_are_hashed = true'
    )
    written = "adal@gmail.com" if is_by_google else "ada.l@gmail.com"
    office.deal("D-1", gclid="", e_mail="Ada.L@gmail.com", region=last_cell)
    office.clicks["hers"] = {
        "Clicked at": "2026-02-19T08:00:00Z",
        "GCLID": "her-click",
        "E-mail": sha256(written.encode()).hexdigest(),
    }
    office.night()
    assert "gclid her-click" in office.types("explain", "D-1").out
    (counted,) = office.counted("333").values()
    assert sha256(b"ada.l@gmail.com").hexdigest() not in json.dumps(counted), "only a key"
