"""The site that the pages' shell lines are run in: a directory, the daemon, two users, and a shell."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authproxy.demo.sample import BASE_DN, SERVICE_DN
from tests.docs import shim
from tests.docs.directory import SERVICE_PASSWORD
from tests.docs.pages import ROOT
from tests.docs.sample_data import fill
from tests.peers.ports import free_port
from tests.system.daemon import Daemon

CONFIG = """\
[main]
log_auth_events=true

[service]
state_dir={state}
seed_key={seed_key}
interface=127.0.0.1
port={web}
base_url=https://localhost:{web}

[metrics]
port={metrics}

[ad_client]
host=127.0.0.1
port={directory}
auth_type=plain
bind_dn={service_dn}
service_account_password={service_password}
search_dn={base_dn}
username_attribute=uid
at_attribute=mail

[radius_server_auto]
client=ad_client
interface=127.0.0.1
port={auto}
radius_ip_1=127.0.0.1
radius_secret_1=change-me-too

[radius_server_challenge]
client=ad_client
interface=127.0.0.1
port={challenge}
radius_ip_1=127.0.0.1
radius_secret_1=change-me-too
"""


class DocsSite:
    """``sh`` runs a block as somebody would who has pasted it."""

    def __init__(self, directory: Path, processes: list[subprocess.Popen[str]]) -> None:
        tcp = {name: free_port() for name in ("web", "metrics", "directory")}
        udp = {name: free_port() for name in ("auto", "challenge")}
        self.directory = directory
        self.ports = {**tcp, **udp}
        server = str(directory / "server.socket")
        processes += [
            _started("tests.docs.directory", str(tcp["directory"])),
            _started("tests.docs.forkserver", server),
        ]
        config = CONFIG.format(
            **self.ports,
            state=directory / "state",
            seed_key=base64.b64encode(bytes(range(32))).decode(),
            service_dn=SERVICE_DN,
            service_password=SERVICE_PASSWORD,
            base_dn=BASE_DN,
        )
        self.daemon = Daemon(directory, config)
        self._make_shim(server)
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n"
        for name in ("alice", "bob"):
            self.sh(f"authproxy user add {name}", directory)
        self.sh("authproxy user set bob --group contractors", directory)
        self.sh("authproxy device add-hotp bob", directory)
        self.sh("authproxy phone add bob --number +15555550123", directory)
        fill(directory / "state")
        self.daemon.start()
        self.sh(
            f"authproxy radtest --config {self.daemon.config} --section radius_server_auto alice x || true",
            directory,
        )

    def _make_shim(self, server: str) -> None:
        path = self.directory / "bin" / "authproxy"
        path.parent.mkdir()
        path.write_text(shim.SHIM.format(python=sys.executable, file=shim.__file__, server=server))
        path.chmod(0o755)

    def sh(self, text: str, directory: Path) -> str:
        """Fails with what the block printed when one of its lines does."""
        for written, here in (
            ("127.0.0.1:9812", "metrics"),
            ("127.0.0.1:1812", "auto"),
            ("localhost:8443", "web"),
        ):
            text = text.replace(written, f"{written.partition(':')[0]}:{self.ports[here]}")
        environment = {
            **os.environ,
            "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
            "AUTHPROXY_CONFIG": str(self.daemon.config),
        }
        done = subprocess.run(
            ["sh", "-e", "-u", "-c", text],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"exit status {done.returncode}\n{text}\n{done.stdout}{done.stderr}"
        return done.stdout


def _started(module: str, argument: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", module, argument], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="session")
def docs_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocsSite]:
    processes: list[subprocess.Popen[str]] = []
    site: DocsSite | None = None
    try:
        site = DocsSite(tmp_path_factory.mktemp("docs"), processes)
        yield site
    finally:
        if site is not None and site.daemon.process is not None:
            site.daemon.stop()
        for process in processes:
            process.terminate()
            process.wait(60)
            if process.stdout is not None:
                process.stdout.close()
