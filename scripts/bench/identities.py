"""Writes deals and clicks that have only people in common: the rows of the big join.

Five clicks a deal, each with the visitor, e-mail and phone of a person, as a site's log of forms
has them. Of three deals one carries the click ID of its person's last click, one the visitor's ID,
and one no more than an e-mail address. Each deal is won after its person's last click.
"""

import csv
import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from scripts.bench.rows import DEAL_HEADER, FIRST_CLICK, Rows

CLICKS_A_DEAL = 5
CLICK_HEADER = ("Clicked at", "Visitor ID", "GCLID", "E-mail", "Phone")
COLUMNS = {
    "CONVSYNC_CLICKS__SITE__COLUMNS__EMAIL": '["E-mail"]',
    "CONVSYNC_CLICKS__SITE__COLUMNS__PHONE": '["Phone"]',
}
"""The columns of the log that the other figures' log does not have."""
_DAYS_APART = 6


def write_identities(folder: Path, deals: int) -> Rows:
    """Write a log of clicks, and the export of so many deals."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = Rows(folder, deals, CLICKS_A_DEAL * deals)
    with rows.clicks_csv.open("w", encoding="utf-8", newline="") as file:
        log = csv.writer(file)
        log.writerow(CLICK_HEADER)
        log.writerows(_clicks(deals))
    with rows.deals_csv.open("w", encoding="utf-8", newline="") as file:
        export = csv.writer(file)
        export.writerow(DEAL_HEADER)
        export.writerows(_deal(person) for person in range(deals))
    return rows


def _clicks(people: int) -> Iterator[tuple[str, ...]]:
    """Yield everybody's first click, then everybody's second: nobody's lie together."""
    for number in range(CLICKS_A_DEAL):
        for person in range(people):
            yield (
                _utc(_clicked_at(person, number)),
                _visitor(person),
                _gclid(person, number),
                _email(person),
                f"+4930{person:08d}",
            )


def _deal(person: int) -> tuple[str, ...]:
    last = CLICKS_A_DEAL - 1
    clicked_at = _clicked_at(person, last)
    won = _utc(clicked_at + timedelta(days=3))
    gclid = _gclid(person, last) if person % 3 == 0 else ""
    visitor = _visitor(person) if person % 3 == 1 else ""
    return (
        *(f"D-{person:08d}", _utc(clicked_at), won, "1000.00", "EUR", gclid),
        *(_email(person), "DE", "yes", visitor, "North", won),
    )


def _clicked_at(person: int, number: int) -> datetime:
    return FIRST_CLICK + timedelta(days=_DAYS_APART * number, seconds=person * 7_919 % 400_000)


def _gclid(person: int, number: int) -> str:
    return f"Cj0KCQjw{hashlib.sha256(f'{person} {number}'.encode()).hexdigest()}AvD_BwE"


def _visitor(person: int) -> str:
    return f"visitor-{person * 7_919 % 1_000_003:06d}-{person:07d}"


def _email(person: int) -> str:
    return f"person{person}@example.com"


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
