"""``authproxyctl`` on a daemon of its own: what it does, says and ends with."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authproxy.cli.authproxyctl import command
from tests.running.running_site import RunningSite

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[RunningSite]:
    made = RunningSite(tmp_path / "site")
    yield made
    made.end()


def ctl(site: RunningSite, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from authproxy.cli.authproxyctl import entry_point; entry_point()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments, "--config", str(site.config)],
        cwd=site.site.daemon.directory,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_daemon_from_start_to_stop(stopped: RunningSite) -> None:
    assert ctl(stopped, "status").returncode == 3
    assert ctl(stopped, "start").returncode == 0
    first = stopped.pid()
    assert "is running already" in ctl(stopped, "start").stdout
    shown = json.loads(ctl(stopped, "status", "--json").stdout)
    assert (shown["done"], shown["pid"], len(shown["listeners"])) == (True, first, 4)
    told = PAGE.partition("### In the background")[2].partition("```")[0].partition("JSON: ")[2]
    assert set(shown) == set(re.findall(r"`(\w+)`", told)) - {"status"}
    assert stopped.site.login("alice", "000000", "only") == "Access-Reject"
    assert ctl(stopped, "restart").returncode == 0
    assert stopped.pid() != first
    assert ctl(stopped, "stop").returncode == 0
    assert ctl(stopped, "status").returncode == 3
    assert ctl(stopped, "stop").returncode == 0


def test_a_bad_file_is_explained_by_start_and_reload(stopped: RunningSite) -> None:
    good = stopped.config.read_text("utf-8")
    bad = good.replace("[radius_server_auto]\n", "[radius_server_auto]\nfailmode=perhaps\n")
    stopped.config.write_text(bad, "utf-8")
    failed = ctl(stopped, "start")
    assert failed.returncode == 1 and "failmode" in failed.stderr
    stopped.config.write_text(good, "utf-8")
    assert ctl(stopped, "start").returncode == 0
    stopped.config.write_text(bad, "utf-8")
    for what in ("reload", "restart"):
        failed = ctl(stopped, what, "--json")
        assert failed.returncode == 1 and "failmode" in json.loads(failed.stdout)["error"]


def test_one_that_died_or_hangs_is_told_from_one_that_was_stopped(stopped: RunningSite) -> None:
    assert ctl(stopped, "start").returncode == 0
    os.kill(stopped.pid(), signal.SIGSTOP)
    assert ctl(stopped, "status").returncode == 4
    assert "was killed" in ctl(stopped, "stop").stdout
    assert ctl(stopped, "status").returncode == 1
    assert ctl(stopped, "start").returncode == 0


def test_a_second_daemon_on_the_same_state_is_refused(stopped: RunningSite) -> None:
    assert ctl(stopped, "start").returncode == 0
    second = stopped.site.daemon.command("run", check=False)
    assert second.returncode == 1
    assert f"process {stopped.pid()}) runs already with state_dir" in second.stderr


def test_the_page_names_every_command() -> None:
    told = PAGE.partition("### In the background")[2].partition("###")[0]
    assert all(f"`{name}`" in told for name in command.commands)
