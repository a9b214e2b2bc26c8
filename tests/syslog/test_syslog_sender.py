"""The way to a syslog server that comes and goes."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from authproxy.config.settings import SyslogSettings
from authproxy.errors import ConfigError
from authproxy.syslog_message import LARGEST_DATAGRAM, SyslogForm
from authproxy.syslog_sender import SyslogSender
from tests.syslog.receiver import Message, Receiver

FORM = SyslogForm("LOG_AUTH", "vpn1", 1)

Sending = Callable[..., SyslogSender]


def event(text: str) -> bytes:
    return FORM(0.0, "info", text, {})


@pytest.fixture
def sending() -> Iterator[Sending]:
    senders: list[SyslogSender] = []

    def start(
        port: int, transport: str, authorities: Path | None = None, host: str = "127.0.0.1", most: int = 100
    ):
        settings = SyslogSettings(host, port, transport, authorities)
        sender = SyslogSender(settings, most, first_pause=0.02, complaints=io.StringIO())
        senders.append(sender)
        sender.start()
        return sender

    yield start
    for sender in senders:
        sender.stop()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def authorities(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def test_messages_arrive_in_order_over_tcp(sending: Sending) -> None:
    receiver = Receiver()
    sender = sending(receiver.port, "tcp")
    for number in range(50):
        sender.send(event(f"event {number}"))
    assert [receiver.next().text for _ in range(50)] == [f"event {number}" for number in range(50)]
    until(lambda: sender.sent == 50)
    assert sender.lost == 0
    receiver.close()


def test_messages_arrive_over_tls(sending: Sending, context: ssl.SSLContext, authorities: Path) -> None:
    receiver = Receiver(context)
    sender = sending(receiver.port, "tls", authorities, "localhost")
    sender.send(event("sealed"))
    sender.send(event("and again"))
    assert [receiver.next().text, receiver.next().text] == ["sealed", "and again"]
    sender.stop()
    until(lambda: receiver.ends == ["properly"])
    receiver.close()


@pytest.mark.parametrize(("host", "is_trusted"), [("127.0.0.1", True), ("localhost", False)])
def test_a_server_that_can_not_be_trusted_gets_nothing(
    sending: Sending, context: ssl.SSLContext, tmp_path: Path, authorities: Path, host: str, is_trusted: bool
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    receiver = Receiver(context)
    sender = sending(receiver.port, "tls", authorities if is_trusted else other, host)
    sender.send(event("secret"))
    until(lambda: "certificate verify failed" in sender._complaints.getvalue())  # type: ignore[attr-defined]
    assert (sender.sent, receiver.messages.qsize()) == (0, 0)
    receiver.close()


def test_datagrams_are_cut_to_what_every_receiver_takes(sending: Sending) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        sender = sending(receiver.getsockname()[1], "udp")
        sender.send(event("short"))
        assert Message.of(receiver.recv(65535)).text == "short"
        sender.send(event("x" * 5000))
        assert len(receiver.recv(65535)) == LARGEST_DATAGRAM


def test_after_the_server_was_restarted_it_is_found_again(sending: Sending) -> None:
    receiver = Receiver()
    sender = sending(receiver.port, "tcp")
    sender.send(event("before"))
    assert receiver.next().text == "before"
    receiver.close()
    until(lambda: _refuses(receiver.port))
    sender.send(event("meanwhile"))
    until(lambda: "can't send the log" in sender._complaints.getvalue())  # type: ignore[attr-defined]
    assert not sender.is_connected
    again = Receiver(port=receiver.port)
    assert again.next().text == "meanwhile"
    again.close()


def test_a_server_that_hung_up_is_noticed_before_the_next_message(sending: Sending) -> None:
    receiver = Receiver()
    sender = sending(receiver.port, "tcp")
    sender.send(event("one"))
    assert receiver.next().text == "one"
    receiver.hang_up()
    sender.send(event("two"))
    assert receiver.next().text == "two"
    assert sender.lost == 0
    receiver.close()


def test_nobody_waits_for_a_server_that_is_away_and_losses_are_counted(sending: Sending) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        sender = sending(nobody.getsockname()[1], "tcp", most=10)
        for number in range(25):
            sender.send(event(str(number)))
        assert sender.lost == 15
        sender.stop()
        assert (sender.lost, sender.sent) == (25, 0)


def test_authorities_that_are_not_there_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="syslog_ca_certs_file"):
        SyslogSender(SyslogSettings("localhost", 6514, "tls", tmp_path / "none.pem"))


def _refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
