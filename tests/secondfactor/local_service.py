"""A service with users and devices on a real database, for the tests of the embedded second factor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from authproxy.config.settings import ServiceSettings
from authproxy.errors import SecretError
from authproxy.model import Ask, AuthRequest, Factor, Identity, Passcode, Reason, Refused, Trail, Typed, Verdict
from authproxy.secondfactor.account_settings import Defaults
from authproxy.secondfactor.enroll_links import EnrollLinks
from authproxy.secondfactor.gateways import Gateways
from authproxy.secondfactor.gateways_memory import MemoryCalls, MemoryFrauds, MemoryNotifies, MemoryTexts
from authproxy.secondfactor.local import LocalSecondFactor
from authproxy.secondfactor.passcode import hotp
from authproxy.secondfactor.push import PushDesk
from authproxy.secondfactor.push_jobs import PushLimit
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.sms_codes import hashed
from authproxy.store import tables
from authproxy.store.engine import Database, open_sqlite
from authproxy.store.writer import Writer

SEED = b"12345678901234567890"
NOW = 1_700_000_010.0  # 0 s into a step of 30 s
STEP = int(NOW // 30)
FACTORS = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE)
ACCESS_DENIED = "Access denied."


class PlainSeals:
    """Sealing that seals nothing: the cipher has tests of its own."""

    def decrypt(self, device_id: str, blob: bytes) -> bytes:
        prefix = device_id.encode() + b"|"
        if not blob.startswith(prefix):
            raise SecretError("sealed with another key")
        return blob.removeprefix(prefix)

    def code_hash(self, user_id: str, code: str) -> bytes:
        return hashlib.sha256(f"{user_id}|{code}".encode()).digest()


@dataclass
class Moment:
    """Epoch seconds that stand still until moved."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


class LocalService:
    """Writer, push desk and database of one state directory."""

    def __init__(self, state_dir: Path, clock: Any = reactor, has_lines: bool = False, **settings: Any) -> None:
        self.state_dir = state_dir
        self.url = f"sqlite:///{state_dir / 'authproxy.db'}"
        self.settings = ServiceSettings(state_dir, self.url, **settings)
        self.now = Moment()
        connection = open_sqlite(self.url)
        self.writer = Writer(state_dir / "authproxy.db", connection, reactor)
        self.book = Rulebook(Defaults(self.settings))
        self.book.follow(self.writer, connection)
        self.writer.start()
        self.database = Database(self.url)
        self.notifies, self.frauds = MemoryNotifies(), MemoryFrauds()
        self.calls, self.texts = MemoryCalls(), MemoryTexts()
        self.gateways = Gateways(self.calls, self.texts, self.frauds) if has_lines else Gateways()
        limit = PushLimit(self.settings.push_limit, self.settings.push_limit_seconds)
        seconds = self.settings.push_seconds
        self.pushes = PushDesk(self.writer, clock, self.now, seconds, limit, self.notifies, self.frauds)
        self.seals = PlainSeals()
        self.links = EnrollLinks(SeedBox(bytes(32)), "https://mfa.example", self.now)
        self._devices = 0

    async def stop(self) -> None:
        self.pushes.stop()
        await self.writer.stop()
        self.database.close()

    def second_factor(self, application: str = "radius_server_auto") -> LocalSecondFactor:
        return LocalSecondFactor(
            application,
            self.book,
            self.writer,
            self.seals,
            self.pushes,
            self.now,
            self.gateways,
            self.links,
        )

    def add_user(self, name: str = "alice", **values: Any) -> str:
        row = {"id": f"US{name.upper()}", "username": name, "display_name": name, "created": 1.0, **values}
        with self.database.writing() as connection:
            connection.execute(tables.users.insert().values(**row))
        return str(row["id"])

    def add_device(self, user_id: str, seed: bytes = SEED, **values: Any) -> str:
        self._devices += 1
        device_id = f"DV{self._devices}"
        row = {"kind": "totp", "origin": "software", "name": f"phone {self._devices}", "created": 1.0, **values}
        with self.database.writing() as connection:
            sealed = device_id.encode() + b"|" + seed
            connection.execute(tables.devices.insert().values(id=device_id, seed=sealed, **row))
            link = {"user_id": user_id, "device_id": device_id, "position": self._devices}
            connection.execute(tables.device_users.insert().values(**link))
        return device_id

    def add_phone(self, user_id: str, app: str = "web", **values: Any) -> str:
        """``app``: empty for a phone that was never activated."""
        self._devices += 1
        phone_id = f"DP{self._devices}"
        row = {"number": f"+1555555010{self._devices}", "created": float(self._devices), **values}
        with self.database.writing() as connection:
            connection.execute(tables.phones.insert().values(id=phone_id, **row))
            link = {"user_id": user_id, "phone_id": phone_id, "position": self._devices}
            connection.execute(tables.phone_users.insert().values(**link))
            if app:
                key = {"serial": phone_id, "public_key": b"", "created": 1.0}
                connection.execute(tables.phone_apps.insert().values(phone_id=phone_id, kind=app, **key))
        return phone_id

    def add_sms_code(self, user_id: str, phone_id: str, code: str = "7654321") -> str:
        row = {"user_id": user_id, "phone_id": phone_id, "first_digit": code[0], "position": 1, "created": 1.0}
        with self.database.writing() as connection:
            code_hash = self.seals.code_hash(user_id, hashed(code))
            connection.execute(tables.sms_codes.insert().values(hash=code_hash, **row))
        return code

    def add_alias(self, user_id: str, name: str) -> None:
        with self.database.writing() as connection:
            connection.execute(tables.aliases.insert().values(name=name, user_id=user_id))

    async def only_push(self) -> str:
        """The ID of the one pending push, once it is there."""
        for _ in range(3):
            await self.writer.run(lambda connection: None)
        found = self.value("SELECT id FROM pushes WHERE status = 'pending'")
        assert isinstance(found, str)
        return found

    def add_bypass(self, user_id: str, code: str, **values: Any) -> None:
        row = {"id": f"BC{code}", "user_id": user_id, "uses_left": 1, "created": 1.0, **values}
        with self.database.writing() as connection:
            code_hash = self.seals.code_hash(user_id, code)
            connection.execute(tables.bypass_codes.insert().values(hash=code_hash, **row))

    def add_group(self, user_id: str, status: str, name: str = "staff") -> None:
        with self.database.writing() as connection:
            connection.execute(
                tables.groups.insert().values(id=f"GR{name}", name=name, status=status, created=1.0)
            )
            connection.execute(tables.user_groups.insert().values(user_id=user_id, group_id=f"GR{name}"))

    def value(self, sql: str) -> Any:
        with self.database.reading() as connection:
            return connection.exec_driver_sql(sql).scalar()

    def change(self, sql: str) -> None:
        with self.database.writing() as connection:
            connection.exec_driver_sql(sql)


def totp(step: int = STEP, seed: bytes = SEED, digits: int = 6) -> str:
    return hotp(seed, step, digits)


def request(
    username: str = "alice", nas: str = "192.0.2.1", client_ip: str | None = "198.51.100.7"
) -> AuthRequest:
    return AuthRequest(
        login_id="ABCDEFGHJK",
        section="radius_server_auto",
        username=username,
        password=b"",
        nas=nas,
        client_ip=client_ip,
        trail=Trail(lambda: 0.0),
    )


def ask(typed: Typed | str | None, factors: tuple[Factor, ...] = FACTORS, can_prompt: bool = False) -> Ask:
    """``typed``: a string is a passcode."""
    return Ask(Passcode(typed) if isinstance(typed, str) else typed, factors, can_prompt)


def who(username: str = "alice") -> Identity:
    return Identity(username)


async def enter(service: LocalService, code: str, username: str = "alice", **asked: Any) -> Verdict:
    return await service.second_factor().begin(who(username), ask(code, **asked), request())


def refused(verdict: Verdict, reason: Reason, detail: str = "") -> bool:
    assert isinstance(verdict, Refused), verdict
    assert verdict.message == ACCESS_DENIED
    assert verdict.reason is reason, verdict
    assert detail in verdict.detail
    return True
