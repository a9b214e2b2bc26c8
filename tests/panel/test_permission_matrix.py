"""The permission matrix, on every page of the panel's table, for every role and for nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from authproxy.secondfactor.roles import MATRIX, Permission, Role, may
from authproxy.web.admin.app import PAGES
from authproxy.web.admin.page import Entry, Page
from tests.panel.panelhost import Answer, Browser, PanelHost

EVERYBODY = (Role.OWNER, Role.ADMINISTRATOR, Role.APPLICATION_MANAGER, Role.USER_MANAGER, Role.HELP_DESK,
             Role.BILLING, Role.READ_ONLY)  # fmt: skip
TABLE = {  # in the order of EVERYBODY
    Permission.VIEW: "yes yes yes yes yes no yes",
    Permission.VIEW_LOGS: "yes yes yes yes yes no yes",
    Permission.MODIFY_DEVICES: "yes yes no yes yes no no",
    Permission.MODIFY_USERS: "yes yes no yes no no no",
    Permission.MODIFY_APPLICATIONS: "yes yes yes no no no no",
    Permission.MODIFY_SETTINGS: "yes yes no no no no no",
    Permission.BILLING: "yes no no no no yes no",
    Permission.ADMINISTRATORS: "yes no no no no no no",
}
POSTS = [page for page in PAGES if page.method == "POST"]


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", "request_rate=0\npassword_rate=1000").start()
    yield made
    made.stop()


def test_the_matrix_is_the_one_that_was_promised() -> None:
    told = {
        (permission, role): word == "yes"
        for permission, words in TABLE.items()
        for role, word in zip(EVERYBODY, words.split(), strict=True)
    }
    assert set(EVERYBODY) == set(MATRIX) == set(Role)
    assert told == {(permission, role): may(role, permission) for permission in Permission for role in Role}


def path_of(page: Page) -> str:
    """Of things that are not there."""
    values = {"form": "csv"}
    return re.sub(
        r"\{(\w+)(:\w+)?\}", lambda found: "1" if found[2] == ":int" else values.get(found[1], "x"), page.path
    )


def ask(browser: Browser, page: Page) -> Answer:
    return browser.get(path_of(page)) if page.method == "GET" else browser.post(path_of(page))


def is_let_in(page: Page, role: Role) -> bool:
    return not isinstance(page.needs, Permission) or may(role, page.needs)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_comes_to_the_pages_that_the_matrix_allows_and_to_no_other(panel: PanelHost, role: Role) -> None:
    found, browser = {}, panel.browser(role)
    for page in PAGES:
        answer = ask(browser, page)
        if page.path.startswith(("/admin/login", "/admin/confirm", "/admin/logout")):
            browser = panel.browser(role)  # some of these end the session
        assert answer.status < 500, f"{page.method} {page.path}: {answer.status}"
        assert not (answer.location.startswith("/admin/login?") and is_let_in(page, role)), page.path
        found[page.method, page.path] = answer.status != 403
    assert found == {(page.method, page.path): is_let_in(page, role) for page in PAGES}


def test_who_has_not_logged_in_is_led_to_the_login_from_every_page(panel: PanelHost) -> None:
    browser = panel.browser(None)
    found = {page.path for page in PAGES if ask(browser, page).location.startswith("/admin/login?next=")}
    assert found == {page.path for page in PAGES if page.needs is not Entry.ANYBODY}


def test_only_the_login_and_one_time_links_are_for_anybody() -> None:
    found = {page.path for page in PAGES if page.needs is Entry.ANYBODY}
    assert {path.split("{")[0] for path in found} == {"/admin/login", "/admin/link/"}


def test_what_is_dangerous_is_asked_for_once_more(panel: PanelHost) -> None:
    dangerous = [page for page in PAGES if page.is_dangerous]
    browser = panel.browser(is_confirmed=False)
    found = [ask(browser, page).location.partition("?")[0] for page in dangerous]
    assert found == ["/admin/confirm"] * len(dangerous)
    assert any(page.needs is Permission.ADMINISTRATORS for page in dangerous)


def test_no_form_is_taken_from_elsewhere_or_with_the_token_of_another_session(panel: PanelHost) -> None:
    assert len(POSTS) > 20
    browser, wrong = panel.browser(), panel.browser()
    wrong.csrf = browser.csrf
    for page in POSTS:
        path = path_of(page)
        assert browser.post(path, None, None, Origin="https://evil.example").status == 403, path
        assert wrong.post(path).status == 403, path
    assert browser.get("/admin/account").status == 200  # no logout came through


def test_a_form_has_to_say_where_it_is_from_and_to_have_a_token(panel: PanelHost) -> None:
    browser, path = panel.browser(), "/admin/account/sessions/end"
    plain = panel.url.replace("https", "http")
    assert browser.post(path, None, None, Origin=plain).status == 403
    assert browser.post(path, None, None, Origin="null").status == 403
    assert browser.post(path, None, None, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    token, browser.csrf = browser.csrf, ""
    assert browser.post(path).status == 403
    browser.csrf = token
    assert browser.post(path).status == 303


def test_who_may_only_look_finds_no_form_to_change_anything() -> None:
    """An action that needs no more than looking would be one that everybody may do."""
    looking = (Permission.VIEW, Permission.VIEW_LOGS)
    assert [page.path for page in POSTS if page.needs in looking] == []


def test_no_page_is_twice_in_the_table() -> None:
    pairs = [(page.method, page.path) for page in PAGES]
    assert len(pairs) == len(set(pairs))
