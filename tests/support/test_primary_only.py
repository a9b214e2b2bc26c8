"""Primary-only mode as the daemon keeps it: it ends whatever happens, and nobody can overlook it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from authproxy.log_text import message_of
from authproxy.support.primary_only import PrimaryOnly
from authproxy.support.primary_only_file import (
    NAME,
    PrimaryOnlyState,
    StateUnusable,
    read_state,
    remove_state,
    write_state,
)

START = 1_800_000_000.0


class Said:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_namespace") == "authproxy.support.primary_only":
            self.lines.append(message_of(event))

    def take(self) -> list[str]:
        taken, self.lines = self.lines, []
        return taken


@pytest.fixture
def said() -> Iterator[Said]:
    observer = Said()
    globalLogPublisher.addObserver(observer)
    yield observer
    globalLogPublisher.removeObserver(observer)


class Daemon:
    """Its wall clock goes with its other one, and can be set."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.clock = Clock()
        self.offset = START
        self.mode = PrimaryOnly(state_dir, self.clock, self.now)

    def now(self) -> float:
        return self.clock.seconds() + self.offset

    def start(self, minutes: float) -> None:
        write_state(self.state_dir, PrimaryOnlyState(self.now(), self.now() + minutes * 60, "shell:root"))
        self.mode.read()

    def pass_minutes(self, minutes: int) -> None:
        for _ in range(minutes * 6):
            self.clock.advance(10)


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path)


def test_it_is_said_when_it_begins_every_five_minutes_and_when_it_ends(daemon: Daemon, said: Said) -> None:
    assert daemon.mode() == ""
    daemon.start(12)
    assert daemon.mode() == "until 2027-01-15 08:12:00 UTC, started by shell:root"
    (begun,) = said.take()
    assert begun.startswith("PRIMARY-ONLY MODE begins") and "(12 minutes), started by shell:root" in begun
    daemon.pass_minutes(11)
    assert [line.partition(":")[0] for line in said.take()] == ["PRIMARY-ONLY MODE goes on"] * 2
    daemon.pass_minutes(1)
    assert daemon.mode() == "" and not daemon.mode.is_on
    (ended,) = said.take()
    assert "has ended: its time is over" in ended
    assert not (daemon.state_dir / NAME).exists()
    assert daemon.clock.getDelayedCalls() == []


def test_it_survives_a_restart_and_ends_at_the_same_time(daemon: Daemon, said: Said) -> None:
    daemon.start(60)
    daemon.pass_minutes(50)
    daemon.mode.close()
    assert daemon.clock.getDelayedCalls() == []
    another = PrimaryOnly(daemon.state_dir, daemon.clock, daemon.now)
    another.read()
    assert another.is_on
    assert "(10 minutes)" in said.take()[-1]
    daemon.pass_minutes(10)
    assert not another.is_on


def test_it_is_stopped_and_started_anew(daemon: Daemon, said: Said) -> None:
    daemon.start(60)
    daemon.mode.read()
    assert len(said.take()) == 1  # nothing new
    daemon.start(90)
    assert "(90 minutes)" in said.take()[0]
    assert remove_state(daemon.state_dir) and not remove_state(daemon.state_dir)
    daemon.mode.read()
    assert not daemon.mode.is_on
    assert "it was stopped" in said.take()[0]
    daemon.pass_minutes(100)
    assert said.take() == []


def test_a_clock_that_was_set_does_not_make_it_last(daemon: Daemon, said: Said) -> None:
    daemon.start(60)
    daemon.offset += 7200  # ahead: also without the timer it is over
    assert daemon.mode() == ""
    daemon.start(60)
    daemon.offset -= 86_400  # and back
    assert daemon.mode() == ""
    assert PrimaryOnlyState(START, START + 1e9, "x").left(START) == 240 * 60


def test_a_file_that_is_over_or_no_such_file_starts_nothing(daemon: Daemon, said: Said) -> None:
    path = daemon.state_dir / NAME
    write_state(daemon.state_dir, PrimaryOnlyState(START - 7200, START - 60, "x"))
    daemon.mode.read()
    assert not daemon.mode.is_on and not path.exists() and said.take() == []
    for content in ("", "[]", "{}", '{"started": "x", "until": 1, "by": ""}', "\x80"):
        path.write_text(content)
        with pytest.raises(StateUnusable, match="damaged"):
            read_state(daemon.state_dir)
        daemon.mode.read()
        assert not daemon.mode.is_on
        assert "damaged" in said.take()[0]


def test_a_damaged_file_ends_what_was_on(daemon: Daemon, said: Said) -> None:
    daemon.start(60)
    (daemon.state_dir / NAME).write_text("x")
    daemon.mode.read()
    assert not daemon.mode.is_on


def test_the_file_is_private_and_can_not_be_written_nowhere(tmp_path: Path) -> None:
    state = PrimaryOnlyState(time.time(), time.time() + 60, "shell:root")
    write_state(tmp_path, state)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert read_state(tmp_path) == state
    assert json.loads((tmp_path / NAME).read_text())["by"] == "shell:root"
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    with pytest.raises(StateUnusable, match="can't be written"):
        write_state(tmp_path / "nowhere", state)
