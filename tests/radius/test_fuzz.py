"""Broken datagrams through the whole server: no exception, no growth, no flood in the log."""

from __future__ import annotations

from random import Random

from authproxy.radius import droplog
from authproxy.radius.packet import ACCESS_ACCEPT, PacketError, decode, verify_response
from tests.radius.door import Door, Lines
from tests.radius.mutants import mutants
from tests.radius.wire import SECRET, pap

COUNT = 20_000


def test_mutated_packets_are_decoded_or_refused_for_one_of_a_few_reasons() -> None:
    reasons = set()
    decoded = 0
    for datagram in mutants(Random(1), 6_000):
        try:
            packet = decode(datagram)
        except PacketError as error:
            reasons.add(str(error))
        else:
            decoded += 1
            assert b"".join(packet.attributes) == packet.raw[20:]
    assert decoded > 1000
    assert 5 <= len(reasons) <= 10


def test_server_survives_mutated_packets_and_still_answers() -> None:
    door = Door(debug=False)
    chance = Random(2)
    answers = 0
    with Lines() as lines:
        for number, datagram in enumerate(mutants(chance, COUNT)):
            peer = (f"{chance.choice(('192.0.2', '203.0.113'))}.{number % 250}", 5000)
            answers += len(door.send(datagram, peer))
    assert door.dropped(droplog.BUG) == 0
    assert answers > 500
    assert len(lines.texts) < 9_000  # answers say one line each
    assert len(lines.having("dropped a datagram")) < 300
    assert door.server.pending == len(door.judge.waiting)
    nonce = bytes(range(16))
    (datagram,) = door.send(pap(authenticator=nonce), ("192.0.2.253", 1))
    assert verify_response(datagram, nonce, SECRET).code == ACCESS_ACCEPT


def test_debug_describes_any_attribute() -> None:
    door = Door(debug=True, pass_through_all=True, client_ip_attr="Cisco-AVPair")
    for datagram in mutants(Random(3), 3_000):
        door.send(datagram)
    assert door.dropped(droplog.BUG) == 0
    assert len(door.judge.started) + len(door.judge.resumed) > 50
