"""Logs, their files, one login's story, and the search box, over HTTP."""

from __future__ import annotations

import csv
import http.client
import io
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.dialects.sqlite import insert

from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.roles import Role
from authproxy.store import tables
from authproxy.store.journal import bare_name
from tests.panel.panelhost import COOKIE, PanelHost

STEPS = [["primary", "ok", "CN=Alice", 0.0123], ["second factor", "refused", "wrong \x1b[31mpasscode", 0.5]]


def login(panel: PanelHost, login_id: str, username: str, at: float | None = None, **values: Any) -> None:
    row: dict[str, Any] = {
        "section": "radius_server_auto", "nas": "192.0.2.1", "client_ip": "198.51.100.7", "result": "reject",
        "reason": "wrong passcode", "factor": "", "device": "", "elapsed": 0.512, "steps": json.dumps(STEPS),
    }  # fmt: skip
    named = {"login_id": login_id, "username": username, "name": bare_name(username), "at": at or time.time()}
    with panel.writing() as connection:
        connection.execute(tables.logins.insert().values(**{**row, **named, **values}))
        keep = insert(tables.login_names).values(username=username, name=bare_name(username))
        connection.execute(keep.on_conflict_do_nothing())


@contextmanager
def streamed(panel: PanelHost, path: str) -> Iterator[http.client.HTTPResponse]:
    """An answer that is read bit by bit."""
    context = ssl.create_default_context(cafile=str(panel.api.ca))
    connection = http.client.HTTPSConnection("localhost", panel.api.port, context=context, timeout=60)
    connection.request("GET", path, headers={"Cookie": f"{COOKIE}={panel.open_session(Role.OWNER).cookie}"})
    try:
        yield connection.getresponse()
    finally:
        connection.close()


# ---------------------------------------------------------------- the authentication log


def test_a_login_is_told_step_by_step(panel: PanelHost) -> None:
    user = panel.user("storied")
    login(panel, "STORYSTORY", "CORP\\Storied")
    browser = panel.browser(Role.HELP_DESK)
    page = browser.get(f"/admin/users/{user.id}")
    assert "/admin/logs/authentication/STORYSTORY" in page.html
    story = browser.get("/admin/logs/authentication/STORYSTORY")
    assert f'<a href="/admin/users/{user.id}">CORP\\Storied</a>' in story.html
    assert "12.3 ms 12.3 ms primary ok CN=Alice" in story.text
    assert "500.0 ms 487.7 ms second factor refused wrong \\x1b[31mpasscode" in story.text
    assert "reject: wrong passcode" in story.text
    assert browser.get("/admin/logs/authentication/NOSUCHLOGIN").status == 404


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("text=filtered", True),
        ("text=203.0.113.77", True),
        ("text=FILTERFILT", True),
        ("name=filtered", True),
        ("name=filtere", False),
        ("result=accept&text=filtered", True),
        ("result=reject&text=filtered", False),
        ("factor=push&text=filtered", True),
        ("reason=push+denied&text=filtered", False),
        ("application=vpn&text=filtered", True),
        ("since=2020-01-02&until=2020-01-02&text=filtered", True),
        ("since=2020-01-03&text=filtered", False),
        ("until=2020-01-01&text=filtered", False),
    ],
)
def test_logins_are_filtered(panel: PanelHost, query: str, is_found: bool) -> None:
    if panel.row(tables.logins.select().where(tables.logins.c.login_id == "FILTERFILT")) is None:
        login(
            panel, "FILTERFILT", "EXAMPLE\\filtered", 1_577_966_400.0, result="accept", reason="", factor="push",
            section="vpn", client_ip="203.0.113.77",
        )  # fmt: skip
    page = panel.browser().get(f"/admin/logs/authentication?{query}")
    assert ("/admin/logs/authentication/FILTERFILT" in page.html) is is_found


def test_pages_of_a_log_follow_each_other_although_it_grows(panel: PanelHost) -> None:
    for number in range(70):
        login(panel, f"PAGED{number:05d}", "paged", 1_600_000_000.0 + number // 3)
    browser = panel.browser()
    first = browser.get("/admin/logs/authentication?name=paged").html
    login(panel, "PAGEDAFTER", "paged")
    following = first.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    second = browser.get(following).html
    shown = [number for number in range(70) if f"PAGED{number:05d}" in first + second]
    assert len(shown) == 70
    assert not [number for number in range(70) if f"PAGED{number:05d}" in first and f"PAGED{number:05d}" in second]
    assert "PAGEDAFTER" not in second
    assert 'rel="next"' not in second
    assert browser.get("/admin/logs/authentication?behind=junk").status == 200


def test_a_log_is_exported_whole_and_bit_by_bit(panel: PanelHost) -> None:
    rows = [
        {"login_id": f"EX{number:08d}", "at": 1_500_000_000.0 + number, "section": "long", "username": "=exported",
         "name": "=exported", "nas": "n", "result": "accept", "reason": "", "factor": "push", "device": "",
         "elapsed": 0.1, "steps": "[]"}
        for number in range(2500)
    ]  # fmt: skip
    with panel.writing() as connection:
        connection.execute(tables.logins.insert(), rows)
    with streamed(panel, "/admin/logs/authentication/export.csv?application=long") as response:
        assert response.headers["transfer-encoding"] == "chunked"
        told = list(csv.DictReader(io.StringIO(response.read().decode())))
    assert [row["login_id"] for row in told] == [f"EX{number:08d}" for number in reversed(range(2500))]
    assert {row["username"] for row in told} == {"'=exported"}
    with streamed(panel, "/admin/logs/authentication/export.json?application=long") as response:
        parsed = json.loads(response.read())
    assert len(parsed) == 2500
    assert parsed[0]["time"] == "2017-07-14T03:21:39.000+00:00"
    assert parsed[0]["username"] == "=exported"


def test_a_client_that_leaves_an_export_harms_nobody(panel: PanelHost) -> None:
    with streamed(panel, "/admin/logs/authentication/export.csv") as response:
        assert response.read(10)
    assert panel.browser().get("/admin/logs/authentication").status == 200


def test_messages_and_calls_are_listed_and_exported(panel: PanelHost) -> None:
    user = panel.user("billed")
    with panel.writing() as connection:
        connection.execute(
            tables.telephony.insert().values(
                at=1_600_000_000.0, kind="sms", purpose="passcodes", user_id=user.id, last_digits="0100",
                status="delivered", cost=1.5, login_id="BILLEDLOG1",
            )
        )  # fmt: skip
    browser = panel.browser(Role.READ_ONLY)
    assert "billed XXX-XXX-0100 delivered 1.5 BILLEDLOG1" in browser.get("/admin/logs/telephony?text=billed").text
    assert "No message or call is like that." in browser.get("/admin/logs/telephony?text=billed&kind=call").text
    (row,) = browser.get("/admin/logs/telephony/export.json?text=billed").json()
    assert (row["cost"], row["number"], row["time"]) == (1.5, "XXX-XXX-0100", "2020-09-13T12:26:40+00:00")


def test_who_may_not_view_logs_sees_none(panel: PanelHost) -> None:
    browser = panel.browser(Role.BILLING)
    for path in ("authentication", "authentication/export.csv", "telephony", "telephony/export.json"):
        assert browser.get(f"/admin/logs/{path}").status == 403


# ---------------------------------------------------------------- the search box


def test_the_search_box_leads_to_what_is_meant(panel: PanelHost) -> None:
    user, other = panel.user("soughtone", email="sought@example.com"), panel.user("soughttwo")
    with panel.writing() as connection:
        add_phone(connection, user, "+15555550666")
        lonely = add_phone(connection, None, "+15555550667")
    login(panel, "SOUGHTLOGI", "soughtone")
    browser = panel.browser()
    ways = {
        "soughtone": f"users/{user.id}",
        "CORP%5CSoughtOne": f"users/{user.id}",
        "Sought@example.com": f"users/{user.id}",
        "soughtt": f"users/{other.id}",
        "555-0666": f"users/{user.id}",
        "555-0667": f"phones/{lonely.id}",
        "soughtlogi": "logs/authentication/SOUGHTLOGI",
    }
    for text, path in ways.items():
        answer = browser.get(f"/admin/search?q={text}")
        assert (answer.status, answer.location) == (303, f"/admin/{path}"), text
    several = browser.get("/admin/search?q=sought")
    assert (several.status, user.id in several.html, other.id in several.html) == (200, True, True)
    assert "Nothing was found" in browser.get("/admin/search?q=nobodyatall").text


# ---------------------------------------------------------------- applications and groups


def test_an_application_is_added_changed_and_deleted(panel: PanelHost) -> None:
    browser = panel.browser(Role.APPLICATION_MANAGER)
    page = browser.post("/admin/applications/add", {"name": "Wiki", "type": "websdk"})
    ikey = page.text.partition("Integration key ")[2][:20]
    skey = page.text.partition("Secret key ")[2][:40]
    assert (page.status, len(skey.split())) == (200, 1)
    path = f"/admin/applications/{ikey}"
    fields = {"name": "Wiki 2", "redirect_uris": "https://wiki.example.com/back\r\n", "self_service": "1"}
    assert "Wiki 2" in browser.get(browser.fill(path, fields).location).text
    detail = panel.last_change("application set").detail
    assert detail["after"] == {
        "name": "Wiki 2",
        "redirect_uris": ["https://wiki.example.com/back"],
        "self_service": True,
    }
    bad = browser.fill(path, {**fields, "redirect_uris": "http://evil.example"})
    assert (bad.status, "evil" in bad.text) == (400, True)
    assert skey not in browser.get(path).html
    assert skey in browser.post(f"{path}/keys").text
    rotated = browser.post(f"{path}/rotate")
    assert (rotated.status, skey in rotated.html) == (200, False)
    assert ikey in browser.get("/admin/applications/export.csv").html
    assert skey not in browser.get("/admin/applications/export.json").html
    assert "Deleted" in browser.submit(f"{path}/delete").text
    assert browser.get(path).status == 404


@pytest.mark.parametrize("action", ["keys", "rotate", "delete", "permissions"])
def test_what_is_dangerous_asks_for_password_and_factor_again(panel: PanelHost, action: str) -> None:
    ikey = panel.api.keys["admin"].ikey
    browser = panel.browser(is_confirmed=False)
    answer = browser.post(f"/admin/applications/{ikey}/{action}")
    assert (answer.status, answer.location.split("?")[0]) == (303, "/admin/confirm")
    assert browser.get(f"/admin/applications/{ikey}").status == 200


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.APPLICATION_MANAGER])
def test_nobody_becomes_an_owner_by_an_application_of_the_admin_api(panel: PanelHost, role: Role) -> None:
    path, browser = f"/admin/applications/{panel.api.keys['admin'].ikey}", panel.browser(role)
    skey = panel.api.keys["admin"].skey
    for action in ("keys", "rotate"):
        answer = browser.post(f"{path}/{action}")
        assert (answer.status, skey in answer.html) == (400, False)
        assert "Owners alone" in answer.text
    assert browser.post(f"{path}/permissions", {"permission": "adminapi_admins"}).status == 403
    assert browser.post("/admin/applications/add", {"name": "ladder", "type": "adminapi"}).status == 400
    assert "ladder" not in browser.get("/admin/applications/export.csv").html
    assert "adminapi" not in browser.get("/admin/applications/add").html
    assert "/keys" not in browser.get(path).html
    assert panel.browser().post(f"{path}/keys").html.count(skey) > 0


def test_permissions_of_an_admin_api_are_given_one_by_one(panel: PanelHost) -> None:
    path, browser = f"/admin/applications/{panel.api.keys['admin'].ikey}", panel.browser()
    given = browser.fill(f"{path}/permissions", {"permission": ["adminapi_read_log", "adminapi_info"]}, path)
    assert browser.get(given.location).html.count("checked") == 2
    bad = browser.fill(f"{path}/permissions", {"permission": "adminapi_everything"}, path)
    assert (bad.status, "adminapi_everything" in bad.text) == (400, True)
    assert panel.last_change("application set").detail["after"] == {
        "permissions": ["adminapi_info", "adminapi_read_log"]
    }


def test_a_group_has_members_and_a_status(panel: PanelHost) -> None:
    user, browser = panel.user("member"), panel.browser(Role.USER_MANAGER)
    page = browser.submit("/admin/groups/add", {"name": "Staff", "status": "active", "notes": "all of them"})
    path = page.html.partition('action="/admin/groups/')[2].partition('"')[0]
    path = f"/admin/groups/{path}"
    assert "member" in browser.submit(f"{path}/join", {"user": "EXAMPLE\\Member"}).text
    assert "Nothing had to be changed" in browser.submit(f"{path}/join", {"user": "member"}).text
    assert browser.fill(path, {"name": "Staff 2", "status": "disabled", "notes": ""}).status == 303
    assert panel.last_change("group set").detail["before"] == {
        "name": "Staff",
        "status": "active",
        "notes": "all of them",
    }
    assert browser.post("/admin/groups/add", {"name": "Staff 2", "status": "active"}).status == 400
    (row,) = browser.get("/admin/groups/export.json?text=Staff").json()
    assert (row["name"], row["members"], row["status"]) == ("Staff 2", 1, "disabled")
    assert browser.post(f"{path}/leave", {"user": user.id}).status == 303
    assert "stay" in browser.get(f"{path}/delete").text
    assert "Deleted" in browser.submit(f"{path}/delete").text
    assert browser.get(path).status == 404
