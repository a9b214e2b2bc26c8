"""The server on real UDP sockets, asked by radclient (freeradius-utils)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.threads import deferToThread

from authproxy.errors import ConfigError
from authproxy.radius import droplog, listen
from authproxy.radius.listen import RECEIVE_BUFFER, open_port
from tests.radius.door import Door, Lines
from tests.radius.wire import SECRET

RADCLIENT = shutil.which("radclient")


@pytest.fixture
def radclient() -> str:
    if RADCLIENT is None:
        if os.environ.get("CI") == "true":
            pytest.fail("needs radclient: apt install freeradius-utils")
        pytest.skip("needs radclient: apt install freeradius-utils")
    return RADCLIENT


@pytest.fixture
def ports() -> Iterator[list[IListeningPort]]:
    opened: list[IListeningPort] = []
    yield opened
    for port in opened:
        pytest_twisted.blockon(port.stopListening())


def listening(ports: list[IListeningPort], interface: str, door: Door) -> int:
    door.server.transport = None
    port = open_port(reactor, interface, 0, door.server)
    ports.append(port)
    return int(port.getHost().port)


async def ask(radclient: str, target: str, attributes: str, command: str = "auth", *options: str) -> str:
    arguments = [radclient, "-x", "-r", "1", "-t", "5", *options, target, command, SECRET.decode()]
    done: subprocess.CompletedProcess[str] = await deferToThread(
        subprocess.run, arguments, input=attributes, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


LOGIN = 'User-Name = "alice", User-Password = "{}", Proxy-State = 0x6162, Message-Authenticator = 0x00\n'


@pytest.mark.parametrize(
    ("interface", "host", "nas"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]", "::1"),
        ("", "127.0.0.1", "127.0.0.1"),
        ("", "[::1]", "::1"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_radclient_is_accepted_rejected_and_challenged(
    radclient: str, ports: list[IListeningPort], interface: str, host: str, nas: str
) -> None:
    door = Door()
    target = f"{host}:{listening(ports, interface, door)}"
    accepted = await ask(radclient, target, LOGIN.format("pass,123456"))
    assert "Received Access-Accept" in accepted
    assert 'Reply-Message = "Success. Logging you in..."' in accepted
    assert "Proxy-State = 0x6162" in accepted
    assert "Received Access-Reject" in await ask(radclient, target, LOGIN.format("wrong"))
    challenged = await ask(radclient, target, LOGIN.format("challenge"))
    assert "Received Access-Challenge" in challenged
    assert f"State = 0x{b'right-state'.hex()}" in challenged
    assert {request.nas for request in door.judge.started} == {nas}


@pytest_twisted.ensureDeferred
async def test_radclient_asks_status_server(radclient: str, ports: list[IListeningPort]) -> None:
    door = Door()
    target = f"127.0.0.1:{listening(ports, '127.0.0.1', door)}"
    output = await ask(radclient, target, "Message-Authenticator = 0x00\n", "status")
    assert "Received Access-Accept" in output


@pytest_twisted.ensureDeferred
async def test_radclient_with_a_long_password_of_many_alphabets(
    radclient: str, ports: list[IListeningPort]
) -> None:
    door = Door()
    target = f"127.0.0.1:{listening(ports, '127.0.0.1', door)}"
    password = "pä,ßword,Пароль,密码,:;" + "x" * 90
    assert "Received Access-Reject" in await ask(radclient, target, LOGIN.format(password))
    assert [request.password for request in door.judge.started] == [password.encode()]


@pytest_twisted.ensureDeferred
async def test_radclient_with_a_wrong_secret_gets_no_answer(radclient: str, ports: list[IListeningPort]) -> None:
    door = Door()
    target = f"127.0.0.1:{listening(ports, '127.0.0.1', door)}"
    arguments = [radclient, "-r", "1", "-t", "0.5", target, "auth", "wrong"]
    done = await deferToThread(
        subprocess.run, arguments, input=LOGIN.format("x"), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "Received" in done.stdout) == (1, False)
    assert door.dropped(droplog.WRONG_SIGNATURE) >= 1
    assert door.judge.started == []


@pytest_twisted.ensureDeferred
async def test_radclient_sends_500_logins_in_parallel(
    radclient: str, ports: list[IListeningPort], tmp_path: Path
) -> None:
    door = Door()
    target = f"127.0.0.1:{listening(ports, '127.0.0.1', door)}"
    names = [f"user{number}" for number in range(500)]
    requests = "\n".join(
        f'User-Name = "{name}", User-Password = "pass,123456", Message-Authenticator = 0x00\n' for name in names
    )
    requests_file = tmp_path / "logins"
    requests_file.write_text(requests)
    output = await ask(radclient, target, "", "auth", "-s", "-q", "-p", "64", "-f", str(requests_file))
    assert "Accepted      : 500" in output
    assert sorted(request.username for request in door.judge.started) == sorted(names)


# ---------------------------------------------------------------- the port


def test_port_in_use_is_a_clear_error(ports: list[IListeningPort]) -> None:
    port = listening(ports, "127.0.0.1", Door())
    with pytest.raises(ConfigError, match=rf"127\.0\.0\.1 port {port}/udp: the port is in use"):
        open_port(reactor, "127.0.0.1", port, DatagramProtocol())


def test_address_of_another_host_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="this host has no such address; see interface="):
        open_port(reactor, "192.0.2.55", 0, DatagramProtocol())


@pytest.mark.parametrize(("number", "text"), [(13, "not permitted; ports below 1024"), (5, "Input/output error")])
def test_refusal_of_the_kernel_is_explained(monkeypatch: pytest.MonkeyPatch, number: int, text: str) -> None:
    monkeypatch.setattr(listen.socket, "socket", _refusing_socket(number))
    with pytest.raises(ConfigError, match=text):
        open_port(reactor, "127.0.0.1", 812, DatagramProtocol())


def _refusing_socket(number: int) -> type[socket.socket]:
    class Refusing(socket.socket):
        def bind(self, _address: object, /) -> None:
            raise OSError(number, os.strerror(number))

    return Refusing


def test_host_without_ipv6_serves_ipv4(monkeypatch: pytest.MonkeyPatch, ports: list[IListeningPort]) -> None:
    class NoIPv6(socket.socket):
        def __init__(self, family: int = -1, *rest: int, **named: object) -> None:
            if family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            super().__init__(family, *rest, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as without:
        without.setattr(listen.socket, "socket", NoIPv6)
        bound = listen.bind("", 0)
    assert bound.getsockname()[0] == "0.0.0.0"
    bound.close()


class _Buffer:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0

    def setsockopt(self, _level: int, _name: int, value: int, /) -> None:
        self.size = 2 * min(value, self.limit)

    def getsockopt(self, _level: int, _name: int, /) -> int:
        return self.size


def test_clipped_receive_buffer_is_logged_with_the_remedy() -> None:
    with Lines() as lines:
        listen._enlarge_buffer(_Buffer(RECEIVE_BUFFER))
        assert lines.texts == []
        listen._enlarge_buffer(_Buffer(212_992))
    (line,) = lines.texts
    assert "212992" in line
    assert f"net.core.rmem_max={RECEIVE_BUFFER}" in line
