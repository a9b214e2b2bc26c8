"""Spans as the exporter writes them, and what happens when nobody takes them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
import pytest_twisted
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from authproxy.config.settings import TraceSettings
from authproxy.model import Step
from authproxy.tracing.otlp import MOST_WAITING, Complaining, Traces
from authproxy.tracing.spans import trace_number
from tests.tracing.collector import Collector, values
from tests.tracing.test_spans import LOGIN

SETTINGS = TraceSettings("http://127.0.0.1:1/v1/traces", "vpn login")


def _ended(traces: Traces) -> Deferred[None]:
    return Deferred.fromCoroutine(traces.close())


@pytest_twisted.inlineCallbacks
def test_a_login_is_one_trace_of_spans_below_each_other():
    memory = InMemorySpanExporter()
    traces = Traces(SETTINGS, reactor, memory)
    traces.note(replace(LOGIN, steps=(*LOGIN.steps, Step("deadline", "passed", "", 10.0))))
    yield _ended(traces)
    spans = {span.name: span for span in memory.get_finished_spans()}
    root = spans.pop("login")
    assert root.parent is None
    assert root.context.trace_id == trace_number(LOGIN.login_id)
    assert (root.start_time, root.end_time) == (1_700_000_000 * 10**9, 1_700_000_010 * 10**9)
    assert root.resource.attributes["service.name"] == "vpn login"
    assert set(spans) == {"primary", "push", "second factor", "deadline"}
    assert {span.parent.span_id for span in spans.values()} == {root.context.span_id}
    assert root.status.status_code is StatusCode.ERROR
    assert spans["primary"].status.status_code is StatusCode.UNSET


@pytest_twisted.inlineCallbacks
def test_a_collector_can_read_them():
    collector = Collector()
    try:
        traces = Traces(replace(SETTINGS, endpoint=collector.endpoint), reactor)
        traces.note(LOGIN)
        yield _ended(traces)
        resource, spans = collector.next()
    finally:
        collector.close()
    assert resource["service.name"] == "vpn login"
    root = next(span for span in spans if span.name == "login")
    assert int.from_bytes(root.trace_id, "big") == trace_number(LOGIN.login_id)
    assert values(list(root.attributes))["authproxy.factor"] == "push"
    assert root.status.code == Status.STATUS_CODE_UNSET
    assert {span.parent_span_id for span in spans} == {b"", root.span_id}
    assert b"alice" not in b"".join(span.SerializeToString() for span in spans)


class Deaf(SpanExporter):
    """Answers when it is told to, and with what."""

    def __init__(self, *results: SpanExportResult) -> None:
        self.results = list(results)
        self.may_answer = threading.Event()
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.may_answer.wait(20)
        self.taken += len(spans)
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    def shutdown(self) -> None:
        return


@pytest_twisted.inlineCallbacks
def test_with_a_collector_that_hangs_nobody_waits_and_the_queue_stays_bounded():
    deaf = Deaf(SpanExportResult.SUCCESS)
    traces = Traces(SETTINGS, reactor, deaf, every_ms=1)
    for _ in range(MOST_WAITING):  # each is several spans
        traces.note(LOGIN)
    assert deaf.taken == 0  # and yet we are here
    deaf.may_answer.set()
    yield _ended(traces)
    assert MOST_WAITING <= deaf.taken < 2 * MOST_WAITING


@pytest_twisted.inlineCallbacks
def test_the_end_does_not_wait_for_a_collector_that_hangs():
    deaf = Deaf(SpanExportResult.SUCCESS)
    traces = Traces(SETTINGS, reactor, deaf, every_ms=1)
    traces.note(LOGIN)
    yield _ended(traces)
    assert deaf.taken == 0
    deaf.may_answer.set()


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ((SpanExportResult.SUCCESS, SpanExportResult.SUCCESS), []),
        ((SpanExportResult.FAILURE,) * 3, ["lost"]),
        (
            (SpanExportResult.FAILURE, SpanExportResult.SUCCESS, SpanExportResult.FAILURE),
            ["lost", "again", "lost"],
        ),
    ],
)
def test_it_is_said_once_that_the_collector_is_away(
    results: tuple[SpanExportResult, ...], said: list[str]
) -> None:
    deaf = Deaf(*results)
    deaf.may_answer.set()
    lines: list[str] = []
    complaining = Complaining(deaf, lines.append)
    for _ in results:
        complaining.export(())
    assert [line.rsplit(" ", 1)[-1] for line in lines] == said
