"""Coming into the portal: OpenLDAP checks the password, the prompt asks for the second factor."""

from __future__ import annotations

from collections.abc import Iterator

import pyotp
import pytest

from authproxy.secondfactor.applications import change_application, find_application
from authproxy.secondfactor.bypass import create_codes
from authproxy.secondfactor.devices import add_hotp
from authproxy.secondfactor.users import User, add_user
from authproxy.store import tables
from authproxy.web.pages.catalogue import catalogue
from tests.peers.slapd import Slapd
from tests.portal.people import Portal
from tests.prompt.demo import Demo, Visitor

USER, PASSWORD = "user0001", "pw-0001"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd") / "peer", users=30) as running:
        yield running


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, slapd: Slapd) -> Iterator[Portal]:
    section = f"""portal_client=ad_client
request_rate=0

[ad_client]
host=127.0.0.1
port={slapd.tls_port}
auth_type=plain
bind_dn={slapd.service_dn}
service_account_password={slapd.service_password}
search_dn={slapd.base}
username_attribute=uid
transport=ldaps
ssl_ca_certs_file={slapd.ca_file}
"""
    with Portal.running(tmp_path_factory.mktemp("portal") / "host", section) as running:
        yield running


def user(portal: Portal, name: str, **more: str) -> User:
    with portal.host.database.writing() as connection:
        return add_user(connection, name, "simple", **more)


def login(portal: Portal, name: str = USER, password: str = PASSWORD) -> Visitor:
    visitor = Visitor(portal.host)
    visitor.get(f"{portal.url}/portal/")
    assert visitor.page.title == "Look after your devices"
    visitor.post({"username": name, "password": password})
    return visitor


def test_password_and_code_lead_in_and_the_code_alone_leads_nobody(portal: Portal) -> None:
    with portal.host.database.writing() as connection:
        code = pyotp.HOTP(add_hotp(connection, add_user(connection, USER, "simple"), portal.host.seeds).secret).at(
            0
        )
    visitor = login(portal)
    assert "/prompt/" in visitor.page.url
    assert visitor.passcode(code).title == "My devices"
    assert "code generator" in visitor.page.text
    assert [row["actor"] for row in portal.audit("portal login")] == [f"user:{USER}"]
    assert Visitor(portal.host).get(f"{portal.url}/portal/").title == "Look after your devices"


@pytest.mark.parametrize(("name", "password"), [(USER, "wrong"), ("nobody", "wrong"), (USER, ""), ("", "x")])
def test_wrong_passwords_and_unknown_names_are_told_the_same(portal: Portal, name: str, password: str) -> None:
    page = login(portal, name, password).page
    assert (page.status, page.title) == (403, "Look after your devices")
    assert "User name or password is wrong." in page.text


def test_a_bypass_code_from_the_help_desk_lets_in_who_has_no_device(portal: Portal) -> None:
    with portal.host.database.writing() as connection:
        codes, _ = create_codes(connection, add_user(connection, "user0002", "simple"), portal.host.seeds)
    visitor = login(portal, "user0002", "pw-0002")
    assert visitor.passcode(codes[0]).title == "My devices"
    assert "You have no device to log in with" in visitor.page.text


def test_who_is_let_in_without_a_second_factor_elsewhere_is_not_here(portal: Portal) -> None:
    user(portal, "user0003", status="bypass")
    page = login(portal, "user0003", "pw-0003").page
    assert page.title == "That was not done"
    assert "needs a second factor" in page.text


def test_a_code_of_another_browser_leads_nowhere(portal: Portal) -> None:
    with portal.host.database.writing() as connection:
        device = add_hotp(connection, add_user(connection, "user0004", "simple"), portal.host.seeds)
    visitor = login(portal, "user0004", "pw-0004")
    visitor.session.cookies.pop("__Host-portal-state")  # as if somebody had sent the link
    assert visitor.passcode(pyotp.HOTP(device.secret).at(0)).title == "Look after your devices"


def test_from_an_applications_prompt_with_a_factor_of_its_own(portal: Portal) -> None:
    demo = Demo.make(portal.host, "wiki")
    with portal.host.database.writing() as connection:
        change_application(connection, find_application(connection, "wiki"), {"self_service": True})
    visitor, _state = demo.begin("bob")
    here = visitor.page.url.rpartition("/")[2]
    assert f'href="/portal/from/{here}"' in visitor.page.html
    visitor.get(f"{portal.url}/portal/from/{here}")
    assert "/prompt/" in visitor.page.url
    assert visitor.page.url.rpartition("/")[2] != here
    assert visitor.passcode(portal.host.code("bob")).title == "My devices"


def test_no_prompt_no_way_in(portal: Portal) -> None:
    visitor = Visitor(portal.host)
    assert visitor.get(f"{portal.url}/portal/from/0123456789abcdef").title == "Look after your devices"


def test_an_application_without_self_service_shows_no_way(portal: Portal) -> None:
    visitor, _state = Demo.make(portal.host, "shop").begin("alice")
    assert "/portal/from/" not in visitor.page.html
    here = visitor.page.url.rpartition("/")[2]
    assert visitor.get(f"{portal.url}/portal/from/{here}").title == "Look after your devices"


def test_a_name_that_the_portal_takes_for_anothers_leads_nowhere(portal: Portal) -> None:
    demo = Demo.make(portal.host, "lab", policy={"username_normalization": "none"})
    with portal.host.database.writing() as connection:
        change_application(connection, find_application(connection, "lab"), {"self_service": True})
        twin = add_user(connection, "corp\\user0009", "none")
        create_codes(connection, twin, portal.host.seeds)
    visitor, _state = demo.begin("corp\\user0009")
    here = visitor.page.url.rpartition("/")[2]
    assert f'href="/portal/from/{here}"' in visitor.page.html
    assert visitor.get(f"{portal.url}/portal/from/{here}").title == "Look after your devices"


def test_who_is_known_reads_the_accounts_language_and_others_their_browsers(portal: Portal) -> None:
    german = catalogue("de").gettext
    with portal.host.database.writing() as connection:
        connection.execute(tables.settings.insert().values(key="account.language", value='"DE"'))
    try:
        visitor, _state = Demo.make(portal.host, "german").begin("bob", Visitor(portal.host, language="en"))
        assert visitor.page.title == german("How do you want to log in?")
        url = portal.host.client().preauth(username="lisa")["enroll_portal_url"]
        assert visitor.get(url).title == german("Set up your phone")
        assert visitor.get(f"{url}x").title == "This link does not work any more"
        assert visitor.get(f"{portal.url}/portal/login").title == "Look after your devices"
        cookie = portal.cookie("bob")
        visitor.session.cookies.set("__Host-portal", cookie, domain="localhost.local", secure=True)
        assert visitor.get(f"{portal.url}/portal/").title == german("My devices")
    finally:
        with portal.host.database.writing() as connection:
            connection.execute(tables.settings.delete().where(tables.settings.c.key == "account.language"))
    assert portal.host.client().preauth(username="bob")["result"] == "auth"  # which reads the settings anew
    assert visitor.get(f"{portal.url}/portal/").title == "My devices"


def test_a_directory_that_is_down_is_said(portal: Portal, slapd: Slapd) -> None:
    slapd.stop()
    try:
        page = login(portal).page
    finally:
        slapd.start()
    assert page.status == 503
    assert "The directory does not answer" in page.text


def test_who_tries_passwords_has_to_wait_whatever_the_rate_of_requests_is(portal: Portal) -> None:
    """The last here: who has tried too often is not let in for a while."""
    visitor, pages = Visitor(portal.host), []
    visitor.get(f"{portal.url}/portal/login")
    while len(pages) < 100 and not (pages and pages[-1].status == 429):
        pages.append(visitor.post({"username": "nobody", "password": "wrong"}, f"{portal.url}/portal/login"))
    assert pages[0].status == 403
    assert pages[-1].status == 429
    assert "Too many attempts." in pages[-1].text
