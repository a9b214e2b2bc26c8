"""A RADIUS server on a wire of its own: a fake transport, a Clock, an Authenticates that says what it is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from ipaddress import ip_address

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from authproxy.config.settings import Appliance, RadiusServerSettings, RequireMessageAuthenticator, ServerMode
from authproxy.log_text import message_of
from authproxy.metrics import Metrics
from authproxy.model import Accept, AuthRequest, Challenge, Outcome, Reject
from authproxy.radius.attributes import Dictionary
from authproxy.radius.server import RadiusServer
from authproxy.secret import Secret
from tests.radius.wire import SECRET

PEER = ("192.0.2.1", 5000)
DICTIONARY = Dictionary.load()


class Judge:
    """``Authenticates``: accepts ``pass,123456``, challenges ``challenge``, rejects the rest; anything waits that
    begins with ``wait`` until ``decide``."""

    def __init__(self) -> None:
        self.started: list[AuthRequest] = []
        self.resumed: list[tuple[bytes, AuthRequest]] = []
        self.waiting: list[Deferred[Outcome]] = []
        self.outcome: Callable[[AuthRequest], Outcome] = _usual

    async def start(self, request: AuthRequest) -> Outcome:
        self.started.append(request)
        if request.password.startswith(b"wait"):
            deferred: Deferred[Outcome] = Deferred()
            self.waiting.append(deferred)
            return await deferred
        return self.outcome(request)

    async def resume(self, state: bytes, request: AuthRequest) -> Outcome:
        self.resumed.append((state, request))
        return Accept("resumed") if state == b"right-state" else Reject()

    def decide(self, outcome: Outcome, which: int = 0) -> None:
        self.waiting.pop(which).callback(outcome)


def _usual(request: AuthRequest) -> Outcome:
    if request.password == b"challenge":
        return Challenge("Enter a passcode", b"right-state")
    return Accept("Success. Logging you in...") if request.password == b"pass,123456" else Reject()


class Wire:
    """A UDP transport that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.error: OSError | None = None

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        assert addr is not None
        if self.error is not None:
            raise self.error
        self.sent.append((datagram, addr))

    def take(self) -> list[bytes]:
        taken, self.sent = self.sent, []
        return [datagram for datagram, _ in taken]


class Lines:
    """Log lines of our own, as text."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __enter__(self) -> Lines:
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)

    def __call__(self, event: LogEvent) -> None:
        if str(event.get("log_namespace", "")).startswith("authproxy"):
            self.events.append(event)

    @property
    def texts(self) -> list[str]:
        return [message_of(event) for event in self.events]

    def having(self, text: str) -> list[str]:
        return [line for line in self.texts if text in line]


SETTINGS = RadiusServerSettings(
    name="radius_server_auto",
    mode=ServerMode.AUTO,
    client="ad_client",
    appliances=(
        Appliance(ip_address("192.0.2.0"), ip_address("192.0.2.255"), Secret(SECRET.decode()), 1),
        Appliance(ip_address("127.0.0.1"), ip_address("127.0.0.1"), Secret(SECRET.decode()), 2),
        Appliance(ip_address("::1"), ip_address("::1"), Secret(SECRET.decode()), 3),
    ),
    force_message_authenticator=RequireMessageAuthenticator.AUTO,
)


class Door:
    """``RadiusServer`` and all that is around it."""

    def __init__(self, **changes: object) -> None:
        self.judge = Judge()
        self.clock = Clock()
        self.metrics = Metrics()
        self.wire = Wire()
        settings = dataclasses.replace(SETTINGS, **changes)  # type: ignore[arg-type]
        self.server = RadiusServer(settings, self.judge, DICTIONARY, self.metrics, self.clock)
        self.server.transport = self.wire  # type: ignore[assignment]

    def send(self, datagram: bytes, peer: tuple[str, int] = PEER) -> list[bytes]:
        """What is answered at once."""
        self.server.datagramReceived(datagram, peer)
        return self.wire.take()

    def dropped(self, reason: str) -> float:
        labels = {"section": "radius_server_auto", "reason": reason}
        return self.metrics.registry.get_sample_value("authproxy_radius_dropped_total", labels) or 0.0
