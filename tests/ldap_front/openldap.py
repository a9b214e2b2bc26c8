"""OpenLDAP's command line clients."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread


class Tools:
    """``ldapwhoami`` and ``ldapsearch`` against one server. ``url``: ldap:// or ldaps://."""

    def __init__(self, url: str, ca_file: Path | None = None, start_tls: bool = False) -> None:
        for program in ("ldapwhoami", "ldapsearch"):
            if shutil.which(program) is None:
                if os.environ.get("CI") == "true":
                    pytest.fail(f"no {program} on this host: apt-get install ldap-utils")
                pytest.skip(f"no {program} on this host: apt-get install ldap-utils")
        self._server = ["-x", "-H", url, *(["-ZZ"] if start_tls else [])]
        self._environment = {**os.environ, "LDAPTLS_CACERT": str(ca_file or ""), "LDAPTLS_REQCERT": "demand"}

    async def who_am_i(self, name: str, password: str) -> tuple[int, str]:
        """The exit status, which is the result's code, and what was printed."""
        return await self.run("ldapwhoami", "-D", name, "-w", password)

    async def search(self, name: str, password: str, *arguments: str) -> tuple[int, list[str]]:
        """The exit status, and the DNs found."""
        status, printed = await self.run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-D", name, "-w", password,
                                         *arguments, "1.1")  # fmt: skip
        return status, [line[4:] for line in printed.splitlines() if line.startswith("dn: ")]

    async def run(self, program: str, *arguments: str) -> tuple[int, str]:
        done = await deferToThread(
            subprocess.run,
            [program, *self._server, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, (done.stdout + done.stderr).strip()
