"""Figures for Prometheus: what is written can be read back by Prometheus' own parser."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from convsync.model.ledger import Side
from convsync.model.rule import ConversionAction
from convsync.store.account import Sums
from convsync.store.watching import Night
from convsync.watch import metrics
from convsync.watch.facts import Facts
from convsync.watch.findings import Finding, Trouble

NOW = datetime(2026, 3, 3, 1, tzinfo=UTC)
FACTS = Facts(
    at=NOW,
    night=Night(
        run_id=12,
        as_of=NOW,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=90),
        exit_code=1,
        uploads=34,
        message="",
        is_at_its_end=True,
        outcomes={"confirmed": 20, "rejected": 2},
    ),
    last_good=NOW - timedelta(days=1),
    blocked=[(ConversionAction(destination="google", action_id="333"), 'ODD"\n', 4)],
    unconfirmed=(3, NOW - timedelta(hours=1)),
    unreadable={"crm": 5},
    read_until={"crm": NOW, "site": NOW},
    sums=Sums(extracted=7, by_state={(Side.SENT, "confirmed"): 4, (Side.WAITING, "held"): 3}),
    events=99,
)
FINDINGS = [Finding(trouble=Trouble.UNREADABLE, about="crm", size=5, text="")]


def read(path: Path) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return every figure of a text file by its name and labels' values."""
    families = text_string_to_metric_families(path.read_text("utf-8"))
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_text_file_holds_every_metric_that_there_is(tmp_path: Path) -> None:
    path = tmp_path / "convsync.prom"
    metrics.write(path, FACTS, FINDINGS)
    assert {name for name, _ in read(path)} == set(metrics.LABELS)
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


@pytest.mark.parametrize(
    ("name", "labels", "figure"),
    [
        ("convsync_last_run_duration_seconds", (), 90),
        ("convsync_last_run_exit_code", (), 1),
        ("convsync_last_run_completed", (), 1),
        ("convsync_last_run_answers", ("rejected",), 2),
        ("convsync_last_success_timestamp_seconds", (), NOW.timestamp() - 86_400),
        ("convsync_conversions", ("waiting", "held"), 3),
        ("convsync_blocked_conversions", ("google", "333", 'ODD"\n'), 4),
        ("convsync_unreadable_records", ("crm",), 5),
        ("convsync_unreadable_records", ("site",), 0),
        ("convsync_oldest_unconfirmed_timestamp_seconds", (), NOW.timestamp() - 3_600),
        ("convsync_findings", ("unreadable",), 1),
        ("convsync_findings", ("failed",), 0),
    ],
)
def test_each_figure_is_the_ledgers(
    tmp_path: Path, name: str, labels: tuple[str, ...], figure: float
) -> None:
    metrics.write(tmp_path / "convsync.prom", FACTS, FINDINGS)
    found = read(tmp_path / "convsync.prom")[name, tuple(sorted(labels))]
    assert math.isclose(found, figure)


def test_before_the_first_night_nothing_is_made_up(tmp_path: Path) -> None:
    metrics.write(tmp_path / "convsync.prom", Facts(at=NOW), [])
    names = {name for name, _ in read(tmp_path / "convsync.prom")}
    assert not {name for name in names if "last_" in name}
    assert "convsync_findings" in names
