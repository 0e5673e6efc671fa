"""Why was this not sent? Twelve deals, and the whole answer of `explain` to each.

Each answer stands in `answers/`, as people read it: it has to say what is wrong and what to do
without anything else at hand. A deal is entered by the function of the same name. Run with
`NEW_ANSWERS=1` to write them anew, then read what has changed.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.office import Office

ANSWERS = Path(__file__).parent / "answers"
NIGHT = "2026-06-20T02:00+02:00"

Logged = tuple[str, str, dict[str, str]]
"""A line of the click log: its time, its click ID, and what else it has."""


def enter(
    office: Office, deal_id: str, *clicks: tuple[str, str, dict[str, str]], **cells: str
) -> None:
    """Enter a deal that was won on 12 June, and what was logged of clicks: time, ID, keys."""
    usual = {"created": "2026-06-01 10:00:00", "last_modified": "2026-06-12 18:00:00"}
    usual |= {"mql_date": "", "gclid": "", "won_date": "2026-06-12"}
    office.deal(deal_id, **usual | cells)
    office.clicks.pop(deal_id, None)
    for at, click_id, keys in clicks:
        office.clicks[click_id] = {"Clicked at": at, "GCLID": click_id, **keys}


def no_click(office: Office) -> None:
    enter(office, "no_click", created="2026-03-01 09:00:00", won_date="2026-03-10")


def waits_for_a_click(office: Office) -> None:
    enter(office, "waits_for_a_click", visitor_id="v-waits")


def click_minutes_after_the_win(office: Office) -> None:
    late = ("2026-06-12T16:02:10Z", "Cj0-minutes-late", {"Visitor ID": "v-late"})
    cells = {"won_date": "2026-06-12 18:00:00", "visitor_id": "v-late"}
    enter(office, "click_minutes_after_the_win", late, **cells)


def click_before_the_lookback(office: Office) -> None:
    early = ("2026-03-01T08:00:00Z", "Cj0-of-march", {"Visitor ID": "v-early"})
    enter(office, "click_before_the_lookback", early, visitor_id="v-early")


def returning_customer(office: Office) -> None:
    first = ("2026-05-20T08:00:00Z", "Cj0-of-the-first-sale", {"Visitor ID": "v-loyal"})
    cells = {"visitor_id": "v-loyal", "created": "2026-05-21 09:00:00", "won_date": "2026-05-28"}
    enter(office, "sale_in_may", first, **cells)
    enter(office, "returning_customer", visitor_id="v-loyal")


def shared_office_phone(office: Office) -> None:
    for number in range(6):
        cells = {"phone": "030 901820", "marketing_consent": "", "amount": "500"}
        enter(office, f"shared_office_phone{number or ''}", **cells)
    office.clicks["Cj0-of-a-colleague"] = {
        "Clicked at": "2026-06-02T08:00:00Z",
        "GCLID": "Cj0-of-a-colleague",
        "Visitor ID": "v-colleague",
    }


def click_too_recent(office: Office) -> None:
    store = ("2026-06-19T22:30:00Z", "Cj0-in-the-click-log", {"Visitor ID": "v-two"})
    crm: Logged = ("2026-06-19T20:00:00Z", "Cj0-in-the-crm", {})
    cells = {"gclid": "Cj0-in-the-crm", "visitor_id": "v-two", "won_date": "2026-06-20 01:00:00"}
    enter(office, "click_too_recent", store, crm, **cells)


def consent_refused(office: Office) -> None:
    click: Logged = ("2026-06-02T08:00:00Z", "Cj0-refused", {})
    enter(office, "consent_refused", click, gclid="Cj0-refused", marketing_consent="no")


def consent_not_given(office: Office) -> None:
    cells = {"e_mail": "erika@x.example", "marketing_consent": "", "created": "2026-03-01 09:00:00"}
    enter(office, "consent_not_given", won_date="2026-03-10", **cells)


def amount_missing(office: Office) -> None:
    click: Logged = ("2026-06-02T08:00:00Z", "Cj0-no-amount", {})
    enter(office, "amount_missing", click, gclid="Cj0-no-amount", amount="")


def lost_after_the_win(office: Office) -> None:
    click: Logged = ("2026-06-02T08:00:00Z", "Cj0-lost", {})
    cells = {"gclid": "Cj0-lost", "lost_date": "2026-06-15 12:00:00"}
    enter(office, "lost_after_the_win", click, **cells)


def not_won(office: Office) -> None:
    click: Logged = ("2026-06-02T08:00:00Z", "Cj0-open", {})
    cells = {"gclid": "Cj0-open", "won_date": "", "opportunity_date": "2026-06-10 09:00:00"}
    enter(office, "not_won", click, **cells)


DEALS: tuple[Callable[[Office], None], ...] = (
    no_click,
    waits_for_a_click,
    click_minutes_after_the_win,
    click_before_the_lookback,
    returning_customer,
    shared_office_phone,
    click_too_recent,
    consent_refused,
    consent_not_given,
    amount_missing,
    lost_after_the_win,
    not_won,
)


@pytest.mark.long
def test_each_answer_says_why_a_deal_was_not_sent_and_what_to_do(office: Office) -> None:
    for put in DEALS:
        put(office)
    night = office.night(NIGHT)
    assert night.code == 0, night.err
    said = {put.__name__: office.types("explain", put.__name__).out for put in DEALS}
    if os.environ.get("NEW_ANSWERS"):
        for name, text in said.items():
            (ANSWERS / f"{name}.txt").write_text(text, encoding="utf-8")
    assert said == {path.stem: path.read_text(encoding="utf-8") for path in ANSWERS.glob("*.txt")}
    assert len(office.counted("333")) == 1, "the sale in May alone"
