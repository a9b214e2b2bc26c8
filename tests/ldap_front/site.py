"""A whole site: a real slapd, and the daemon with one ``[ldap_server_auto]`` in front of it."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any

from tests.ldap_front.certificate import Certificate
from tests.ldap_front.openldap import Tools
from tests.peers.ports import free_port
from tests.peers.slapd import Slapd
from tests.system.daemon import Daemon
from tests.system.sites import Codes

_CONFIG = """\
[main]
debug=true
log_auth_events=true

[service]
state_dir={state}
seed_key={seed_key}

[ad_client]
host=127.0.0.1
port={slapd.port}
auth_type=plain
bind_dn={slapd.service_dn}
service_account_password={slapd.service_password}
search_dn={slapd.base}
username_attribute=uid
at_attribute=mail

[ldap_server_auto]
interface=127.0.0.1
port={port}
ssl_port={ssl_port}
ssl_cert_path={certificate}/cert.pem
ssl_key_path={certificate}/key.pem
{options}
"""


class LdapSite:
    """``options``: more lines for the section. The daemon is not started yet."""

    def __init__(self, directory: Path, slapd: Slapd, options: str = "exempt_primary_bind=false") -> None:
        directory.mkdir(parents=True)
        self.certificate = Certificate.make(directory)
        self.port, self.ssl_port = free_port(), free_port()
        self.daemon = Daemon(
            directory,
            _CONFIG.format(
                state=directory / "state",
                seed_key=base64.b64encode(secrets.token_bytes(32)).decode(),
                slapd=slapd,
                port=self.port,
                ssl_port=self.ssl_port,
                certificate=directory,
                options=options,
            ),
        )

    def enroll(self, name: str) -> Codes:
        """A user of the service with two code generators."""
        self.daemon.json("user", "add", name)
        timed, counted = (self.daemon.json("device", kind, name)["secret"] for kind in ("add-totp", "add-hotp"))
        return Codes(str(timed), str(counted))

    def tools(self, way: str = "clear") -> Tools:
        """``way``: clear, starttls or ldaps."""
        url = f"ldaps://127.0.0.1:{self.ssl_port}" if way == "ldaps" else f"ldap://127.0.0.1:{self.port}"
        return Tools(url, self.certificate.directory / "ca.pem", start_tls=way == "starttls")

    def events(self) -> list[dict[str, Any]]:
        """What is in ``authevents.log``."""
        (file,) = self.daemon.directory.glob("**/authevents.log")
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
