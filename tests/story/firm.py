"""A small firm: a directory, a mail server, a VPN gateway, and authproxy between them."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TypeVar

import trustme

from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.engine import Database
from tests.mail.mailserver import PASSWORD, USER, Mail, MailServer
from tests.panel import people
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient, Reply
from tests.peers.slapd import Slapd
from tests.system.daemon import Daemon

T = TypeVar("T")
SECRET = "shared by gateway and proxy"

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
portal_client=ad_client
request_rate=0
password_rate=1000

[mail]
host=localhost
port={mail.port}
username={account}
password={password}
ssl_ca_certs_file={mail_ca}
from=mfa@firm.example
from_name=The Firm

[ad_client]
host=127.0.0.1
port={slapd.tls_port}
auth_type=plain
bind_dn={slapd.service_dn}
service_account_password={slapd.service_password}
search_dn={slapd.base}
username_attribute=uid
transport=ldaps
ssl_ca_certs_file={slapd.ca_file}

[radius_server_auto]
client=ad_client
radius_ip_1=127.0.0.1
radius_secret_1={secret}
interface=127.0.0.1
port={radius}
"""


@dataclass
class Firm:
    """``help_desk``: an administrator of that role."""

    daemon: Daemon
    database: Database
    mail: MailServer
    gateway: Radclient
    port: int
    help_desk: Administrator
    seeds: SeedBox = field(repr=False)

    @classmethod
    @contextmanager
    def at_work(cls, directory: Path, slapd: Slapd) -> Iterator[Firm]:
        directory.mkdir(parents=True)
        ca, mail, seed_key = trustme.CA(), MailServer(), secrets.token_bytes(32)
        mail_ca = mail.settings(directory).ssl_ca_certs_file
        pem, state = directory / "web.pem", directory / "state"
        ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
        port, radius = free_port(), free_port()
        config = _CONFIG.format(
            state=state,
            seed_key=base64.b64encode(seed_key).decode(),
            port=port,
            pem=pem,
            mail=mail,
            account=USER,
            password=PASSWORD,
            mail_ca=mail_ca,
            slapd=slapd,
            secret=SECRET,
            radius=radius,
        )
        database, seeds = Database(f"sqlite:///{state}/authproxy.db"), SeedBox(seed_key)
        help_desk = people.add(database, "desk@firm.example", Role.HELP_DESK, time.time(), seeds)
        daemon = Daemon(directory, config)
        mail.start()
        daemon.start()
        gateway = Radclient(("127.0.0.1", radius), SECRET, timeout=40)
        try:
            yield cls(daemon, database, mail, gateway, port, help_desk, seeds)
            assert daemon.stop() == 0
        finally:
            daemon.kill()
            mail.stop()
            database.close()
        assert "Traceback" not in daemon.log()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def mail_to(self, address: str, patience: float = 30.0) -> Mail:
        """The newest."""
        return waited(
            lambda: next((mail for mail in reversed(self.mail.mails) if address in mail.recipients), None),
            patience,
        )

    @contextmanager
    def vpn(self, username: str, password: str) -> Iterator[list[Reply]]:
        """A login at the gateway that waits meanwhile; its answer is there at the end."""
        replies: list[Reply] = []
        asking = Thread(target=lambda: replies.append(self.gateway.login(username, password)))
        asking.start()
        try:
            yield replies
        finally:
            asking.join(60)


def waited(found: Callable[[], T | None], patience: float) -> T:
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        value = found()
        if value is not None:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come")
