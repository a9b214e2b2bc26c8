"""Reloads and restarts while an appliance sends logins: none is lost, none is wrong, no code is accepted twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from threading import Thread

from tests.peers.radclient import Radclient, Tally
from tests.running.running_site import RunningSite, running_site
from tests.system.sites import SECRET

USERS, OF_EACH = 200, 10
RATE = 300  # logins a second: so that the load outlasts what happens under it


class Load:
    """Logins, each with a code of its own, in the background. No request is sent twice within ten seconds:
    radclient would count the second copy of an answer as a loss."""

    def __init__(self, running: RunningSite, logins: list[tuple[str, str]]) -> None:
        port = running.site.ports["only"]
        self._client = Radclient(("127.0.0.1", port), SECRET, timeout=10.0, retries=3)
        self._logins = logins
        self._tallies: list[Tally] = []
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._tallies.append(self._client.many(self._logins, parallel=32, rate=RATE))

    @property
    def is_going_on(self) -> bool:
        return self._thread.is_alive()

    def tally(self) -> Tally:
        self._thread.join()
        return self._tallies[0]


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
        assert load.is_going_on, "the load ended before the restart did"
        tally = load.tally()
        assert (tally.accepted, tally.rejected, tally.lost) == (len(logins), 0, 0)
        assert running.pid() != before
        assert_each_code_was_accepted_once(running, logins)


def test_ten_reloads_under_load_lose_nothing_and_accept_nothing_twice(tmp_path: Path) -> None:
    with running_site(tmp_path / "site") as running:
        logins = running.codes(USERS, OF_EACH)
        load, while_loaded = Load(running, logins), 0
        for turn in range(10):
            running.change(
                r"^(\[radius_server_duo_only\]\n)(appliance_timeout=\d+\n)?", rf"\1appliance_timeout={40 + turn}\n"
            )
            answer = running.ask("reload")
            assert answer == {"done": True, "text": "[radius_server_duo_only] changed: appliance_timeout"}
            while_loaded += load.is_going_on
        tally = load.tally()
        assert (tally.accepted, tally.rejected, tally.lost) == (len(logins), 0, 0)
        assert while_loaded == 10, "the load ended before the reloads did"
        assert_each_code_was_accepted_once(running, logins)
