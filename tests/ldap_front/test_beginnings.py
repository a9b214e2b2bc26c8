"""How conversations begin: StartTLS at the right moment only, handshakes and requests that never come."""

from __future__ import annotations

from pathlib import Path

import pytest

from authproxy.ldap import messages, requests, responses
from authproxy.ldap.messages import Envelope, seal
from authproxy.ldap.requests import Extended
from authproxy.ldap.responses import Code
from tests.ldap_front.certificate import Certificate
from tests.ldap_front.directory import BASE, Directory, Line
from tests.ldap_front.door import Door, MakeDoor, until
from tests.ldap_front.wire import WireClient, notice_and_end

START_TLS = requests.encode(Extended(messages.START_TLS))
WHO_AM_I = requests.encode(Extended(messages.WHO_AM_I))


@pytest.fixture
def door(make_door: MakeDoor, tmp_path: Path) -> Door:
    return make_door(**Certificate.make(tmp_path).options())


async def test_starttls_never_reaches_the_directory(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    assert await client.who_am_i() == ""
    client.send(START_TLS)
    result = await client.result()
    assert (result.code, result.name) == (Code.SUCCESS, messages.START_TLS)
    assert [frame for frame in directory.heard_frames() if messages.START_TLS in frame] == []


@pytest.mark.parametrize("behind", [seal(2, WHO_AM_I), seal(2, WHO_AM_I)[:5], b"\x16\x03\x01\x00\x05"])
async def test_what_was_sent_in_clear_behind_starttls_does_not_count(
    door: Door, directory: Directory, behind: bytes
) -> None:
    client = await WireClient.to(door.port)
    client.send_bytes(seal(1, START_TLS) + behind)
    assert (await notice_and_end(client)).code == Code.PROTOCOL_ERROR
    assert directory.heard == []


async def test_starttls_waits_for_no_operation(door: Door, directory: Directory) -> None:
    directory.say = lambda _line, _envelope: b""
    client = await WireClient.to(door.port)
    client.send(WHO_AM_I)
    await until(lambda: directory.heard)
    client.send(START_TLS)
    assert (await client.result()).code == Code.OPERATIONS_ERROR


async def test_an_extended_operation_of_another_name_is_relayed(door: Door, directory: Directory) -> None:
    def say(_line: Line, envelope: Envelope) -> bytes:
        return seal(envelope.message_id, responses.encode_result(0x78, responses.Result(2)))

    directory.say = say
    client = await WireClient.to(door.port)
    client.send(Extended(messages.START_TLS + b" "))
    assert (await client.result()).code == Code.PROTOCOL_ERROR
    assert len(directory.heard) == 1


async def test_a_handshake_that_does_not_come_ends_the_connection(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authproxy.ldap.caller._BEGIN_SECONDS", 0.2)
    client = await WireClient.to(door.ssl_port)
    await client.gone()
    assert client.heard == []
    assert door.figure("authproxy_ldap_dropped_total", reason="no TLS handshake in time") == 1


async def test_what_is_no_tls_on_the_port_for_ldaps_ends_the_connection(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.ssl_port)
    client.send_bytes(seal(1, WHO_AM_I))
    await client.gone()
    assert directory.heard == [] and not door.server.callers


async def test_half_a_request_is_not_waited_for_forever(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authproxy.ldap.caller._HALF_SECONDS", 0.2)
    client = await WireClient.to(door.port)
    client.send_bytes(seal(1, WHO_AM_I)[:-1])
    assert (await notice_and_end(client)).code == Code.PROTOCOL_ERROR


async def test_a_search_before_any_bind_is_the_directorys_to_refuse(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    assert await client.search(BASE) == (0, Code.INSUFFICIENT_ACCESS)
    assert len(directory.heard) == 1
