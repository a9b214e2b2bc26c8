"""Logging in to the panel, as a browser does it; and what an attacker learns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from authproxy.secondfactor import recovery_codes
from authproxy.secondfactor.administrators import Administrator, find_administrator
from authproxy.secondfactor.roles import Role
from authproxy.store.tables import administrators, sessions
from tests.panel import people
from tests.panel.panelhost import COOKIE, Answer, Browser, PanelHost
from tests.panel.people import PASSWORD
from tests.web.apihost import LOCKOUT


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    """One from where an address may try as often as it likes."""
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", "request_rate=0\npassword_rate=1000").start()
    yield made
    made.stop()


def person(panel: PanelHost, name: str, role: Role = Role.OWNER) -> Administrator:
    """A new administrator with password and app. The app's last code is from ten minutes ago."""
    return people.add(panel.api.database, f"{name}@example.com", role, time.time(), panel.api.seeds)


def code(panel: PanelHost, admin: Administrator, ahead: float = 0) -> str:
    return people.code_of(admin, time.time() + ahead, seeds=panel.api.seeds)


def try_password(browser: Browser, email: str, password: str = PASSWORD, next_: str = "") -> Answer:
    return browser.post("/admin/login", {"email": email, "password": password, "next": next_})


def halfway(panel: PanelHost, admin: Administrator, next_: str = "") -> Browser:
    """Has shown the password."""
    browser = panel.browser(None)
    answer = try_password(browser, admin.email, next_=next_)
    assert (answer.status, answer.location.partition("?")[0]) == (303, "/admin/login/factor"), answer.text
    browser.csrf = browser.get(answer.location).inputs()["csrf"]
    return browser


def now(panel: PanelHost, admin: Administrator) -> Administrator:
    with panel.reading() as connection:
        return find_administrator(connection, admin.id)


def test_password_and_code_lead_to_the_page_that_was_asked_for(panel: PanelHost) -> None:
    admin = person(panel, "ann")
    browser = panel.browser(None)
    asked = browser.get("/admin/account?x=1")
    page = browser.get(asked.location)
    assert "Log in to the Admin Panel" in page.text
    answer = try_password(browser, " ANN@example.com ", next_=page.inputs()["next"])
    page = browser.get(answer.location)
    assert "Your second factor" in page.text
    fields = {"code": code(panel, admin), "next": page.inputs()["next"]}
    browser.csrf = page.inputs()["csrf"]
    answer = browser.post("/admin/login/factor", fields)
    assert (answer.status, answer.location) == (303, "/admin/account?x=1")
    assert "ann@example.com" in browser.get("/admin/account").text
    row = panel.last_change("admin login")
    assert (row.actor, row.object, row.detail, row.address) == (
        "admin:ann@example.com",
        "ann@example.com",
        {"factor": "authenticator app"},
        "127.0.0.1",
    )
    assert time.time() - (now(panel, admin).last_login or 0) < 60


def test_the_cookie_changes_when_the_login_is_complete_and_the_old_one_is_worth_nothing(panel: PanelHost) -> None:
    admin = person(panel, "fixed")
    browser = panel.browser(None)
    browser.cookies[COOKIE] = "planted"
    try_password(browser, admin.email)
    first = browser.cookies[COOKIE]
    assert first != "planted"
    browser.csrf = browser.get("/admin/login/factor").inputs()["csrf"]
    assert browser.post("/admin/login/factor", {"code": code(panel, admin)}).status == 303
    assert browser.cookies[COOKIE] != first
    assert browser.get("/admin/account").status == 200
    for old in ("planted", first):
        browser.cookies[COOKIE] = old
        for path in ("/admin/account", "/admin/login/factor"):
            assert browser.get(path).location.startswith("/admin/login?")


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(panel: PanelHost) -> None:
    admin = person(panel, "cookie")
    said = try_password(panel.browser(None), admin.email).headers["set-cookie"]
    assert said.startswith("__Host-panel=")
    assert {part.strip().lower() for part in said.split(";")[1:]} == {
        "path=/",
        "secure",
        "httponly",
        "samesite=strict",
    }


def test_a_password_alone_opens_no_page_of_the_panel(panel: PanelHost) -> None:
    browser = halfway(panel, person(panel, "half"))
    for path in ("/admin/account", "/admin/administrators", "/admin/confirm"):
        assert browser.get(path).location.startswith("/admin/login?"), path
    page = browser.get("/admin/login/factor")
    assert "Menu" not in page.text
    assert "Log out" not in page.text


def test_a_recovery_code_is_as_good_once(panel: PanelHost) -> None:
    admin = person(panel, "paper")
    with panel.writing() as connection:
        codes = recovery_codes.new_codes(connection, panel.api.seeds, admin)
    assert halfway(panel, admin).post("/admin/login/factor", {"code": codes[0]}).status == 303
    assert panel.last_change("admin login").detail == {"factor": "recovery code"}
    assert halfway(panel, admin).post("/admin/login/factor", {"code": codes[0]}).status == 401


def test_a_factor_alone_does_not_confirm_a_session(panel: PanelHost) -> None:
    admin = person(panel, "hijacked")
    panel.admins[Role.READ_ONLY] = admin
    browser = panel.browser(Role.READ_ONLY, is_confirmed=False)
    answer = browser.post("/admin/login/factor", {"code": code(panel, admin)})
    assert (answer.status, answer.location) == (303, "/admin/")
    assert browser.get("/admin/account/password").location.startswith("/admin/confirm?")


def test_a_code_of_the_app_is_good_once(panel: PanelHost) -> None:
    admin = person(panel, "once")
    shown = code(panel, admin)
    assert halfway(panel, admin).post("/admin/login/factor", {"code": shown}).status == 303
    assert halfway(panel, admin).post("/admin/login/factor", {"code": shown}).status == 401


def test_who_is_unknown_wrong_locked_out_disabled_or_pending_gets_the_same_answer(panel: PanelHost) -> None:
    wrong, locked, disabled, pending = (person(panel, name) for name in ("w", "l", "d", "p"))
    with panel.writing() as connection:
        table = administrators
        connection.execute(table.update().where(table.c.id == locked.id).values(locked_until=time.time() + 60))
        connection.execute(table.update().where(table.c.id == disabled.id).values(status="disabled"))
        connection.execute(table.update().where(table.c.id == pending.id).values(status="pending"))
    tries = {
        "unknown": ("u@example.com", PASSWORD),
        "wrong password": (wrong.email, PASSWORD + "!"),
        "locked out": (locked.email, PASSWORD),
        "disabled": (disabled.email, PASSWORD),
        "pending": (pending.email, PASSWORD),
    }
    answers = set()
    for why, (email, password) in tries.items():
        answer = try_password(panel.browser(None), email, password)
        names = frozenset(answer.headers) - {"date"}
        answers.add((answer.status, answer.body, names))
        assert panel.last_change("admin login failed").detail == {"why": why}
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_the_log_keeps_no_password_that_was_typed_as_an_address(panel: PanelHost) -> None:
    try_password(panel.browser(None), "my secret password")
    row = panel.last_change("admin login failed")
    assert (row.actor, row.object) == ("system", "")


def test_too_many_wrong_attempts_lock_out_whichever_part_was_wrong(panel: PanelHost) -> None:
    admin = person(panel, "tries")
    with panel.writing() as connection:
        connection.execute(
            administrators.update().where(administrators.c.id == admin.id).values(failures=LOCKOUT - 2)
        )
    browser = halfway(panel, admin)
    assert browser.post("/admin/login/factor", {"code": "000000"}).status == 401
    assert try_password(panel.browser(None), admin.email, "wrong password 1").status == 401
    assert panel.last_change("admin login failed").detail == {"why": "wrong password; locked out by that"}
    assert browser.post("/admin/login/factor", {"code": code(panel, admin)}).status == 401
    assert try_password(panel.browser(None), admin.email).status == 401
    assert now(panel, admin).is_locked_out(time.time() + 890)


def test_whoever_guesses_codes_until_locked_out_has_to_begin_anew(panel: PanelHost) -> None:
    admin = person(panel, "guess")
    browser = halfway(panel, admin)
    with panel.writing() as connection:
        connection.execute(
            administrators.update().where(administrators.c.id == admin.id).values(failures=LOCKOUT - 1)
        )
    assert browser.post("/admin/login/factor", {"code": "000000"}).status == 401
    assert browser.get("/admin/login/factor").location.startswith("/admin/login?")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/admin/",
        "//evil.example/admin/",
        "/\\evil.example/admin/",
        "/admin/\\..\\..//evil.example",
        "javascript:alert(1)",
        "/elsewhere",
        "/admin/login?next=/admin/login",
        "\r\nSet-Cookie: a=b",
    ],
)
def test_a_login_leads_to_a_page_of_the_panel_and_nowhere_else(panel: PanelHost, wanted: str) -> None:
    page = panel.browser(None).get("/admin/login")
    assert page.inputs()["next"] == "/admin/"
    answer = panel.browser(None).post("/admin/login", {"next": wanted})
    assert (answer.status, answer.location) == (401, "")
    assert answer.inputs()["next"] == "/admin/"


def test_a_session_ends_when_idle_at_its_end_and_on_logout(panel: PanelHost) -> None:
    moved = {"idle": {"seen": time.time() - 1801}, "old": {"expires": time.time() - 1}}
    for values in moved.values():
        browser = panel.browser()
        assert browser.get("/admin/account").status == 200
        with panel.writing() as connection:
            hash_ = sa.select(sessions.c.hash).order_by(sessions.c.created.desc()).limit(1).scalar_subquery()
            connection.execute(sessions.update().where(sessions.c.hash == hash_).values(**values))
        assert browser.get("/admin/account").location.startswith("/admin/login?")
    browser = panel.browser()
    cookie = browser.cookies[COOKIE]
    answer = browser.submit("/admin/logout")
    assert "You are logged out." in answer.text
    assert COOKIE not in browser.cookies
    browser.cookies[COOKIE] = cookie
    assert browser.get("/admin/account").location.startswith("/admin/login?")


def test_an_address_that_tries_too_often_has_to_wait_whatever_the_rate_of_requests_is(tmp_path: Path) -> None:
    host = PanelHost.make(tmp_path / "host", "request_rate=0").start()
    statuses: list[int] = []
    try:
        while 429 not in statuses and len(statuses) < 100:
            answer = try_password(host.browser(None), "nobody@example.com")
            statuses.append(answer.status)
    finally:
        host.stop()
    assert set(statuses[:10]) == {401}
    assert statuses[-1] == 429
    assert "Too many attempts from your address" in answer.text


def test_a_disabled_administrator_is_out_at_once(panel: PanelHost) -> None:
    admin = person(panel, "gone", Role.HELP_DESK)
    browser = halfway(panel, admin)
    assert browser.post("/admin/login/factor", {"code": code(panel, admin)}).status == 303
    assert browser.get("/admin/account").status == 200
    with panel.writing() as connection:
        connection.execute(
            administrators.update().where(administrators.c.id == admin.id).values(status="disabled")
        )
    assert browser.get("/admin/account").location.startswith("/admin/login?")
