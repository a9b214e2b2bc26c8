"""Debian's eapol_test: a device and its access point, that trust none of our code.

    Eapol(("127.0.0.1", 1812), "secret", tmp_path).login(peap("alice", "secret", outer="anonymous"))

It checks that the session keys of the Access-Accept are those that it has agreed on with the EAP server.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_KEYS = re.compile(r"^MPPE keys OK: (\d+)\s+mismatch: (\d+)", re.MULTILINE)
_NAME = re.compile(r"code=2 \(Access-Accept\).*?\(User-Name\) length=\d+\n\s+Value: '([^']*)'", re.DOTALL)


@dataclass(frozen=True)
class EapLogin:
    """``keys_agree``: the accept's session keys are right. ``name``: the accept's User-Name, if it has one.
    ``is_told``: the device got an EAP-Success or an EAP-Failure, and was not left without an answer."""

    is_allowed: bool
    keys_agree: bool
    is_told: bool
    name: str
    output: str


def peap(username: str, password: str, *, outer: str, ca: Path) -> str:
    """PEAP with MSCHAPv2 inside."""
    return _tunnelled("PEAP", "auth=MSCHAPV2", username, password, outer, ca)


def ttls_pap(username: str, password: str, *, outer: str, ca: Path) -> str:
    return _tunnelled("TTLS", "auth=PAP", username, password, outer, ca)


def _tunnelled(method: str, phase2: str, username: str, password: str, outer: str, ca: Path) -> str:
    return (
        f'eap={method}\nidentity="{username}"\nanonymous_identity="{outer}"\npassword="{password}"\n'
        f'ca_cert="{ca}"\nphase2="{phase2}"'
    )


def tls(outer: str, *, certificate: Path, ca: Path) -> str:
    """EAP-TLS; ``certificate`` holds the private key too."""
    return f'eap=TLS\nidentity="{outer}"\nca_cert="{ca}"\nclient_cert="{certificate}"\nprivate_key="{certificate}"'


def plain(method: str, username: str, password: str, *, outer: str = "") -> str:
    """``MSCHAPV2``, ``MD5`` or ``GTC``, without a tunnel. ``outer``: what the device gives as its identity."""
    return f'eap={method}\nidentity="{username}"\nanonymous_identity="{outer or username}"\npassword="{password}"'


def require_eapol_test() -> str:
    """The binary's path; skips the test without it, or fails it where CI=true."""
    binary = shutil.which("eapol_test", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if binary is not None:
        return binary
    message = "no eapol_test on this host: apt-get install eapoltest"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class Eapol:
    """One access point."""

    def __init__(self, address: tuple[str, int], secret: str, directory: Path, timeout: int = 20) -> None:
        self._directory = directory
        self._timeout = timeout
        self._arguments = [require_eapol_test(), "-a", address[0], "-p", str(address[1]), "-s", secret]
        self._arguments += ["-t", str(timeout)]

    def start(self, network: str, mac: str = "02:00:00:00:00:01") -> subprocess.Popen[str]:
        """``network``: the lines of a wpa_supplicant network."""
        config = self._directory / f"eapol{len(list(self._directory.glob('eapol*.conf')))}.conf"
        config.write_text(f"network={{\nkey_mgmt=WPA-EAP\neapol_flags=0\n{network}\n}}\n")
        arguments = [*self._arguments, "-M", mac, "-c", str(config)]
        if network.startswith(("eap=MD5", "eap=GTC")):
            arguments.append("-n")  # they agree on no keys
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self, process: subprocess.Popen[str]) -> EapLogin:
        output, _ = process.communicate(timeout=self._timeout + 5)
        keys = _KEYS.search(output)
        name = _NAME.search(output)
        return EapLogin(
            is_allowed=process.returncode == 0 and "CTRL-EVENT-EAP-SUCCESS" in output,
            keys_agree=keys is not None and int(keys[1]) > 0 and int(keys[2]) == 0,
            is_told="EAP: Received EAP-Success" in output or "EAP: Received EAP-Failure" in output,
            name=name[1] if name else "",
            output=output,
        )

    def login(self, network: str) -> EapLogin:
        return self.end(self.start(network))
