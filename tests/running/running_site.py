"""A site whose daemon may be another process than the one that was started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from authproxy.cli.opening import open_configuration
from authproxy.running.talk import NotRunning, Talk, call
from authproxy.secondfactor.bypass import create_codes
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import add_user
from tests.system.sites import Site


class RunningSite:
    """``site`` with a running daemon."""

    def __init__(self, directory: Path, service: str = "") -> None:
        self.site = Site.without_directory(directory, service=f"lockout_after=0\n{service}")
        self.state_dir = directory / "state"

    @property
    def config(self) -> Path:
        return self.site.daemon.config

    def change(self, pattern: str, replacement: str) -> None:
        text = self.config.read_text("utf-8")
        changed = re.sub(pattern, replacement, text, flags=re.MULTILINE)
        assert changed != text
        self.config.write_text(changed, "utf-8")

    def talk(self) -> Talk:
        return call(self.state_dir)

    def pid(self) -> int:
        talk = self.talk()
        talk.close()
        return talk.pid

    def ask(self, command: str) -> Mapping[str, object]:
        talk = self.talk()
        try:
            return talk.ask(command, 60)
        finally:
            talk.close()

    def codes(self, users: int, of_each: int) -> list[tuple[str, str]]:
        """A name and a code that is good once, ``of_each`` for each of new users; no user twice in a row."""
        seeds = SeedBox(open_configuration(self.config).seed_key)
        found: list[list[tuple[str, str]]] = []
        with self.site.database.writing() as connection:
            for number in range(users):
                user = add_user(connection, f"user{number:03d}", "simple")
                codes, *_ = create_codes(connection, user, seeds, of_each, 1, 3600)
                found.append([(user.username, code) for code in codes])
        return [of_user[turn] for turn in range(of_each) for of_user in found]

    def end(self) -> None:
        try:
            talk = self.talk()
        except NotRunning:
            return
        talk.ask("stop", 60)
        assert talk.wait_for_end(60)
        talk.close()


@contextmanager
def running_site(directory: Path, service: str = "") -> Iterator[RunningSite]:
    made = RunningSite(directory, service)
    made.site.daemon.start()
    try:
        yield made
    finally:
        made.end()
        made.site.daemon.stop()
