"""Spans of a night: one a run, one a phase, one a call, and nothing of a person in them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from convsync.process import tracing
from tests.cli.office import NIGHT, Office


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "convsync")
    exporter = InMemorySpanExporter()
    tracing.export_by(SimpleSpanProcessor(exporter))
    yield exporter
    tracing.stop()


def parents(finished: tuple[ReadableSpan, ...]) -> dict[str, set[str]]:
    """Return under which spans each hangs, by name; "" for none."""
    names = {span.context.span_id: span.name for span in finished if span.context}
    found: dict[str, set[str]] = {}
    for span in finished:
        above = names[span.parent.span_id] if span.parent else ""
        found.setdefault(span.name, set()).add(above)
    return found


def test_phases_hang_under_the_run_and_calls_of_all_threads_under_their_phase(
    office: Office, spans: InMemorySpanExporter
) -> None:
    office.moves_to("hubspot")
    office.night(NIGHT)
    found = parents(spans.get_finished_spans())
    assert found["run"] == {""}
    for phase in ("confirm", "read", "recover", "send"):
        assert found[phase] == {"run"}
    calls = {name: above for name, above in found.items() if name.endswith((" GET", " POST"))}
    assert calls == {"HubSpot GET": {"read"}, "HubSpot POST": {"read"}}


def test_a_call_to_a_platform_is_a_span_with_its_rows_in_its_phase(
    office: Office, spans: InMemorySpanExporter
) -> None:
    office.deal(e_mail="person@company.example", phone="+49 30 1234567")
    office.night(NIGHT)
    finished = spans.get_finished_spans()
    assert parents(finished)["google upload"] == {"send"}
    (send,) = [span for span in finished if span.name == "send"]
    assert dict(send.attributes or {}) == {"sent": 2, "accepted": 2}
    written = json.dumps([json.loads(span.to_json()) for span in finished])
    assert "person" not in written
    assert "1234567" not in written


def test_an_error_is_told_by_its_class_alone(office: Office, spans: InMemorySpanExporter) -> None:
    office.deal()
    office.night(NIGHT)
    office.deals.clear()
    spans.clear()
    assert office.night("2026-03-04T02:00+01:00").code == 3
    (run,) = [span for span in spans.get_finished_spans() if span.name == "run"]
    assert run.status.description == "UnsafePlanError"
    assert run.events == ()


def test_nothing_is_imported_where_nobody_collects_spans() -> None:
    code = (
        "import sys; from convsync.process import tracing; assert tracing.configure() == '';"
        " sys.exit('opentelemetry.sdk' in sys.modules)"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    subprocess.run([sys.executable, "-c", code], env=clean, check=True)
