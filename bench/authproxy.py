"""authproxy as it is run: the daemon on a configuration of its own, with the benches' users in its store."""

from __future__ import annotations

import base64
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.engine import open_sqlite
from bench.load import is_answering
from bench.people import Person
from bench.processes import Process, free_port
from bench.slapd import BASE, SERVICE_DN, SERVICE_PASSWORD

_SECTION = """
[main]
log_dir={dir}/log

[service]
state_dir={state}
seed_key={key}
{service}

[radius_server_auto]
client={client}
interface=127.0.0.1
port={port}
radius_ip_1=127.0.0.0/8
radius_secret_1={secret}
force_message_authenticator=yes
{server}
"""
_DIRECTORY = f"""
[ad_client]
host=127.0.0.1
port={{ldap_port}}
transport=clear
auth_type=plain
service_account_username={SERVICE_DN}
service_account_password={SERVICE_PASSWORD}
bind_dn={SERVICE_DN}
search_dn=ou=People,{BASE}
username_attribute=uid
"""


class BenchAuthproxy:
    name = "authproxy"

    def __init__(
        self,
        directory: Path,
        persons: Sequence[Person],
        secret: str,
        ldap_port: int | None,
        *,
        service: str = "",
        server: str = "",
    ) -> None:
        """Without ``ldap_port`` the appliance has checked the password. ``service``, ``server``: more options."""
        self.state_dir = directory / "var"
        self.state_dir.mkdir(parents=True, mode=0o700)
        (directory / "log").mkdir()
        self._dir = directory
        self._secret = secret
        self.port = free_port(socket.SOCK_DGRAM)
        key = os.urandom(32)
        client = _DIRECTORY.format(ldap_port=ldap_port) if ldap_port else "\n[duo_only_client]\n"
        text = client + _SECTION.format(
            dir=directory,
            state=self.state_dir,
            key=base64.b64encode(key).decode(),
            client="ad_client" if ldap_port else "duo_only_client",
            port=self.port,
            secret=secret,
            service=service,
            server=server,
        )
        self._config = directory / "authproxy.cfg"
        self._config.write_text(text)
        self._config.chmod(0o600)
        self.database = self.state_dir / "authproxy.db"
        self.seeds = SeedBox(key)
        _enroll(f"sqlite:///{self.database}", persons, self.seeds)

    def start(self) -> BenchAuthproxy:
        program = Path(sys.executable).with_name("authproxy")
        started = time.monotonic()
        self.process = Process(
            self.name, [str(program), "run", "--config", str(self._config)], self._dir / "stdout"
        )
        self.process.wait_until(lambda: is_answering(self.port, self._secret.encode()))
        self.ready_after = time.monotonic() - started
        return self


def _enroll(url: str, persons: Sequence[Person], seeds: SeedBox) -> None:
    now = time.time()
    connection = open_sqlite(url)
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO users (id, username, display_name, created) VALUES (?, ?, ?, ?)",
        ((f"DU{person.username}", person.username, person.username, now) for person in persons),
    )
    connection.executemany(
        "INSERT INTO devices (id, kind, origin, seed, created) VALUES (?, 'totp', 'software', ?, ?)",
        ((f"DE{person.username}", seeds.encrypt(f"DE{person.username}", person.seed), now) for person in persons),
    )
    connection.executemany(
        "INSERT INTO device_users (user_id, device_id) VALUES (?, ?)",
        ((f"DU{person.username}", f"DE{person.username}") for person in persons),
    )
    connection.execute("COMMIT")
    connection.close()
