"""Everything but binds: relayed byte for byte, within bounds, and how connections end."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.task import deferLater

from authproxy.ldap import ber, messages, requests, responses
from authproxy.ldap.filters import Not, Present
from authproxy.ldap.messages import Control, Envelope, encode_controls, seal
from authproxy.ldap.requests import Abandon, Extended, SaslBind, Scope, Search, SimpleBind, Unbind
from authproxy.ldap.responses import Code, Result
from tests.ldap_front.directory import ALICE, BASE, BOB, Directory, Line
from tests.ldap_front.door import CODE, Door, MakeDoor, until
from tests.ldap_front.wire import WireClient, notice_and_end

SEARCH = requests.encode(Search(BASE.encode(), Scope.SUBTREE, Present("objectClass")))
PAGED = encode_controls(Control(b"1.2.840.113556.1.4.319", True, b"\x30\x05\x02\x01\x64\x04\x00"))
UNCOMMON = b"\x30\x84\x00\x00\x00\x0d\x02\x02\x01\x07\x77\x81\x06\x80\x04\x31\x2e\x32\x2e"  # lengths in long forms


def answer(message_id: int, tag: int, code: int = 0, text: str = "") -> bytes:
    return seal(message_id, responses.encode_result(tag, Result(code, message=text)))


async def test_requests_and_answers_cross_unchanged(door: Door, directory: Directory) -> None:
    entry = seal(1_000_000, responses.encode_entry(ALICE.encode(), {b"jpegPhoto": [bytes(3_000_000)]}))
    reference = seal(1_000_000, ber.tlv(0x73, ber.tlv(ber.OCTETS, b"ldap://elsewhere/")))
    between = seal(1_000_000, b"\x79\x03\x80\x01x")
    paged = seal(1_000_000, responses.encode_result(0x65, Result(0)) + PAGED)
    said = [entry, reference, between, paged]

    def say(_line: Line, envelope: Envelope) -> bytes | None:
        return b"".join(said) if envelope.message_id == 1_000_000 else None

    directory.say = say
    client = await WireClient.to(door.port)
    client.send(SEARCH, PAGED, message_id=1_000_000)
    assert [(await client.next()).frame for _ in said] == said
    assert directory.heard_frames() == [seal(1_000_000, SEARCH + PAGED)]


@pytest.mark.parametrize("tag", [0x66, 0x68, 0x4A, 0x6C, 0x6E, 0x77])
async def test_every_operation_is_relayed(door: Door, directory: Directory, tag: int) -> None:
    frame = seal(9, ber.tlv(tag, b"\x80\x03abc" if tag == 0x77 else b"anything at all"))
    directory.say = lambda _line, envelope: answer(9, tag + 1 if tag != 0x4A else 0x6B, 53, "as you like it")
    client = await WireClient.to(door.port)
    client.send_bytes(frame)
    assert (await client.next()).frame == answer(9, tag + 1 if tag != 0x4A else 0x6B, 53, "as you like it")
    assert directory.heard_frames() == [frame]


async def test_requests_cut_at_every_byte_arrive_whole(door: Door, directory: Directory) -> None:
    traffic = seal(5, SEARCH + PAGED) + UNCOMMON + seal(6, requests.encode(Extended(messages.WHO_AM_I)))
    directory.say = lambda _line, envelope: answer(envelope.message_id, 0x78 if envelope.tag == 0x77 else 0x65)
    client = await WireClient.to(door.port)
    for size in (1, 3, len(traffic)):
        for at in range(0, len(traffic), size):
            client.send_bytes(traffic[at : at + size])
            await deferLater(reactor, 0, lambda: None)
        assert [(await client.next()).message_id for _ in range(3)] == [5, 263, 6]
    assert b"".join(directory.heard_frames()) == traffic * 3


async def test_abandon_is_passed_on_and_forgotten(make_door: MakeDoor, directory: Directory) -> None:
    directory.say = lambda _line, envelope: b"" if envelope.tag == messages.SEARCH_REQUEST else None
    door = make_door(idle_timeout=0.5, network_timeout=60)
    client = await WireClient.to(door.port)
    search = client.send(SEARCH)
    await until(lambda: directory.heard)
    client.send(Abandon(search))
    assert (await notice_and_end(client)).code == Code.UNAVAILABLE  # it counts as idle
    assert [envelope.tag for envelope in directory.heard][:2] == [0x63, 0x50]


async def test_unbind_ends_both_connections(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    assert await client.who_am_i() == ""
    assert len(directory.lines) == 1
    client.send(Unbind())
    await client.gone()
    await until(lambda: not directory.lines and not door.server.callers)
    assert client.heard == []


async def test_each_client_has_a_connection_of_its_own(door: Door, directory: Directory) -> None:
    alice, nobody = await WireClient.to(door.port), await WireClient.to(door.port)
    assert (await alice.bind(ALICE, f"wonderland,{CODE}")).code == 0
    assert await nobody.who_am_i() == ""
    assert await alice.who_am_i() == f"dn:{ALICE}"


# ---------------------------------------------------------------- what is no LDAP


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS handshake on the wrong port
        b"\x30\x80\x02\x01\x01\x60",  # an indefinite length
        b"\x30\x85\x00\x00\x00\x00\x05",
        b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01\x63",
        b"\x30\x84\x00\x10\x00\x00\x02\x01\x01\x63",  # 1 MiB before anybody is bound
        b"\x30\x00",
        seal(0, b"\x42\x00"),
        b"\x30\x05\x02\x01\xfb\x4a\x00",  # a negative message ID
        seal(1, b"\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),  # a bind response
        seal(1, b"\x40\x07\x02\x01\x03\x04\x00\x80\x00"),  # a bind in another form of its tag
        seal(1, b"\x7f\x00\x07\x02\x01\x03\x04\x00\x80\x00"),
        seal(1, b"\x60\x03\x02\x01\x03"),
        seal(1, b"\x77\x03\x04\x01x"),
        b"\x30\x05\x04\x01\x01\x42\x00",
    ],
)
async def test_what_is_no_request_is_answered_with_a_notice(door: Door, directory: Directory, data: bytes) -> None:
    client = await WireClient.to(door.port)
    client.send_bytes(data)
    assert (await notice_and_end(client)).code == Code.PROTOCOL_ERROR
    assert directory.heard == []
    assert door.figure("authproxy_ldap_dropped_total", reason="malformed") == 1


async def test_requests_before_a_malformed_one_are_served(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    assert await client.who_am_i() == ""
    client.send_bytes(seal(7, SEARCH) + b"garbage")
    envelope = await client.next()
    assert envelope.message_id in (0, 7)
    await client.gone()
    assert seal(7, SEARCH) in directory.heard_frames()


async def test_a_filter_of_any_depth_is_the_directorys_business(door: Door, directory: Directory) -> None:
    body = ber.tlv(0x87, b"a")
    for _ in range(5000):
        body = ber.tlv(0xA2, body)
    head = requests.search_head(Search(BASE.encode(), Scope.BASE, Not(Present("a"))))
    frame = seal(3, ber.tlv(0x63, head + body + requests.attribute_list(())))
    directory.say = lambda _line, envelope: answer(envelope.message_id, 0x65, Code.UNWILLING_TO_PERFORM)
    client = await WireClient.to(door.port)
    client.send_bytes(frame)
    assert (await client.result()).code == Code.UNWILLING_TO_PERFORM
    assert directory.heard_frames() == [frame]


async def test_sasl_is_refused_unless_it_is_allowed(make_door: MakeDoor, directory: Directory) -> None:
    client = await WireClient.to(make_door().port)
    client.send(SaslBind(b"", b"PLAIN", b"\0a\0b"))
    assert (await client.result()).code == Code.AUTH_METHOD_NOT_SUPPORTED
    assert directory.heard == []

    steps = iter((Code.SASL_BIND_IN_PROGRESS, Code.SUCCESS))
    directory.say = lambda _line, envelope: (
        answer(envelope.message_id, 0x61, next(steps)) if envelope.tag == 0x60 else None
    )
    door = make_door(allow_sasl_mechanisms=("SCRAM-SHA-256",), allow_unlimited_binds=False)
    client = await WireClient.to(door.port)
    for code in (Code.SASL_BIND_IN_PROGRESS, Code.SUCCESS):
        client.send(SaslBind(b"", b"SCRAM-SHA-256", b"step"))
        assert (await client.result()).code == code
    directory.say = lambda _line, _envelope: None
    assert (await client.bind(BOB, f"builder,{CODE}")).code == Code.SUCCESS  # the second bind, not the third
    assert (await client.bind(BOB, "builder")).code == Code.UNWILLING_TO_PERFORM


async def test_unauthenticated_binds_are_refused_and_anonymous_ones_relayed(
    door: Door, directory: Directory
) -> None:
    directory.say = lambda _line, envelope: answer(envelope.message_id, 0x61)
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, "")).code == Code.UNWILLING_TO_PERFORM
    assert directory.heard == []
    assert (await client.bind("", "")).code == Code.SUCCESS
    assert len(directory.heard) == 1


# ---------------------------------------------------------------- back-pressure


def resident() -> int:
    """This process's memory, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_a_client_that_does_not_read_costs_no_memory(door: Door, directory: Directory) -> None:
    entry = seal(2, responses.encode_entry(b"uid=somebody", {b"description": [bytes(6000)]}))
    count, sent = 10_000, 0

    def say(line: Line, envelope: Envelope) -> bytes | None:
        if envelope.tag != messages.SEARCH_REQUEST:
            return None
        transport = line.transport
        assert transport is not None

        class Entries:
            def resumeProducing(self) -> None:
                nonlocal sent
                sent += 1
                transport.write(entry if sent <= count else answer(2, 0x65))
                if sent > count:
                    transport.unregisterProducer()

            def stopProducing(self) -> None:
                pass

        transport.registerProducer(Entries(), False)
        return b""

    directory.say = say
    client = await WireClient.to(door.port)
    assert await client.who_am_i() == ""
    assert client.transport is not None
    client.transport.pauseProducing()
    client.send(SEARCH, message_id=2)
    before, last = resident(), -1
    while sent != last:
        last = sent
        await deferLater(reactor, 0.2, lambda: None)
    assert 0 < sent < count
    assert resident() - before < 20_000_000  # of 60 MB
    other = await WireClient.to(door.port)
    assert await other.who_am_i() == ""  # nobody else waits
    client.transport.resumeProducing()
    found = 0
    while (await client.next()).tag == messages.SEARCH_ENTRY:
        found += 1
    assert (found, sent) == (count, count + 1)


async def test_a_client_that_never_reads_is_sent_away(make_door: MakeDoor, directory: Directory) -> None:
    door = make_door(network_timeout=0.5)
    directory.say = lambda _line, envelope: seal(
        envelope.message_id, responses.encode_entry(b"uid=x", {b"description": [bytes(15_000_000)]})
    )
    client = await WireClient.to(door.port)
    assert client.transport is not None
    client.transport.pauseProducing()
    client.send(SEARCH)
    await until(lambda: door.server.callers)
    await until(lambda: not door.server.callers)
    assert door.figure("authproxy_ldap_dropped_total", reason="client does not read") == 1
    client.hang_up()


# ---------------------------------------------------------------- patience and ends


async def test_a_silent_directory_ends_the_connection(make_door: MakeDoor, directory: Directory) -> None:
    door = make_door(network_timeout=0.3)
    directory.say = lambda _line, envelope: b""
    client = await WireClient.to(door.port)
    client.send(SEARCH)
    assert (await notice_and_end(client)).code == Code.UNAVAILABLE


async def test_an_idle_connection_is_closed_but_not_one_that_waits_for_a_push(
    make_door: MakeDoor, directory: Directory
) -> None:
    door = make_door(idle_timeout=2.0)
    idle, busy = await WireClient.to(door.port), await WireClient.to(door.port)
    busy.send(SimpleBind(ALICE.encode(), b"wonderland"))
    await door.push()
    assert (await notice_and_end(idle)).code == Code.UNAVAILABLE
    door.decide("alice", approve=True)
    assert (await busy.result()).code == Code.SUCCESS
    assert await busy.who_am_i() == f"dn:{ALICE}"


async def test_who_was_bound_learns_that_the_directory_hung_up(door: Door, directory: Directory) -> None:
    bound, nobody = await WireClient.to(door.port), await WireClient.to(door.port)
    assert (await bound.bind(ALICE, f"wonderland,{CODE}")).code == 0
    assert await nobody.who_am_i() == ""
    for line in directory.lines:
        line.drop()
    assert (await notice_and_end(bound)).code == Code.UNAVAILABLE
    assert await nobody.who_am_i() == ""  # on another connection, as it was


async def test_a_directorys_notice_reaches_the_client(door: Door, directory: Directory) -> None:
    notice = seal(
        0, responses.encode_result(0x78, Result(52, message="going down", name=b"1.3.6.1.4.1.1466.20036"))
    )

    def say(line: Line, _envelope: Envelope) -> bytes:
        reactor.callLater(0, line.drop)
        return notice

    directory.say = say
    client = await WireClient.to(door.port)
    client.send(SEARCH)
    assert (await client.next()).frame == notice
    await client.gone()


@pytest.mark.parametrize("said", [b"\x30\x80", answer(44, 0x61), b"HTTP/1.1 400 Bad Request\r\n"])
async def test_a_directory_that_breaks_the_protocol_is_left(door: Door, directory: Directory, said: bytes) -> None:
    directory.say = lambda _line, _envelope: said
    client = await WireClient.to(door.port)
    client.send(SEARCH)
    assert (await notice_and_end(client)).code == Code.UNAVAILABLE


async def test_connections_are_limited_in_all_and_per_address(make_door: MakeDoor, directory: Directory) -> None:
    door = make_door(max_connections=2)
    clients = [await WireClient.to(door.port) for _ in range(3)]
    assert [await client.who_am_i() for client in clients[:2]] == ["", ""]
    await clients[2].gone()
    clients[0].hang_up()
    await until(lambda: len(door.server.callers) == 1)
    assert await (await WireClient.to(door.port)).who_am_i() == ""

    door = make_door(max_connections_per_client=1)
    first, second = await WireClient.to(door.port), await WireClient.to(door.port)
    assert await first.who_am_i() == ""
    assert (await notice_and_end(second)).code == Code.BUSY
    first.hang_up()
    await until(lambda: not door.server.callers)
    assert await (await WireClient.to(door.port)).who_am_i() == ""


async def test_a_load_balancers_word_for_the_clients_address(make_door: MakeDoor, directory: Directory) -> None:
    from ipaddress import ip_address

    from tests.ldap_front.test_proxy_header import V4, header

    loopback = ip_address("127.0.0.1")
    door = make_door(proxy_protocol=((loopback, loopback),))
    client = await WireClient.to(door.port)
    bind = seal(1, requests.encode(SimpleBind(ALICE.encode(), f"wonderland,{CODE}".encode())))
    data = header(0x21, 0x11, V4) + bind
    client.send_bytes(data[:20])
    await deferLater(reactor, 0.01, lambda: None)
    client.send_bytes(data[20:])
    assert (await client.result()).code == Code.SUCCESS
    assert [(login.nas, login.client_ip) for login in door.journal.logins] == [("198.51.100.7", "198.51.100.7")]
    without = await WireClient.to(door.port)
    without.send_bytes(bind)
    await without.gone()
    assert without.heard == [] and len(door.journal.logins) == 1


async def test_closing_the_door_lets_answers_out_and_ends_pending_logins(
    make_door: MakeDoor, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authproxy.ldap.server._DRAIN_SECONDS", 0.3)
    door = make_door()
    idle, waiting = await WireClient.to(door.port), await WireClient.to(door.port)
    assert await idle.who_am_i() == ""
    waiting.send(SimpleBind(ALICE.encode(), b"wonderland"))
    await door.push()
    await door.server.close()
    assert (await notice_and_end(idle)).code == Code.UNAVAILABLE
    assert (await notice_and_end(waiting)).code == Code.UNAVAILABLE
    assert (await door.logins(1))[0].reason == "the client gave up"
