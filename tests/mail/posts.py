"""Mail on a real database, with time that is moved by hand, and a postman whose round is one call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from authproxy.config.settings_mail import MailSettings
from authproxy.messaging.post_office import PostOffice
from authproxy.messaging.postman import REST_SECONDS
from authproxy.secondfactor.outbox import Outbox
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import User, add_user
from authproxy.store.engine import Database, open_sqlite
from authproxy.store.writer import Writer

BASE_URL = "https://mfa.firm.example:8443"
NOW = 1_800_000_000.0
DAY = 86_400.0


class Posts:
    def __init__(self, directory: Path, settings: MailSettings) -> None:
        self.clock, self.now = Clock(), NOW
        url = f"sqlite:///{directory / 'authproxy.db'}"
        self.writer = Writer(directory / "authproxy.db", open_sqlite(url), reactor)
        self.writer.start()
        self.database, self.seeds = Database(url), SeedBox(os.urandom(32))
        self.outbox = Outbox(self.writer, self.seeds, lambda: self.now)
        office = PostOffice.open(settings, BASE_URL, self.seeds, self.outbox, self.clock, lambda: self.now)
        self.mail, self.postman = office.mailroom, office.postman
        self.ends: list[str] = []
        self.postman.on_end = self.ends.append

    def user(self, name: str = "alice", email: str = "alice@firm.example") -> User:
        with self.database.writing() as connection:
            return add_user(connection, name, "simple", email)

    def post(self, text: str, to: str, secrets: dict[str, str] | None = None, **values: object) -> str:
        with self.database.writing() as connection:
            return self.mail.post(connection, self.mail.draft(text, to, values, secrets))

    async def deliver(self) -> None:
        """What is due now."""
        self.clock.advance(REST_SECONDS)
        await Deferred.fromCoroutine(self.postman._deliver_due())

    def value(self, sql: str) -> Any:
        with self.database.reading() as connection:
            return connection.exec_driver_sql(sql).scalar()

    def stop(self) -> None:
        pytest_twisted.blockon(self.postman.stop())
        pytest_twisted.blockon(self.writer.stop())
        self.database.close()
