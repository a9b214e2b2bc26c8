"""Broken messages for whole connections and for the readers alone: what must hold, and how many there were."""

from __future__ import annotations

import time
from contextlib import suppress
from random import Random

from authproxy.ldap import ber, dn, filters, messages, requests, responses
from authproxy.ldap.ber import BerError, Incomplete
from authproxy.ldap.binds import read_bind
from authproxy.ldap.dn import DnError
from authproxy.ldap.messages import open_controls, open_envelope
from authproxy.ldap.proxy_header import HeaderError, read_header
from authproxy.ldap.stream import ResponseStream
from tests.ldap_front.in_memory import MemoryClient, MemoryFront
from tests.ldap_front.mutants import mutants, pieces

PER_SECOND = 2_000  # of the clock the front door sees
CLIENTS = 20  # connections at a time
_EXPECTED = (BerError, Incomplete, DnError, HeaderError)


class Soak:
    """Feed it batches; then :meth:`problems` must be empty."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self.front = MemoryFront(self._chance, self._spoil)
        self._clients: list[MemoryClient] = []
        self._peers = 0
        self.sent = 0
        self.answers = 0
        self.slowest = 0.0  # CPU seconds that one message took
        self._problems: list[str] = []

    def batch(self, count: int) -> None:
        for message in mutants(self._chance, count):
            began = time.process_time()
            self._send(message)
            _read_alone(message)
            self.slowest = max(self.slowest, time.process_time() - began)
            self._pass_time()
        self.sent += count

    def finish(self) -> list[str]:
        """Hangs up everywhere; what was found to be wrong."""
        for client in self._clients:
            client.hang_up()
        self.front.clock.pump([0, 0, 0, 1, 1])
        for waiting in self.front.judge.waiting:
            waiting.callback(True)
        self.front.clock.pump([0, 0, 0, 1, 1])
        directory = self.front.directory
        problems = self._problems + [f"somebody acted as {password!r}" for password in directory.intruders]
        if self.front.callers or directory.lines:
            problems.append(f"{len(self.front.callers)} callers, {len(directory.lines)} lines are left over")
        return problems

    def _send(self, message: bytes) -> None:
        chance = self._chance
        if len(self._clients) < CLIENTS:
            self._peers += 1
            self._clients.append(MemoryClient(self.front, f"192.0.2.{self._peers % 250}"))
        client = chance.choice(self._clients)
        for piece in pieces(chance, message):
            client.send(piece)
        if chance.random() < 0.005:
            client.hang_up()
        if client.is_gone:
            self.answers += client.answers
            self._clients.remove(client)

    def _pass_time(self) -> None:
        clock, judge = self.front.clock, self.front.judge
        clock.advance(1 / PER_SECOND)
        if judge.waiting and self._chance.random() < 0.2:
            judge.waiting.pop(self._chance.randrange(len(judge.waiting))).callback(self._chance.random() < 0.5)
        if self._chance.random() < 0.01:
            for caller in list(self.front.callers):
                caller.look_at_clock(clock.seconds())

    def _spoil(self, data: bytes) -> list[bytes]:
        """What a directory says: cut by the network, seldom broken."""
        if self._chance.random() < 0.01:
            at = self._chance.randrange(len(data))
            data = data[:at] + self._chance.randbytes(2) + data[at + 2 :]
            if self._chance.random() < 0.5:
                return [data]
        return list(pieces(self._chance, data))


def _read_alone(message: bytes) -> None:
    """Every reader there is; whatever comes out must be of the expected kinds."""
    for read in (_read_request, _read_response, _read_name, read_header):
        with suppress(*_EXPECTED):
            read(message)


def _read_request(message: bytes) -> None:
    ber.frame_end(message, 0, 1 << 20)
    envelope = open_envelope(message)
    list(open_controls(envelope.controls))
    requests.decode(envelope)
    if envelope.tag == messages.BIND_REQUEST:
        read_bind(envelope)
    filters.decode(message, envelope.start, envelope.stop)


def _read_response(message: bytes) -> None:
    for _ in ResponseStream().feed(message):
        pass
    envelope = open_envelope(message)
    responses.decode_result(envelope)
    responses.decode_entry(envelope)


def _read_name(message: bytes) -> None:
    dn.key(message[12:].decode("utf-8", "surrogateescape"))
