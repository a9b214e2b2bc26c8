"""What the daemon does when its surroundings fail: it says so in one line and ends with status 1, or, when it
runs already, lets nobody in whom it can't record, and recovers."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.sites import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """It lets strangers in: of their logins, nothing is written but the record."""
    made = Site.without_directory(tmp_path / "site", service="new_user_policy=allow")
    yield made
    if made.daemon.process is not None:
        made.daemon.kill()


# Root, too, then obeys the permission bits of files.
_OBEYING = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.getuid() == 0 else ()


def refusal(site: Site, *prefix: str, problems: int = 1) -> str:
    """What ``authproxy run`` ends with: a line for each problem, and exit status 1."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "authproxy", "run", "--config", str(site.daemon.config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
    assert done.stderr.count("\n") == problems, done.stderr
    return done.stderr


# ---------------------------------------------------------------- at start


@pytest.mark.parametrize("content", [b"no database at all" * 99, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_file_that_is_no_database_is_named(site: Site, content: bytes) -> None:
    state = site.daemon.directory / "state"
    state.mkdir()
    (state / "authproxy.db").write_bytes(content)
    assert f"database {state}/authproxy.db: " in (said := refusal(site))
    assert "restore a backup" in said
    assert (state / "authproxy.db").read_bytes() == content


def test_a_damaged_database_is_named(site: Site) -> None:
    site.enroll("alice")
    path = site.daemon.directory / "state/authproxy.db"
    pages = bytearray(path.read_bytes())
    pages[4096 - 3000 : 4096] = os.urandom(3000)
    path.write_bytes(pages)
    assert "damaged: restore a backup" in refusal(site)


def test_a_database_that_may_not_be_written_is_named(site: Site) -> None:
    site.enroll("alice")
    database = site.daemon.directory / "state/authproxy.db"
    database.chmod(0o400)
    assert f"database {database}: the file or its directory is read-only" in refusal(site, *_OBEYING)


@pytest.mark.parametrize(
    ("directory", "option"), [("state", "[service] state_dir"), ("state/log", "[main] log_dir")]
)
def test_a_directory_that_may_not_be_written_is_named(site: Site, directory: str, option: str) -> None:
    path = site.daemon.directory / directory
    (site.daemon.directory / "state/log").mkdir(parents=True)
    path.chmod(0o500)
    said = refusal(site, *_OBEYING)
    path.chmod(0o700)
    assert f"{option}: can't use {path}: no right to write" in said


def test_a_state_directory_that_can_not_be_made_is_named(site: Site) -> None:
    (site.daemon.directory / "state").write_text("a file")
    said = refusal(site, problems=2)
    assert f"[service] state_dir: can't use {site.daemon.directory}/state: " in said
    assert f"[main] log_dir: can't use {site.daemon.directory}/state/log: " in said


def test_a_disk_without_room_for_the_database_is_named(site: Site) -> None:
    said = refusal(site, "prlimit", "--fsize=0")
    assert "disk" in said


def test_a_port_in_use_is_named(site: Site) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", site.ports["only"]))
        said = refusal(site)
    assert f"127.0.0.1 port {site.ports['only']}/udp: the port is in use" in said


# ---------------------------------------------------------------- while it runs


def test_on_a_full_disk_nobody_is_accepted_unrecorded_and_room_brings_logins_back(site: Site) -> None:
    site.enroll("alice")
    codes = site.codes["alice"]
    site.daemon.start()
    assert site.daemon.process is not None
    assert site.login("alice", codes.fresh(), "only") == "Access-Accept"
    assert site.login("stranger", "push", "only") == "Access-Accept"

    fill_up(site.daemon.process.pid, site.daemon.directory / "state/authproxy.db-wal")
    assert [site.login("alice", codes.fresh(), "only") for _ in range(5)] == ["Access-Reject"] * 5
    assert site.login("alice", "000000", "only") == "Access-Reject"
    assert site.login("stranger", "push", "only") == "Access-Reject"

    make_room(site.daemon.process.pid)
    assert site.login("alice", codes.fresh(), "only") == "Access-Accept"
    assert site.login("stranger", "push", "only") == "Access-Accept"
    accepted = [record.username for record in site.records() if record.result == "accept"]
    assert sorted(accepted) == ["alice", "alice", "stranger", "stranger"]
    assert "disk" in (site.daemon.directory / "state/log/authproxy.log").read_text()
    assert site.daemon.stop() == 0
    assert "Traceback" not in site.daemon.log()


def fill_up(pid: int, file: Path) -> None:
    """As if the disk had no room for one more byte of ``file``: writes behind it fail."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (file.stat().st_size, hard))


def make_room(pid: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
