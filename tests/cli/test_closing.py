"""Commands leave nothing open behind them."""

import pytest

from tests.cli.office import NIGHT, Office

PERIOD = ("--from", "2026-02-01", "--to", "2026-03-02")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--as-of", NIGHT),
        ("run", "--as-of", NIGHT, "--dry-run"),
        ("plan", "--as-of", NIGHT),
        ("backfill", *PERIOD, "--yes"),
        ("backfill", *PERIOD),  # there is nobody to ask
        ("retry",),
        ("status",),
        ("status", "--platform"),
        ("explain", "D-1"),
        ("explain", "D-2"),  # there is none
        ("check",),
        ("audit", "list"),
        ("audit", "show", "D-1"),
        ("audit", "verify"),
        ("db", "current"),
        ("db", "upgrade"),
    ],
    ids=" ".join,
)
def test_a_command_closes_the_ledger_however_it_ends(
    office: Office, words: tuple[str, ...]
) -> None:
    """SQLite removes its write-ahead log when the last connection is closed."""
    office.deal()
    office.night()
    office.types(*words)
    assert not (office.folder / "convsync.db-wal").exists()
