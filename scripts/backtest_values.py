"""Tries learned values on a world whose chances are known, or on Olist's real funnel.

Without an argument it takes the sandbox's world, and prints the true chance beside each that was
learned; with a folder, that of Olist's `leads.csv` and `won_deals.csv`, which are not part of the
project. It prints what `convsync values learn` prints: the table, each month foretold from what was
known at its beginning, and the calibration.

Of Olist's leads nobody noted a loss, so all that were not won are open. What its sales brought is
left out: chances are tried, and no values.
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from convsync.cli.value_words import show_calibration, show_cells, show_forecasts
from convsync.sandbox.world import World
from convsync.sandbox.world_chances import true_chance
from convsync.sandbox.world_deal import WorldDeal
from convsync.values.backtest import Backtest, backtest
from convsync.values.fitting import learn
from convsync.values.history import months_before
from convsync.values.leads import Lead, Spell, Terms, days_at

OLIST_ENDS_AT = datetime(2018, 4, 1, tzinfo=ZoneInfo("America/Sao_Paulo"))
WORLD_ENDS_AT = datetime(2026, 3, 1, tzinfo=UTC)
WORLD_LEADS = 8_000
OLIST_TERMS = Terms(
    milestones=("mql",), by=("origin",), window_days=90, half_life_days=365, currency="BRL"
)
WORLD_TERMS = OLIST_TERMS._replace(milestones=("mql", "sql", "opportunity"), currency="EUR")


def main() -> int:
    """Learn, try, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="of Olist's leads and won deals")
    folder = parser.parse_args().folder
    if folder is None:
        _try(world_leads(), WORLD_TERMS, WORLD_ENDS_AT)
        _show_truth(world_leads())
    elif (folder / "leads.csv").is_file():
        _try(olist_leads(folder), OLIST_TERMS, OLIST_ENDS_AT)
    else:
        print(f"There is no {folder}/leads.csv; the data are not part of the project.")
        return 2
    return 0


def olist_leads(folder: Path) -> Sequence[Lead]:
    """Return Olist's leads: a day is over before anything else happens, and won dates are UTC."""
    won = {
        row["mql_id"]: datetime.fromisoformat(row["won_date"]).replace(tzinfo=UTC)
        for row in _rows(folder / "won_deals.csv")
    }
    return [
        Lead(
            group=(row["origin"],),
            reached={"mql": Spell(days_at(_end_of(row["first_contact_date"])))},
            won=Spell(days_at(won[row["mql_id"]])) if row["mql_id"] in won else None,
        )
        for row in _rows(folder / "leads.csv")
    ]


def olist_backtest(leads: Sequence[Lead]) -> Backtest:
    """Return how values did on each month of Olist's funnel."""
    return _tried(leads, OLIST_TERMS, OLIST_ENDS_AT)


def world_leads() -> Sequence[Lead]:
    """Return the leads of the sandbox's world, with all that will become of them."""
    world = World(seed=1, deals=WORLD_LEADS, ends_at=WORLD_ENDS_AT)
    return [as_lead(world.deal(index)) for index in range(world.deals)]


def _try(leads: Sequence[Lead], terms: Terms, now: datetime) -> None:
    table = learn(leads, terms, days_at(now))
    assert table is not None, "some of these leads were won"
    show_cells(table)
    tried = _tried(leads, terms, now)
    show_forecasts(tried.forecasts)
    show_calibration(tried.calibration)


def _tried(leads: Sequence[Lead], terms: Terms, now: datetime) -> Backtest:
    """Try the months whose last day is over."""
    months = months_before(now - timedelta(days=1), now.tzinfo or UTC, 12)
    return backtest(leads, terms, months, days_at(now))


def _show_truth(leads: Sequence[Lead]) -> None:
    table = learn(leads, WORLD_TERMS, days_at(WORLD_ENDS_AT))
    assert table is not None
    print("\nThe true chances of leads, beside what was learned")
    for cell in table.cells["mql"].values():
        if cell.group:
            true = true_chance(cell.group[0], "mql", WORLD_TERMS.window_days)
            learned = cell.chance
            holds = "" if learned.low <= true <= learned.high else "  outside the interval"
            print(f"{cell.group[0]:<16}{true:>8.1%}{learned.value:>8.1%}{holds}")


def as_lead(deal: WorldDeal) -> Lead:
    """Return a deal of the world as what became of it; an absurd amount says nothing."""
    reached = {"mql": deal.created_at, "sql": deal.sql_at, "opportunity": deal.opportunity_at}
    return Lead(
        group=(deal.origin,),
        reached={name: Spell(days_at(at)) for name, at in reached.items() if at},
        won=_spell(deal.won_at),
        lost=_spell(deal.lost_at),
        amount=float(deal.amount) if deal.amount and deal.amount < 1_000_000 else None,
    )


def _spell(at: datetime | None) -> Spell | None:
    return None if at is None else Spell(days_at(at))


def _end_of(day: str) -> datetime:
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("America/Sao_Paulo"))
    return midnight + timedelta(days=1, seconds=-1)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    sys.exit(main())
