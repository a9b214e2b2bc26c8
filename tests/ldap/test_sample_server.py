"""The small server: what it serves to our own client and to ldap3, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import ldap3
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread

from authproxy.config.settings import AdClientSettings, AuthType
from authproxy.ldap import messages, requests, responses
from authproxy.ldap.ber import Framer
from authproxy.ldap.filters import Present
from authproxy.ldap.messages import Control, open_envelope, seal
from authproxy.ldap.requests import Extended, SaslBind, Scope, Search, SimpleBind
from authproxy.ldap.responses import Code, Result
from authproxy.ldap.sample_server import MemoryDirectory
from authproxy.model import Denied, Identity, Reason
from authproxy.primary.directory import DirectoryPrimary
from authproxy.secret import Secret
from tests.primary.directories import login

BASE = "dc=example,dc=test"
SERVICE = f"cn=svc,{BASE}"
SSHA = "{SSHA}" + base64.b64encode(hashlib.sha1(b"builder, 2nd" + b"salt").digest() + b"salt").decode()
ENTRIES: dict[str, dict[str, list[str | bytes]]] = {
    BASE: {"objectClass": ["dcObject"], "dc": ["example"]},
    SERVICE: {"objectClass": ["device"], "cn": ["svc"], "userPassword": ["svc-secret"]},
    f"uid=anna,ou=people,{BASE}": {"uid": ["Anna"], "mail": ["anna@example.test"], "userPassword": ["wonderland"]},
    f"uid=bob,ou=people,{BASE}": {"uid": ["bob"], "userPassword": [SSHA]},
    f"cn=vpn,{BASE}": {"cn": ["vpn"], "member": [f"UID=bob, OU=people,{BASE}"]},
}


def settings(port: int, group: str | None = None) -> AdClientSettings:
    return AdClientSettings(
        "ad_client", (("127.0.0.1", port),), BASE, "", Secret("svc-secret"), AuthType.PLAIN,
        bind_dn=SERVICE, username_attribute="uid", at_attribute="mail", security_group_dn=group, timeout=2.0,
    )  # fmt: skip


@pytest.fixture
def port() -> Iterator[int]:
    directory = MemoryDirectory(ENTRIES)
    listening = directory.listen(reactor, "127.0.0.1", 0)
    yield listening.getHost().port
    directory.close()
    pytest_twisted.blockon(Deferred.fromCoroutine(_stop(listening)))


async def _stop(listening: object) -> None:
    await listening.stopListening()  # type: ignore[attr-defined]
    await deferLater(reactor, 0.02, lambda: None)


async def test_our_client_logs_people_in(port: int) -> None:
    primary = DirectoryPrimary(settings(port), reactor)
    who = await login(primary, "anna@example.test", b"wonderland")
    assert who == Identity("Anna", f"uid=anna,ou=people,{BASE}", "anna@example.test")
    assert isinstance(await login(primary, "BOB", b"builder, 2nd"), Identity)
    for username, password in (("bob", b"builder"), ("bob", SSHA.encode())):
        verdict = await login(primary, username, password)
        assert isinstance(verdict, Denied) and verdict.reason is Reason.BAD_PASSWORD
    await primary.verify()
    primary.close()


async def test_our_client_finds_group_members(port: int) -> None:
    primary = DirectoryPrimary(settings(port, f"cn=vpn,{BASE}"), reactor)
    assert isinstance(await login(primary, "bob", b"builder, 2nd"), Identity)
    verdict = await login(primary, "anna", b"wonderland")
    assert isinstance(verdict, Denied) and verdict.reason is Reason.NOT_IN_GROUP
    primary.close()


async def test_ldap3_binds_searches_and_asks_who_it_is(port: int) -> None:
    def ask() -> tuple[list[str], list[str], str, bool]:
        server = ldap3.Server("127.0.0.1", port, get_info=ldap3.NONE)
        with ldap3.Connection(
            server, SERVICE, "svc-secret", check_names=False, raise_exceptions=False
        ) as connection:
            connection.search(BASE, "(&(uid=*)(!(uid=anna)))", attributes=["*"])
            found = [entry.entry_dn for entry in connection.entries]
            connection.search(BASE, "(objectClass=*)", search_scope=ldap3.LEVEL)
            one = [entry.entry_dn for entry in connection.entries]
            return found, one, connection.extend.standard.who_am_i(), connection.delete(SERVICE)

    found, one, who, was_deleted = await deferToThread(ask)
    assert found == [f"uid=bob,ou=people,{BASE}"]
    assert one == [SERVICE]
    assert who == f"dn:{SERVICE}" and not was_deleted


# ---------------------------------------------------------------- on the wire

BIND = requests.encode(SimpleBind(SERVICE.encode(), b"svc-secret"))


def talk(*sent: bytes) -> tuple[list[messages.Envelope], bool]:
    """The answers to a client's bytes, and whether the server hung up."""
    connection = MemoryDirectory(ENTRIES).buildProtocol(None)
    assert connection is not None
    transport = StringTransport()
    connection.makeConnection(transport)
    for data in sent:
        connection.dataReceived(data)
    return [open_envelope(frame) for frame in Framer(1 << 20).feed(transport.value())], transport.disconnecting


def search(**changes: object) -> bytes:
    values = {"base": BASE.encode(), "scope": Scope.SUBTREE, "which": Present("uid")} | changes
    return requests.encode(Search(**values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (requests.encode(SimpleBind(SERVICE.encode(), b"")), Code.UNWILLING_TO_PERFORM),
        (requests.encode(SimpleBind(b"", b"x")), Code.INVALID_CREDENTIALS),
        (requests.encode(SimpleBind(f"cn=vpn,{BASE}".encode(), b"{none}")), Code.INVALID_CREDENTIALS),
        (requests.encode(SimpleBind(b"not a name", b"x")), Code.INVALID_CREDENTIALS),
        (requests.encode(SimpleBind(SERVICE.encode(), b"svc-secret", 2)), Code.PROTOCOL_ERROR),
        (requests.encode(SaslBind(b"", b"PLAIN", b"x")), Code.AUTH_METHOD_NOT_SUPPORTED),
        (requests.encode(Extended(messages.START_TLS)), Code.UNAVAILABLE),
        (requests.encode(Extended(b"1.2.3")), Code.PROTOCOL_ERROR),
        (search(), Code.INSUFFICIENT_ACCESS),
        (BIND + messages.encode_controls(Control(b"1.2.3", True, None)), 12),
        (b"\x4a\x01x", Code.UNWILLING_TO_PERFORM),
    ],
)
def test_what_is_refused_before_a_bind(operation: bytes, code: int) -> None:
    answers, is_gone = talk(seal(1, operation))
    assert [responses.decode_result(one).code for one in answers] == [code]
    assert not is_gone


def test_a_size_limit_cuts_off_and_passwords_never_leave() -> None:
    answers, _ = talk(
        seal(1, BIND) + seal(2, search(size_limit=1)) + seal(3, search(attributes=(b"userPassword",)))
    )
    tags = [one.tag for one in answers]
    assert tags == [0x61, 0x64, 0x65, 0x64, 0x64, 0x65]
    assert responses.decode_result(answers[2]).code == Code.SIZE_LIMIT_EXCEEDED
    assert all(b"wonderland" not in one.frame and b"{SSHA}" not in one.frame for one in answers)
    assert responses.decode_entry(answers[3]).attributes == {}


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.0\r\n", b"\x30\x84\x7f\xff\xff\xff", seal(1, b"\x7e\x00"), b"\x30\x00"]
)
def test_what_is_no_ldap_gets_a_notice_and_is_cut_off(data: bytes) -> None:
    answers, is_gone = talk(data)
    assert is_gone
    assert responses.decode_result(answers[-1])[:1] == (Code.PROTOCOL_ERROR,)
    assert responses.decode_result(answers[-1]).name == messages.NOTICE_OF_DISCONNECTION


def test_results_explain_themselves_in_one_printable_line() -> None:
    text = Result(49, message="bad\nnews\x00" + "x" * 1000).explain()
    assert text.startswith("result 49 (invalid credentials): bad news") and text.isprintable() and len(text) < 400
