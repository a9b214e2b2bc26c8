"""What the host and the installation are: versions, kernel limits, the systemd unit."""

from __future__ import annotations

import platform
import resource
import shutil
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import authproxy

UNIT = "authproxy.service"
_SYSCTL = ("net.core.rmem_max", "net.core.rmem_default", "net.core.somaxconn", "net.ipv4.ip_local_port_range",
           "fs.file-max")  # fmt: skip
_SECONDS = 20.0


def versions() -> str:
    """Of everything that is installed beside us."""
    told = [
        f"authproxy {authproxy.__version__}",
        f"python {platform.python_version()} ({sys.executable})",
        f"system {platform.platform()}",
        f"distribution {_distribution()}",
        f"openssl {ssl.OPENSSL_VERSION}",
        f"sqlite {sqlite3.sqlite_version}",
        f"gpg {(run(['gpg', '--version']) or 'is not installed').splitlines()[0]}",
    ]
    installed = {f"{each.name} {each.version}" for each in metadata.distributions()}
    return "\n".join([*told, "", *sorted(installed, key=str.casefold)])


def limits() -> str:
    """Kernel and process limits that a busy daemon runs into."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = [f"{name} = {_sysctl(name)}" for name in _SYSCTL]
    told.append(f"open files of this process: {soft} (at most {hard})")
    told += [f"memory: {line}" for line in _memory()]
    return "\n".join(told)


def systemd() -> str:
    """The unit and its state; empty where there is none."""
    if shutil.which("systemctl") is None:
        return ""
    unit = run(["systemctl", "cat", "--no-pager", UNIT])
    if not unit:
        return ""
    status = run(["systemctl", "status", "--no-pager", "--lines=0", UNIT])
    limits_of_unit = run(["systemctl", "show", UNIT, "--property=LimitNOFILE,MemoryMax,NRestarts,ExecMainStatus"])
    return "\n".join((unit, status, limits_of_unit))


def journal(since: float) -> str:
    """What systemd heard of the unit since then (epoch seconds)."""
    if shutil.which("journalctl") is None:
        return ""
    command = ["journalctl", "--no-pager", "--quiet", "--output=short-iso", "--lines=20000", f"--unit={UNIT}"]
    return run([*command, f"--since=@{int(since)}"])


def run(command: Sequence[str]) -> str:
    """What it prints; empty when it fails altogether."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "backslashreplace").strip()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def _sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", *name.split(".")).read_text().strip()
    except OSError:
        return "unknown"


def _memory() -> Iterator[str]:
    try:
        told = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return
    yield from (line for line in told if line.startswith(("MemTotal", "MemAvailable", "SwapTotal")))
