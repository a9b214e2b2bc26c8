"""Typed settings of ``[mail]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authproxy.secret import Secret

PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class MailSettings:
    """``sender``: the address that mail comes from. ``tls``: starttls, tls or none. ``timeout`` in seconds."""

    host: str
    port: int
    sender: str
    sender_name: str = ""
    reply_to: str = ""
    tls: str = "starttls"
    ssl_ca_certs_file: Path | None = None  # None: the operating system's
    username: str = ""
    password: Secret | None = None
    timeout: float = 30.0
    template_dir: Path | None = None
