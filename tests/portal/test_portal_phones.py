"""A phone that is set up in the portal, over HTTP: asked for an answer, as often as it takes, before it counts."""

from __future__ import annotations

import re

import pytest

from tests.enroll.portal import Site
from tests.phone.webphone import WebPhone
from tests.portal.people import Portal
from tests.prompt.demo import Visitor


def at_home(portal: Portal, name: str) -> Visitor:
    visitor = Visitor(portal.host)
    visitor.session.cookies.set("__Host-portal", portal.cookie(name), domain="localhost.local", secure=True)
    visitor.get(f"{portal.url}/portal/")
    assert visitor.page.title == "My devices"
    return visitor


def deny(site: Site, phone: WebPhone) -> None:
    push = site.phones.pending(phone)
    answer = {"push": push["id"], "nonce": push["nonce"], "decision": "deny"}
    assert site.phones.post(phone, "answer", answer)["status"] == "denied"


def test_a_phone_counts_once_it_has_approved_its_test_which_is_sent_again_on_request(portal: Portal) -> None:
    site, visitor = Site(portal.host), at_home(portal, "erin")
    visitor.post({"type": "tablet", "name": "Pad"}, f"{portal.url}/portal/phones")
    (link,) = re.findall(r'href="([^"]*/phone/activate#[^"]*)"', visitor.page.html)
    phone = site.activate(link)
    assert "has yet to answer its test" in visitor.get(f"{portal.url}/portal/").text
    assert portal.own("erin").ways_in == 0
    deny(site, phone)
    (row,) = portal.own("erin").phones
    visitor.post({}, f"{portal.url}/portal/phones/{row.id}/test")
    assert "A test was sent. Approve it on your phone." in visitor.page.text
    site.approve_test(phone)
    assert "approves logins" in visitor.get(f"{portal.url}/portal/").text
    assert portal.own("erin").ways_in == 1


def test_activating_anew_asks_for_an_answer_too(portal: Portal) -> None:
    site, visitor = Site(portal.host), at_home(portal, "alice")
    visitor.post({}, f"{portal.url}/portal/phones/{portal.host.phone}/activate")
    (link,) = re.findall(r'href="([^"]*/phone/activate#[^"]*)"', visitor.page.html)
    phone = site.activate(link)
    (row,) = portal.own("alice").phones
    assert row.is_untested
    site.approve_test(phone)
    (row,) = portal.own("alice").phones
    assert row.takes_pushes


@pytest.mark.parametrize("name", ["bob", "daemon"])
def test_nobody_has_a_phone_of_somebody_else_tested(portal: Portal, name: str) -> None:
    visitor = at_home(portal, name)
    visitor.post({}, f"{portal.url}/portal/phones/{portal.host.phone}/test")
    assert visitor.page.status == 404
