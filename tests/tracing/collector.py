"""An OpenTelemetry collector, as far as it takes spans by OTLP over HTTP."""

from __future__ import annotations

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span


def values(attributes: list[KeyValue]) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


class Collector:
    """``status``: what it answers. With ``port`` it can come back where it was."""

    def __init__(self, status: int = 200, port: int = 0) -> None:
        self.status = status
        self.requests = 0
        self.received: queue.Queue[ResourceSpans] = queue.Queue()
        collector = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests += 1
                assert self.headers["Content-Type"] == "application/x-protobuf"
                if collector.status == 200 and self.path == "/v1/traces":
                    for spans in ExportTraceServiceRequest.FromString(body).resource_spans:
                        collector.received.put(spans)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(collector.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *arguments: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Door)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def next(self, seconds: float = 60.0) -> tuple[dict[str, str], list[Span]]:
        """The attributes of who sent them, and the spans."""
        taken = self.received.get(timeout=seconds)
        return values(list(taken.resource.attributes)), [
            span for scope in taken.scope_spans for span in scope.spans
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
