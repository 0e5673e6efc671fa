"""Spans for OpenTelemetry: one a run, one a phase of it, and one a call to a CRM or a platform.

Nothing is traced, and nothing is imported, until `configure` finds that somebody collects spans; it
is set up by OpenTelemetry's own variables, as everything that exports by OTLP is.
https://opentelemetry.io/docs/specs/otel/protocol/exporter/

A span holds names, counts, codes and times: what stands in the log without `--verbose`. An error is
told by its class, for its words may say more. Calls are made in threads, so they hang under the
phase that the process is in, not under what their thread did before.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class _Tracing:
    """Who makes spans, if anybody, and under what the calls of all threads hang."""

    def __init__(self) -> None:
        self.tracer: Any = None
        self.context: Any = None


_TRACING = _Tracing()


def configure() -> str:
    """Trace from now on if a collector is named; return why that cannot be, "" where it can."""
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_off or not any(os.environ.get(name) for name in _COLLECTOR):
        return ""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return (
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but traces need OpenTelemetry, which is not"
            " installed: pip install 'convsync[traces]' brings it"
        )
    export_by(BatchSpanProcessor(OTLPSpanExporter()))
    return ""


def export_by(processor: Any) -> None:
    """Hand every span from now on to one of OpenTelemetry's span processors."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    os.environ.setdefault("OTEL_SERVICE_NAME", "convsync")
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(processor)
    _TRACING.tracer = provider.get_tracer("convsync")


def stop() -> None:
    """Trace no more."""
    _TRACING.tracer = _TRACING.context = None


@contextmanager
def phase(name: str, **attributes: Any) -> Iterator[dict[str, Any]]:
    """Make a span under which calls of all threads hang until it ends; phases may be nested.

    What is put into the yielded attributes is added at its end.
    """
    counted: dict[str, Any] = {}
    if _TRACING.tracer is None:
        yield counted
        return
    from opentelemetry.trace import set_span_in_context

    before = _TRACING.context
    with _span(name, attributes) as span:
        _TRACING.context = set_span_in_context(span)
        try:
            yield counted
        finally:
            span.set_attributes(counted)
            _TRACING.context = before


@contextmanager
def call(name: str, **attributes: Any) -> Iterator[dict[str, Any]]:
    """Make a span of one call; takes attributes as a phase does."""
    answered: dict[str, Any] = {}
    if _TRACING.tracer is None:
        yield answered
        return
    with _span(name, attributes) as span:
        try:
            yield answered
        finally:
            span.set_attributes(answered)


@contextmanager
def _span(name: str, attributes: dict[str, Any]) -> Iterator[Any]:
    from opentelemetry.trace import Status, StatusCode

    with _TRACING.tracer.start_as_current_span(
        name,
        context=_TRACING.context,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
