"""Writes the rows that everything is measured on: deals, clicks, and what peers are handed.

Every deal was won and can be sent. Deals with an even number carry their click ID; the others are
joined to theirs by the visitor ID. The peers' file has the click ID of every deal already.
"""

import csv
import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

DEALS, CLICKS, RESOLVED = "deals.csv", "clicks.csv", "resolved.csv"
DEAL_HEADER = (
    *("Deal ID", "Created", "Last modified", "Amount", "Currency", "GCLID", "E-mail", "Country"),
    *("Marketing consent", "Visitor ID", "Region", "Won date"),
)
CLICK_HEADER = ("Clicked at", "Visitor ID", "GCLID")
RESOLVED_HEADER = ("deal_id", "gclid", "conversion_time", "revenue", "currency")

FIRST_CLICK = datetime(2026, 4, 1, tzinfo=UTC)
CLICK_DAYS = 40
NIGHT = datetime(2026, 6, 1, 2, tzinfo=UTC)
"""The first night: after the last deal was won, and early enough for the oldest click to count."""

_DAY_S = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Rows:
    """A folder with the three files, for so many deals and clicks."""

    folder: Path
    deals: int
    clicks: int

    @property
    def deals_csv(self) -> Path:
        """The CRM's complete export."""
        return self.folder / DEALS

    @property
    def clicks_csv(self) -> Path:
        """The website's click log."""
        return self.folder / CLICKS

    @property
    def resolved_csv(self) -> Path:
        """The same deals with their click IDs, for uploaders that cannot look for them."""
        return self.folder / RESOLVED


def write_rows(folder: Path, deals: int, clicks: int) -> Rows:
    """Write the three files; as many clicks are the same clicks, whatever the deals."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = Rows(folder, deals, clicks)
    seconds, figures = random.Random(clicks), random.Random(deals)
    seen = [_Click(n, seconds.randrange(CLICK_DAYS * _DAY_S)) for n in range(clicks)]
    with rows.clicks_csv.open("w", encoding="utf-8", newline="") as file:
        log = csv.writer(file)
        log.writerow(CLICK_HEADER)
        log.writerows((_utc(click.at), click.visitor, click.gclid) for click in seen)
    with (
        rows.deals_csv.open("w", encoding="utf-8", newline="") as deals_file,
        rows.resolved_csv.open("w", encoding="utf-8", newline="") as resolved_file,
    ):
        export, resolved = csv.writer(deals_file), csv.writer(resolved_file)
        export.writerow(DEAL_HEADER)
        resolved.writerow(RESOLVED_HEADER)
        for number in range(deals):
            deal = _Deal(number, seen[number % clicks], figures)
            export.writerow(deal.exported())
            resolved.writerow(deal.resolved())
    return rows


class _Click:
    def __init__(self, number: int, second: int) -> None:
        self.number = number
        self.at = FIRST_CLICK + timedelta(seconds=second)

    @property
    def visitor(self) -> str:
        return f"visitor-{self.number * 7_919 % 1_000_003:06d}-{self.number:07d}"

    @cached_property
    def gclid(self) -> str:
        return f"Cj0KCQjw{hashlib.sha256(self.visitor.encode()).hexdigest()}AvD_BwE"


class _Deal:
    def __init__(self, number: int, click: _Click, figures: random.Random) -> None:
        self.deal_id = f"D-{number:08d}"
        self.number = number
        self.click = click
        self.won_at = click.at + timedelta(seconds=figures.randrange(_DAY_S, 16 * _DAY_S))
        self.amount = f"{figures.randrange(1_000, 9_000_000) / 100:.2f}"

    def exported(self) -> tuple[str, ...]:
        won, created = _utc(self.won_at), _utc(self.click.at + timedelta(hours=1))
        has_gclid = self.number % 2 == 0
        gclid, visitor = (self.click.gclid, "") if has_gclid else ("", self.click.visitor)
        region = ("North", "South", "West")[self.number % 3]
        return (
            *(self.deal_id, created, won, self.amount, "EUR", gclid),
            *(f"person{self.number}@example.com", "DE", "yes", visitor, region, won),
        )

    def resolved(self) -> tuple[str, ...]:
        won = self.won_at.strftime("%Y-%m-%d %H:%M:%S+00:00")
        return self.deal_id, self.click.gclid, won, self.amount, "EUR"


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
