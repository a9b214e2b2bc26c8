"""The real daemon with its panel, an administrator of each role, and browsers that are logged in."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from authproxy.secondfactor import admin_passwords, administrators, sessions
from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.audit_search import AuditRow, search_audit
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.users import User, add_user
from tests.panel import people
from tests.web.apihost import ApiHost

COOKIE = "__Host-panel"
Fields = Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]


@dataclass
class PanelHost:
    """``api``: the daemon, its database, and the people of ``ApiHost``. ``admins``: by role."""

    api: ApiHost
    admins: dict[Role, Administrator] = field(default_factory=dict)

    @classmethod
    def make(cls, directory: Path, more: str = "") -> PanelHost:
        """Not started yet. ``more``: lines for ``[service]``."""
        host = cls(ApiHost.make(directory, more))
        with host.api.database.writing() as connection:
            for role in Role:
                name = role.value.lower().replace(" ", "-")
                admin = administrators.add_administrator(connection, f"{name}@example.com", role.value, role)
                admin_passwords.set_password(connection, admin, people.hashed(people.PASSWORD), time.time())
                admin = administrators.find_administrator(connection, admin.id)
                administrators.change_administrator(connection, admin, {"status": "active"})
                host.admins[role] = administrators.find_administrator(connection, admin.id)
        return host

    def start(self) -> PanelHost:
        self.api.daemon.start()
        return self

    def stop(self) -> None:
        """Whatever went wrong inside fails the test."""
        try:
            assert self.api.daemon.stop() == 0
        finally:
            self.api.daemon.kill()
            self.api.database.close()
        log = self.api.daemon.log()
        assert "Traceback" not in log, log

    @property
    def url(self) -> str:
        return f"https://localhost:{self.api.port}"

    def writing(self) -> Any:
        return self.api.database.writing()

    def reading(self) -> Any:
        return self.api.database.reading()

    def user(self, name: str, **values: Any) -> User:
        """A new one."""
        with self.writing() as connection:
            return add_user(connection, name, "simple", **values)

    def row(self, query: sa.Select[Any]) -> Any:
        """The first that it finds."""
        with self.reading() as connection:
            return connection.execute(query).first()

    def last_change(self, action: str) -> AuditRow:
        """What the administrators' log has of it."""
        with self.reading() as connection:
            for row in search_audit(connection, limit=200).rows:
                if row.action == action:
                    return row
        raise AssertionError(f"the log has no {action!r}")

    # ------------------------------------------------------------ browsers

    def browser(self, role: Role | None = Role.OWNER, *, is_confirmed: bool = True) -> Browser:
        """Logged in as the administrator of that role; None: nobody is."""
        browser = Browser(self.api.port, self.api.ca)
        if role is not None:
            opened = self.open_session(role, is_confirmed=is_confirmed)
            browser.cookies[COOKIE], browser.csrf = opened.cookie, opened.csrf
        return browser

    def open_session(self, role: Role, *, is_confirmed: bool = True) -> sessions.Opened:
        now, admin = time.time(), self.admins[role]
        with self.writing() as connection:
            opened = sessions.open_session(connection, "admin", admin.id, 3600.0, "127.0.0.1", "test", now)
            session = sessions.find_session(connection, "admin", opened.cookie, now)
            if is_confirmed and session is not None:
                sessions.confirm(connection, session, now)
        return opened

    def page(self, chromium: Any, role: Role = Role.OWNER, width: int = 1280) -> Any:
        """A page of Playwright's, logged in; ``chromium``: its browser. Close its ``context``."""
        context = chromium.new_context(
            base_url=self.url, ignore_https_errors=True, viewport={"width": width, "height": 900}
        )
        opened = self.open_session(role)
        cookie = {"name": COOKIE, "value": opened.cookie, "url": self.url, "secure": True, "httpOnly": True}
        context.add_cookies([{**cookie, "sameSite": "Strict"}])
        context.set_default_timeout(60_000)
        return context.new_page()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def html(self) -> str:
        return self.body.decode()

    @property
    def text(self) -> str:
        """What people read: without tags, on one line."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.html)).split())

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    def json(self) -> Any:
        return json.loads(self.body)

    def inputs(self, action: str = "") -> dict[str, str]:
        """Values of the hidden fields, by name: the page's, or those of the form that is sent to ``action``."""
        html = self.html
        if f'action="{action}"' in html:
            html = html.partition(f'action="{action}"')[2].partition("</form>")[0]
        tags = re.findall(r"<input type=\"hidden\"[^>]*>", html)
        pairs = (re.search(r"name=\"([^\"]*)\" value=\"([^\"]*)\"", tag) for tag in tags)
        return {pair[1]: unescape(pair[2]) for pair in pairs if pair}


@dataclass
class Browser:
    """What a browser does without scripts: cookies, forms and where they lead."""

    port: int
    ca: Path
    csrf: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._ask("GET", path, b"", dict(headers or {}))

    def post(
        self, path: str, fields: Fields | None = None, files: Mapping[str, bytes] | None = None, **headers: str
    ) -> Answer:
        """A form of this host, with its token."""
        pairs = [("csrf", self.csrf), *_pairs(fields or {})]
        body, kind = _multipart(pairs, files) if files else (urlencode(pairs).encode(), _URLENCODED)
        said = {"Content-Type": kind, "Origin": f"https://localhost:{self.port}", **headers}
        return self._ask("POST", path, body, said)

    def fill(self, path: str, fields: Fields | None = None, page: str = "") -> Answer:
        """The form for ``path``, with what it was shown on. ``page``: has it, if not the one of that path."""
        shown = self.get(page or path).inputs(path).get("shown", "")
        return self.post(path, [("shown", shown), *_pairs(fields or {})])

    def submit(self, path: str, fields: Fields | None = None, files: Mapping[str, bytes] | None = None) -> Answer:
        """The same; the page that it leads to."""
        answer = self.post(path, fields, files)
        assert answer.status == 303, f"{answer.status}: {answer.text}"
        return self.get(answer.location)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        context = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=60)
        with closing(connection):
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            self._keep(response.headers.get_all("set-cookie") or [])
            said = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, said, response.read())

    def _keep(self, lines: list[str]) -> None:
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]


_URLENCODED = "application/x-www-form-urlencoded"


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    if not isinstance(fields, Mapping):
        return list(fields)
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        found += [(name, value)] if isinstance(value, str) else [(name, each) for each in value]
    return found


def _multipart(pairs: Sequence[tuple[str, str]], files: Mapping[str, bytes]) -> tuple[bytes, str]:
    mark = secrets.token_hex(16)
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in pairs]  # fmt: skip
    for name, content in files.items():
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.csv"\r\n'
        parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"
