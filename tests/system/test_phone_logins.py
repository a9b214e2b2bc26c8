"""Logins with a phone through the real daemon: the challenge carries the number that the phone must give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from authproxy.store.tables import phone_apps
from tests.peers.radclient import Reply
from tests.system.sites import People, Site

ACCEPT, REJECT, CHALLENGE = "Access-Accept", "Access-Reject", "Access-Challenge"
NAME = "alice"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """alice has a phone with an app; the appliance has checked her password."""
    people = People(NAME, "bob", {}, {})
    folder: Path = tmp_path_factory.mktemp("phones")
    site = Site.make(folder, "[duo_only_client]", people, auto="verified_push=number", service="push_limit=0")
    site.daemon.json("user", "add", NAME)
    phone_id = site.daemon.json("phone", "add", NAME, "--number", "+15555550100")["phone_id"]
    with site.database.writing() as connection:
        values = {"phone_id": phone_id, "kind": "web", "serial": "S", "public_key": b"", "created": 1.0}
        connection.execute(phone_apps.insert().values(**values))
    site.daemon.start()
    yield site
    site.daemon.stop()


def pushed(site: Site) -> tuple[Reply, str]:
    """A challenge, and the ID of its push."""
    asked = site.appliance().login(NAME, "push")
    assert asked.code == CHALLENGE, asked.output
    pushes = site.daemon.json("push", "list")["pushes"]
    assert isinstance(pushes, list)
    assert [push["mode"] for push in pushes] == ["number"]
    return asked, str(pushes[0]["id"])


def answered(site: Site, asked: Reply) -> str | None:
    state = asked.attributes["State"][0]
    return site.appliance().login(NAME, "OK", [f"State = {state}"]).code


def test_the_number_in_the_challenge_lets_in(site: Site) -> None:
    asked, push_id = pushed(site)
    text = "".join(asked.attributes["Reply-Message"])
    (number,) = re.findall(r"XXX-XXX-0100\. Pick (\d\d) there", text)
    assert site.daemon.json("push", "approve", push_id, "--number", number)["status"] == "approved"
    assert answered(site, asked) == ACCEPT
    assert answered(site, asked) == REJECT
    assert [record.result for record in site.records(NAME)] == ["reject", "accept", "challenge"]


def test_another_number_keeps_out(site: Site) -> None:
    asked, push_id = pushed(site)
    assert site.daemon.json("push", "approve", push_id, "--number", "00")["status"] == "denied"
    assert answered(site, asked) == REJECT
    assert site.why(NAME) == "push denied"


def test_a_phone_that_is_deleted_meanwhile_keeps_out(site: Site) -> None:
    asked, push_id = pushed(site)
    (phone,) = site.daemon.json("phone", "list", NAME)["phones"]  # type: ignore[misc]
    site.daemon.json("phone", "delete", phone["phone_id"])
    assert site.daemon.json("push", "list")["pushes"] == []
    assert answered(site, asked) == REJECT
    assert push_id not in str(site.daemon.json("push", "list"))
