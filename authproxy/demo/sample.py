"""The sample site: a directory with two people, and the configuration that ties everything together."""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

BASE_DN = "dc=example,dc=test"
SERVICE_DN = f"cn=authproxy,{BASE_DN}"


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    full_name: str
    password: str = field(repr=False)

    @property
    def dn(self) -> str:
        return f"uid={self.username},ou=people,{BASE_DN}"


ALICE = Person("alice", "Alice Example", "wonderland")
BOB = Person("bob", "Bob Example", "builder, 2nd")


def entries(service_password: str) -> dict[str, dict[str, list[str]]]:
    """The directory's content, by DN."""
    people = {
        person.dn: {
            "objectClass": ["inetOrgPerson"],
            "uid": [person.username],
            "cn": [person.full_name],
            "sn": ["Example"],
            "mail": [f"{person.username}@example.test"],
            "userPassword": [person.password],
        }
        for person in (ALICE, BOB)
    }
    return {
        BASE_DN: {"objectClass": ["dcObject", "organization"], "dc": ["example"], "o": ["Example"]},
        f"ou=people,{BASE_DN}": {"objectClass": ["organizationalUnit"], "ou": ["people"]},
        SERVICE_DN: {
            "objectClass": ["applicationProcess"],
            "cn": ["authproxy"],
            "userPassword": [service_password],
        },
        **people,
    }


CONFIG = """\
; The demonstration's configuration: everything on loopback, everything gone when it ends.

[main]
log_dir={directory}/log
log_auth_events=true

[service]
state_dir={directory}/state
seed_key={seed_key}
interface=127.0.0.1
port={web_port}
base_url={base_url}
portal_client=ad_client

[ad_client]
host=127.0.0.1
port={directory_port}
auth_type=plain
bind_dn={service_dn}
service_account_password={service_password}
search_dn={base_dn}
username_attribute=uid
at_attribute=mail

[radius_server_auto]
interface=127.0.0.1
port={auto_port}
radius_ip_1=127.0.0.1
radius_secret_1={radius_secret}

[radius_server_challenge]
interface=127.0.0.1
port={challenge_port}
radius_ip_1=127.0.0.1
radius_secret_1={radius_secret}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the demonstration lives. The secrets are made anew for each run. ``directory`` is a folder."""

    directory: Path
    service_password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    radius_secret: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    seed_key: str = field(default_factory=lambda: b64encode(secrets.token_bytes(32)).decode(), repr=False)

    @property
    def config(self) -> Path:
        return self.directory / "authproxy.cfg"

    def url(self, web_port: int) -> str:
        """Of the web side."""
        return f"https://localhost:{web_port}"

    def write_config(self, directory_port: int, auto_port: int, challenge_port: int, web_port: int) -> None:
        self.config.touch(mode=0o600)
        self.config.write_text(
            CONFIG.format(
                directory=self.directory,
                directory_port=directory_port,
                auto_port=auto_port,
                challenge_port=challenge_port,
                web_port=web_port,
                base_url=self.url(web_port),
                service_dn=SERVICE_DN,
                service_password=self.service_password,
                base_dn=BASE_DN,
                radius_secret=self.radius_secret,
                seed_key=self.seed_key,
            ),
            encoding="utf-8",
        )
