"""A small Debian whose PID 1 is systemd, in a namespace of its own: made by mmdebstrap, run by systemd-nspawn."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PACKAGES = "systemd,systemd-sysv,dbus,python3,ca-certificates,gnupg"
_MIRROR = "http://deb.debian.org/debian"
_ENTRY = """\
#!/opt/authproxy/bin/python3
import sys
from {module} import {function}
sys.exit({function}())
"""


def missing() -> str:
    """Why there can be none here; empty if there can."""
    if os.geteuid() != 0:
        return "systemd-nspawn needs root"
    lacking = [name for name in ("systemd-nspawn", "mmdebstrap", "nsenter") if shutil.which(name) is None]
    if lacking:
        return f"not installed: {', '.join(lacking)}"
    if sys.version_info[:2] != (3, 11):
        return "compiled packages of this Python do not fit that of Debian 12"
    return ""


class Container:
    """``directory``: where its files are put; taken away by ``close``. The network is its own, and empty."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self._log = directory / "boot.log"
        make = ["mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(self.root), _MIRROR]
        done = subprocess.run(make, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        self._install()
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def _install(self) -> None:
        """What docs/operations.md says, with the packages of this Python instead of downloaded ones."""
        home = self.root / "opt/authproxy"
        self._outside("python3", "-m", "venv", "--without-pip", "/opt/authproxy")
        (home / "lib/python3.11/site-packages/authproxy.pth").write_text(
            "/opt/authproxy/packages\n/opt/authproxy/code\n"
        )
        for name in ("packages", "code"):
            (home / name).mkdir()
        for script, module, function in (
            ("authproxy", "authproxy.cli", "main"),
            ("authproxyctl", "authproxy.cli.authproxyctl", "entry_point"),
        ):
            path = home / "bin" / script
            path.write_text(_ENTRY.format(module=module, function=function))
            path.chmod(0o755)
        for unit in (ROOT / "systemd").glob("*.service"):
            shutil.copy(unit, self.root / "etc/systemd/system")
        shutil.copy(ROOT / "systemd/sysusers.d/authproxy.conf", self.root / "usr/lib/sysusers.d")
        shutil.copy(ROOT / "systemd/tmpfiles.d/authproxy.conf", self.root / "usr/lib/tmpfiles.d")

    def _outside(self, *command: str) -> None:
        subprocess.run(["chroot", str(self.root), *command], check=True, timeout=60, capture_output=True)

    def boot(self) -> None:
        """Returns once systemd has started everything."""
        binds = (
            f"--bind-ro={sysconfig.get_path('purelib')}:/opt/authproxy/packages",
            f"--bind-ro={ROOT / 'authproxy'}:/opt/authproxy/code/authproxy",
        )
        with self._log.open("wb") as log:
            self._nspawn = subprocess.Popen(
                [
                    *("systemd-nspawn", "--quiet", "-D", str(self.root), "--register=no", "--keep-unit"),
                    *("--private-network", "--resolv-conf=off", *binds, "--boot"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + 60
        while self._state() not in ("running", "degraded"):
            assert time.monotonic() < give_up, self._log.read_text(errors="replace")
            assert self._nspawn.poll() is None, self._log.read_text(errors="replace")
            time.sleep(0.2)

    def _state(self) -> str:
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        leaders = [child for child in children if Path(f"/proc/{child}/comm").read_text() == "systemd\n"]
        if not leaders:
            return ""
        self._leader = int(leaders[0])
        return self.run("systemctl", "is-system-running", check=False).strip()

    def run(self, *command: str, check: bool = True) -> str:
        """A command inside, as root: what it printed."""
        inside = ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-C", *command]
        done = subprocess.run(inside, capture_output=True, text=True, timeout=120, check=False)
        said = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{said}{self.journal()}"
        return said

    def journal(self) -> str:
        return self.run("journalctl", "-u", "authproxy", "--no-pager", check=False)

    def as_service(self, *command: str, check: bool = True) -> str:
        """``authproxy COMMAND`` as the daemon's user."""
        return self.run("runuser", "-u", "authproxy", "--", "/opt/authproxy/bin/authproxy", *command, check=check)

    def property(self, name: str) -> str:
        """Of the unit."""
        return self.run("systemctl", "show", "authproxy", f"--property={name}", "--value").strip()

    def write(self, path: str, text: str) -> None:
        """A file inside. Its directory is made."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def close(self) -> None:
        if self._nspawn is not None:
            if self._leader:
                self.run("systemctl", "poweroff", check=False)
            try:
                self._nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait(10)
        shutil.rmtree(self.root, ignore_errors=True)
