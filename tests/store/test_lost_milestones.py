"""A milestone that most deals have lost at once is doubted before it is kept."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from convsync.errors import UnsafePlanError
from convsync.extract.csv_file import CsvDeals
from convsync.reading.fading import doubt_lost_milestones
from convsync.store.database import Connection, Database
from convsync.store.deals import StoredDeal
from tests.builders import NOW
from tests.store.rows import rolled_back
from tests.store.test_unchanged_rows import CELLS, COLUMNS, Nights, Row


def rows(won: Sequence[bool], amount: str = "100") -> list[Row]:
    """Return the rows of deals, won or not."""
    return [
        (f"D-{number}", "2026-02-20" if is_won else "", amount, "DE", "", "")
        for number, is_won in enumerate(won)
    ]


def nights_in(connection: Connection, folder: Path, doubted: list[str]) -> Nights:
    """Return the nights of an export, of which what is doubted is noted."""

    def before_keeping(connection: Connection, source: str, chunk: Sequence[StoredDeal]) -> None:
        def doubt(error: UnsafePlanError) -> None:
            doubted.append(str(error))

        share = Decimal("0.5")
        doubt_lost_milestones(connection, source, chunk, {"won"}, now=NOW, share=share, doubt=doubt)

    source = CsvDeals(name="crm", path=folder / "deals.csv", columns=COLUMNS, cells=CELLS)
    return Nights(connection, source, before_keeping=before_keeping)


@pytest.mark.parametrize(
    ("lost", "is_doubted"),
    [
        pytest.param(0, False, id="none"),
        pytest.param(2, False, id="two of five"),
        pytest.param(3, True, id="three of five"),
        pytest.param(5, True, id="all"),
    ],
)
def test_more_than_half_of_the_deals_losing_a_milestone_at_once_is_doubted(
    database: Database, tmp_path: Path, lost: int, is_doubted: bool
) -> None:
    doubted: list[str] = []
    with rolled_back(database) as connection:
        nights = nights_in(connection, tmp_path, doubted)
        nights.night(*rows([True] * 5))
        nights.night(*rows([False] * lost + [True] * (5 - lost), amount="200"))
    told = f"{lost} of 5 deals have lost the milestone 'won' at once"
    assert [told in one for one in doubted] == [True] * is_doubted


def test_two_deals_that_go_back_are_no_news_though_they_are_all(
    database: Database, tmp_path: Path
) -> None:
    doubted: list[str] = []
    with rolled_back(database) as connection:
        nights = nights_in(connection, tmp_path, doubted)
        nights.night(*rows([True] * 2))
        nights.night(*rows([False] * 2))
    assert doubted == []
