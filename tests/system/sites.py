"""Whole sites: a real directory, and the daemon in front of it with the same configuration but for [ad_client]."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyotp

from authproxy.model import LoginRecord
from authproxy.store.engine import Database
from authproxy.store.journal import find_logins
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient, Reply
from tests.system.daemon import Daemon

SECRET = "a radius secret"
STEP = 30

_CONFIG = """\
[main]
debug=true
log_auth_events=true

[service]
state_dir={state}
seed_key={seed_key}
{service}

{ad_client}

[radius_server_auto]
interface=127.0.0.1
port={auto_port}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
{auto}

[radius_server_challenge]
interface=127.0.0.1
port={challenge_port}
radius_ip_1=127.0.0.1
radius_secret_1={secret}

[radius_server_concat]
interface=127.0.0.1
port={concat_port}
radius_ip_1=127.0.0.1
radius_secret_1={secret}

[radius_server_duo_only]
interface=127.0.0.1
port={only_port}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
"""


@dataclass(frozen=True)
class People:
    """Who is in a directory. ``refused``: names that the directory refuses though the password is right."""

    alice: str
    bob: str
    passwords: dict[str, str]
    refused: dict[str, str]


class Codes:
    """One user's code generators: never show a code twice, and never wait for the next half minute."""

    def __init__(self, timed: str, counted: str) -> None:
        """The secrets of an authenticator app and of a counter-based generator."""
        self._timed = pyotp.TOTP(timed)
        self._counted = pyotp.HOTP(counted)
        self._step = 0
        self._counter = 0

    def fresh(self) -> str:
        """The app's code of now or of the next step; the other generator's when both have been shown."""
        now = int(time.time()) // STEP
        if self._step <= now:
            self._step = max(self._step + 1, now)
            return self._timed.generate_otp(self._step)
        self._counter += 1
        return self._counted.at(self._counter - 1)


@dataclass
class Site:
    """A daemon and what stands around it."""

    daemon: Daemon
    people: People
    ports: dict[str, int]
    codes: dict[str, Codes] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        directory: Path,
        ad_client: str,
        people: People,
        *,
        service: str = "",
        auto: str = "",
        secret: str = SECRET,
    ) -> Site:
        """``service`` and ``auto``: more lines for these sections."""
        ports = {name: free_port() for name in ("auto", "challenge", "concat", "only")}
        config = _CONFIG.format(
            state=directory / "state",
            seed_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            ad_client=ad_client,
            service=service,
            auto=auto,
            secret=secret,
            **{f"{name}_port": port for name, port in ports.items()},
        )
        return cls(Daemon(directory, config), people, ports)

    @classmethod
    def without_directory(cls, directory: Path, *, service: str = "") -> Site:
        """Its users type the second factor alone: the appliance has checked their passwords."""
        return cls.make(directory, "[duo_only_client]", People("alice", "bob", {}, {}), service=service)

    def enroll(self, name: str) -> Codes:
        """A user of the service with two code generators."""
        self.daemon.json("user", "add", name)
        timed, counted = (self.daemon.json("device", kind, name)["secret"] for kind in ("add-totp", "add-hotp"))
        self.codes[name] = Codes(str(timed), str(counted))
        return self.codes[name]

    def appliance(self, section: str = "auto", secret: str = SECRET) -> Radclient:
        return Radclient(("127.0.0.1", self.ports[section]), secret, timeout=40)

    def login(self, name: str, typed: str, section: str = "auto") -> str:
        """The answer's code."""
        reply = self.appliance(section).login(name, typed)
        assert reply.code, reply.output
        return reply.code

    def answer(self, challenge: Reply, name: str, typed: str) -> Reply:
        """The answer to an Access-Challenge."""
        state = challenge.attributes["State"][0]
        return self.appliance("challenge").login(name, typed, [f"State = {state}"])

    @property
    def database(self) -> Database:
        return Database(f"sqlite:///{self.daemon.directory}/state/authproxy.db")

    def records(self, name: str | None = None) -> Sequence[LoginRecord]:
        """What the journal has of a user, or of all; newest first."""
        with self.database.reading() as connection:
            return find_logins(connection, username=name, limit=100_000)

    def why(self, name: str) -> str:
        """The reason in the record of the user's newest login."""
        return self.records(name)[0].reason
