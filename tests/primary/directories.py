"""What the directory tests share: settings for a slapd, and one login."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from authproxy.config.settings import AdClientSettings, AuthType
from authproxy.model import AuthRequest, Denied, Identity, Trail
from authproxy.primary.directory import DirectoryPrimary
from authproxy.secret import Secret
from tests.peers.slapd import Slapd


def settings_for(
    peer: Slapd, *, ports: tuple[int, ...] = (), host: str = "localhost", **changes: Any
) -> AdClientSettings:
    values: dict[str, Any] = {
        "name": "ad_client",
        "hosts": tuple((host, port) for port in ports or (peer.port,)),
        "search_dn": peer.base,
        "service_account_username": "",
        "service_account_password": Secret(peer.service_password),
        "auth_type": AuthType.PLAIN,
        "bind_dn": peer.service_dn,
        "username_attribute": "uid",
        "at_attribute": "mail",
        "ssl_ca_certs_file": Path(peer.ca_file),
        "timeout": 20.0,
    }
    return AdClientSettings(**values | changes)


async def login(primary: DirectoryPrimary, username: str, password: bytes) -> Identity | Denied:
    request = AuthRequest("ID", "test", username, password, "192.0.2.1", None, Trail(time.monotonic))
    return await primary.check(request, password)
