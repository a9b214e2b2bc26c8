"""NTLM against a server of its own kind, over real sockets: an honest one, and those that would like to be one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import spnego
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from authproxy.config.settings import AdClientSettings
from authproxy.errors import PrimaryUnavailable
from authproxy.ldap import ber, messages, requests, responses
from authproxy.ldap.messages import open_envelope, seal
from authproxy.ldap.ntlm import Ntlm, NtlmKey
from authproxy.ldap.requests import SaslBind, Search
from authproxy.ldap.responses import Code, Result
from authproxy.ldap.sasl import SaslError, SecurityLayer
from authproxy.model import AuthRequest, Denied, Identity, Reason, Trail
from authproxy.primary.directory import DirectoryPrimary
from authproxy.secret import Secret

BASE = "DC=corp,DC=test"
PEOPLE = {"svc": "svc-pw", "anna": "wonderland"}
_FLAGS = slice(20, 24)

Rewrite = Callable[[bytes], bytes]


class ServerSeal:
    def __init__(self, context: spnego.ContextProxy) -> None:
        self._context = context

    def wrap(self, data: bytes) -> bytes:
        return self._context.wrap(data).data

    def unwrap(self, data: bytes) -> bytes:
        return self._context.unwrap(data).data


class Domain(Factory):
    """What the connections share. ``rewrite`` changes the NTLM challenge on its way; ``believes``: says success to
    whoever wants to bind as ``anna``, and does not seal what follows with the right key, for it knows none."""

    def __init__(self, rewrite: Rewrite = lambda token: token, believes: bool = False, seals: bool = True) -> None:
        self.rewrite = rewrite
        self.believes = believes
        self.seals = seals
        self.binds: list[bytes] = []

    def buildProtocol(self, addr: object) -> Directory:
        return Directory(self)


class Directory(Protocol):
    """As much of a domain controller as a login takes."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._framer = ber.Framer(1 << 20)
        self._context: spnego.ContextProxy | None = None
        self._layer: SecurityLayer | None = None
        self._has_succeeded = False

    def dataReceived(self, data: bytes) -> None:
        if self._has_succeeded and self._layer is None:  # can't read what is asked, but knows what comes now
            self._answer(1, responses.encode_result(messages.SEARCH_DONE, Result(Code.SUCCESS)))
            return
        opened = data if self._layer is None else self._layer.receive(data)
        for frame in self._framer.feed(opened):
            envelope = open_envelope(frame)
            match requests.decode(envelope):
                case SaslBind(_, _, token):
                    assert token is not None
                    self._bind(envelope.message_id, token)
                case Search() as search:
                    self._search(envelope.message_id, search)

    def _bind(self, number: int, token: bytes) -> None:
        self._domain.binds.append(token)
        if self._context is None:
            self._context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            challenge = self._context.step(token)
            assert challenge is not None
            result = Result(Code.SASL_BIND_IN_PROGRESS, value=self._domain.rewrite(challenge))
            self._answer(number, responses.encode_result(messages.BIND_RESPONSE, result))
            return
        try:
            self._context.step(token)
            result = Result(Code.SUCCESS)
        except spnego.exceptions.SpnegoError:
            is_fooled = self._domain.believes and "anna".encode("utf-16-le") in token
            message = "80090308: comment: AcceptSecurityContext error, data 52e, v1db1"
            result = Result(Code.SUCCESS) if is_fooled else Result(Code.INVALID_CREDENTIALS, message=message)
        self._answer(number, responses.encode_result(messages.BIND_RESPONSE, result))
        self._has_succeeded = result.code == Code.SUCCESS
        if self._has_succeeded and self._context.complete and self._domain.seals:
            self._layer = SecurityLayer(ServerSeal(self._context))

    def _search(self, number: int, search: Search) -> None:
        if search.base == BASE.encode():
            attributes = {b"sAMAccountName": [b"anna"], b"mail": [b"anna@corp.test"]}
            self._answer(number, responses.encode_entry(f"CN=anna,{BASE}".encode(), attributes))
        self._answer(number, responses.encode_result(messages.SEARCH_DONE, Result(Code.SUCCESS)))

    def _answer(self, number: int, operation: bytes) -> None:
        assert self.transport is not None
        message = seal(number, operation)
        self.transport.write(message if self._layer is None else self._layer.send(message))


@pytest.fixture(autouse=True)
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library's server side looks accounts up."""
    file = tmp_path / "accounts"
    lines = [f"{domain}:{name}:{pw}" for name, pw in PEOPLE.items() for domain in ("corp.test", "CORP")]
    file.write_text("\n".join(lines))
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


Serve = Callable[[Domain], AdClientSettings]


@pytest.fixture
def serve() -> Iterator[Serve]:
    ports = []

    def start(domain: Domain) -> AdClientSettings:
        ports.append(reactor.listenTCP(0, domain, interface="127.0.0.1"))
        host = ("127.0.0.1", ports[-1].getHost().port)
        return AdClientSettings("ad_client", (host,), BASE, "svc", Secret("svc-pw"), timeout=3.0)

    yield start
    for port in ports:
        port.stopListening()


async def check(settings: AdClientSettings, password: bytes) -> Identity | Denied:
    primary = DirectoryPrimary(settings, reactor)
    try:
        request = AuthRequest("ID", "test", "anna", password, "192.0.2.1", None, Trail(reactor.seconds))
        return await primary.check(request, password)
    finally:
        primary.close()


async def test_right_password_is_proved_and_never_sent(serve: Serve) -> None:
    domain = Domain()
    who = await check(serve(domain), b"wonderland")
    assert who == Identity("anna", f"CN=anna,{BASE}", "anna@corp.test")
    sent = b"".join(domain.binds)
    assert b"wonderland" not in sent and "wonderland".encode("utf-16-le") not in sent


async def test_wrong_password_is_denied(serve: Serve) -> None:
    who = await check(serve(Domain()), b"wrong")
    assert isinstance(who, Denied)
    assert who.reason is Reason.BAD_PASSWORD


@pytest.mark.parametrize("password", [b"\xff\xfe", "caf\u00e9".encode("latin-1")])
async def test_a_password_that_is_no_text_is_denied(serve: Serve, password: bytes) -> None:
    who = await check(serve(Domain()), password)
    assert isinstance(who, Denied)
    assert (who.reason, "pw_codec" in who.detail) == (Reason.BAD_PASSWORD, True)


async def test_success_without_the_key_judges_nobody(serve: Serve) -> None:
    """Somebody on the way answers the bind himself: he does not know the password, so he can't seal."""
    with pytest.raises(PrimaryUnavailable):
        await check(serve(Domain(believes=True)), b"wrong")


async def test_a_server_that_stops_sealing_judges_nobody(serve: Serve) -> None:
    with pytest.raises(PrimaryUnavailable):
        await check(serve(Domain(seals=False)), b"wonderland")


def without(flag: int) -> Rewrite:
    def rewrite(token: bytes) -> bytes:
        flags = int.from_bytes(token[_FLAGS], "little") & ~flag
        return token[: _FLAGS.start] + flags.to_bytes(4, "little") + token[_FLAGS.stop :]

    return rewrite


@pytest.mark.parametrize("flag", [0x10, 0x20, 0x200, 0x80000, 0x20000000, 0x40000000])
async def test_a_challenge_with_less_protection_is_not_answered(serve: Serve, flag: int) -> None:
    domain = Domain(rewrite=without(flag))
    with pytest.raises(PrimaryUnavailable, match="NTLMv2 with sealing"):
        await check(serve(domain), b"wonderland")
    assert len(domain.binds) == 1  # nothing that depends on the password


@pytest.mark.parametrize("challenge", [b"", b"NTLMSSP\0", b"x" * 60])
async def test_a_broken_challenge_judges_nobody(serve: Serve, challenge: bytes) -> None:
    with pytest.raises(PrimaryUnavailable, match="NTLM"):
        await check(serve(Domain(rewrite=lambda _: challenge)), b"wonderland")


async def test_ntlmv1_is_not_sent_whatever_the_environment_says(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = Domain()
    settings = serve(domain)
    monkeypatch.setenv("LM_COMPAT_LEVEL", "1")
    with pytest.raises(PrimaryUnavailable, match="NTLMv1"):
        await check(settings, b"wonderland")
    assert len(domain.binds) == 1


@pytest.mark.parametrize(("workstation", "announced"), [("VPN1", "VPN1"), ("", os.uname().nodename.upper())])
async def test_the_workstation_is_announced(serve: Serve, workstation: str, announced: str) -> None:
    domain = Domain()
    context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    mechanism = Ntlm("CORP\\anna", NtlmKey("wonderland"), workstation)
    challenge = context.step(await mechanism.step(None))
    answer = await mechanism.step(challenge)
    assert answer is not None
    assert announced.encode("utf-16-le") in answer
    assert domain.binds == []


async def test_what_is_sealed_with_another_key_is_refused() -> None:
    one, other = [await bound(password) for password in ("wonderland", "wonderland")]
    with pytest.raises(SaslError):
        one.unwrap(other.wrap(b"hello"))


async def bound(password: str) -> Ntlm:
    context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    mechanism = Ntlm("CORP\\anna", NtlmKey(password), "")
    context.step(await mechanism.step(context.step(await mechanism.step(None))))
    return mechanism.seal()


def test_the_key_does_not_show_itself() -> None:
    assert "wonderland" not in repr(NtlmKey("wonderland"))
