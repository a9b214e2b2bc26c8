"""The desks of phones on a real database, with time that stands still."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest_twisted
from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from authproxy.messaging.webpush_hosts import PushHosts
from authproxy.secondfactor.activations import activate_phone
from authproxy.secondfactor.phone_api import Answer, Answered, Claim, Claimed, PhoneRefused, ShownPush, Why
from authproxy.secondfactor.phone_bus import PhoneBus
from authproxy.secondfactor.phone_desk import PhoneDesk
from authproxy.secondfactor.phone_notices import PhoneNotices
from authproxy.secondfactor.phone_push_key import PushKey
from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.pipush_desk import PipushDesk
from authproxy.secondfactor.push import PushDesk
from authproxy.secondfactor.pushes import Push, PushMode, PushRequest, Target
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import User, add_user
from authproxy.store.engine import Database, open_sqlite
from authproxy.store.writer import Writer
from tests.phone.webphone import WebPhone

BASE_URL = "https://mfa.example:8443"
NOW = 1_800_000_000.0
LIFE = 60.0


class MemorySender:
    """Implements ``SendsNotice``: ``sent`` is what was sent; ``status`` how the push service answers."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, float]] = []
        self.status = 201

    async def send(self, subscription: str, payload: bytes, seconds: float) -> int:
        self.sent.append((subscription, payload, seconds))
        return self.status


async def refused(work: Awaitable[Any]) -> Why:
    """Why a phone's request was refused."""
    try:
        answered = await work
    except PhoneRefused as refusal:
        assert str(refusal)
        return refusal.why
    raise AssertionError(f"answered {answered!r}")


class Desks:
    """alice, with one phone that was not activated yet."""

    def __init__(self, directory: Path) -> None:
        self.clock, self.now = Clock(), NOW
        url = f"sqlite:///{directory / 'authproxy.db'}"
        self.writer = Writer(directory / "authproxy.db", open_sqlite(url), reactor)
        self.writer.start()
        self.database = Database(url)
        self.seeds, self.bus, self.sender = SeedBox(os.urandom(32)), PhoneBus(), MemorySender()
        self.pushes = PushDesk(self.writer, self.clock, lambda: self.now, LIFE)
        self.notices = PhoneNotices(self.writer, self.bus, self.sender, lambda: self.now)
        self.pushes.tell(self.notices)
        self.key = PushKey(self.writer, self.seeds, BASE_URL)
        self.desk = PhoneDesk(
            self.writer,
            self.seeds,
            self.pushes,
            self.bus,
            PushHosts(),
            self.key.public,
            lambda address: "Bern, Switzerland" if address == "198.51.100.7" else "",
            lambda: self.now,
        )
        self.pipush = PipushDesk(
            self.writer,
            self.seeds,
            self.pushes,
            BASE_URL,
            lambda _: "",
            _at_once,
            lambda: self.now,
            self.desk.send_test,
        )
        with self.database.writing() as connection:
            self.alice: User = add_user(connection, "alice", "simple")
            self.phone_id = add_phone(connection, self.alice, "+15555550100").id

    def stop(self) -> None:
        self.notices.stop()
        self.pushes.stop()
        pytest_twisted.blockon(self.writer.stop())
        self.database.close()

    # ------------------------------------------------------------ what administrators do

    def code(self, seconds: int = 3600) -> str:
        with self.database.writing() as connection:
            made = activate_phone(connection, self.alice.id, self.phone_id, BASE_URL, seconds)
            connection.exec_driver_sql("UPDATE activations SET expires = ?", (self.now + seconds,))
        return made.url

    def value(self, sql: str) -> Any:
        with self.database.reading() as connection:
            return connection.exec_driver_sql(sql).scalar()

    def change(self, sql: str) -> None:
        with self.database.writing() as connection:
            connection.exec_driver_sql(sql)

    # ------------------------------------------------------------ what phones do

    async def claim(self, phone: WebPhone, code: str) -> Claimed:
        claimed = await self.desk.claim(phone.signed("claim", now=self.now), Claim(code, phone.public_key))
        phone.serial = claimed.serial
        return claimed

    async def activated(self) -> WebPhone:
        phone = WebPhone()
        await self.claim(phone, self.code())
        return phone

    async def shown(self, phone: WebPhone) -> list[ShownPush]:
        return list((await self.desk.pushes(phone.signed("pushes", now=self.now))).pushes)

    async def answer(self, phone: WebPhone, push: ShownPush, decision: str, number: str = "") -> Answered:
        answer = Answer(push.id, push.nonce, decision, number)
        return await self.desk.answer(phone.signed("answer", now=self.now), answer)

    # ------------------------------------------------------------ what logins do

    async def push(self, mode: PushMode = PushMode.PLAIN, options: tuple[str, ...] = (), answer: str = "") -> Push:
        target = Target(self.phone_id, "phone", mode, options, answer)
        request = PushRequest(self.alice.id, "alice", "vpn", "198.51.100.7", "192.0.2.1", "LOGIN", target)
        push = await self.pushes.open(request)
        assert isinstance(push, Push)
        return push

    def status(self, push: Push) -> str:
        return str(self.value(f"SELECT status FROM pushes WHERE id = '{push.id}'"))


def _at_once(make: Any) -> Deferred[rsa.RSAPrivateKey]:
    return succeed(make())
