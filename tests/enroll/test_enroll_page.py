"""The enrollment page of the real daemon, from the link that duo_client is given to a phone that answers."""

from __future__ import annotations

import re
import urllib.request

import pytest

from authproxy.secondfactor.users import change_user, find_user
from tests.enroll.portal import Site


def test_from_the_portal_link_to_a_phone_that_approves_a_login(site: Site) -> None:
    url = site.portal("nora")
    first = site.get(url)
    assert (first.status, first.title) == (200, "Set up your phone")
    assert "<strong>nora</strong>" in first.html
    waiting = site.begin(url)
    assert (waiting.title, waiting.url) == ("Scan this with your phone", url)
    assert site.get(url).activation == waiting.activation  # loading it again changes nothing
    phone = site.activate(waiting.activation)
    assert site.get(url).title == "Answer the test on your device"
    assert site.host.client().preauth(username="nora")["result"] == "enroll"  # it does not count yet
    site.approve_test(phone)
    assert site.get(url).title == site.begin(url).title == "Your phone is ready"
    txid = site.host.client().auth("push", username="nora", device="auto", async_txn=True)["txid"]
    push = site.phones.pending(phone)
    answer = {"push": push["id"], "nonce": push["nonce"], "decision": "approve"}
    assert site.phones.post(phone, "answer", answer)["status"] == "approved"
    told = site.host.client().auth_status(txid)
    while told["waiting"]:
        told = site.host.client().auth_status(txid)
    assert told["success"] is True


def test_looking_and_previews_of_the_link_make_no_user(site: Site) -> None:
    url = site.portal("nobody-yet")
    for _ in range(2):
        assert site.get(url).title == "Set up your phone"
    assert site.phones.value("SELECT count(*) FROM users WHERE username = 'nobody-yet'") == 0


def test_the_page_keeps_its_scripts_and_secrets_to_itself(site: Site) -> None:
    url = site.portal("mona")
    pages = [site.get(url), site.begin(url), site.get(f"{url}?app=authenticator")]
    for page in pages:
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert not re.findall(r"<script(?![^>]* src=)|style=|<style|\son\w+=", page.html)
        assert "://" not in "".join(re.findall(r'src="([^"]*)"', page.html))
    assert "privacyIDEA" in pages[2].title
    ticket = url.rpartition("/")[2]
    log = site.host.daemon.log()
    assert "GET /enroll/..." in log
    assert ticket not in log
    assert pages[1].activation.rpartition("#")[2] not in log


@pytest.mark.parametrize("ticket", ["nonsense", "A" * 40, "é", "%00", "A" * 2000])
def test_a_wrong_link_gets_a_page_that_says_what_to_do(site: Site, ticket: str) -> None:
    url = f"{site.phones.url}/enroll/{ticket}".replace("é", "%C3%A9")
    for page in (site.get(url), site.begin(url)):
        assert (page.status, page.title) == (404, "This link does not work any more")
        assert "Sign in again" in page.html
    assert "a link to enroll that is forged or expired" in site.host.daemon.log()


def test_a_link_of_somebody_who_has_a_device_by_now_adds_no_phone(site: Site) -> None:
    url = later = site.portal("lena")
    while later == url:  # within one second, it is the same
        later = site.portal("lena")
    site.set_up(site.begin(url).activation)
    for page in (site.get(later), site.begin(later)):
        assert (page.status, page.title) == (409, "You are set up already")
    assert site.get(url).title == "Your phone is ready"


def test_a_disabled_user_is_sent_to_the_help_desk(site: Site) -> None:
    url = site.portal("kurt")
    site.begin(url)
    with site.host.database.writing() as connection:
        change_user(connection, find_user(connection, "kurt", "simple"), {"status": "disabled"})
    page = site.get(url)
    assert (page.status, page.title) == (403, "Your account is disabled")
    assert "help desk" in page.html


def test_names_are_shown_as_they_are_and_never_as_markup(site: Site) -> None:
    url = site.portal("<b onclick=1>x</b>")
    for page in (site.get(url), site.begin(url)):
        assert "&lt;b onclick=1&gt;x&lt;/b&gt;" in page.html
        assert "<b " not in page.html


def test_pictures_are_of_this_services_own_codes_only(site: Site) -> None:
    enrolled = site.host.client().enroll(username="paul")
    assert site.content(enrolled["activation_barcode"])[:2] == (200, "image/png")
    for value in ("", "https://evil.example", "duo://AAAAAAAAAAAAAAAAAAAA-ZXZpbA"):
        assert site.content(f"{site.phones.url}/qr?value={value}")[0] == 404


def test_a_phone_goes_straight_through_and_a_laptop_gets_a_code(site: Site) -> None:
    url, phone = site.portal("rosa"), {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Mobile"}
    with site._open(urllib.request.Request(f"{url}/begin", b"", phone, method="POST")) as answer:
        assert answer.url.partition("#")[0] == f"{site.phones.url}/phone/activate"
    with site._open(urllib.request.Request(url, headers=phone)) as answer:
        html = answer.read().decode()
    assert "<h1>Set up this device</h1>" in html
    assert "<svg" not in html
    assert site.get(url).title == "Scan this with your phone"
