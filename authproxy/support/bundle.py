"""Gathering a support bundle: what happened and on what, without a secret, and without a name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import Encoding

from authproxy.errors import AuthproxyError
from authproxy.model import JsonValue, LoginRecord
from authproxy.store.engine import Database, sqlite_path
from authproxy.support import database_facts, host_facts, log_excerpts
from authproxy.support.archive import Collected
from authproxy.support.chain import certificates_in, described
from authproxy.support.log_excerpts import Wanted
from authproxy.support.pseudonyms import Pseudonyms
from authproxy.support.redaction import redacted_text
from authproxy.support.scrubber import Scrubber
from authproxy.support.site import Site

LOGS = ("authproxy.log", "authevents.log")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the bundle is to be about: logs since then (epoch seconds), or one login or user."""

    since: float
    login_id: str | None = None
    username: str | None = None
    hides_addresses: bool = False

    @property
    def is_personal(self) -> bool:
        return self.login_id is not None or self.username is not None


class Gathering:
    """Collects one bundle. ``progress`` is told what is being done; ``connectivity`` reports on the peers, and
    ``status`` on the running daemon, or they give None."""

    def __init__(
        self,
        site: Site,
        asked: Asked,
        progress: Callable[[str], None],
        connectivity: Callable[[], str | None],
        status: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._site = site
        self._asked = asked
        self._progress = progress
        self._connectivity = connectivity
        self._status = status
        self._scrub = Scrubber(site.secrets())
        self.pseudonyms = Pseudonyms(site.pseudonym_key(), self._exempt_names(), asked.hides_addresses)
        self._collected = Collected()

    def collect(self) -> Collected:
        """Blocks, for a minute perhaps. What can't be had is among what was left out."""
        for what, step in (
            ("names", self._names),
            ("configuration", self._configuration),
            ("logs", self._logs),
            ("database figures", self._database),
            ("versions and limits", self._host),
            ("certificates", self._certificates),
            ("connectivity (this may take minutes)", self._peers),
            ("the running daemon", self._daemon),
        ):
            self._progress(f"collecting {what}")
            try:
                step()
            except (AuthproxyError, OSError, sa.exc.SQLAlchemyError) as error:
                self._collected.leave_out(what, self._clean(f"could not be had: {error}"))
        self._collected.leave_out("secrets", "replaced by their length, wherever they were")
        self._collected.leave_out(
            "names of users", "replaced by pseudonyms; `authproxy support who` tells them here"
        )
        if self._asked.hides_addresses:
            self._collected.leave_out("IP addresses", "replaced by pseudonyms")
        return self._collected

    def _clean(self, text: str) -> str:
        return self.pseudonyms(self._scrub(text))

    def _add(self, name: str, text: str) -> None:
        if text.strip():
            self._collected.add(name, self._clean(text) + "\n")
        else:
            self._collected.leave_out(name, "there is none")

    # ------------------------------------------------------------ step by step

    def _exempt_names(self) -> Iterator[str]:
        for section in self._site.document.sections:
            yield from (entry.value for entry in section.entries if entry.key.startswith("exempt_username"))

    def _names(self) -> None:
        """First: whoever is known is to be found in everything that follows. The logs come before the database,
        which may be what does not work."""
        log, _ = log_excerpts.lines(log_excerpts.log_files(self._site.log_dir, LOGS[0]), lambda line: True)
        self.pseudonyms.learn_from("\n".join(log))
        paths = log_excerpts.log_files(self._site.log_dir, "authevents.log")
        events, _ = log_excerpts.lines(paths, lambda line: True)
        self.pseudonyms.learn(log_excerpts.names_in_events(events))
        if self._asked.username:
            self.pseudonyms.learn([self._asked.username])
        if sqlite_path(self._site.database).exists():
            with Database(self._site.database, create=False).reading() as connection:
                self.pseudonyms.learn(database_facts.names(connection))

    def _configuration(self) -> None:
        text = self._scrub.known(redacted_text(self._site.text))
        self._collected.add("configuration/authproxy.cfg", self.pseudonyms.in_configuration(text))
        self._collected.leave_out("comments of the configuration", "nobody knows what they hold")
        problems = [problem.render() for problem in self._site.checked.problems]
        self._add("configuration/problems.txt", "\n".join(filter(None, [*problems, self._site.problem])))

    def _logs(self) -> None:
        wanted = self._wanted()
        for name in LOGS:
            found, dropped = log_excerpts.lines(log_excerpts.log_files(self._site.log_dir, name), wanted.is_in)
            self._add(f"logs/{name}", "\n".join(found))
            if dropped:
                self._collected.leave_out(f"logs/{name}", f"its {dropped} oldest lines: it is too long")
        crashes = log_excerpts.crashes(log_excerpts.log_files(self._site.log_dir, LOGS[0]))
        self._add("crashes.txt", "\n".join(crashes))
        if not self._asked.is_personal:
            self._add("logs/journal.txt", host_facts.journal(self._asked.since))

    def _wanted(self) -> Wanted:
        asked = self._asked
        if not asked.is_personal:
            return Wanted(asked.since)
        ids = {asked.login_id.upper()} if asked.login_id else {login.login_id for login in self._trails()}
        return Wanted(asked.since, frozenset(ids), asked.username or "")

    def _database(self) -> None:
        path = sqlite_path(self._site.database)
        if not path.exists():
            self._collected.leave_out("database.json", "there is no database yet")
            return
        with Database(self._site.database, create=False).reading() as connection:
            found = database_facts.figures(connection, path, self._asked.since)
        self._collected.add("database.json", json.dumps(found, indent=2) + "\n")
        if self._asked.is_personal:
            told = json.dumps([self._told(login) for login in self._trails()], indent=1, ensure_ascii=False)
            self._collected.add("logins.json", told + "\n")

    def _trails(self) -> Sequence[LoginRecord]:
        if not sqlite_path(self._site.database).exists():
            return ()
        with Database(self._site.database, create=False).reading() as connection:
            return database_facts.trails(connection, self._asked.login_id, self._asked.username)

    def _told(self, login: LoginRecord) -> JsonValue:
        """As `authproxy explain --json` tells it, but for the names."""
        clean = self._clean
        return {
            "login_id": login.login_id,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(login.at)),
            "section": login.section,
            "username": self.pseudonyms.of(login.username),
            "nas": clean(login.nas),
            "client_ip": clean(login.client_ip or ""),
            "result": login.result,
            "reason": login.reason,
            "factor": login.factor,
            "elapsed": login.elapsed,
            "steps": [[step.stage, step.result, clean(step.detail), step.at] for step in login.steps],
        }

    def _host(self) -> None:
        self._add("versions.txt", host_facts.versions())
        self._add("limits.txt", host_facts.limits())
        self._add("systemd.txt", host_facts.systemd())

    def _certificates(self) -> None:
        """Their public part alone, whatever else is in the files."""
        told = []
        for path in self._site.certificate_files():
            if not path.exists():
                continue
            try:
                for certificate in certificates_in(path):
                    told += [f"{path}: {described(certificate)}", certificate.public_bytes(Encoding.PEM).decode()]
            except (OSError, ValueError) as error:
                told.append(f"{path}: can't be read: {error}")
        self._add("certificates.txt", "\n".join(told))

    def _peers(self) -> None:
        report = self._connectivity()
        if report is None:
            self._collected.leave_out("connectivity.txt", "not wanted")
        else:
            self._collected.add("connectivity.txt", self.pseudonyms.in_configuration(self._scrub.known(report)))

    def _daemon(self) -> None:
        status = self._status()
        if status is None:
            self._collected.leave_out("daemon.json", "the daemon does not run, or does not answer")
        else:
            self._collected.add("daemon.json", self.pseudonyms.in_configuration(self._scrub.known(status)) + "\n")
