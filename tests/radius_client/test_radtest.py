"""``authproxy radtest`` as a process, against a real FreeRADIUS and a server in a thread that misbehaves."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authproxy.radius.packet import ACCESS_ACCEPT, ACCESS_CHALLENGE, Packet, attribute, decode, encode_response
from tests.peers.fake_upstream import SECRET
from tests.peers.freeradius import FreeRadius, User
from tests.peers.ports import free_port

needs_freeradius = pytest.mark.peer("freeradius")


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeRadius]:
    users = [User("bob", "pässwörd".encode(), {"Class": "0x01", "Reply-Message": '"Hello"'})]
    echo = 'update reply { Filter-Id := "%{NAS-Identifier}/%{Calling-Station-Id}" }'.replace("{ ", "{\n").replace(
        " }", "\n}"
    )
    with FreeRadius(tmp_path_factory.mktemp("freeradius"), users, echo=echo) as running:
        yield running


@pytest.fixture()
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_bytes(SECRET + b"\n")
    return file


def radtest(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "authproxy", "radtest", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)


@pytest.fixture()
def server() -> Iterator[Callable[[Callable[[Packet], bytes]], int]]:
    """Starts a thread that answers every request with what the given function makes of it; returns the port."""
    sockets, threads = [], []

    def start(answer: Callable[[Packet], bytes]) -> int:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", 0))
        sockets.append(bound)

        def serve() -> None:
            while True:
                datagram, source = bound.recvfrom(4096)
                if not datagram:
                    return
                bound.sendto(answer(decode(datagram)), source)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        threads.append(thread)
        port: int = bound.getsockname()[1]
        return port

    yield start
    for bound, thread in zip(sockets, threads, strict=True):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", bound.getsockname())
        thread.join()
        bound.close()


@needs_freeradius
def test_accept_is_shown_with_its_attributes(peer: FreeRadius, secret_file: Path) -> None:
    done = radtest(
        *("--server", f"127.0.0.1:{peer.port}", "--secret-file", str(secret_file), "bob"),
        *("--attr", "Calling-Station-Id=192.0.2.9"),
        stdin="pässwörd\n",
    )
    assert done.returncode == 0, done.stderr
    assert "Access-Accept from 127.0.0.1:" in done.stdout
    assert "Class = 0x01" in done.stdout
    assert "Reply-Message = Hello" in done.stdout
    assert "Filter-Id = authproxy radtest/192.0.2.9" in done.stdout


@needs_freeradius
def test_reject_exits_1_and_json_says_so(peer: FreeRadius, secret_file: Path) -> None:
    done = radtest(
        "--server", f"127.0.0.1:{peer.port}", "--secret-file", str(secret_file), "--json", "bob", "wrong"
    )
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["result"] == "reject"
    assert told["exchanges"][0]["code"] == "Access-Reject"
    assert ["Class", "0x01"] in told["exchanges"][0]["attributes"]


@needs_freeradius
def test_challenge_is_shown_and_answered(peer: FreeRadius, secret_file: Path) -> None:
    asked = ("--server", f"127.0.0.1:{peer.challenge_port}", "--secret-file", str(secret_file))
    unanswered = radtest(*asked, "bob", "pässwörd")
    assert unanswered.returncode == 2, unanswered.stderr
    assert "Reply-Message = Enter your one-time code" in unanswered.stdout
    assert radtest(*asked, "--answer", "123456", "bob", "pässwörd").returncode == 0
    assert radtest(*asked, "--answer", "000000", "bob", "pässwörd").returncode == 1


@needs_freeradius
def test_silence_lists_its_causes(peer: FreeRadius) -> None:
    done = radtest(
        "--server", f"127.0.0.1:{peer.port}", "--secret", "another", "--timeout", "0.3", "bob", "pässwörd"
    )
    assert done.returncode == 3, done.stderr
    for cause in ("firewall", "radius_ip_N", "radius_secret_N", "--timeout was 0.3 s"):
        assert cause in done.stdout


def test_closed_port_is_told_from_silence(secret_file: Path) -> None:
    done = radtest("--server", f"127.0.0.1:{free_port()}", "--secret-file", str(secret_file), "bob", "hello")
    assert done.returncode == 3, done.stderr
    assert "nobody listens on that port" in done.stdout


def test_reply_made_with_another_secret_is_named_as_such(
    server: Callable[[Callable[[Packet], bytes]], int],
) -> None:
    def answer(request: Packet) -> bytes:
        return encode_response(ACCESS_ACCEPT, request.identifier, request.authenticator, (), SECRET)

    asked = ("--server", f"127.0.0.1:{server(answer)}", "--timeout", "0.3", "bob", "hello")
    done = radtest("--secret", "another", *asked)
    assert done.returncode == 3, done.stderr
    assert "wrong Response Authenticator" in done.stdout


def test_copies_are_sent_and_differing_answers_noticed(
    server: Callable[[Callable[[Packet], bytes]], int], secret_file: Path
) -> None:
    seen: list[bytes] = []

    def answer(request: Packet) -> bytes:
        seen.append(request.raw)
        told = (attribute(18, str(len(seen)).encode()),)
        return encode_response(ACCESS_ACCEPT, request.identifier, request.authenticator, told, SECRET)

    port = server(answer)
    done = radtest(
        *("--server", f"127.0.0.1:{port}", "--secret-file", str(secret_file), "--retransmit", "2", "--json"),
        *("bob", "hello"),
    )
    assert done.returncode == 0, done.stderr
    (exchange,) = json.loads(done.stdout)["exchanges"]
    assert (len(seen), len(set(seen))) == (3, 1)
    assert exchange["answers"] == 3
    assert exchange["message_authenticator"] == "first"
    assert "answered differently" in exchange["hints"][0]


def test_server_can_not_steer_the_terminal(
    server: Callable[[Callable[[Packet], bytes]], int], secret_file: Path
) -> None:
    def answer(request: Packet) -> bytes:
        told = (attribute(18, b"one\n\x1b]0;two\x07"), attribute(24, b"state"))
        return encode_response(ACCESS_CHALLENGE, request.identifier, request.authenticator, told, SECRET)

    done = radtest("--server", f"127.0.0.1:{server(answer)}", "--secret-file", str(secret_file), "bob", "hello")
    assert done.returncode == 2, done.stderr
    assert "Reply-Message = one\n    ?]0;two?" in done.stdout


@pytest.mark.parametrize("arguments", [("bob", "hello"), ("--server", "host:port", "bob", "hello")])
def test_misuse_is_explained(arguments: tuple[str, ...]) -> None:
    done = radtest("--secret", "x", *arguments)
    assert done.returncode == 2
    assert "--server" in done.stderr


def test_port_and_secret_come_from_the_configuration(
    server: Callable[[Callable[[Packet], bytes]], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: Packet) -> bytes:
        return encode_response(ACCESS_ACCEPT, request.identifier, request.authenticator, (), SECRET)

    file = tmp_path / "authproxy.cfg"
    file.write_text(
        "[duo_only_client]\n[radius_server_auto]\nclient=duo_only_client\n"
        f"radius_ip_1=127.0.0.1\nradius_secret_1={SECRET.decode()}\nport={server(answer)}\n"
    )
    done = radtest("--config", str(file), "bob", "hello")
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.setenv("AUTHPROXY_CONFIG", str(file))
    assert radtest("bob", "hello").returncode == 0
    wrong = radtest("--config", str(file), "--section", "radius_server_auto2", "bob", "hello")
    assert wrong.returncode == 4
    assert "there are: radius_server_auto" in wrong.stderr
