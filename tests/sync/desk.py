"""A database, and syncs of a directory into it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from authproxy.config.settings import AdClientSettings
from authproxy.directory.servers import Servers
from authproxy.secondfactor.directories import Directory, add_directory
from authproxy.secondfactor.roster import OpensRoster, Roster
from authproxy.secondfactor.sync import Sync
from authproxy.secondfactor.sync_order import Order
from authproxy.secondfactor.sync_runs import Mode, Run
from authproxy.store import tables
from authproxy.store.engine import Database

T = TypeVar("T")


def nowhere(name: str) -> Any:
    raise AssertionError(f"nobody should look up {name}")


class Ledger:
    """Books on a database of the test's own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        with self._database.reading() as connection:
            return work(connection)

    def change(self, work: Callable[[sa.Connection], T]) -> T:
        with self._database.writing() as connection:
            return work(connection)


@dataclass
class Desk:
    """``invited``: names of users, in order."""

    database: Database
    state_dir: Path
    opens: OpensRoster
    invited: list[str] = field(default_factory=list)
    is_halted: Callable[[], bool] = lambda: False

    @classmethod
    def make(cls, directory: Path, settings: AdClientSettings) -> Desk:
        servers = Servers(lambda: {settings.name: settings}, nowhere)
        return cls(Database(f"sqlite:///{directory / 'authproxy.db'}"), directory, servers.open)

    @property
    def books(self) -> Ledger:
        return Ledger(self.database)

    def add(self, **values: Any) -> Directory:
        return self.books.change(lambda connection: add_directory(connection, Directory(**values)))

    def sync(self, mode: Mode = Mode.FULL, directory: str = "example", **more: Any) -> Run:
        sync = Sync(
            self.books,
            self.opens,
            self.state_dir,
            "simple",
            invites=self._invite,
            is_halted=self.is_halted,
            sleep=lambda _seconds: None,
        )
        return sync.run(Order(directory, mode, "shell:test", **more))

    def _invite(self, connection: sa.Connection, user_ids: Sequence[str], _actor: str) -> list[tuple[str, str]]:
        """As the real one: who has no address can't be invited."""
        query = sa.select(tables.users.c.username, tables.users.c.email).where(tables.users.c.id.in_(user_ids))
        rows = connection.execute(query.order_by(tables.users.c.username)).all()
        self.invited += [row.username for row in rows if row.email]
        return [(row.username, "no mail address") for row in rows if not row.email]

    # ------------------------------------------------------------ what is stored

    def rows(self, sql: str, **values: object) -> list[Any]:
        return self.books.read(lambda c: [tuple(row) for row in c.execute(sa.text(sql), values)])

    def value(self, sql: str, **values: object) -> Any:
        return self.rows(sql, **values)[0][0]

    def change(self, sql: str, **values: object) -> None:
        self.books.change(lambda c: c.execute(sa.text(sql), values))

    def names(self, where: str = "1=1") -> list[str]:
        return [name for (name,) in self.rows(f"SELECT username FROM users WHERE {where} ORDER BY username")]

    def status(self, username: str) -> str:
        return str(self.value("SELECT status FROM users WHERE username = :name", name=username))

    def groups(self, username: str) -> list[str]:
        rows = self.rows(
            "SELECT g.name FROM groups g JOIN user_groups m ON m.group_id = g.id JOIN users u ON u.id = m.user_id "
            "WHERE u.username = :name ORDER BY g.name",
            name=username,
        )
        return [name for (name,) in rows]

    def phones(self, username: str) -> list[str]:
        rows = self.rows(
            "SELECT p.number FROM phones p JOIN phone_users m ON m.phone_id = p.id "
            "JOIN users u ON u.id = m.user_id "
            "WHERE u.username = :name ORDER BY m.position",
            name=username,
        )
        return [number for (number,) in rows]

    def audit(self) -> list[tuple[str, str, Any]]:
        return [(action, about, json.loads(detail)) for action, about, detail in self.rows(
            "SELECT action, object, detail FROM audit ORDER BY id"
        )]  # fmt: skip

    def everything(self) -> list[Any]:
        """What a run that changes nothing leaves as it is."""
        names = ("users", "groups", "user_groups", "phones", "phone_users", "aliases")
        return [self.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in names]


def numbers(run: Run) -> dict[str, int]:
    """All that is not zero."""
    return {name: value for name, value in run.counts.numbers() if value}


@contextmanager
def opened(roster: Roster) -> Iterator[Roster]:
    yield roster
