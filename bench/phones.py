"""Phones: thousands of open pages, and how soon a login is answered after its phone has answered the push."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import secrets
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.authproxy import BenchAuthproxy
from bench.load import ACCEPT
from bench.login import SECRET, scratch_directory
from bench.pending_push import Appliance
from bench.people import Person, people
from bench.processes import free_port

_PUSH_SECONDS = 300
_PER_ADDRESS = 400  # the listener takes no more connections of one address than a few hundred
_AT_ONCE = 50
_POSTERS = 32
_PATIENCE = 60.0


@dataclass(slots=True)
class PhoneScore:
    """``latencies``: seconds from a phone's POST to the login's Access-Accept, sorted. Sizes in MB."""

    pages: int
    rss_before: float = 0.0
    rss_open: float = 0.0
    opened_in: float = 0.0
    pending: int = 0
    told: int = 0
    rss_end: float = 0.0
    cpu: float = 0.0
    lost: int = 0
    latencies: list[float] = field(default_factory=list)


class BenchPhone:
    """All phones have one key: it is the service that is measured."""

    key = ec.generate_private_key(ec.SECP256R1())

    def __init__(self, person: Person) -> None:
        self.serial = f"AP{person.username.upper()}"

    def authorization(self, path: str, body: str) -> str:
        nonce, now = secrets.token_urlsafe(18), int(time.time() * 1000)
        text = "\n".join(("authproxy phone 1", path, self.serial, str(now), nonce, body))
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = base64.urlsafe_b64encode(r.to_bytes(32) + s.to_bytes(32)).rstrip(b"=").decode()
        return f"Phone {self.serial}:{now}:{nonce}:{signature}"


def give_phones(database: Path, persons: Sequence[Person]) -> None:
    now = time.time()
    public = BenchPhone.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with sqlite3.connect(database) as connection:
        for person in persons:
            phone, user = f"DP{person.username}", f"DU{person.username}"
            connection.execute("INSERT INTO phones (id, created) VALUES (?, ?)", (phone, now))
            connection.execute("INSERT INTO phone_users (user_id, phone_id) VALUES (?, ?)", (user, phone))
            connection.execute(
                "INSERT INTO phone_apps (phone_id, kind, serial, public_key, created) VALUES (?, 'web', ?, ?, ?)",
                (phone, BenchPhone(person).serial, public, now),
            )


class Pages:
    """Open pages, each with a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tls = ssl.create_default_context()
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE
        self._writers: list[asyncio.StreamWriter] = []
        self._reading: list[asyncio.Task[None]] = []
        self.told = 0

    async def open(self, persons: Sequence[Person]) -> None:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, person: Person) -> None:
            async with turns:
                await self._open(BenchPhone(person), f"127.0.1.{1 + number // _PER_ADDRESS}")

        await asyncio.gather(*(one(number, person) for number, person in enumerate(persons)))
        self.told = 0

    async def _open(self, phone: BenchPhone, address: str) -> None:
        path = "/phone/api/events"
        body = json.dumps({"phones": [phone.authorization(path, "")]})
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._tls, local_addr=(address, 0), limit=4096
        )
        self._writers.append(writer)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        await reader.readuntil(f"data: {phone.serial}\n\n".encode())
        self._reading.append(asyncio.create_task(self._read(reader)))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(4096):
            self.told += piece.count(b"event: changed")

    def close(self) -> None:
        for task in self._reading:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()


def run(pages: int = 5_000, pending: int = 2_000, per_second: float = 100.0) -> PhoneScore:
    """``per_second``: answers, as so many phones would send them."""
    persons, port, score = people(pages), free_port(socket.SOCK_STREAM), PhoneScore(pages)
    with scratch_directory() as scratch:
        service = f"interface=127.0.0.1\nport={port}\npush_seconds={_PUSH_SECONDS}\nrequest_rate=0"
        server = BenchAuthproxy(
            scratch / "authproxy", persons, SECRET, None, service=service,
            server=f"appliance_timeout={_PUSH_SECONDS}",
        )  # fmt: skip
        give_phones(server.database, persons)
        server.start()
        appliance = Appliance(server.port, persons[:pending])
        try:
            asyncio.run(_measure(server, port, persons, appliance, pending, per_second, score))
        finally:
            appliance.close()
            server.process.stop()
    return score


async def _measure(
    server: BenchAuthproxy,
    port: int,
    persons: Sequence[Person],
    appliance: Appliance,
    pending: int,
    per_second: float,
    score: PhoneScore,
) -> None:
    score.rss_before = server.process.rss()
    began, opened = time.perf_counter(), Pages(port)
    await opened.open(persons)
    score.opened_in, score.rss_open = time.perf_counter() - began, server.process.rss()
    for number in range(pending):
        appliance.ask(number)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0.05)
    await _until(lambda: _pending(server.database) == pending)
    score.pending = _pending(server.database)
    tls = aiohttp.TCPConnector(limit=_POSTERS, ssl=False)
    async with aiohttp.ClientSession(f"https://127.0.0.1:{port}", connector=tls) as session:
        asked = await _look(session, persons[:pending])
        score.told = opened.told
        before = server.process.cpu()
        await _answer(session, asked, appliance, per_second, score)
        score.cpu = server.process.cpu() - before
    score.rss_end = server.process.rss(peak=True)
    opened.close()


def _pending(database: Path) -> int:
    with sqlite3.connect(database, timeout=10) as connection:
        (count,) = connection.execute("SELECT count(*) FROM pushes WHERE status = 'pending'").fetchone()
        return int(count)


async def _until(done: object) -> None:
    assert callable(done)
    deadline = time.monotonic() + _PATIENCE
    while not done() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)


async def _post(session: aiohttp.ClientSession, phone: BenchPhone, path: str, body: str) -> dict[str, object]:
    headers = {"Authorization": phone.authorization(path, body), "Content-Type": "application/json"}
    async with session.post(path, data=body, headers=headers) as response:
        said = await response.json()
        assert response.status == 200, said
        assert isinstance(said, dict)
        return said


async def _look(session: aiohttp.ClientSession, persons: Sequence[Person]) -> list[tuple[BenchPhone, str]]:
    """What each phone is to answer."""

    async def one(person: Person) -> tuple[BenchPhone, str]:
        phone = BenchPhone(person)
        said = await _post(session, phone, "/phone/api/pushes", "{}")
        pushes = said["pushes"]
        assert isinstance(pushes, list)
        answer = {"push": pushes[0]["id"], "nonce": pushes[0]["nonce"], "decision": "approve"}
        return phone, json.dumps(answer)

    return await asyncio.gather(*(one(person) for person in persons))


async def _answer(
    session: aiohttp.ClientSession,
    asked: Sequence[tuple[BenchPhone, str]],
    appliance: Appliance,
    per_second: float,
    score: PhoneScore,
) -> None:
    begun: dict[int, float] = {}
    answered: dict[int, float] = {}
    is_over = threading.Event()

    def hear() -> None:
        while not is_over.is_set():
            for number, code, at in appliance.answers(0.05):
                assert code == ACCEPT
                answered[number] = at

    hearing = threading.Thread(target=hear)
    hearing.start()
    posts, began = [], time.perf_counter()

    async def one(number: int, phone: BenchPhone, body: str) -> None:
        begun[number] = time.perf_counter()
        await _post(session, phone, "/phone/api/answer", body)

    for number, (phone, body) in enumerate(asked):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        posts.append(asyncio.create_task(one(number, phone, body)))
    await asyncio.gather(*posts)
    await _until(lambda: len(answered) == len(asked))
    is_over.set()
    await asyncio.to_thread(hearing.join)
    score.latencies = sorted(answered[number] - begun[number] for number in answered)
    score.lost = len(asked) - len(answered)


def table(score: PhoneScore) -> str:
    def milliseconds(part: float) -> float:
        known = score.latencies or [0.0]
        return 1000 * known[min(len(known) - 1, int(len(known) * part))]

    return (
        f"{score.pages} phones open, each on a TLS connection of its own: RSS {score.rss_open:.0f} MB (before: "
        f"{score.rss_before:.0f} MB; wanted: under 250 MB), opened in {score.opened_in:.0f} s\n"
        f"{score.pending} pushes pending at once, {score.told} events told; phone's POST to Access-Accept: p50 "
        f"{milliseconds(0.5):.1f} ms, p99 {milliseconds(0.99):.1f} ms, worst {milliseconds(1.0):.1f} ms (wanted: "
        f"p50 20, p99 100); {1e6 * score.cpu / max(len(score.latencies), 1):.0f} us CPU each; lost {score.lost}; "
        f"RSS at most {score.rss_end:.0f} MB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=5_000)
    parser.add_argument("--pending", type=int, default=2_000)
    parser.add_argument("--per-second", type=float, default=100.0)
    options = parser.parse_args()
    print(table(run(options.pages, options.pending, options.per_second)))
