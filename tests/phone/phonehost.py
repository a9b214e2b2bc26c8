"""The real daemon with RADIUS sections and a web side for phones."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from authproxy.secondfactor.activations import activate_phone
from authproxy.secondfactor.phones import PhoneRow, add_phone
from authproxy.secondfactor.pipush_enrollment import NewPipush, enroll_pipush
from authproxy.secondfactor.users import User, add_user
from authproxy.store.engine import Database
from authproxy.store.journal import find_logins
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient, Reply
from tests.phone.webphone import WebPhone, as_json
from tests.system.daemon import Daemon

SECRET = "a radius secret"

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
push_limit=0
request_rate=0
push_seconds={push_seconds}
{service}

[duo_only_client]

[radius_server_auto]
interface=127.0.0.1
port={auto}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
{server}

[radius_server_challenge]
interface=127.0.0.1
port={challenge}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
verified_push={verified}
factors=push
"""


@dataclass
class PhoneHost:
    daemon: Daemon
    database: Database
    port: int
    ports: dict[str, int]
    ca: Path
    people: dict[str, User] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        directory: Path,
        *,
        push_seconds: int = 30,
        service: str = "",
        server: str = "",
        verified: str = "number",
    ) -> PhoneHost:
        directory.mkdir(parents=True, exist_ok=True)
        authority, port = trustme.CA(), free_port()
        authority.cert_pem.write_to_path(directory / "ca.pem")
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(directory / "web.pem")
        ports = {name: free_port() for name in ("auto", "challenge")}
        config = _CONFIG.format(
            state=directory / "state",
            seed_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            port=port,
            pem=directory / "web.pem",
            push_seconds=push_seconds,
            service=service,
            server=server,
            secret=SECRET,
            verified=verified,
            **ports,
        )
        database = Database(f"sqlite:///{directory / 'state' / 'authproxy.db'}")
        return cls(Daemon(directory, config), database, port, ports, directory / "ca.pem")

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    # ------------------------------------------------------------ people and phones

    def user(self, name: str) -> User:
        if name not in self.people:
            with self.database.writing() as connection:
                self.people[name] = add_user(connection, name, "simple")
        return self.people[name]

    def phone_of(self, name: str, number: str = "") -> PhoneRow:
        user = self.user(name)
        with self.database.writing() as connection:
            return add_phone(connection, user, number)

    def link(self, name: str) -> str:
        """For a new phone of the user."""
        phone, user = self.phone_of(name), self.user(name)
        with self.database.writing() as connection:
            return activate_phone(connection, user.id, phone.id, self.url).url

    def pipush(self, name: str) -> NewPipush:
        phone, user = self.phone_of(name), self.user(name)
        with self.database.writing() as connection:
            return enroll_pipush(connection, user, phone.id, self.url)

    def web_phone(self, name: str) -> WebPhone:
        """A phone without a browser, activated."""
        phone = WebPhone()
        said = self.post(phone, "claim", phone.claim_body(self.link(name)))
        phone.serial = said["serial"]
        return phone

    # ------------------------------------------------------------ what phones ask

    def post(self, phone: WebPhone, name: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer; ``http`` is its status."""
        body = as_json(fields or {})
        headers = {"Authorization": phone.authorization(name, body), "Content-Type": "application/json"}
        return self.request(f"/phone/api/{name}", body, headers)

    def request(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, body, headers or {})
        context = ssl.create_default_context(cafile=str(self.ca))
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as response:
                return {**json.loads(response.read()), "http": response.status}
        except urllib.error.HTTPError as error:
            return {**json.loads(error.read()), "http": error.code}

    def pending(self, phone: WebPhone, patience: float = 60.0) -> dict[str, Any]:
        """The push that comes."""
        return self.wait_for(lambda: next(iter(self.post(phone, "pushes")["pushes"]), None), patience)

    def wait_for(self, found: Callable[[], Any], patience: float = 60.0) -> Any:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            value = found()
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError("it did not come")

    # ------------------------------------------------------------ logins

    def appliance(self, section: str = "auto") -> Radclient:
        return Radclient(("127.0.0.1", self.ports[section]), SECRET, timeout=40)

    @contextmanager
    def login(self, name: str, typed: str = "push", section: str = "auto") -> Iterator[list[Reply]]:
        """Waits for its answer meanwhile; at the end the list holds it."""
        replies: list[Reply] = []
        thread = threading.Thread(
            target=lambda: replies.append(
                self.appliance(section).login(name, typed, ['Calling-Station-Id = "198.51.100.7"'])
            )
        )
        thread.start()
        try:
            yield replies
        finally:
            thread.join(60)

    def ask_number(self, name: str) -> Reply:
        """A verified push is sent; the challenge tells what to do with it."""
        menu = self.appliance("challenge").login(name, "password")
        return self.reply(menu, name, "1")

    def reply(self, challenge: Reply, name: str, typed: str) -> Reply:
        state = challenge.attributes["State"][0]
        return self.appliance("challenge").login(name, typed, [f"State = {state}"])

    def why(self, name: str) -> str:
        """The reason in the record of the newest login."""
        with self.database.reading() as connection:
            return find_logins(connection, username=name, limit=10)[0].reason

    def value(self, sql: str) -> Any:
        with self.database.reading() as connection:
            return connection.exec_driver_sql(sql).scalar()

    def change(self, sql: str) -> None:
        with self.database.writing() as connection:
            connection.exec_driver_sql(sql)
