"""The unit as it is installed, under a real systemd: started, reloaded, watched, sandboxed, stopped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.systemd.container import Container, missing

CONFIG = """\
[main]
log_stdout=true
log_stdout_format=text

[service]
state_dir=/var/lib/authproxy

[duo_only_client]

[radius_server_auto]
client=duo_only_client
interface=127.0.0.1
port=1812
radius_ip_1=127.0.0.1
radius_secret_1={secret}
"""
QUICK_WATCHDOG = "[Service]\nWatchdogSec=10\n"


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    if why := missing():
        pytest.skip(why)
    made = Container(tmp_path_factory.mktemp("nspawn"))
    made.write("/etc/authproxy/authproxy.cfg", CONFIG.format(secret="first"))
    made.write("/etc/systemd/system/authproxy.service.d/watchdog.conf", QUICK_WATCHDOG)
    try:
        made.boot()
        made.run("systemd-sysusers")
        made.run("systemd-tmpfiles", "--create")
        made.run("chgrp", "-R", "authproxy", "/etc/authproxy")
        made.run("systemctl", "start", "authproxy")
        yield made
    finally:
        made.close()


def wait_until(is_so: Callable[[], bool], container: Container) -> None:
    give_up = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < give_up, container.journal()
        time.sleep(0.2)


def login(container: Container, secret: str, code: str) -> str:
    return container.as_service(
        "radtest", "alice", code, "--secret", secret, "--server", "127.0.0.1:1812", check=False
    )


def test_starting_it_returns_once_it_is_ready_and_it_has_a_status(container: Container) -> None:
    assert container.property("ActiveState") == "active"
    assert container.property("SubState") == "running"
    assert container.property("StatusText") != ""
    assert container.property("User") == "authproxy"
    assert "is ready" in container.journal()


def test_a_user_logs_in_inside_the_sandbox(container: Container) -> None:
    container.as_service("user", "add", "alice", "--config", "/etc/authproxy/authproxy.cfg")
    said = container.as_service(
        "bypass", "create", "alice", "--uses", "3", "--config", "/etc/authproxy/authproxy.cfg"
    )
    code = re.search(r"\b\d{8,9}\b", said.replace(" ", ""))
    assert code is not None, said
    assert "Access-Accept" in login(container, "first", code[0])


def test_systemctl_reload_applies_a_new_secret_in_the_same_process(container: Container) -> None:
    before = container.property("MainPID")
    container.write("/etc/authproxy/authproxy.cfg", CONFIG.format(secret="second"))
    container.run("systemctl", "reload", "authproxy")
    assert container.property("MainPID") == before
    assert "Access-Reject" in login(container, "second", "000000")


def test_systemctl_reload_of_a_broken_file_fails_and_changes_nothing(container: Container) -> None:
    before = container.property("MainPID")
    container.write("/etc/authproxy/authproxy.cfg", "[radius_server_auto]\nport=none\n")
    said = container.run("systemctl", "reload", "authproxy", check=False)
    assert "failed" in said.lower()
    assert container.property("MainPID") == before
    assert "Access-Reject" in login(container, "second", "000000")
    container.write("/etc/authproxy/authproxy.cfg", CONFIG.format(secret="second"))
    container.run("systemctl", "reload", "authproxy")


def test_the_watchdog_is_fed_and_a_daemon_that_hangs_is_started_anew(container: Container) -> None:
    before = container.property("MainPID")
    time.sleep(12)  # longer than the watchdog waits
    assert container.property("MainPID") == before
    container.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "authproxy")
    wait_until(
        lambda: container.property("MainPID") not in (before, "0") and container.property("SubState") == "running",
        container,
    )
    assert "watchdog" in container.journal().lower()
    assert "Access-Reject" in login(container, "second", "000000")


def test_the_running_unit_leaves_little_exposed(container: Container) -> None:
    said = container.run("systemd-analyze", "security", "--no-pager", "authproxy")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= 1.5


def test_the_sandbox_holds(container: Container) -> None:
    """Seen from within the daemon's own mount namespace, as its user."""
    pid = container.property("MainPID")
    write = ["nsenter", "-t", pid, "-m", "--", "touch", "/etc/by-authproxy", "/usr/by-authproxy"]
    said = container.run(*write, check=False)
    assert said.count("Read-only file system") == 2
    status = container.run("cat", f"/proc/{pid}/status")
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapEff:\t0000000000000400" in status  # CAP_NET_BIND_SERVICE alone


def test_stopping_it_is_clean(container: Container) -> None:
    container.run("systemctl", "stop", "authproxy")
    assert container.property("Result") == "success"
    assert container.property("ActiveState") == "inactive"
