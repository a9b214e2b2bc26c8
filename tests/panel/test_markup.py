"""Whatever is stored, no page gives a browser a tag, a script or a style that is not the page's own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.security_keys import NewKey, add_key, user_owner
from authproxy.store import tables
from authproxy.web.admin.app import PAGES
from tests.panel.panelhost import Browser, PanelHost

MARKUP = "<script>alert(1)</script>'\"&"
_FREE = {  # text that people, networks or directories chose; JSON, IDs and words of a list are not
    "users": ("display_name", "realname", "firstname", "lastname", "email", "notes"),
    "groups": ("name", "notes"),
    "phones": ("name", "extension", "platform", "number"),
    "phone_apps": ("permission",),
    "devices": ("name", "serial"),
    "security_keys": ("name", "label"),
    "bypass_codes": ("created_by",),
    "pushes": ("application", "client_ip", "nas", "decided_by"),
    "logins": ("section", "username", "nas", "client_ip", "reason", "factor", "device"),
    "telephony": ("purpose", "last_digits", "status", "detail"),
    "applications": ("name", "notes"),
    "audit": ("actor", "action", "object", "address"),
    "administrators": ("name", "phone"),
    "sessions": ("address", "browser"),
    "messages": ("purpose", "recipient", "sender", "subject", "problem", "text"),
    "directories": ("name", "client", "base_dn"),
    "sync_runs": ("problem",),
    "policies": ("name",),
    "credit_entries": ("note", "actor"),
    "status_changes": ("component", "detail"),
}


class Inspector(HTMLParser):
    """Finds what the page must not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in named):
            self.problems.append(f"inline <{tag}>")
        if tag == "script":
            self._inside = tag
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.problems.append(f"{name}= on <{tag}>")
            if name in ("href", "action", "src") and (value or "").strip().lower().startswith(
                ("javascript:", "data:")
            ):
                self.problems.append(f"{name}={value} on <{tag}>")

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.problems.append(f"text within <{self._inside}>")


def problems_of(html: str) -> list[str]:
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()
    found = list(inspector.problems)
    if "<script>alert" in html or "</script>'" in html:
        found.append("the markup as it is stored")
    return found


def test_the_inspector_sees_what_it_is_for() -> None:
    assert problems_of("<p>fine &lt;script&gt;alert(1)&lt;/script&gt;</p><script src='/a.js'></script>") == []
    for bad in (MARKUP, "<p style='x'>", "<p onclick=x>", "<style>p{}</style>", "<a href=' javascript:x'>"):
        assert problems_of(bad), bad


def _add(connection: sa.Connection, table: str, **values: Any) -> None:
    connection.execute(tables.metadata.tables[table].insert().values(**values))


def _fill(panel: PanelHost) -> dict[str, str]:
    """A row of everything, and the path parameters that lead to it."""
    user, now = panel.user("marked", email="m@example.com"), time.time()
    with panel.writing() as connection:
        phone = add_phone(connection, user, "+15555550123", "phone")
        key = add_key(
            connection, user_owner(user.id, "marked"), NewKey(b"1", b"k", 0, "", (), False, False), "k", now, "x"
        )
        _add(connection, "phone_apps", phone_id=phone.id, kind="web", serial="s", public_key=b"k", created=now)
        _add(connection, "groups", id="DGMARK", name="g", created=now)
        _add(connection, "user_groups", user_id=user.id, group_id="DGMARK")
        _add(connection, "aliases", name="alias", user_id=user.id)
        _add(connection, "devices", id="DHMARK", kind="hotp", origin="hardware", seed=b"", created=now)
        _add(connection, "device_users", user_id=user.id, device_id="DHMARK")
        _add(connection, "bypass_codes", id="DBMARK", user_id=user.id, hash=b"h", created=now)
        _add(connection, "pushes", id="PUMARK", user_id=user.id, username="u", application="a",
             login_id="MARKMARKMA", created=now, expires=now, phone_id=phone.id, status="expired")  # fmt: skip
        steps = json.dumps([[MARKUP, MARKUP, MARKUP, 0.1]])
        _add(connection, "logins", login_id="MARKMARKMA", at=now, section="s", username="u", name="marked",
             nas="n", result="reject", reason="", factor="", device="", elapsed=0.1, steps=steps)  # fmt: skip
        _add(connection, "telephony", at=now, kind="sms", purpose="p", user_id=user.id, status="s")
        _add(connection, "messages", id="DMMARK", at=now, kind="mail", purpose="p", recipient="r", user_id=user.id,
             text="t", html=f"<p>{MARKUP}</p>")  # fmt: skip
        _add(connection, "audit", at=now, actor="a", action="b", object="c",
             detail=json.dumps({"before": {"x": MARKUP}, "after": {"x": MARKUP * 2}, MARKUP: MARKUP}))  # fmt: skip
        _add(connection, "directories", id="DDMARK", name="d", kind="openldap", client="c", created=now)
        _add(connection, "sync_runs", directory_id="DDMARK", mode="full", started=now, status="failed")
        _add(connection, "policies", id="POMARK", name="p", created=now, changed=now)
        _add(connection, "credit_entries", at=now, kind="purchase", amount=1, actor="a")
        _add(connection, "status_changes", at=now, component="c", state="down")
        application = panel.api.keys["auth"].ikey
        for name, columns in _FREE.items():
            _mark(connection, tables.metadata.tables[name], columns)
        connection.execute(
            tables.aliases.update().values(name=MARKUP + "a").where(tables.aliases.c.name == "alias")
        )
    return {
        "user": user.id, "group": "DGMARK", "phone": phone.id, "token": "DHMARK", "code": "DBMARK", "key": key.id,
        "login": "MARKMARKMA", "application": application, "message": "DMMARK", "directory": "DDMARK",
        "policy": "POMARK", "admin": panel.admins[Role.HELP_DESK].id, "form": "csv",
    }  # fmt: skip


def _mark(connection: sa.Connection, table: sa.Table, columns: tuple[str, ...]) -> None:
    """In every row; a number tells those apart that must be unique."""
    keys = list(table.primary_key.columns)
    for number, row in enumerate(connection.execute(sa.select(*keys)).all()):
        where = sa.and_(*(column == value for column, value in zip(keys, row, strict=True)))
        values = dict.fromkeys(columns, f"{MARKUP}{number}")
        connection.execute(table.update().where(where).values(**values))
        assert connection.execute(
            sa.select(table.c[columns[0]]).where(table.c[columns[0]] == f"{MARKUP}{number}")
        ).all()


@pytest.fixture(scope="module")
def marked(panel: PanelHost) -> tuple[Browser, dict[str, str]]:
    parameters = _fill(panel)
    browser = panel.browser()
    return browser, parameters


def _paths(parameters: dict[str, str]) -> Iterator[str]:
    for page in PAGES:
        names = re.findall(r"{(\w+)(?::\w+)?}", page.path)
        if page.method != "GET" or "export" in page.path or not set(names) <= set(parameters):
            continue
        yield re.sub(r"{(\w+)(?::\w+)?}", lambda match: parameters[match[1]], page.path)


def test_no_stored_text_becomes_markup_on_any_page(marked: tuple[Browser, dict[str, str]]) -> None:
    browser, parameters = marked
    queries = ("", f"?user={parameters['user']}", "?text=alert%281%29&q=alert%281%29&name=%3Cscript%3Ealert(1)")
    bad, seen, escaped = [], 0, 0
    for path in _paths(parameters):
        for query in queries:
            answer = browser.get(path + query)
            if answer.status == 500:
                bad.append(f"{path}{query}: 500")
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            seen += answer.status == 200
            if path.endswith("/html"):  # a mail as it was received, in a frame that runs nothing
                policy = answer.headers["content-security-policy"]
                bad += [] if "sandbox" in policy and "default-src 'none'" in policy else [f"{path}: {policy}"]
                continue
            escaped += "&lt;script&gt;alert(1)" in answer.html
            bad += [f"{path}{query}: {problem}" for problem in problems_of(answer.html)]
    assert bad == []
    assert seen > 40
    assert escaped > 30


def test_no_typed_text_becomes_markup_in_a_refusal(marked: tuple[Browser, dict[str, str]]) -> None:
    browser, parameters = marked
    posts = {
        "users/add": {"name": "m", "email": MARKUP},
        "groups/add": {"name": MARKUP + "\x01"},
        "phones/add": {"user": parameters["user"], "number": MARKUP},
        "tokens/add": {"serial": MARKUP, "type": MARKUP, "secret": MARKUP},
        "applications/add": {"name": MARKUP, "type": MARKUP},
        f"users/{parameters['user']}/code": {"code": MARKUP},
        f"users/{parameters['user']}/bypass": {"uses": MARKUP, "minutes": MARKUP},
    }
    for path, fields in posts.items():
        answer = browser.post(f"/admin/{path}", fields)
        assert answer.status == 400, path
        assert problems_of(answer.html) == [], path


def test_templates_hold_no_script_or_style_of_their_own() -> None:
    folder = Path(__file__).parents[2] / "authproxy/web/templates/admin"
    for path in folder.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\son[a-z]+=|\sstyle=|<style|<script(?! src)", text), path
