"""A row of everything that there is, and every page of the panel that shows it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.security_keys import NewKey, add_key, user_owner
from authproxy.store import tables
from authproxy.web.admin.app import PAGES
from tests.panel.panelhost import PanelHost

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


def _add(connection: sa.Connection, table: str, **values: Any) -> None:
    connection.execute(tables.metadata.tables[table].insert().values(**values))


def fill(panel: PanelHost, text: str) -> dict[str, str]:
    """``text`` stands wherever people, networks or directories choose what stands there. The path parameters that
    lead to it all."""
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
        steps = json.dumps([[text, text, text, 0.1]])
        _add(connection, "logins", login_id="MARKMARKMA", at=now, section="s", username="u", name="marked",
             nas="n", result="reject", reason="", factor="", device="", elapsed=0.1, steps=steps)  # fmt: skip
        _add(connection, "telephony", at=now, kind="sms", purpose="p", user_id=user.id, status="s")
        _add(connection, "messages", id="DMMARK", at=now, kind="mail", purpose="p", recipient="r", user_id=user.id,
             text="t", html=f"<p>{text}</p>")  # fmt: skip
        _add(connection, "audit", at=now, actor="a", action="b", object="c",
             detail=json.dumps({"before": {"x": text}, "after": {"x": text * 2}, text: text}))  # fmt: skip
        _add(connection, "directories", id="DDMARK", name="d", kind="openldap", client="c", created=now)
        _add(connection, "sync_runs", directory_id="DDMARK", mode="full", started=now, status="failed")
        _add(connection, "policies", id="POMARK", name="p", created=now, changed=now)
        _add(connection, "credit_entries", at=now, kind="purchase", amount=1, actor="a")
        _add(connection, "status_changes", at=now, component="c", state="down")
        application = panel.api.keys["auth"].ikey
        for name, columns in _FREE.items():
            _mark(connection, tables.metadata.tables[name], columns, text)
        connection.execute(tables.aliases.update().values(name=text + "a").where(tables.aliases.c.name == "alias"))
    return {
        "user": user.id, "group": "DGMARK", "phone": phone.id, "token": "DHMARK", "device": "DHMARK",
        "code": "DBMARK", "key": key.id, "login": "MARKMARKMA", "application": application, "message": "DMMARK",
        "directory": "DDMARK", "policy": "POMARK", "admin": panel.admins[Role.HELP_DESK].id, "form": "csv",
    }  # fmt: skip


def _mark(connection: sa.Connection, table: sa.Table, columns: tuple[str, ...], text: str) -> None:
    """In every row; a number tells those apart that must be unique."""
    keys = list(table.primary_key.columns)
    for number, row in enumerate(connection.execute(sa.select(*keys)).all()):
        where = sa.and_(*(column == value for column, value in zip(keys, row, strict=True)))
        values = dict.fromkeys(columns, f"{text}{number}")
        connection.execute(table.update().where(where).values(**values))
        assert connection.execute(
            sa.select(table.c[columns[0]]).where(table.c[columns[0]] == f"{text}{number}")
        ).all()


def paths(parameters: dict[str, str]) -> Iterator[str]:
    """Of pages, not of exports."""
    for page in PAGES:
        names = re.findall(r"{(\w+)(?::\w+)?}", page.path)
        if page.method != "GET" or "export" in page.path or not set(names) <= set(parameters):
            continue
        yield re.sub(r"{(\w+)(?::\w+)?}", lambda match: parameters[match[1]], page.path)
