"""Debian's ``login_duo`` and ``pam_duo`` as clients of the web side.

    unix = DuoUnix(directory, keys.ikey, keys.skey, port, ca)
    assert unix.login("alice").status == 0

PAM reads /etc/pam.d only, so a service with a random name is put there while it is used: needs root, as does
``login_duo -f``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_PAM_D = Path("/etc/pam.d")
_LOGIN_DUO = "/usr/sbin/login_duo"
_DONE = "LOGGED-IN"

# Types each answer at a prompt, and ends with the program's own status.
_EXPECT = r"""
set timeout 15
spawn -noecho {*}[lrange $argv 1 end]
foreach answer [split [lindex $argv 0] ,] {
  expect {
    -re "asscode( or option.*)?: *$" { send -- "$answer\r" }
    timeout { exit 97 }
    eof { lassign [wait] pid spawn_id os_error status; exit $status }
  }
}
expect {
  eof {}
  timeout { exit 98 }
}
lassign [wait] pid spawn_id os_error status
exit $status
"""


@dataclass(frozen=True)
class DuoAnswer:
    """``output``: what the user and the log would see."""

    status: int
    output: str

    @property
    def is_in(self) -> bool:
        return self.status == 0 and _DONE in self.output


def require_duo_unix() -> None:
    """Skips the test without what it needs, or fails it where CI=true."""
    if not Path(_LOGIN_DUO).exists() or shutil.which("pamtester") is None or shutil.which("expect") is None:
        message = "no login_duo, pam_duo or expect: apt-get install login-duo libpam-duo pamtester expect"
    elif os.geteuid() != 0:
        message = "login_duo -f and a service in /etc/pam.d need root"
    else:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class DuoUnix:
    def __init__(
        self, directory: Path, ikey: str, skey: str, port: int, ca: Path | None, *, options: Sequence[str] = ()
    ) -> None:
        """``ca`` None: the server's certificate is not looked at. ``options``: more lines, ``failmode=secure``."""
        require_duo_unix()
        directory.mkdir(parents=True, exist_ok=True)
        self._config = directory / f"duo-{secrets.token_hex(4)}.conf"
        self._config.touch(0o600)
        trust = f"cafile={ca}" if ca is not None else "noverify=1"
        lines = ["[duo]", f"ikey={ikey}", f"skey={skey}", f"host=localhost:{port}", trust, *options]
        self._config.write_text("\n".join(lines) + "\n")
        self._expect = directory / "answer.exp"
        self._expect.write_text(_EXPECT)

    def login(
        self,
        username: str,
        answers: Sequence[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> DuoAnswer:
        """``login_duo`` for a command. ``answers``: what is typed at a terminal's prompts; None: without one."""
        command = [_LOGIN_DUO, "-d", "-c", str(self._config), "-f", username, "-h", "198.51.100.7", "echo", _DONE]
        if answers is not None:
            command = ["expect", "-f", str(self._expect), ",".join(answers), *command]
        return _run(command, environment or {})

    def pam(self, username: str, answers: Sequence[str]) -> DuoAnswer:
        """``pam_duo`` through pamtester."""
        service = _PAM_D / f"authproxy-test-{secrets.token_hex(6)}"
        service.write_text(f"auth required pam_duo.so conf={self._config}\naccount required pam_permit.so\n")
        command = ["pamtester", service.name, username, "authenticate"]
        try:
            return _run(["expect", "-f", str(self._expect), ",".join(answers), *command], {})
        finally:
            service.unlink()


def _run(command: Sequence[str], environment: Mapping[str, str]) -> DuoAnswer:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    return DuoAnswer(done.returncode, done.stdout + done.stderr)
