"""LDAP clients for benches: processes of their own, on bare sockets, with requests encoded beforehand."""

from __future__ import annotations

import itertools
import multiprocessing
import resource
import select
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

from authproxy.ldap import ber, messages, requests
from authproxy.ldap.filters import Present
from authproxy.ldap.messages import seal
from authproxy.ldap.requests import Scope, Search, SimpleBind, Unbind
from bench.slapd import BASE, SERVICE_DN, SERVICE_PASSWORD

_PATIENCE = 20.0


def bind(name: str, password: str) -> bytes:
    return seal(1, requests.encode(SimpleBind(name.encode(), password.encode())))


def _success(message_id: int, tag: int) -> bytes:
    return seal(message_id, ber.tlv(tag, b"\x0a\x01\x00\x04\x00\x04\x00"))


_BOUND = _success(1, messages.BIND_RESPONSE)
_DONE = _success(2, messages.SEARCH_DONE)
_SERVICE = bind(SERVICE_DN, SERVICE_PASSWORD)
_UNBIND = seal(2, requests.encode(Unbind()))
_EVERYTHING = seal(2, requests.encode(Search(f"ou=People,{BASE}".encode(), Scope.SUBTREE, Present("objectClass"))))


class Binds(NamedTuple):
    """``cpu``: seconds of the clients."""

    right: int
    wrong: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        return self.right / self.seconds


def bind_again_and_again(port: int, asked: Sequence[bytes], seconds: float, connections: int = 32) -> Binds:
    """Two processes; each connection binds as one after the other."""
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        work = [(port, asked[number::2], seconds, connections // 2) for number in range(2)]
        parts = pool.starmap(_bind, work)
    return Binds(*(sum(column) for column in zip(*parts, strict=True)))._replace(seconds=seconds)


def _bind(port: int, asked: Sequence[bytes], seconds: float, connections: int) -> Binds:
    questions = itertools.cycle(asked)
    poll = select.epoll()
    lines = {line.fileno(): line for line in (_connect(port) for _ in range(connections))}
    for number, line in lines.items():
        poll.register(number, select.EPOLLIN)
        line.send(next(questions))
    right = wrong = 0
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left):
            line = lines[number]
            if line.recv(4096) == _BOUND:
                right += 1
            else:
                wrong += 1
            line.send(next(questions))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Binds(right, wrong, seconds, used.ru_utime + used.ru_stime)


def read_everything(port: int, times: int) -> tuple[int, float]:
    """Bytes that searches for all users brought, and how many seconds that took."""
    with _connect(port) as line:
        _bind_service(line)
        buffer, total = bytearray(1 << 20), 0
        began = time.monotonic()
        for _ in range(times):
            line.sendall(_EVERYTHING)
            tail = b""
            while not tail.endswith(_DONE):
                size = line.recv_into(buffer)
                if not size:
                    raise RuntimeError("the server hung up")
                total += size
                tail = (tail + bytes(buffer[max(0, size - len(_DONE)) : size]))[-len(_DONE) :]
        return total, time.monotonic() - began


def come_and_go(port: int, count: int, at_once: int = 8) -> None:
    """Clients that connect, bind and leave, as most applications do for each login."""
    for _ in range(count // at_once):
        lines = [_connect(port) for _ in range(at_once)]
        for line in lines:
            line.sendall(_SERVICE)
        for line in lines:
            if line.recv(4096) != _BOUND:
                raise RuntimeError("the service account was refused")
            line.sendall(_UNBIND)
            line.close()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def open_many(port: int, count: int, is_bound: bool) -> list[socket.socket]:
    """Connections that do nothing more."""
    lines = []
    for _ in range(count):
        lines.append(_connect(port))
        if is_bound:
            _bind_service(lines[-1])
    return lines


def _bind_service(line: socket.socket) -> None:
    line.sendall(_SERVICE)
    answer = line.recv(4096)
    if answer != _BOUND:
        raise RuntimeError(f"the service account was refused: {answer!r}")


def _connect(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), _PATIENCE)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line
