"""``python -m duo_client.client``, as a shell script calls it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from tests.web.apihost import ApiHost

# The command has no option for a port: everything else is its own.
_WITH_PORT = textwrap.dedent(
    """
    import sys, duo_client.client as client
    made, port = client.Client.__init__, int(sys.argv.pop())
    def with_port(self, *args, **named):
        made(self, *args, **{**named, "port": port})
    client.Client.__init__ = with_port
    client.main()
    """
)


@pytest.mark.parametrize("version", ["2", "4", "5"])
@pytest.mark.parametrize(("app", "path"), [("auth", "/auth/v2/check"), ("admin", "/admin/v1/info/summary")])
def test_the_command_is_answered(host: ApiHost, version: str, app: str, path: str) -> None:
    keys = host.keys[app]
    command: list[Any] = [
        sys.executable, "-c", _WITH_PORT, "--ikey", keys.ikey, "--skey", keys.skey, "--host", "localhost",
        "--method", "GET", "--path", path, "--ca", str(host.ca), "--sig-version", version,
    ]  # fmt: skip
    done = subprocess.run([*command, str(host.port)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert '"stat": "OK"' in done.stdout or json.loads(done.stdout[done.stdout.index("{") :])["stat"] == "OK"
