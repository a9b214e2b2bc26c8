"""A Linux host as an appliance: ``pamtester`` through ``libpam-radius-auth``.

    with PamHost(directory, ("127.0.0.1", 1812), "secret") as host:
        assert host.login("bob", ["password,123456"]).is_allowed

PAM reads /etc/pam.d only, so a service with a random name is put there, and removed at the end: needs root.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_PAM_D = Path("/etc/pam.d")
_MODULES = (
    "/usr/lib/security",
    "/lib/security",
    "/lib/x86_64-linux-gnu/security",
    "/lib/aarch64-linux-gnu/security",
)


@dataclass(frozen=True)
class PamAnswer:
    is_allowed: bool
    output: str  # with every prompt that was shown


def require_pam() -> str:
    """pamtester's path; skips the test without what it needs, or fails it where CI=true."""
    binary = shutil.which("pamtester")
    has_module = any(Path(place, "pam_radius_auth.so").exists() for place in _MODULES)
    if binary is None or not has_module:
        message = "no pamtester or pam_radius_auth: apt-get install pamtester libpam-radius-auth"
    elif os.geteuid() != 0:
        message = "a service in /etc/pam.d needs root"
    else:
        return binary
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class PamHost:
    def __init__(
        self, directory: Path, server: tuple[str, int], secret: str, *, timeout: int = 20, options: str = ""
    ) -> None:
        """``options``: more of pam_radius_auth's, such as ``prompt=Code:``."""
        self._binary = require_pam()
        self._service = _PAM_D / f"authproxy-test-{secrets.token_hex(6)}"
        self._config = directory / "pam_radius.conf"
        self._options = options
        directory.mkdir(parents=True, exist_ok=True)
        self._config.touch(0o600)
        self._config.write_text(f"{server[0]}:{server[1]} {secret} {timeout}\n")

    def __enter__(self) -> PamHost:
        module = f"pam_radius_auth.so conf={self._config} {self._options}"
        self._service.write_text(f"auth required {module}\naccount required pam_permit.so\n")
        return self

    def __exit__(self, *_exc: object) -> None:
        self._service.unlink(missing_ok=True)

    def login(self, username: str, answers: Sequence[str]) -> PamAnswer:
        """``answers``: the password, then what is typed at each further prompt."""
        done = subprocess.run(
            [self._binary, self._service.name, username, "authenticate"],
            input="".join(f"{answer}\n" for answer in answers),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return PamAnswer(done.returncode == 0, done.stdout + done.stderr)
