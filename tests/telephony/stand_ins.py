"""Gateways on loopback: one that speaks Twilio's API and signs what it tells, and one that takes any HTTP request.
They keep what they were sent, and can be made to fail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

ACCOUNT = "AC" + "1" * 32
TOKEN = "canary-twilio-token-5b1"
PATIENCE = 60.0


@dataclass
class Received:
    """A request that came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def __getitem__(self, name: str) -> str:
        return dict(self.pairs)[name]


@dataclass
class Answer:
    """``after``: seconds of silence before it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0


class StandIn:
    """An HTTP server. ``faults`` are what the next requests are answered with instead."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.faults: deque[Answer] = deque()
        self.problems: list[str] = []
        self._news = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._gone = threading.Event()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                path, _, query = self.path.partition("?")
                headers = {name.lower(): value for name, value in self.headers.items()}
                stand_in._serve(self, Received(self.command, path, query, headers, self.rfile.read(length)))

            do_GET = do_PUT = do_POST  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()
        self.settle()
        assert self.problems == [], self.problems

    def settle(self) -> None:
        """What it began has been told to its end."""
        for thread in self._threads:
            thread.join(PATIENCE)

    def wait(self, count: int) -> list[Received]:
        """All requests, once there are ``count`` of them."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.received) >= count, PATIENCE), self.received
            return list(self.received)

    def answer(self, received: Received) -> Answer:
        return Answer(200, b"accepted")

    def _serve(self, handler: BaseHTTPRequestHandler, received: Received) -> None:
        with self._news:
            fault = self.faults.popleft() if self.faults else None
            self.received.append(received)
            self._news.notify_all()
        answer = fault or self.answer(received)
        if answer.after:
            self._gone.wait(answer.after)
        try:
            handler.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(answer.body)
        except OSError:
            handler.close_connection = True

    def start(self, work: Callable[[], object]) -> None:
        """In a thread of its own; what it raises fails the test at the end."""

        def run() -> None:
            try:
                work()
            except Exception as error:
                self.problems.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()


def tell(url: str, body: bytes, headers: dict[str, str], ca: Path) -> tuple[int, str]:
    """What a gateway tells the daemon: status and text of its answer."""
    request = urllib.request.Request(url, body or None, headers)
    context = ssl.create_default_context(cafile=str(ca))
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE, context=context) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


Script = Callable[["PhoneCall"], object]


class TwilioStandIn(StandIn):
    """``on_call``: what the person does who is called; ``ca``: whom the daemon's web side is certified by."""

    def __init__(self, ca: Path) -> None:
        self.ca = ca
        self.on_call: Script = lambda call: None
        self.calls: list[PhoneCall] = []
        super().__init__()

    @property
    def messages(self) -> list[Received]:
        return [each for each in self.received if each.path.endswith("/Messages.json")]

    def answer(self, received: Received) -> Answer:
        expected = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {expected}":
            return _refusal(401, 20003, "Authenticate")
        what = received.path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT}/")
        number = f"{len(self.received):032x}"
        if what == "Messages.json":
            return _created({"sid": f"SM{number}", "status": "queued"})
        if what == "Calls.json":
            call = PhoneCall(f"CA{number}", received, self)
            self.calls.append(call)
            self.start(lambda: self.on_call(call))
            return _created({"sid": call.sid, "status": "queued"})
        if what.startswith("Calls/CA"):
            return Answer(200, json.dumps({"sid": what[6:40], "status": "completed"}).encode())
        return _refusal(404, 20404, "not found")

    def tell(self, url: str, token: str = TOKEN, **told: str) -> tuple[int, str]:
        """Signed as Twilio does."""
        params = {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", **told}
        text = url + "".join(name + params[name] for name in sorted(params))
        mac = hmac.new(token.encode(), text.encode(), hashlib.sha1)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": base64.b64encode(mac.digest()).decode(),
        }
        return tell(url, urlencode(params).encode(), headers, self.ca)


@dataclass
class PhoneCall:
    """A call that was asked for, from the callee's side."""

    sid: str
    asked: Received
    twilio: TwilioStandIn
    heard: list[str] = field(default_factory=list)
    last: ElementTree.Element | None = None

    def status(self, status: str) -> tuple[int, str]:
        return self.twilio.tell(self.asked["StatusCallback"], CallSid=self.sid, CallStatus=status)

    def answer(self) -> None:
        """Takes up, and hears what is said."""
        self.status("ringing")
        self.status("in-progress")
        self._hear(self.twilio.tell(self.asked["Url"], CallSid=self.sid, CallStatus="in-progress"))

    def press(self, key: str) -> None:
        """``key``: empty: none, until the time for it is over."""
        assert self.last is not None
        gather = self.last.find("Gather")
        assert gather is not None
        assert (gather.get("numDigits"), gather.get("finishOnKey")) == ("1", "")
        action = gather.get("action")
        assert action is not None
        self._hear(self.twilio.tell(action, CallSid=self.sid, CallStatus="in-progress", Digits=key))

    def _hear(self, answered: tuple[int, str]) -> None:
        status, text = answered
        assert status == 200, text
        last = ElementTree.fromstring(text)
        self.heard += [say.text or "" for say in last.iter("Say")]
        self.last = last

    @property
    def is_hung_up(self) -> bool:
        return self.last is not None and self.last.find("Hangup") is not None


def answers_and_presses(key: str) -> Script:
    def script(call: PhoneCall) -> None:
        call.answer()
        call.press(key)
        call.status("completed")

    return script


def is_unreached(status: str) -> Script:
    def script(call: PhoneCall) -> None:
        call.status("ringing")
        call.status(status)

    return script


def eventually(check: Callable[[], bool]) -> None:
    """For what nothing waits for."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _created(said: dict[str, str]) -> Answer:
    return Answer(201, json.dumps(said).encode(), {"Content-Type": "application/json"})


def _refusal(status: int, code: int, message: str) -> Answer:
    said = {"code": code, "message": message, "status": status}
    return Answer(status, json.dumps(said).encode(), {"Content-Type": "application/json"})
