"""The figures of the nights for Prometheus: in a text file after each run, or over HTTP.

config/monitoring/ has a dashboard and alert rules on these names; a test compares them. Times are
in seconds since 1970. No figure names a deal, a click or a person.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from convsync import __version__
from convsync.watch.facts import Facts
from convsync.watch.findings import Finding, Trouble

Look = Callable[[], tuple[Facts, Sequence[Finding]]]
"""Returns how the nights stand at the moment, and what is wrong with them."""
_Rows = Sequence[tuple[tuple[str, ...], float]]

LABELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "convsync_build_info": ("The version that wrote these figures; always 1.", ("version",)),
    "convsync_last_run_start_timestamp_seconds": ("When the last run began.", ()),
    "convsync_last_run_end_timestamp_seconds": ("When the last run ended.", ()),
    "convsync_last_run_duration_seconds": ("How long the last run took.", ()),
    "convsync_last_run_exit_code": ("The last run's exit code: 0 is well.", ()),
    "convsync_last_run_completed": ("1 if the last run finished, 0 if not.", ()),
    "convsync_last_run_rows_sent": ("Rows that the last run sent.", ()),
    "convsync_last_run_answers": ("Rows answered in the last run, by the answer.", ("answer",)),
    "convsync_last_success_timestamp_seconds": ("When a run last ended with code 0.", ()),
    "convsync_conversions": (
        "Every milestone under every rule, by what became of it.",
        ("account", "detail"),
    ),
    "convsync_blocked_conversions": (
        "Conversions that wait for a person to change the ad account.",
        ("destination", "action", "code"),
    ),
    "convsync_unreadable_records": ("Records in quarantine.", ("source",)),
    "convsync_source_read_until_timestamp_seconds": (
        "How far a source has been read.",
        ("source",),
    ),
    "convsync_unconfirmed_requests": ("Requests that wait for the platform's verdict.", ()),
    "convsync_oldest_unconfirmed_timestamp_seconds": (
        "When the oldest request without a verdict was answered; absent where all have one.",
        (),
    ),
    "convsync_unanswered_requests": ("Requests whose answer never came.", ()),
    "convsync_audit_events": ("Events in the audit log.", ()),
    "convsync_findings": ("How many states of a kind a person should look at.", ("trouble",)),
}
"""Every metric: what it says, and its labels. All are gauges."""


class Nights(Collector):
    """Collects the figures, read anew each time."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each metric that has a value."""
        facts, findings = self._look()
        for name, rows in _figures(facts, findings).items():
            documentation, labels = LABELS[name]
            family = GaugeMetricFamily(name, documentation, labels=labels)
            for values, figure in rows:
                family.add_metric(values, figure)
            if rows:
                yield family

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics without their values, so that registering reads nothing."""
        for name, (documentation, labels) in LABELS.items():
            yield GaugeMetricFamily(name, documentation, labels=labels)


def registry_of(look: Look) -> CollectorRegistry:
    """Return a registry of these figures and nothing else."""
    registry = CollectorRegistry()
    registry.register(Nights(look))
    return registry


def write(path: Path, facts: Facts, findings: Sequence[Finding]) -> None:
    """Write the text file, whole or not at all; OSError where that fails."""
    write_to_textfile(str(path), registry_of(lambda: (facts, findings)))


def _figures(facts: Facts, findings: Sequence[Finding]) -> dict[str, _Rows]:
    """Return each metric's rows: the labels' values and the figure."""
    return {
        "convsync_build_info": [((__version__,), 1)],
        **_of_last_night(facts),
        "convsync_last_success_timestamp_seconds": _at(facts.last_good),
        "convsync_conversions": [
            ((side.value, detail), count)
            for (side, detail), count in sorted(facts.sums.by_state.items())
        ]
        if facts.sums
        else [],
        "convsync_blocked_conversions": [
            ((action.destination, action.action_id, code), count)
            for action, code, count in facts.blocked
        ],
        "convsync_unreadable_records": [
            ((source,), facts.unreadable.get(source, 0))
            for source in sorted({*facts.unreadable, *facts.read_until})
        ],
        "convsync_source_read_until_timestamp_seconds": [
            ((source,), until.timestamp()) for source, until in sorted(facts.read_until.items())
        ],
        "convsync_unconfirmed_requests": _one(facts.unconfirmed[0] if facts.unconfirmed else 0),
        "convsync_oldest_unconfirmed_timestamp_seconds": _at(
            facts.unconfirmed[1] if facts.unconfirmed else None
        ),
        "convsync_unanswered_requests": _one(facts.unanswered),
        "convsync_audit_events": _one(facts.events),
        "convsync_findings": [
            ((trouble.value,), sum(1 for finding in findings if finding.trouble is trouble))
            for trouble in Trouble
        ],
    }


def _of_last_night(facts: Facts) -> dict[str, _Rows]:
    night = facts.night
    if night is None:
        return {}
    took = None if night.finished_at is None else night.finished_at - night.started_at
    return {
        "convsync_last_run_start_timestamp_seconds": _at(night.started_at),
        "convsync_last_run_end_timestamp_seconds": _at(night.finished_at),
        "convsync_last_run_duration_seconds": [] if took is None else _one(took.total_seconds()),
        "convsync_last_run_exit_code": _one(night.exit_code),
        "convsync_last_run_completed": _one(night.is_at_its_end),
        "convsync_last_run_rows_sent": _one(night.uploads),
        "convsync_last_run_answers": [
            ((answer,), count) for answer, count in sorted(night.outcomes.items())
        ],
    }


def _one(figure: float) -> _Rows:
    return [((), float(figure))]


def _at(at: datetime | None) -> _Rows:
    return [] if at is None else [((), at.timestamp())]
