"""Reloads and restarts while an appliance sends logins: none is lost, none is wrong, no code is accepted twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from threading import Event, Thread

from tests.peers.radclient import Radclient, Tally
from tests.running.running_site import RunningSite, running_site
from tests.system.sites import SECRET

USERS, OF_EACH = 200, 15
RATE = 300  # logins a second


class Load:
    """Logins, each with a code of its own, in the background, as long as anything happens under them. No request
    is sent twice within ten seconds: radclient would count the second copy of an answer as a loss."""

    def __init__(self, running: RunningSite, logins: list[tuple[str, str]]) -> None:
        port = running.site.ports["only"]
        self._client = Radclient(("127.0.0.1", port), SECRET, timeout=10.0, retries=3)
        self._left = logins
        self._sent: list[tuple[str, str]] = []
        self._tallies: list[Tally] = []
        self._ends = Event()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while self._left and not self._ends.is_set():
            some, self._left = self._left[:RATE], self._left[RATE:]
            self._tallies.append(self._client.many(some, parallel=32, rate=RATE))
            self._sent += some

    def end(self) -> list[tuple[str, str]]:
        """The logins that there were: each was answered, and let in."""
        assert self._left, "the load ended before what happened under it"
        self._ends.set()
        self._thread.join()
        told = [(tally.accepted, tally.rejected, tally.lost) for tally in self._tallies]
        assert [sum(each) for each in zip(*told, strict=True)] == [len(self._sent), 0, 0]
        return self._sent


def assert_each_code_was_accepted_once(running: RunningSite, logins: list[tuple[str, str]]) -> None:
    recorded = Counter(record.username for record in running.site.records() if record.result == "accept")
    assert recorded == Counter(name for name, _ in logins)
    again = running.site.appliance("only").many(logins[:50])
    assert (again.accepted, again.rejected, again.lost) == (0, 50, 0)


def test_a_restart_under_load_loses_nothing_and_accepts_nothing_twice(tmp_path: Path) -> None:
    with running_site(tmp_path / "site") as running:
        logins = running.codes(USERS, OF_EACH)
        before = running.pid()
        load = Load(running, logins)
        answer = running.ask("restart")
        assert answer["done"], answer
        sent = load.end()
        assert running.pid() != before
        assert_each_code_was_accepted_once(running, sent)


def test_ten_reloads_under_load_lose_nothing_and_accept_nothing_twice(tmp_path: Path) -> None:
    with running_site(tmp_path / "site") as running:
        logins = running.codes(USERS, OF_EACH)
        load = Load(running, logins)
        for turn in range(10):
            running.change(
                r"^(\[radius_server_duo_only\]\n)(appliance_timeout=\d+\n)?", rf"\1appliance_timeout={40 + turn}\n"
            )
            answer = running.ask("reload")
            assert answer == {"done": True, "text": "[radius_server_duo_only] changed: appliance_timeout"}
        assert_each_code_was_accepted_once(running, load.end())
