"""Whole runs over exports as people make them: what is counted is right, all else has a reason."""

import json
from datetime import datetime
from random import Random

import pytest

from convsync.model.statement import order_id_of
from convsync.sandbox.messy_csv import Damage, Dates, ExportForm, write_messy_csv
from convsync.sandbox.world import World
from convsync.sandbox.world_csv import CLICK_HEADER, DEAL_HEADER, rows_of_clicks, rows_of_deals
from tests.cli.office import NIGHT, Office

FORMS = (
    ExportForm(encoding="utf-16", delimiter="\t", dates=Dates.US, rows_above=("All deals",)),
    ExportForm(
        encoding="cp1252", delimiter=";", has_decimal_comma=True, dates=Dates.GERMAN,
        states_delimiter=True, footer=("Total 40",),
    ),
    ExportForm(encoding="utf-8-sig", delimiter=",", dates=Dates.SERIAL),
)  # fmt: skip
DEALS = 40
MOST_UNREADABLE = 12


def declared(form: ExportForm) -> str:
    """Return the keys of a config that say how an export is written."""
    return "\n".join(
        [
            'path = "deals.csv"',
            f'encoding = "{form.encoding}"',
            f'decimal = "{"," if form.has_decimal_comma else "."}"',
            f"skip_rows = {len(form.rows_above)}",
            'stop_at = ["Total"]',
            *([] if form.states_delimiter else [f"delimiter = {json.dumps(form.delimiter)}"]),
            *([f"date_formats = {json.dumps(form.dates.formats)}"] if form.dates.formats else []),
        ]
    )


@pytest.mark.parametrize(("number", "form"), list(enumerate(FORMS)))
def test_a_run_over_a_messy_export_counts_what_is_right_and_reports_the_rest(
    office: Office, number: int, form: ExportForm
) -> None:
    chance, night = Random(number), datetime.fromisoformat(NIGHT)
    world = World(seed=number, deals=DEALS, ends_at=night, days=60, everything_matches=True)
    deals, clicks = list(rows_of_deals(world, night)), list(rows_of_clicks(world, night))
    damaged = {chance.randrange(DEALS): chance.choice(list(Damage)) for _ in range(15)}
    office.configure('path = "deals.csv"', declared(form))
    office.configure('won = "Won date"', 'won = { column = "Won date", is_date = true }')
    write_messy_csv(office.folder / "deals.csv", DEAL_HEADER.split(","), deals, form, damaged)
    few = {0: Damage.OPEN_QUOTE, 3: Damage.CUT, 5: Damage.WRAPPED_CLICK}
    log = ExportForm(), few
    write_messy_csv(office.folder / "clicks.csv", CLICK_HEADER.split(","), clicks, *log)
    office.sandbox.platform.clock.set(night)
    run = office.types("run", "--as-of", NIGHT)
    assert run.code == 1, run
    by_order = {
        str(order_id_of("crm", row["Deal ID"], "won")): row for row in deals if row["Won date"]
    }
    counted = office.counted("333")
    assert counted.keys() <= by_order.keys(), "nothing is counted that is not in the world"
    for order_id, conversion in counted.items():
        assert conversion["value"] == float(by_order[order_id]["Amount"])
        assert conversion["currency"] == by_order[order_id]["Currency"]
    stored = {deal_id for (deal_id,) in office.sql("SELECT deal_id FROM deals")}
    lost = {row["Deal ID"] for row in deals} - stored
    quarantined = office.sql("SELECT place FROM quarantine WHERE source = 'crm'")
    assert len(lost) <= 2 * len(quarantined) <= MOST_UNREADABLE * 2, (lost, quarantined)
    assert len(stored) > DEALS / 2
    assert "unreadable" in run.out.lower() + run.err.lower()
