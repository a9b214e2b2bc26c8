"""How connections in TLS end, on either side: nothing is left of them, and whoever was bound learns of it."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread

from authproxy.config.settings import Transport
from authproxy.ldap import messages, requests, responses
from authproxy.ldap.ber import Framer
from authproxy.ldap.messages import open_envelope, seal
from authproxy.ldap.requests import Extended, Unbind
from authproxy.ldap.responses import Code
from tests.ldap_front.certificate import Certificate
from tests.ldap_front.directory import BASE, Directory, settings_for
from tests.ldap_front.door import CODE, Door, MakeDoor, until
from tests.ldap_front.wire import WireClient, notice_and_end
from tests.peers.slapd import PEOPLE, Slapd

WHO_AM_I = seal(1, requests.encode(Extended(messages.WHO_AM_I)))


def _reset(line: ssl.SSLSocket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def _say_goodbye(line: ssl.SSLSocket) -> None:
    line.unwrap()
    line.close()


def _unbind(line: ssl.SSLSocket) -> None:
    line.sendall(seal(2, requests.encode(Unbind())))
    assert line.recv(100) == b""
    line.close()


@pytest.mark.parametrize("leave", [ssl.SSLSocket.close, _reset, _say_goodbye, _unbind])
@pytest.mark.parametrize("way", ["ldaps", "starttls"])
async def test_nothing_is_left_of_a_client_however_it_leaves(
    make_door: MakeDoor, directory: Directory, tmp_path: Path, leave: Callable[[ssl.SSLSocket], None], way: str
) -> None:
    door = make_door(**Certificate.make(tmp_path).options())

    def come_and_go() -> None:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        plain = socket.create_connection(("127.0.0.1", door.port if way == "starttls" else door.ssl_port))
        if way == "starttls":
            plain.sendall(WHO_AM_I)  # the way to the directory is open before TLS begins
            assert plain.recv(100)
            plain.sendall(seal(1, requests.encode(Extended(messages.START_TLS))))
            assert plain.recv(100)
        line = context.wrap_socket(plain, server_hostname="localhost")
        line.sendall(WHO_AM_I)
        assert line.recv(100)
        leave(line)

    await deferToThread(come_and_go)
    await until(lambda: not door.server.callers and not directory.lines)


async def test_a_client_in_tls_that_does_not_read_costs_no_memory(
    make_door: MakeDoor, directory: Directory, tmp_path: Path
) -> None:
    """Also if the way to the directory was open before TLS began."""
    door = make_door(**Certificate.make(tmp_path).options(), network_timeout=1.0)
    entry = seal(1, responses.encode_entry(b"uid=x", {b"description": [bytes(30_000_000)]}))
    directory.say = lambda _line, envelope: entry if envelope.tag == messages.SEARCH_REQUEST else None
    search = requests.encode(requests.Search(BASE.encode(), requests.Scope.BASE, requests.filters.Present("a")))

    def ask() -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        plain = socket.create_connection(("127.0.0.1", door.port))
        for request in (WHO_AM_I, seal(1, requests.encode(Extended(messages.START_TLS)))):
            plain.sendall(request)
            assert plain.recv(100)
        line = context.wrap_socket(plain, server_hostname="localhost")
        line.sendall(seal(1, search))
        return line

    line = await deferToThread(ask)
    (caller,) = door.server.callers
    await until(lambda: caller._upstream.client_full_since is not None)
    await until(lambda: not door.server.callers)
    assert door.figure("authproxy_ldap_dropped_total", reason="client does not read") == 1
    line.close()


@pytest.mark.parametrize("transport", list(Transport))
async def test_a_directory_that_dies_is_noticed_by_whoever_was_bound(tmp_path: Path, transport: Transport) -> None:
    with Slapd(tmp_path / "slapd", users=1) as slapd:
        port = slapd.tls_port if transport is Transport.LDAPS else slapd.port
        changes = {"transport": transport, "ssl_ca_certs_file": slapd.ca_file, "bind_dn": slapd.service_dn}
        settings = settings_for(port, hosts=(("localhost", port),), **changes)
        door = Door(settings, ("user0001",))
        try:
            client = await WireClient.to(door.port)
            assert (await client.bind(f"uid=user0001,{PEOPLE}", f"pw-0001,{CODE}")).code == Code.SUCCESS
            slapd.kill()
            assert (await notice_and_end(client)).code == Code.UNAVAILABLE
            await until(lambda: not door.server.callers)
        finally:
            await door.close()


async def test_a_directory_that_dies_while_its_answers_pass(tmp_path: Path) -> None:
    """What the client has got are whole messages but for the last, and no notice is put into that."""
    with Slapd(tmp_path / "slapd", users=3000) as slapd:
        settings = settings_for(slapd.port, bind_dn=slapd.service_dn)
        door = Door(settings, ("user0001",), exempt_ous=(slapd.service_dn,))
        try:
            client = await WireClient.to(door.port)
            assert (await client.bind(slapd.service_dn, slapd.service_password)).code == Code.SUCCESS
            framer, tags = Framer(1 << 20), list[int]()

            def hear(data: bytes) -> None:
                tags.extend(open_envelope(frame).tag for frame in framer.feed(data))
                if len(tags) > 100:
                    slapd.kill()

            client.dataReceived = hear  # type: ignore[method-assign]
            which = requests.filters.Present("objectClass")
            for _ in range(20):
                client.send(requests.Search(PEOPLE.encode(), requests.Scope.SUBTREE, which))
            await client.gone()
            assert 100 < len(tags) < 20 * 3000 and framer.failure is None
            assert bool(framer.pending) is (tags[-1] != messages.EXTENDED_RESPONSE)
        finally:
            await door.close()
