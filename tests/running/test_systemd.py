"""The units: what systemd's own tools say of them, and what the daemon tells systemd."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running.running_site import RunningSite

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = ("authproxy.service", "authproxy@.service")


def analyze(*arguments: str) -> str:
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no systemd-analyze on this host: apt-get install systemd")
        pytest.skip("no systemd-analyze on this host")
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_the_sandbox_leaves_little_exposed(name: str) -> None:
    said = analyze("security", "--offline=true", str(UNITS / name))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= 1.5


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """But that what they start is not installed here: something that is stands in for it."""
    for name in (*SERVICES, "authproxy.socket"):
        text = (UNITS / name).read_text("utf-8")
        (tmp_path / name).write_text(re.sub(r"/opt/authproxy/bin/\w+", "/bin/true", text), "utf-8")
    said = analyze("verify", *(str(tmp_path / name) for name in ("authproxy.service", "authproxy@a.service")))
    assert [line for line in said.splitlines() if "authproxy" in line] == []


def test_the_instances_differ_in_their_places_only() -> None:
    one, many = ((UNITS / name).read_text("utf-8") for name in SERVICES)
    shared = {line for line in one.splitlines() if not line.startswith("#")}
    own = {line for line in many.splitlines() if not line.startswith("#")} - shared
    assert all("%i" in line for line in own), own


class Manager:
    """What systemd would hear. It listens all the time: few messages wait for who does not."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._messages: queue.Queue[bytes] = queue.Queue()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        self.heard: list[dict[str, str]] = []

    def _listen(self) -> None:
        while message := self._socket.recv(8192):
            self._messages.put(message)

    def wait_for(self, **fields: str) -> dict[str, str]:
        """The next message with these."""
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            lines = self._messages.get(timeout=60).decode().splitlines()
            message = dict(line.split("=", 1) for line in lines)
            self.heard.append(message)
            if fields.items() <= message.items():
                return message
        raise AssertionError(f"{fields} was not among {self.heard}")

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


def test_systemd_is_told_what_happens(manager: Manager, tmp_path: Path) -> None:
    running = RunningSite(tmp_path / "site")
    daemon = running.site.daemon
    daemon.environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
    daemon.start()
    try:
        ready = manager.wait_for(READY="1")
        assert "logins pending" in ready["STATUS"]
        manager.wait_for(WATCHDOG="1")
        assert daemon.process is not None
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        daemon.process.send_signal(signal.SIGHUP)
        reloading = manager.wait_for(RELOADING="1")
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        manager.wait_for(READY="1")
        daemon.process.send_signal(signal.SIGUSR2)
        while "MAINPID" not in (message := manager.wait_for()):
            pass
        manager.wait_for(READY="1")
        assert running.pid() == int(message["MAINPID"]) != daemon.process.pid
        manager.wait_for(WATCHDOG="1")
    finally:
        running.end()
        daemon.stop()
    manager.wait_for(STOPPING="1")


def test_sockets_that_systemd_holds_are_used(tmp_path: Path) -> None:
    """systemd puts them at file descriptor 3 and says for whom they are."""
    running = RunningSite(tmp_path / "site")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", running.site.ports["only"]))
        shell = 'exec 3<&"$0"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
        command = [sys.executable, "-m", "authproxy", "run", "--config", str(running.config)]
        process = subprocess.Popen(
            ["bash", "-c", shell, str(held.fileno()), *command],
            pass_fds=[held.fileno()],
            stdout=subprocess.PIPE,
            text=True,
            cwd=running.site.daemon.directory,
        )
        try:
            assert process.stdout is not None
            assert "is ready" in process.stdout.readline()
            assert running.site.login("alice", "000000", "only") == "Access-Reject"
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0
