"""What goes wrong while a directory is read: it changes nothing, and the next run is a good one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from authproxy.secondfactor.directories import find_directory
from authproxy.secondfactor.roster import Cursor, Entry, Reading, Roster, Source, Unusable
from authproxy.secondfactor.sync_runs import Mode, begin_run
from authproxy.secondfactor.sync_turn import AlreadyRunning, turn
from authproxy.secret import Secret
from tests.peers.slapd import BASE, PEOPLE, Slapd
from tests.primary.directories import settings_for
from tests.sync.desk import Desk, numbers

USERS = 700  # more than a page has, and than slapd gives to everybody
EVERYBODY = USERS + 2
WRITTEN = 100  # two steps of the people who are read


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Slapd]:
    with Slapd(tmp_path / "slapd", users=USERS) as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, peer: Slapd) -> Desk:
    """Reads as the directory's administrator, who has no limits."""
    settings = settings_for(peer, bind_dn=f"cn=admin,{BASE}", service_account_password=Secret("admin-secret"))
    desk = Desk.make(tmp_path, settings)
    desk.add(name="example", kind="openldap", base_dn=PEOPLE)
    return desk


class Disturbed:
    """A directory to which something happens after some entries."""

    def __init__(self, roster: Roster, after: int, disturb: object) -> None:
        self._roster = roster
        self._after = after
        self._disturb = disturb

    def read(self, source: Source, cursor: Cursor) -> Reading:
        reading = self._roster.read(source, cursor)
        return replace(reading, entries=self._disturbed(reading.entries))

    def find(self, source: Source, username: str, key: str) -> Reading:
        return self._roster.find(source, username, key)

    def _disturbed(self, entries: Iterator[Entry | Unusable]) -> Iterator[Entry | Unusable]:
        for at, each in enumerate(entries):
            if at == self._after:
                assert callable(self._disturb)
                self._disturb()
            yield each


def disturb(desk: Desk, after: int, what: object) -> None:
    opens = desk.opens

    @contextmanager
    def opened(client: str) -> Iterator[Roster]:
        with opens(client) as roster:
            yield Disturbed(roster, after, what)

    desk.opens = opened


def test_a_directory_that_goes_down_while_it_is_read_loses_nobody(desk: Desk, peer: Slapd) -> None:
    good = desk.opens
    desk.sync()
    before = desk.everything()
    disturb(desk, 100, peer.kill)
    run = desk.sync()
    assert run.status == "failed"
    assert "reading 'ou=People,dc=example,dc=test'" in run.problem
    assert desk.everything() == before
    peer.start()
    desk.opens = good
    assert numbers(desk.sync()) == {"read": EVERYBODY, "unchanged": EVERYBODY}


def test_an_account_that_is_shown_a_part_only_changes_nothing(tmp_path: Path, peer: Slapd, desk: Desk) -> None:
    desk.sync()
    before = desk.everything()
    limited = Desk.make(tmp_path, settings_for(peer))
    run = limited.sync()
    assert run.status == "failed"
    assert "result 4 (sizeLimitExceeded): the service account may not read all of it" in run.problem
    assert desk.everything() == before


def test_a_process_that_ends_stops_between_two_steps_and_goes_on_the_next_time(desk: Desk) -> None:
    calls = 0

    def is_halted() -> bool:
        nonlocal calls
        calls += 1
        return calls > EVERYBODY + 2

    desk.is_halted = is_halted
    run = desk.sync()
    assert (run.status, run.problem) == ("failed", "interrupted: the process ends")
    assert len(desk.names()) == WRITTEN
    desk.is_halted = lambda: False
    assert numbers(desk.sync()) == {"read": EVERYBODY, "added": EVERYBODY - WRITTEN, "unchanged": WRITTEN}


def test_only_one_sync_of_a_directory_runs(desk: Desk, tmp_path: Path) -> None:
    directory_id = desk.value("SELECT id FROM directories")
    with turn(tmp_path, directory_id), pytest.raises(AlreadyRunning):
        desk.sync()
    assert desk.rows("SELECT * FROM sync_runs") == []
    assert desk.sync().status == "done"


_HOLDS = """
import os, sys
from pathlib import Path
from authproxy.secondfactor.sync_turn import turn
with turn(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_turn_ends_with_the_process_that_was_killed_and_its_run_has_failed(desk: Desk, tmp_path: Path) -> None:
    directory_id = desk.value("SELECT id FROM directories")
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(tmp_path), directory_id], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    with holder.stdout, holder.stdin:
        assert holder.stdout.readline() == b"held\n"
        directory = desk.books.read(lambda connection: find_directory(connection, directory_id))
        desk.books.change(lambda connection: begin_run(connection, directory, Mode.FULL))
        with pytest.raises(AlreadyRunning):
            desk.sync()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert desk.sync().status == "done"
    assert desk.rows("SELECT status, problem FROM sync_runs ORDER BY id") == [
        ("failed", "interrupted: the process ended"), ("done", ""),
    ]  # fmt: skip
