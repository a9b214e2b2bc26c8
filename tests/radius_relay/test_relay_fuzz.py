"""Broken EAP and MS-CHAP from both sides: no exception, no growth, no flood in the log, nobody let in."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
import pytest_twisted

from authproxy.config.settings import EapIdentity
from authproxy.errors import PrimaryUnavailable
from authproxy.model import (
    AuthRequest,
    Continue,
    Conversation,
    Denied,
    Identity,
    Outcome,
    Reject,
    Trail,
)
from authproxy.primary.relay import Relay
from authproxy.radius import droplog
from authproxy.radius.conversations import CAPACITY
from authproxy.radius.packet import (
    ACCESS_CHALLENGE,
    ACCESS_REQUEST,
    Packet,
    PacketError,
    attribute,
    decode,
    encode_request,
    vendor_attribute,
)
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.pending import Body, UpstreamReply
from authproxy.radius.seal import Seal
from authproxy.radius.server import RadiusServer
from tests.radius.door import DICTIONARY, PEER, SETTINGS, Door, Lines
from tests.radius.wire import SECRET

EVERYTHING = PassThrough(DICTIONARY, everything=True)


def attributes(chance: Random) -> Iterator[bytes]:
    """What a device or a server could send, mostly of the right kinds, seldom of the right shape."""
    for _ in range(chance.randrange(0, 10)):
        value = chance.randbytes(chance.choice((0, 1, 2, 3, 4, 5, 6, 8, 18, 34, 50, chance.randrange(0, 246))))
        match chance.randrange(6):
            case 0:
                yield vendor_attribute(311, chance.choice((1, 2, 3, 4, 6, 11, 12, 16, 17, 25, 26, 27)), value)
            case 1:
                yield attribute(26, (b"\0\0\x01\x37" + value)[:253])
            case 2:
                yield attribute(chance.choice((1, 18, 24, 25, 33, 69, 80, 3)), value)[: 255 if value else 2]
            case _:
                head = bytes((chance.randrange(6), chance.randrange(4), 0, chance.randrange(64)))
                kind = bytes((chance.choice((1, 3, 4, 13, 25, 26, 254)), 2))
                yield attribute(79, (head + kind + value)[: chance.randrange(254)])


def requests(chance: Random, count: int, states: list[bytes]) -> Iterator[bytes]:
    for number in range(count):
        body = [raw for raw in attributes(chance) if raw[0] not in (1, 24, 80)]
        body.append(attribute(1, chance.choice((b"anna", b"bob", b"@x", b"u%d" % number))))
        if chance.random() < 0.5:
            body.append(attribute(24, chance.choice(states) if states else b"?"))
        yield encode_request(ACCESS_REQUEST, number % 256, chance.randbytes(16), body, SECRET)


class Rounds:
    """``Authenticates``: most logins go on."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.most = 0

    async def start(self, request: AuthRequest, primary: object = None) -> Outcome:
        if request.conversation is None:
            return Reject()
        request.conversation.rounds += 1
        self.most = max(self.most, request.conversation.rounds)
        return Continue(EVERYTHING.of_reply(attributes(self.chance))) if self.chance.random() < 0.8 else Reject()

    async def resume(self, state: bytes, request: AuthRequest) -> Outcome:
        return Reject()


def test_front_door_survives_and_stays_within_bounds() -> None:
    door, chance = Door(), Random(11)
    rounds = Rounds(chance)
    server = RadiusServer(SETTINGS, rounds, DICTIONARY, door.metrics, door.clock, EVERYTHING, "")
    server.transport = door.wire  # type: ignore[assignment]
    states: list[bytes] = []
    went_on = 0
    with Lines() as lines:
        for datagram in requests(chance, 12_000, states):
            server.datagramReceived(datagram, PEER)
            door.clock.advance(0.001)
            for answer in map(decode, door.wire.take()):
                states[:] = [*states[-9:], *answer.all(24)]
                went_on += answer.code == ACCESS_CHALLENGE
    assert door.dropped(droplog.BUG) == 0
    assert went_on > 3_000
    assert rounds.most > 1  # some went on with the State that they were given
    assert len(server._conversations) <= CAPACITY
    assert len(lines.having("did not go on")) < 5
    assert server.pending == 0


class Chaos:
    """An upstream server that answers anything."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    async def exchange(self, code: int, body: Body, host: str = "") -> UpstreamReply:
        sent = body(b"secret", bytes(16))
        if self.chance.random() < 0.05:
            raise PacketError("packet too long") if len(sent) % 2 else PrimaryUnavailable("nobody")
        found = tuple(attributes(self.chance))
        packet = Packet(self.chance.choice((2, 2, 3, 11)), 1, bytes(16), found, b"")
        return UpstreamReply(packet, "10.0.0.1:1812", Seal(b"secret", bytes(16)))


@pytest.mark.parametrize("method", ["EAP", "MS-CHAP", "MS-CHAPv2"])
@pytest_twisted.ensureDeferred
async def test_relay_survives_and_believes_no_nonsense(method: str) -> None:
    chance = Random(12)
    relay = Relay(Chaos(chance), EVERYTHING, EapIdentity.INNER)
    ends: dict[type, int] = {}
    for _ in range(3_000):
        conversation = Conversation(method)
        request = AuthRequest(
            "ID", "auto", "anna", b"", "192.0.2.1", None, Trail(lambda: 0.0), tuple(attributes(chance)),
            conversation=conversation,
        )  # fmt: skip
        try:
            result = await relay.check(request, conversation)
        except PrimaryUnavailable:
            continue
        ends[type(result)] = ends.get(type(result), 0) + 1
        if isinstance(result, Identity):
            assert result.username.isprintable() and result.username
            assert conversation.verified == result.username
    assert ends[Denied] > 300 and ends[Identity] > 20
    assert (Continue in ends) is (method == "EAP")
