"""Administrators in the panel: links, accounts, management, and their log."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from authproxy.secondfactor import admin_links, recovery_codes
from authproxy.secondfactor.administrators import Administrator, add_administrator, find_administrator
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.roles import MATRIX, Permission, Role
from authproxy.secondfactor.sessions import list_sessions
from tests.mail.mailserver import MailServer
from tests.panel import people
from tests.panel.panelhost import Answer, Browser, PanelHost

NEW = "walnut harbor lantern"
HOME = "/admin/administrators"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    made = MailServer("none")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory, server: MailServer) -> Iterator[PanelHost]:
    """One from where an address may try as often as it likes, and with mail."""
    mail = f"[mail]\nhost=127.0.0.1\nport={server.port}\ntls=none\nfrom=mfa@firm.example\n"
    more = f"request_rate=0\npassword_rate=1000\n{mail}"
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", more).start()
    yield made
    made.stop()


def person(panel: PanelHost, name: str, role: Role = Role.HELP_DESK) -> Administrator:
    return people.add(panel.api.database, f"{name}@example.com", role, time.time(), panel.api.seeds)


def now(panel: PanelHost, key: str) -> Administrator:
    with panel.reading() as connection:
        return find_administrator(connection, key)


def link(panel: PanelHost, admin: Administrator, kind: admin_links.Kind) -> str:
    """The path that it leads to."""
    with panel.writing() as connection:
        return admin_links.new_link(connection, admin, kind, time.time()).url("")


def pending(panel: PanelHost, name: str) -> Administrator:
    with panel.writing() as connection:
        return add_administrator(connection, f"{name}@example.com", name.title(), Role.READ_ONLY)


def shown(page: Answer, ahead: float = 0) -> str:
    """The code of an app that was given what the page shows."""
    found = re.findall(r'class="secret">([A-Z2-7]{32})<', page.html)
    return people.shown_by(found[0], time.time() + ahead)


def log_in(panel: PanelHost, email: str, password: str, code: str) -> Answer:
    browser = panel.browser(None)
    answer = browser.post("/admin/login", {"email": email, "password": password})
    if answer.status != 303:
        return answer
    browser.csrf = browser.get(answer.location).inputs()["csrf"]
    return browser.post("/admin/login/factor", {"code": code})


# ---------------------------------------------------------------- links


def test_a_new_administrator_sets_password_and_app_and_logs_in(panel: PanelHost) -> None:
    admin, browser = pending(panel, "newcomer"), panel.browser(None)
    path = link(panel, admin, "activation")
    page = browser.get(path)
    assert "newcomer@example.com" in page.text
    assert '<svg role="img"' in page.html
    fields = {"password": NEW, "again": NEW, "code": shown(page)}
    done = browser.post(path, fields)
    assert (done.status, "Your recovery codes" in done.text) == (200, True)
    codes = re.findall(r"<li>([a-z2-9-]{14})</li>", done.html)
    assert len(codes) == 10
    assert now(panel, admin.id).status == "active"
    row = panel.last_change("admin activation")
    assert (row.actor, row.detail) == ("admin:newcomer@example.com", {"factor": "authenticator app"})
    assert log_in(panel, admin.email, NEW, shown(page, 30)).status == 303
    assert log_in(panel, admin.email, NEW, codes[3]).status == 303
    for answer in (browser.get(path), browser.post(path, fields)):
        assert (answer.status, "this link was used, has expired" in answer.text) == (404, True)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"password": NEW, "again": NEW + "!"}, "the two passwords are not the same"),
        ({"password": "short", "again": "short"}, "at least 12 characters"),
        ({"password": "password1234", "again": "password1234"}, "among the first"),
        ({"password": NEW, "again": NEW, "code": "000000"}, "That was not the code which the app shows now"),
    ],
)
def test_a_link_is_not_used_up_by_what_was_wrong(panel: PanelHost, fields: dict[str, str], told: str) -> None:
    admin = pending(panel, f"clumsy{abs(hash(told))}")
    browser, path = panel.browser(None), link(panel, admin, "activation")
    page = browser.get(path)
    again = browser.post(path, {"code": shown(page), **fields})
    assert (again.status, told in again.text) == (400, True)
    assert shown(again) == shown(page)  # the same QR code: it may have been scanned already
    assert now(panel, admin.id).status == "pending"
    assert browser.post(path, {"password": NEW, "again": NEW, "code": shown(page)}).status == 200


def test_a_link_for_a_password_leaves_the_second_factor_alone_and_ends_sessions(panel: PanelHost) -> None:
    admin = person(panel, "forgetful")
    inside = signed_in(panel, admin)
    assert inside.get("/admin/account").status == 200
    browser, path = panel.browser(None), link(panel, admin, "reset")
    page = browser.get(path)
    assert "svg" not in page.html.partition("<h1>")[2]
    done = browser.post(path, {"password": NEW, "again": NEW})
    assert (done.status, "recovery codes" in done.text) == (200, False)
    assert inside.get("/admin/account").location.startswith("/admin/login?")
    code = people.code_of(admin, time.time() + 30, seeds=panel.api.seeds)
    assert log_in(panel, admin.email, people.PASSWORD, code).status == 401
    assert log_in(panel, admin.email, NEW, code).status == 303


def test_a_link_for_everything_replaces_the_app_and_the_recovery_codes(panel: PanelHost) -> None:
    admin = person(panel, "robbed")
    with panel.writing() as connection:
        old_codes = recovery_codes.new_codes(connection, panel.api.seeds, admin)
    browser, path = panel.browser(None), link(panel, admin, "activation")
    page = browser.get(path)
    assert browser.post(path, {"password": NEW, "again": NEW, "code": shown(page)}).status == 200
    old = people.code_of(admin, time.time() + 30, seeds=panel.api.seeds)
    assert log_in(panel, admin.email, NEW, old).status == 401
    assert log_in(panel, admin.email, NEW, old_codes[0]).status == 401
    assert log_in(panel, admin.email, NEW, shown(page, 30)).status == 303


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "..%2Flogin"])
def test_a_guessed_link_is_none(panel: PanelHost, token: str) -> None:
    answer = panel.browser(None).get(f"/admin/link/{token}")
    assert answer.status == 404


# ---------------------------------------------------------------- the own account


def signed_in(panel: PanelHost, admin: Administrator, *, is_confirmed: bool = True) -> Browser:
    panel.admins[Role.HELP_DESK] = admin
    return panel.browser(Role.HELP_DESK, is_confirmed=is_confirmed)


def test_the_own_password_is_changed_and_other_sessions_end(panel: PanelHost) -> None:
    admin = person(panel, "changes")
    browser, elsewhere = signed_in(panel, admin), signed_in(panel, admin)
    path = "/admin/account/password"
    assert "not the same" in browser.post(path, {"password": NEW, "again": "x"}).text
    assert "Your password is changed" in browser.submit(path, {"password": NEW, "again": NEW}).text
    assert elsewhere.get("/admin/account").location.startswith("/admin/login?")
    assert panel.last_change("admin password").object == admin.email
    assert log_in(panel, admin.email, people.PASSWORD, "").status == 401


def test_what_is_dangerous_asks_for_password_and_factor_once_more(panel: PanelHost) -> None:
    admin = person(panel, "careful")
    browser = signed_in(panel, admin, is_confirmed=False)
    asked = browser.get("/admin/account/password")
    assert asked.location == "/admin/confirm?next=%2Fadmin%2Faccount%2Fpassword"
    refused = browser.post("/admin/account/password", {"password": NEW, "again": NEW})
    assert refused.location == "/admin/confirm?next=%2Fadmin%2Faccount"
    page = browser.get(asked.location)
    assert page.inputs()["next"] == "/admin/account/password"
    code = people.code_of(admin, time.time(), seeds=panel.api.seeds)
    fields = {"next": page.inputs()["next"], "code": code}
    assert browser.post("/admin/confirm", {**fields, "password": "wrong password 1"}).status == 401
    assert browser.get("/admin/account/password").status == 303
    answer = browser.post("/admin/confirm", {**fields, "password": people.PASSWORD})
    assert (answer.status, answer.location) == (303, "/admin/account/password")
    assert browser.get("/admin/account/password").status == 200


def test_an_app_is_replaced_by_one_that_has_shown_a_code(panel: PanelHost) -> None:
    admin = person(panel, "newphone")
    browser = signed_in(panel, admin)
    page = browser.get("/admin/account/app")
    mark = page.inputs()["mark"]
    assert browser.get("/admin/account/app").inputs()["mark"] != mark
    wrong = browser.post("/admin/account/app", {"mark": mark, "code": "000000"})
    assert (wrong.status, wrong.inputs()["mark"]) == (400, mark)
    assert "is set up" in browser.submit("/admin/account/app", {"mark": mark, "code": shown(page)}).text
    old = people.code_of(admin, time.time() + 30, seeds=panel.api.seeds)
    assert log_in(panel, admin.email, people.PASSWORD, old).status == 401
    assert log_in(panel, admin.email, people.PASSWORD, shown(page, 30)).status == 303


def test_nobody_is_left_without_a_second_factor(panel: PanelHost) -> None:
    admin = person(panel, "onlyapp")
    answer = signed_in(panel, admin).post("/admin/account/app/forget")
    assert (answer.status, "only second factor" in answer.text) == (400, True)
    assert now(panel, admin.id).has_totp


def test_new_recovery_codes_are_shown_once(panel: PanelHost) -> None:
    admin = person(panel, "paper2")
    browser = signed_in(panel, admin)
    page = browser.post("/admin/account/codes")
    codes = re.findall(r"<li>([a-z2-9-]{14})</li>", page.html)
    assert (page.status, len(codes)) == (200, 10)
    account = browser.get("/admin/account")
    assert "10 are left" in account.text
    assert "Account ID DA" in account.text
    assert not any(code in account.html for code in codes)
    assert log_in(panel, admin.email, people.PASSWORD, codes[0]).status == 303


def test_the_language_is_the_administrators_choice(panel: PanelHost) -> None:
    admin = person(panel, "speaks")
    browser = signed_in(panel, admin)
    assert browser.post("/admin/account/language", {"language": "en"}).status == 303
    assert now(panel, admin.id).language == "en"
    assert panel.last_change("admin set").detail == {"before": {"language": ""}, "after": {"language": "en"}}
    assert browser.post("/admin/account/language", {"language": "xx"}).status == 400


def test_own_sessions_are_listed_and_ended(panel: PanelHost) -> None:
    admin = person(panel, "travels")
    browser, one, two = (signed_in(panel, admin) for _ in range(3))
    page = browser.get("/admin/account")
    ends = re.findall(r'action="(/admin/account/sessions/[0-9a-f]{64}/end)"', page.html)
    assert (len(ends), page.text.count("This one")) == (2, 1)
    browser.submit(ends[0])
    assert browser.post(ends[0]).status == 404
    assert sorted(each.get("/admin/account").status for each in (one, two)) == [200, 303]
    assert "other sessions have ended" in browser.submit("/admin/account/sessions/end").text
    assert [each.get("/admin/account").status for each in (one, two)] == [303, 303]
    assert browser.get("/admin/account").status == 200


def test_nobody_ends_sessions_of_others_from_the_own_account(panel: PanelHost) -> None:
    mine, other = person(panel, "mine"), person(panel, "other")
    victim = signed_in(panel, other)
    with panel.reading() as connection:
        (session,) = list_sessions(connection, "admin", other.id, time.time())
    assert signed_in(panel, mine).post(f"/admin/account/sessions/{session.id}/end").status == 404
    assert victim.get("/admin/account").status == 200


# ---------------------------------------------------------------- management


def test_an_owner_adds_an_administrator_and_is_shown_the_link_once(panel: PanelHost) -> None:
    browser = panel.browser()
    fields = {"name": "Carla <b>Bold</b>", "email": "Carla@example.com", "role": "Help Desk"}
    page = browser.post(f"{HOME}/add", fields)
    (url,) = re.findall(r'class="secret">(https://[^<]+/admin/link/[\w-]{43})<', page.html)
    assert "Carla &lt;b&gt;Bold" in page.html
    admin = now(panel, "carla@example.com")
    card = browser.get(f"{HOME}/{admin.id}")
    assert (card.status, "pending" in card.text, "Has an open link" in card.text) == (200, True, True)
    assert url.rpartition("/")[2] not in card.html
    assert panel.browser(None).get("/admin/link/" + url.rpartition("/")[2]).status == 200
    row = panel.last_change("admin add")
    assert (row.actor, row.object, row.detail["role"]) == ("admin:owner@example.com", admin.email, "Help Desk")
    again = browser.post(f"{HOME}/add", fields)
    assert (again.status, "there is an administrator carla@example.com already" in again.text) == (400, True)
    assert 'value="Carla &lt;b&gt;Bold' in again.html


def test_a_change_is_logged_with_before_and_after_and_acts_at_once(panel: PanelHost) -> None:
    admin = person(panel, "promoted")
    inside, browser = signed_in(panel, admin), panel.browser()
    assert inside.get(HOME).status == 403
    page = browser.get(f"{HOME}/{admin.id}")
    fields = {"shown": page.inputs()["shown"], "role": "Owner", "name": "P", "email": admin.email, "phone": ""}
    assert "Saved" in browser.submit(f"{HOME}/{admin.id}", fields).text
    assert inside.get(HOME).status == 200
    detail = panel.last_change("admin set").detail
    assert (detail["before"]["role"], detail["after"]["role"]) == ("Help Desk", "Owner")  # type: ignore[index,call-overload]
    late = browser.post(f"{HOME}/{admin.id}", {**fields, "role": "Billing"})
    assert (late.status, "was changed by somebody else" in late.text) == (409, True)
    assert now(panel, admin.id).role == "Owner"


def test_disabled_enabled_unlocked_logged_out_and_deleted(panel: PanelHost) -> None:
    admin, browser = person(panel, "leaves"), panel.browser()
    path = f"{HOME}/{admin.id}"
    inside = signed_in(panel, admin)
    assert "End all sessions" in browser.get(path).text
    browser.submit(f"{path}/sessions/end")
    assert inside.get("/admin/account").status == 303
    inside = signed_in(panel, admin)
    assert "disabled" in browser.submit(f"{path}/disable").text
    assert inside.get("/admin/account").status == 303
    assert "may log in" in browser.submit(f"{path}/enable").text
    assert "may try again" in browser.submit(f"{path}/unlock").text
    assert "?" in browser.get(f"{path}/delete").text
    assert "is deleted" in browser.submit(f"{path}/delete").text
    with pytest.raises(NotFound):
        now(panel, admin.id)
    assert browser.get(path).status == 404
    actions = ("admin session end", "admin disable", "admin enable", "admin unlock", "admin delete")
    assert {panel.last_change(action).object for action in actions} == {admin.email}


def test_links_for_a_password_and_for_everything(panel: PanelHost) -> None:
    admin, browser = person(panel, "linked"), panel.browser()
    for kind, title in (("reset", "A new password"), ("activation", "Welcome to the Admin Panel")):
        page = browser.post(f"{HOME}/{admin.id}/link", {"kind": kind})
        (token,) = re.findall(r"/admin/link/([\w-]{43})<", page.html)
        assert title in panel.browser(None).get(f"/admin/link/{token}").text
        assert panel.last_change("admin link").detail == {"kind": kind, "mailed": False}


def test_a_link_is_mailed_if_the_owner_likes(panel: PanelHost, server: MailServer) -> None:
    browser = panel.browser()
    assert "Mail the link" in browser.get(f"{HOME}/add").text
    fields = {"name": "Mailed", "email": "mailed@firm.example", "role": "Billing", "mail": "1"}
    page = browser.post(f"{HOME}/add", fields)
    assert "on its way by mail" in page.text
    give_up = time.monotonic() + 60
    while not server.mails and time.monotonic() < give_up:
        time.sleep(0.05)
    (mail,) = server.mails
    assert mail.recipients == ["mailed@firm.example"]
    assert re.findall(r'class="secret">([^<]+)<', page.html) == [mail.link]
    assert panel.browser(None).get(mail.link.removeprefix(panel.url)).status == 200
    assert panel.last_change("admin link").detail == {"kind": "activation", "mailed": True}


def test_the_last_owner_stays_and_one_alone_is_warned_of(panel: PanelHost) -> None:
    with panel.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE administrators SET role = 'Administrator' WHERE role = 'Owner' AND name <> 'Owner'"
        )
    browser, owner = panel.browser(), panel.admins[Role.OWNER]
    for page in (HOME, "/admin/"):
        assert "There is only one active Owner" in browser.get(page).text
    assert "There is only one active Owner" not in panel.browser(Role.ADMINISTRATOR).get("/admin/").text
    path = f"{HOME}/{owner.id}"
    shown = browser.get(path).inputs()["shown"]
    tries = [
        browser.post(f"{path}/disable"),
        browser.post(f"{path}/delete"),
        browser.post(path, {"shown": shown, "role": "Administrator"}),
    ]
    assert [(answer.status, "is the last active Owner" in answer.text) for answer in tries] == [(400, True)] * 3
    person(panel, "second", Role.OWNER)
    assert "There is only one active Owner" not in browser.get(HOME).text


def test_administrators_are_found_by_name(panel: PanelHost) -> None:
    person(panel, "findme")
    page = panel.browser().get(f"{HOME}?text=FINDM")
    assert re.findall(r">([a-z-]+@example\.com)</a>", page.html) == ["findme@example.com"]


# ---------------------------------------------------------------- log and roles


def test_the_log_is_searched_and_shows_what_was_before(panel: PanelHost) -> None:
    admin, browser = person(panel, "logged"), panel.browser()
    page = browser.get(f"{HOME}/{admin.id}")
    fields = {"shown": page.inputs()["shown"], "name": "New <i>name</i>"}
    browser.submit(f"{HOME}/{admin.id}", fields)
    log = "/admin/logs/administrators"
    found = browser.get(f"{log}?object={admin.email}&action=admin+set")
    assert "<del>Logged</del>" in found.html
    assert "<ins>New &lt;i&gt;name&lt;/i&gt;</ins>" in found.html
    assert found.html.count("<tr>") == 2  # heading and one change
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for query, is_there in (
        (f"text=LOGGED@&since={today}&until={today}", True),
        (f"object={admin.email}&until=2001-01-01", False),
        (f"object={admin.email}&since=nonsense", True),
        (f"actor=admin:owner@example.com&object={admin.email}", True),
        (f"actor=api:&object={admin.email}", False),
    ):
        assert ("Nothing was found" not in browser.get(f"{log}?{query}").text) == is_there, query
    exported = browser.get(f"{log}/export.json?object={admin.email}").json()
    assert exported[0]["detail"]["after"]["name"] == "New <i>name</i>"
    assert panel.browser(Role.READ_ONLY).get(log).status == 200


def test_the_table_of_roles_is_the_matrix(panel: PanelHost) -> None:
    page = panel.browser(Role.READ_ONLY).get("/admin/roles")
    body = page.html.partition("<tbody>")[2].partition("</tbody>")[0]
    found = {}
    for row in body.split("</tr>")[:-1]:
        name = re.findall(r'<th scope="row">([^<]+)</th>', row)[0]
        cells = [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", row)]
        found[Permission(name)] = dict(zip(Role, cells, strict=True))
    assert found == {
        permission: {role: "yes" if permission in MATRIX[role] else "no" for role in Role}
        for permission in Permission
    }
