"""Every action of the panel leaves a row in the administrators' log: who, from where, and on what.

A new action has to be performed here, or to be named with the reason why it is not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from authproxy.secondfactor import administrators
from authproxy.secondfactor.applications import find_application
from authproxy.secondfactor.roles import Role
from authproxy.store.tables import audit
from authproxy.web.admin.app import PAGES
from tests.panel import people
from tests.panel.panelhost import Browser, Fields, PanelHost

ELSEWHERE = {
    "/admin/login": "failed logins are recorded: test_panel_login",
    "/admin/login/factor": "test_panel_login",
    "/admin/login/key": "needs a security key: test_admin_browser",
    "/admin/login/key/begin": "changes nothing",
    "/admin/confirm": "changes nothing but the session",
    "/admin/confirm/key": "changes nothing but the session",
    "/admin/confirm/key/begin": "changes nothing",
    "/admin/link/{token}": "test_admin_pages",
    "/admin/link/{token}/key": "needs a security key: test_admin_browser",
    "/admin/link/{token}/key/begin": "changes nothing",
    "/admin/account/keys/add": "needs a security key: test_admin_browser",
    "/admin/account/keys/begin": "changes nothing",
    "/admin/account/keys/{key}/forget": "needs a security key",
    "/admin/account/app/forget": "needs a security key",
    "/admin/users/{user}/edit": "its form is sealed: test_users_pages",
    "/admin/users/{user}/keys/{key}/lost": "needs a security key: test_devices_pages",
    "/admin/users/{user}/invite": "needs a mail server: test_messages_pages",
    "/admin/users/{user}/tokens": "test_devices_pages",
    "/admin/phones/{phone}/test": "needs an app: test_devices_pages",
    "/admin/tokens/{token}/resync": "test_devices_pages",
    "/admin/messages/{message}/reveal": "needs a mail server: test_messages_pages",
    "/admin/invitations/invite": "needs a mail server: test_messages_pages",
    "/admin/invitations/invite-all": "needs a mail server",
    "/admin/invitations/resend-all": "needs a mail server",
    "/admin/invitations/{user}/resend": "needs a mail server",
    "/admin/invitations/{user}/anew": "needs a mail server",
    "/admin/invitations/{user}/withdraw": "needs a mail server",
    "/admin/directories/add": "needs a directory: test_directories",
    "/admin/directories/{directory}/edit": "needs a directory",
    "/admin/directories/{directory}/delete": "needs a directory",
    "/admin/directories/{directory}/run": "needs a directory",
    "/admin/directories/{directory}/run-accepting": "needs a directory",
    "/admin/directories/{directory}/user": "needs a directory",
    "/admin/policies/order": "needs two groups' policies: test_policy_pages",
    "/admin/settings": "test_policy_pages",
    "/admin/billing/settings": "test_policy_pages",
}


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", "request_rate=0\npassword_rate=1000").start()
    yield made
    made.stop()


@dataclass
class Clerk:
    """Does things as an Owner, and looks at the log after each."""

    panel: PanelHost
    browser: Browser
    done: set[str] = field(default_factory=set)

    def does(self, page: str, fields: Fields | None = None, file: bytes = b"", form: str = "", **path: str) -> str:
        """``page``: as in the table. ``form``: the page whose form has to be filled in. The action's name in the
        log."""
        before, to = self._newest(), page.format(**path)
        if form:
            answer = self.browser.fill(to, fields, form.format(**path))
        else:
            answer = self.browser.post(to, fields, {"file": file} if file else None)
        assert answer.status in (200, 303), f"{page}: {answer.status}: {answer.text}"
        assert "/admin/confirm" not in answer.location
        assert "/admin/login?" not in answer.location
        query = sa.select(audit).where(audit.c.id > before).order_by(audit.c.id)
        with self.panel.reading() as connection:
            rows = connection.execute(query).all()
        assert rows, f"{page} is not on record"
        assert {(row.actor, row.address) for row in rows} == {("admin:owner@example.com", "127.0.0.1")}, page
        self.done.add(page)
        return str(rows[-1].action)

    def _newest(self) -> int:
        with self.panel.reading() as connection:
            return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(audit.c.id), 0))).scalar_one())

    def find(self, path: str, pattern: str) -> str:
        """In a page."""
        found = re.search(pattern, self.browser.get(path).html)
        assert found is not None, f"{path}: {pattern}"
        return found[1]


def test_every_action_is_on_record(panel: PanelHost) -> None:
    clerk = Clerk(panel, panel.browser())
    for deeds in (users_and_groups, phones_and_codes, tokens, applications_and_policies, of_administrators):
        deeds(clerk)
    own_account(clerk)
    posts = {page.path for page in PAGES if page.method == "POST"}
    assert clerk.done | ELSEWHERE.keys() == posts
    assert not clerk.done & ELSEWHERE.keys()


def users_and_groups(clerk: Clerk) -> None:
    assert clerk.does("/admin/users/add", {"name": "zoe"}) == "user add"
    clerk.does("/admin/users/import", file=b"username\nyan\nxia\n")
    user = clerk.find("/admin/users?text=zoe", r"/admin/users/(DU\w+)")
    clerk.does("/admin/users/bulk", {"user": [user], "action": "status", "status": "disabled"})
    clerk.does("/admin/users/{user}/unlock", user=user)
    clerk.does("/admin/groups/add", {"name": "clerks", "status": "active"})
    group = clerk.find("/admin/groups", r"/admin/groups/(DG\w+)")
    fields = {"name": "clerks", "status": "active", "notes": "new"}
    clerk.does("/admin/groups/{group}", fields, form="/admin/groups/{group}", group=group)
    for page in ("/admin/groups/{group}/join", "/admin/groups/{group}/leave"):
        clerk.does(page, {"user": "zoe"}, group=group)
    clerk.does("/admin/groups/{group}/delete", group=group)
    assert clerk.does("/admin/users/{user}/trash", user=user) == "user trash"
    assert clerk.does("/admin/users/{user}/restore", user=user) == "user restore"
    clerk.does("/admin/users/{user}/delete", user=user)


def phones_and_codes(clerk: Clerk) -> None:
    user = clerk.panel.user("phoned").id
    clerk.does("/admin/phones/add", {"user": user, "number": "+15555550142", "type": "mobile"})
    phone = clerk.find(f"/admin/users/{user}", r"/admin/phones/(DP\w+)")
    fields = {"name": "new", "number": "+15555550142", "type": "mobile", "platform": "", "extension": ""}
    clerk.does("/admin/phones/{phone}", fields, form="/admin/phones/{phone}", phone=phone)
    clerk.does("/admin/phones/{phone}/activate", {"user": user, "way": "show"}, phone=phone)
    clerk.does("/admin/phones/{phone}/lost", {"user": user, "then": "bypass"}, phone=phone)
    clerk.does("/admin/users/{user}/bypass", {"uses": "1", "minutes": "60"}, user=user)
    code = clerk.find("/admin/bypass-codes?text=phoned", r"/admin/bypass-codes/(DB\w+)/delete")
    clerk.does("/admin/bypass-codes/{code}/delete", code=code)
    clerk.does("/admin/users/{user}/code", {"code": "123456"}, user=user)


def tokens(clerk: Clerk) -> None:
    user = clerk.panel.user("holder").id
    seed = b"12345678901234567890".hex()
    clerk.does("/admin/tokens/add", {"serial": "R1", "type": "h6", "secret": seed})
    clerk.does("/admin/tokens/import", file=f"serial,type,secret\nR2,h6,{seed}\n".encode())
    token = clerk.find("/admin/tokens?text=R1", r"/admin/tokens/(DH\w+)")
    clerk.does("/admin/tokens/{token}/assign", {"name": "holder"}, token=token)
    clerk.does("/admin/users/{user}/devices/{device}/lost", {"then": "nothing"}, user=user, device=token)
    clerk.does("/admin/users/{user}/app", user=user)
    clerk.does("/admin/tokens/{token}/delete", token=token)


def applications_and_policies(clerk: Clerk) -> None:
    clerk.does("/admin/applications/add", {"name": "mailer", "type": "authapi"})
    mailer = key_of(clerk, "mailer")
    one = "/admin/applications/{application}"
    clerk.does(one, {"name": "mailer", "notes": "new"}, form=one, application=mailer)
    clerk.does("/admin/applications/add", {"name": "robot", "type": "adminapi"})
    permission = {"permission": "adminapi_read_log"}
    clerk.does(f"{one}/permissions", permission, form=one, application=key_of(clerk, "robot"))
    clerk.does("/admin/applications/{application}/keys", application=mailer)
    clerk.does("/admin/applications/{application}/rotate", application=mailer)
    clerk.does("/admin/policies/add", {"name": "Strict"})
    policy = clerk.find("/admin/policies", r'/admin/policies/(PO\w+)"')
    clerk.does("/admin/policies/{policy}", {"name": "Stricter"}, form="/admin/policies/{policy}", policy=policy)
    clerk.does("/admin/policies/assigned", {"application": "mailer", "policy": policy})
    clerk.does("/admin/policies/{policy}/delete", policy=policy)
    clerk.does("/admin/applications/{application}/delete", application=mailer)
    clerk.does("/admin/billing/enter", {"kind": "purchase", "amount": "10", "note": "first"})


def key_of(clerk: Clerk, application: str) -> str:
    with clerk.panel.reading() as connection:
        return find_application(connection, application).ikey or ""


def of_administrators(clerk: Clerk) -> None:
    home = "/admin/administrators"
    clerk.does(f"{home}/add", {"name": "New", "email": "new@example.com", "role": "Billing"})
    with clerk.panel.reading() as connection:
        admin = administrators.find_administrator(connection, "new@example.com")
    one = f"{home}/{{admin}}"
    clerk.does(one, {"name": "Newer"}, form=one, admin=admin.id)
    clerk.does(f"{one}/link", {"kind": "activation"}, admin=admin.id)
    for action in ("disable", "enable", "unlock", "sessions/end"):
        clerk.does(f"{one}/{action}", admin=admin.id)
    clerk.panel.browser(Role.BILLING)
    billing = clerk.panel.admins[Role.BILLING].id
    session = clerk.find(f"{home}/{billing}", r"/sessions/([0-9a-f]{64})/end")
    clerk.does(f"{one}/sessions/{{session}}/end", admin=billing, session=session)
    clerk.does(f"{one}/delete", admin=admin.id)


def own_account(clerk: Clerk) -> None:
    """Ends with the logout."""
    home, elsewhere = "/admin/account", clerk.panel.browser()
    session = clerk.find(home, r"/admin/account/sessions/([0-9a-f]{64})/end")
    assert elsewhere.get(home).status == 200
    clerk.does(f"{home}/sessions/{{session}}/end", session=session)
    clerk.does(f"{home}/sessions/end")
    clerk.does(f"{home}/language", {"language": "en"})
    clerk.does(f"{home}/codes")
    page = clerk.browser.get(f"{home}/app")
    secret = re.findall(r'class="secret">([A-Z2-7]{32})<', page.html)[0]
    shown = people.shown_by(secret, time.time())
    clerk.does(f"{home}/app", {"mark": page.inputs()["mark"], "code": shown})
    password = "walnut harbor lantern"
    clerk.does(f"{home}/password", {"password": password, "again": password})
    clerk.does("/admin/logout")
