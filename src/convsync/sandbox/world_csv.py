"""A world as the two files a company would have: the CRM's export and the website's click log.

They keep what makes real files hard: the CRM writes its own wall clock without a zone and closing
dates without a time, the click log writes UTC. Rows are streamed, so a file can be of any size.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from convsync.sandbox.world import World
from convsync.sandbox.world_deal import AdClick, ClickIds, WorldDeal
from convsync.sandbox.world_figures import Trail

DEAL_HEADER: Final = (
    "Deal ID,Created,Last modified,Stage,Origin,Region,Vertical,Deal type,Owner,Amount,Currency,"
    "GCLID,GBRAID,WBRAID,Landing page,E-mail,Phone,Country,Marketing consent,Visitor ID,MQL date,"
    "SQL date,Opportunity date,Won date,Lost date"
)
CLICK_HEADER: Final = "Clicked at,Visitor ID,Landing page,GCLID,GBRAID,WBRAID,E-mail,Deal ID"

CsvRow = tuple[object, ...]


def write_deals_csv(path: Path, world: World, at: datetime) -> int:
    """Write the deals as the CRM shows them at an instant; return how many."""
    row = _deal_row(ZoneInfo(world.time_zone))
    return _write(path, DEAL_HEADER, map(row, world.deals_as_of(at)))


def write_clicks_csv(path: Path, world: World, at: datetime) -> int:
    """Write the clicks that are in the log by an instant; return how many."""
    return _write(path, CLICK_HEADER, map(_click_row, world.clicks_as_of(at)))


def rows_of_deals(world: World, at: datetime) -> Iterator[dict[str, str]]:
    """Yield the rows of the CRM's export by column, as text."""
    row, names = _deal_row(ZoneInfo(world.time_zone)), DEAL_HEADER.split(",")
    for deal in world.deals_as_of(at):
        cells = ("" if cell is None else str(cell) for cell in row(deal))
        yield dict(zip(names, cells, strict=True))


def rows_of_clicks(world: World, at: datetime) -> Iterator[dict[str, str]]:
    """Yield the rows of the click log by column."""
    for click in world.clicks_as_of(at):
        yield dict(zip(CLICK_HEADER.split(","), map(str, _click_row(click)), strict=True))


def deals_in_csv(rows: Iterable[Mapping[str, str]], zone: ZoneInfo) -> Iterator[WorldDeal]:
    """Read such an export again; KeyError and ValueError name what is missing or unreadable.

    `zone` is that of its local times; a closing day is taken to have ended in the afternoon.
    """

    def at(cell: str) -> datetime | None:
        if not cell:
            return None
        written = datetime.fromisoformat(cell)
        afternoon = written.replace(hour=17) if len(cell) == len("2026-01-01") else written
        return afternoon.replace(tzinfo=zone).astimezone(UTC)

    for row in rows:
        created_at, modified_at = at(row["Created"]), at(row["Last modified"])
        if created_at is None:
            raise ValueError(f"deal {row['Deal ID']} has no Created")
        yield WorldDeal(
            deal_id=row["Deal ID"],
            created_at=created_at,
            changed_at=modified_at,
            origin=row["Origin"],
            region=row["Region"],
            vertical=row["Vertical"],
            deal_type=row["Deal type"],
            owner=row["Owner"],
            amount=Decimal(row["Amount"]) if row["Amount"] else None,
            currency=row["Currency"],
            ids=ClickIds(gclid=row["GCLID"], gbraid=row["GBRAID"], wbraid=row["WBRAID"]),
            landing_page=row["Landing page"],
            email=row["E-mail"],
            phone=row["Phone"],
            country=row["Country"],
            consent=row["Marketing consent"],
            visitor_id=row["Visitor ID"],
            trail=Trail.NO_AD,
            sql_at=at(row["SQL date"]),
            opportunity_at=at(row["Opportunity date"]),
            won_at=at(row["Won date"]),
            lost_at=at(row["Lost date"]),
        )


def _write(path: Path, header: str, rows: Iterable[CsvRow]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\n")
        writer = csv.writer(file, lineterminator="\n")
        for count, row in enumerate(rows, start=1):  # noqa: B007
            writer.writerow(row)
    return count


def _deal_row(zone: ZoneInfo) -> Callable[[WorldDeal], CsvRow]:
    def wall_clock(at: datetime | None) -> str:
        return str(at.astimezone(zone))[:19] if at else ""

    def day(at: datetime | None) -> str:
        return wall_clock(at)[:10]

    def row(deal: WorldDeal) -> CsvRow:
        created = wall_clock(deal.created_at)
        return (
            deal.deal_id,
            created,
            wall_clock(deal.modified_at),
            deal.stage,
            deal.origin,
            deal.region,
            deal.vertical,
            deal.deal_type,
            deal.owner,
            deal.amount,
            deal.currency,
            deal.ids.gclid,
            deal.ids.gbraid,
            deal.ids.wbraid,
            deal.landing_page,
            deal.email,
            deal.phone,
            deal.country,
            deal.consent,
            deal.visitor_id,
            created,
            wall_clock(deal.sql_at),
            wall_clock(deal.opportunity_at),
            day(deal.won_at),
            day(deal.lost_at),
        )

    return row


def _click_row(click: AdClick) -> CsvRow:
    return (
        f"{click.clicked_at.isoformat()[:19]}Z",
        click.visitor_id,
        click.landing_page,
        click.ids.gclid,
        click.ids.gbraid,
        click.ids.wbraid,
        click.email,
        click.deal_id,
    )
