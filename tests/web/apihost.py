"""The real daemon with its web side, people with phones and code generators, and applications with keys."""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duo_client
import pyotp
import sqlalchemy as sa
import trustme

from authproxy.secondfactor.applications import Keys, add_application
from authproxy.secondfactor.bypass import create_codes
from authproxy.secondfactor.devices import add_hotp
from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.pushes import PushStatus, decide_push, pending_pushes
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import User, add_user
from authproxy.secondfactor.wakeup import poke
from authproxy.store import tables
from authproxy.store.engine import Database
from tests.peers.ports import free_port
from tests.system.daemon import Daemon

LOCKOUT = 3

_CONFIG = """\
[main]
debug=true

[service]
state_dir={state}
seed_key={seed_key}
interface=127.0.0.1
port={port}
base_url=https://localhost:{port}
ssl_cert_path={pem}
ssl_key_path={pem}
lockout_after={lockout}
{more}
"""


@dataclass
class ApiHost:
    """Users: alice (a phone with the app, a code generator), bob (a code generator), carol (bypass), dave
    (disabled), erin (nothing), daemon (a code generator, and an account on every Unix host). Applications: auth,
    admin, unix (signatures of version 1 allowed), strict."""

    daemon: Daemon
    database: Database
    seeds: SeedBox
    port: int
    ca: Path
    keys: dict[str, Keys] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    phone: str = ""
    _generators: dict[str, tuple[pyotp.HOTP, int]] = field(default_factory=dict)

    @classmethod
    def make(cls, directory: Path, more: str = "") -> ApiHost:
        """``more``: lines for ``[service]``. It is not started yet."""
        directory.mkdir(parents=True, exist_ok=True)
        ca, seed_key, port = trustme.CA(), secrets.token_bytes(32), free_port()
        ca.cert_pem.write_to_path(directory / "ca.pem")
        ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(directory / "web.pem")
        state = directory / "state"
        config = _CONFIG.format(
            state=state,
            seed_key=base64.b64encode(seed_key).decode(),
            port=port,
            pem=directory / "web.pem",
            lockout=LOCKOUT,
            more=more,
        )
        daemon, database = Daemon(directory, config), Database(f"sqlite:///{state}/authproxy.db")
        host = cls(daemon, database, SeedBox(seed_key), port, directory / "ca.pem")
        with database.writing() as connection:
            host._populate(connection)
        return host

    def _populate(self, connection: sa.Connection) -> None:
        for name, status in (
            ("alice", "active"),
            ("bob", "active"),
            ("carol", "bypass"),
            ("dave", "disabled"),
            ("erin", "active"),
            ("daemon", "active"),
        ):
            self.users[name] = add_user(connection, name, "simple", status=status)
        connection.execute(tables.aliases.insert().values(name="al", user_id=self.users["alice"].id, position=1))
        self.phone = add_phone(connection, self.users["alice"], "+15555550100", platform="ios").id
        connection.execute(
            tables.phone_apps.insert().values(
                phone_id=self.phone, kind="web", serial="serial", public_key=b"key", created=time.time()
            )
        )
        for name in ("alice", "bob", "daemon"):
            device = add_hotp(connection, self.users[name], self.seeds)
            self._generators[name] = pyotp.HOTP(device.secret), 0
        enrolls = {"new_user_policy": "enroll"}
        for name, type_, v1 in (
            ("auth", "authapi", False),
            ("admin", "adminapi", False),
            ("unix", "unix", True),
            ("strict", "unix", False),
        ):
            self.keys[name] = add_application(connection, self.seeds, name, type_, v1, policy=enrolls)

    def client(self, kind: Any = duo_client.Auth, app: str = "auth", **changed: Any) -> Any:
        """An unmodified ``duo_client``."""
        keys = self.keys[app]
        given = {
            "ikey": keys.ikey,
            "skey": keys.skey,
            "host": "localhost",
            "port": self.port,
            "ca_certs": str(self.ca),
        }
        return kind(**{**given, **changed})

    def code(self, name: str, skip: int = 0) -> str:
        """The next one of the user's generator."""
        generator, counter = self._generators[name]
        self._generators[name] = generator, counter + skip + 1
        return generator.at(counter + skip)

    def bypass_code(self, name: str, uses: int = 1) -> str:
        with self.database.writing() as connection:
            codes, _ = create_codes(connection, self.users[name], self.seeds, uses=uses)
        return codes[0]

    def add_app(self, name: str) -> None:
        """A phone that takes pushes."""
        with self.database.writing() as connection:
            phone = add_phone(connection, self.users[name])
            connection.execute(
                tables.phone_apps.insert().values(
                    phone_id=phone.id, kind="web", serial=phone.id, public_key=b"key", created=time.time()
                )
            )

    def unlock(self) -> None:
        with self.database.writing() as connection:
            connection.execute(tables.users.update().values(failures=0, locked_until=None))
            alice = tables.users.c.username == "alice"  # may have told of fraud
            connection.execute(tables.users.update().where(alice).values(status="active"))

    def answer_push(self, status: PushStatus, patience: float = 60.0, entered: str = "") -> dict[str, Any]:
        """Waits for one and answers it, the newest; what it showed. ``entered``: the number typed with it."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with self.database.writing() as connection:
                for push in reversed(pending_pushes(connection, time.time())):
                    decide_push(connection, push.id, status, "test", time.time(), entered)
                    shown = connection.execute(sa.select(tables.pushes).where(tables.pushes.c.id == push.id))
                    row = dict(shown.mappings().one())
                    break
                else:
                    row = {}
            if row:
                poke(self.daemon.directory / "state", [str(row["id"])])
                return row
            time.sleep(0.02)
        raise AssertionError("no push came")

    @contextmanager
    def answering(self, status: PushStatus = PushStatus.APPROVED) -> Iterator[list[dict[str, Any]]]:
        """Answers the push that comes meanwhile; what it showed is in the list at the end."""
        shown: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: shown.append(self.answer_push(status)))
        thread.start()
        try:
            yield shown
        finally:
            thread.join(60)


def error(call: Any, *arguments: Any, **named: Any) -> tuple[int, int, str]:
    """HTTP status, code and detail of a call of duo_client that must fail."""
    try:
        answered = call(*arguments, **named)
    except RuntimeError as failure:
        said = failure.data  # type: ignore[attr-defined]
        return failure.status, said["code"], said.get("message_detail", "")  # type: ignore[attr-defined]
    raise AssertionError(f"answered {answered!r}")
