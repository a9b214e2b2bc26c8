"""The command line on a configuration of its own, as an administrator uses it."""

from __future__ import annotations

import base64
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from click.testing import CliRunner, Result

from authproxy.cli import main
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.engine import Database

SEED_KEY = bytes(range(32))
CONFIG = """[service]
state_dir={state}
seed_key={key}
base_url=https://mfa.example:8443
[duo_only_client]
[radius_server_duo_only]
radius_ip_1=192.0.2.1
radius_secret_1=s3cret
"""


class Console:
    """Commands, and what they left in the database."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        self.url = f"sqlite:///{self.state / 'authproxy.db'}"
        self.config = directory / "authproxy.cfg"
        self.config.write_text(CONFIG.format(state=self.state, key=base64.b64encode(SEED_KEY).decode()))
        self.config.chmod(0o600)
        self.seeds = SeedBox(SEED_KEY)

    def invoke(self, *arguments: str | Path) -> Result:
        result = CliRunner().invoke(main, [*map(str, arguments), "--config", str(self.config)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def run(self, *arguments: str | Path) -> str:
        """The text that a command prints."""
        result = self.invoke(*arguments)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        return result.stdout

    def json(self, *arguments: str | Path) -> Any:
        """The object that it prints."""
        return json.loads(self.run(*arguments, "--json"))

    def fails(self, *arguments: str | Path) -> str:
        """What it says when it can't: one line and exit status 1, and the same as JSON."""
        result = self.invoke(*arguments)
        assert (result.exit_code, result.stdout) == (1, ""), result.output
        told = result.stderr.splitlines()[-1].removeprefix("authproxy: ")
        assert self.failure(*arguments)["error"] == told
        return told

    def failure(self, *arguments: str | Path) -> Any:
        """What it prints with ``--json`` when it can't."""
        result = self.invoke(*arguments, "--json")
        assert result.exit_code == 1, result.output
        return json.loads(result.stdout)

    def audit(self) -> list[tuple[str, str, Any]]:
        """What was changed, in order: action, object, detail."""
        rows = self.rows("SELECT action, object, detail, actor FROM audit ORDER BY id")
        assert all(actor.startswith("shell:") for *_, actor in rows)
        return [(action, about, json.loads(detail)) for action, about, detail, _ in rows]

    def rows(self, sql: str) -> list[Any]:
        with self.reading() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return Database(self.url).reading()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        return Database(self.url).writing()

    def insert(self, table: sa.Table, **values: Any) -> None:
        with self.writing() as connection:
            connection.execute(table.insert().values(**values))
