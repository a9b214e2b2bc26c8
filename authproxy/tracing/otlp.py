"""Spans on their way to a collector, by OTLP over HTTP. OpenTelemetry is loaded here alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.logger import Logger

from authproxy import __version__
from authproxy.config.settings import TraceSettings
from authproxy.model import LoginRecord
from authproxy.tracing.spans import Span, span_of, trace_number

MOST_WAITING: Final = 4096
_BATCH: Final = 512
_TIMEOUT: Final = 3.0  # for one batch, repetitions included
_GOODBYE: Final = 2.0
_EVERY: Final = 2_000  # ms

_log = Logger()


class Traces:
    """``note`` never waits: spans that find no room in the queue push out older ones. They leave in a thread."""

    def __init__(
        self,
        settings: TraceSettings,
        reactor: Reactor,
        exporter: SpanExporter | None = None,
        every_ms: int = _EVERY,
    ) -> None:
        """``exporter``: to be used instead of the one that speaks OTLP."""
        logging.getLogger("opentelemetry").propagate = False  # it tells of each batch again what we tell once
        self._reactor = reactor
        self._endpoint = settings.endpoint
        self._with_names = settings.with_names
        self._ids = _LoginIds()
        resource = Resource.create({"service.name": settings.service_name, "service.version": __version__})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        complaining = Complaining(exporter or OTLPSpanExporter(settings.endpoint, timeout=_TIMEOUT), self._say)
        processor = BatchSpanProcessor(
            complaining,
            max_queue_size=MOST_WAITING,
            schedule_delay_millis=every_ms,
            max_export_batch_size=_BATCH,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("authproxy", __version__)

    def note(self, login: LoginRecord) -> None:
        self._ids.trace = trace_number(login.login_id)
        self._write(span_of(login, with_names=self._with_names), None)

    def _write(self, span: Span, parent: ReadableSpan | None) -> None:
        context = set_span_in_context(parent) if parent is not None else None  # type: ignore[arg-type]
        kind = SpanKind.SERVER if parent is None else SpanKind.INTERNAL
        written = self._tracer.start_span(
            span.name, context, kind, dict(span.attributes), start_time=_nanoseconds(span.began)
        )
        if span.problem:
            written.set_status(Status(StatusCode.ERROR, span.problem))
        for child in span.children:
            self._write(child, written)  # type: ignore[arg-type]
        written.end(_nanoseconds(span.ended))

    async def close(self) -> None:
        """Sends what waits, for two seconds at most."""
        done: Deferred[None] = Deferred()

        def ended() -> None:
            if not done.called:
                done.callback(None)

        def shut_down() -> None:
            self._provider.shutdown()
            self._reactor.callFromThread(ended)  # type: ignore[no-untyped-call]

        Thread(target=shut_down, name="traces' end", daemon=True).start()
        with suppress(CancelledError, TooLate):
            await done.addTimeout(_GOODBYE, self._reactor)

    def _say(self, text: str) -> None:
        warn = partial(_log.warn, "traces: {endpoint} {what}", endpoint=self._endpoint, what=text)
        self._reactor.callFromThread(warn)  # type: ignore[no-untyped-call]


class _LoginIds(RandomIdGenerator):
    """A login's trace is found by its ID."""

    trace = 1

    def generate_trace_id(self) -> int:
        return self.trace


class Complaining(SpanExporter):
    """Says once that the collector can't be reached, and once that it can again. Used in the exporter's thread."""

    def __init__(self, inner: SpanExporter, say: Callable[[str], None]) -> None:
        self._inner = inner
        self._say = say
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        is_failing = result is not SpanExportResult.SUCCESS
        if is_failing and not self._is_failing:
            self._say("does not take them; until it does they are lost")
        elif self._is_failing and not is_failing:
            self._say("takes them again")
        self._is_failing = is_failing
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
