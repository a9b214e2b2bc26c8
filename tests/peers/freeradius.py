"""A real FreeRADIUS on loopback, in a directory of its own: users file, PAP, an optional Access-Challenge server.

    with FreeRadius(tmp_path, users=[User("bob", b"hello", {"Class": "0x01"})]) as peer:
        ... 127.0.0.1:peer.port, peer.secret ...

``port`` checks passwords; ``challenge_port`` answers a right password with an Access-Challenge and then wants
the one-time code 123456. Both answer Status-Server and put Message-Authenticator into every reply.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tests.peers.ports import free_port

_BINARY = shutil.which("freeradius", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
_START_SECONDS = 60.0


@dataclass(frozen=True)
class User:
    """``reply`` maps attribute names to values in users-file syntax (``"vpn"`` in quotes, ``0x01``); a list
    repeats the attribute. ``password`` None: always rejected."""

    name: str
    password: bytes | None
    reply: dict[str, str | list[str]] = field(default_factory=dict)

    def lines(self) -> str:
        check = (
            "Auth-Type := Reject" if self.password is None else f"Cleartext-Password := {_quote(self.password)}"
        )
        items = [
            f"\t{name} += {value}"
            for name, values in self.reply.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        return f'"{self.name}"\t{check}\n' + (",\n".join(items) + "\n" if items else "")


def _quote(value: bytes) -> str:
    """A string literal that FreeRADIUS reads back as exactly these bytes."""
    plain = b"".join(b"\\" + bytes((byte,)) if byte in b"\\'" else bytes((byte,)) for byte in value)
    return "'" + plain.decode("utf-8", "surrogateescape") + "'"


def require_freeradius() -> str:
    """The binary's path; skips the test without it, or fails it where CI=true."""
    if _BINARY is not None:
        return _BINARY
    message = "no FreeRADIUS on this host: apt-get install freeradius"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


OWN_PLACE = """
prefix = /usr
name = radiusd
confdir = {dir}
raddbdir = {dir}
logdir = {dir}
run_dir = {dir}
db_dir = {dir}
libdir = /usr/lib/freeradius
pidfile = {dir}/radiusd.pid
max_request_time = 30
cleanup_delay = 2
max_requests = 16384
hostname_lookups = no
log {{
    destination = files
    file = {dir}/radius.log
    auth = yes
}}
security {{
    max_attributes = 200
    reject_delay = 0
    status_server = yes
    allow_vulnerable_openssl = yes
}}
thread pool {{
    start_servers = 2
    max_servers = 8
    min_spare_servers = 1
    max_spare_servers = 4
    max_requests_per_server = 0
}}
"""  # how a server runs in a directory of its own: ``{dir}``
_CONFIG = (
    OWN_PLACE
    + """\
client v4 {{
    ipaddr = 127.0.0.0/8
    secret = "{secret}"
    require_message_authenticator = {require}
}}
client v6 {{
    ipv6addr = ::1
    secret = "{secret}"
    require_message_authenticator = {require}
}}
modules {{
    always ok {{
        rcode = ok
    }}
    always reject {{
        rcode = reject
    }}
    pap {{
        normalise = no
    }}
    expr {{
    }}
    files {{
        filename = {dir}/users
        key = "%{{User-Name}}"
    }}
}}
server passwords {{
    namespace = radius
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    {listen6}
    authorize {{
        files
        pap
        {echo}
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
    }}
}}
server challenges {{
    namespace = radius
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {challenge_port}
    }}
    authorize {{
        if (!&State) {{
            files
            pap
        }}
        else {{
            update control {{
                Auth-Type := OTP
            }}
        }}
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
            if (ok) {{
                update reply {{
                    State := "%{{randstr:aaaaaaaaaaaaaaaa}}"
                    Reply-Message := "Enter your one-time code"
                }}
                update control {{
                    Response-Packet-Type := Access-Challenge
                }}
            }}
        }}
        Auth-Type OTP {{
            if (&User-Password == "123456") {{
                ok
            }}
            else {{
                reject
            }}
        }}
    }}
}}
"""
)

_LISTEN_V6 = """listen {{
        type = auth
        ipv6addr = ::1
        port = {port}
    }}"""


class FreeRadiusProcess:
    """FreeRADIUS on the configuration in ``directory``; ``port`` answers Status-Server."""

    def __init__(self, directory: Path, secret: str, port: int) -> None:
        self._binary = require_freeradius()
        self._directory = directory
        self.secret = secret
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def start(self) -> Self:
        """Returns when it answers Status-Server. Fails the test with FreeRADIUS's own words if it doesn't."""
        with (self._directory / "stdout").open("ab") as output:
            self._process = subprocess.Popen(
                [self._binary, "-f", "-d", str(self._directory), "-n", "radiusd"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        give_up = time.monotonic() + _START_SECONDS
        while not self._is_answering():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                pytest.fail(f"FreeRADIUS did not start:\n{self.log()[-2000:]}")
        return self

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        files = (self._directory / "stdout", self._directory / "radius.log")
        return "".join(file.read_text("utf-8", "replace") for file in files if file.exists())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _is_answering(self) -> bool:
        """Sends a Status-Server and waits for any reply. Written out here: a peer trusts none of our code."""
        head = b"\x0c\x01\x00\x26" + os.urandom(16)
        empty = head + b"\x50\x12" + bytes(16)
        packet = empty[:-16] + hmac.new(self.secret.encode(), empty, hashlib.md5).digest()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.1)
            probe.connect(("127.0.0.1", self.port))
            try:
                probe.send(packet)
                return len(probe.recv(4096)) >= 20
            except (TimeoutError, ConnectionRefusedError):
                time.sleep(0.02)
                return False


class FreeRadius(FreeRadiusProcess):
    """One FreeRADIUS process. ``echo`` is unlang run after the password check's preparation, for tests that
    look at what arrived (``update reply { Filter-Id := "%{NAS-Identifier}" }``, one statement per line)."""

    def __init__(
        self,
        directory: Path,
        users: Sequence[User] = (),
        *,
        secret: str = "testing123",
        port: int | None = None,
        require_message_authenticator: bool = True,
        with_ipv6: bool = False,
        echo: str = "",
    ) -> None:
        super().__init__(directory, secret, port if port is not None else free_port())
        self.challenge_port = free_port()
        config = _CONFIG.format(
            dir=directory,
            secret=secret,
            port=self.port,
            challenge_port=self.challenge_port,
            require="yes" if require_message_authenticator else "no",
            listen6=_LISTEN_V6.format(port=self.port) if with_ipv6 else "",
            echo=echo,
        )
        (directory / "radiusd.conf").write_text(config)
        text = "\n".join(user.lines() for user in users)
        (directory / "users").write_bytes(text.encode("utf-8", "surrogateescape"))
