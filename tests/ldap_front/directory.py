"""A directory in memory, on a real port, that notes what it hears and says what a test wants it to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress

from authproxy.config.settings import AdClientSettings, AuthType
from authproxy.ldap import messages, requests
from authproxy.ldap.messages import Envelope, open_envelope
from authproxy.ldap.requests import SimpleBind
from authproxy.ldap.sample_server import MemoryDirectory, ServerConnection
from authproxy.secret import Secret

BASE = "dc=example,dc=test"
SERVICE = f"cn=svc,{BASE}"
ALICE, BOB = (f"uid={name},ou=people,{BASE}" for name in ("alice", "bob"))
CAROL = f"cn=Carol Jones,ou=people,{BASE}"
ENTRIES = 5
PASSWORDS = {SERVICE: "svc-secret", ALICE: "wonderland", BOB: "builder", CAROL: "singer"}

Say = Callable[["Line", Envelope], bytes | None]


def _person(uid: str, name: str) -> dict[str, list[str | bytes]]:
    return {"objectClass": ["person"], "uid": [uid], "mail": [f"{uid}@example.test"],
            "userPassword": [PASSWORDS[name]]}  # fmt: skip


class Line(ServerConnection):
    """One connection. ``bound_as`` is who the directory takes the client for."""

    directory: Directory

    @property
    def bound_as(self) -> str:
        return self._bound_as.decode()

    def _answer(self, frame: bytes) -> bytes:
        envelope = open_envelope(frame)
        self.directory.heard.append(envelope)
        said = self.directory.say(self, envelope)
        return super()._answer(frame) if said is None else said


class Directory(MemoryDirectory):
    """``say`` may answer instead: bytes are sent, none at all for ``b""``; None leaves it to the directory."""

    def __init__(self) -> None:
        super().__init__({
            BASE: {"objectClass": ["dcObject"], "dc": ["example"]},
            SERVICE: {"objectClass": ["device"], "userPassword": [PASSWORDS[SERVICE]]},
            ALICE: _person("alice", ALICE),
            BOB: _person("bob", BOB),
            CAROL: _person("carol", CAROL) | {"cn": ["Carol Jones"]},
        })  # fmt: skip
        self.heard: list[Envelope] = []
        self.say: Say = lambda _line, _envelope: None
        self.port = 0
        self._listening: Any = None

    def buildProtocol(self, addr: IAddress | None) -> Line:
        line = Line(self)
        line.directory = self
        return line

    def open(self) -> Directory:
        self._listening = self.listen(reactor, port=self.port)
        self.port = self._listening.getHost().port
        return self

    async def shut(self) -> None:
        await maybeDeferred(self._listening.stopListening)
        self.close()

    @property
    def lines(self) -> list[Line]:
        """The open connections but for the service account's, which only looks users up."""
        return [line for line in self.connections if isinstance(line, Line)]

    def binds(self) -> list[tuple[str, str]]:
        """(name, password) of every simple bind that was heard, but for the service account's."""
        found = [requests.decode(one) for one in self.heard if one.tag == messages.BIND_REQUEST]
        pairs = [(one.name.decode(), one.password.decode()) for one in found if isinstance(one, SimpleBind)]
        return [pair for pair in pairs if pair[0] != SERVICE]

    def heard_frames(self) -> list[bytes]:
        return [envelope.frame for envelope in self.heard]


def settings_for(port: int, **changes: Any) -> AdClientSettings:
    values: dict[str, Any] = {
        "name": "ad_client",
        "hosts": (("127.0.0.1", port),),
        "search_dn": BASE,
        "service_account_username": "",
        "auth_type": AuthType.PLAIN,
        "service_account_password": Secret(PASSWORDS[SERVICE]),
        "bind_dn": SERVICE,
        "username_attribute": "uid",
        "at_attribute": "mail",
        "timeout": 20.0,
    }
    return AdClientSettings(**values | changes)
