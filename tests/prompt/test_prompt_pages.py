"""The prompt as a browser without scripts gets it: cookies, forms, verified pushes, enrollment, memory."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authproxy.secondfactor.policies import add_policy, assign
from authproxy.secondfactor.prompt_leaving import cookie_of
from authproxy.secondfactor.pushes import PushStatus
from authproxy.store import tables
from tests.enroll.portal import Site
from tests.prompt.demo import Demo, Visitor
from tests.telephony.stand_ins import eventually
from tests.web.apihost import ApiHost

CHOOSING = "How do you want to log in?"


@pytest.fixture(scope="module")
def demo(host: ApiHost) -> Demo:
    return Demo.make(host, "web", policy={"new_user_policy": "enroll"})


@pytest.fixture(autouse=True)
def unlocked(host: ApiHost) -> None:
    host.unlock()


def last_login(host: ApiHost) -> dict[str, Any]:
    with host.database.reading() as connection:
        query = sa.select(tables.logins).order_by(tables.logins.c.id.desc()).limit(1)
        return dict(connection.execute(query).mappings().one())


def logins(host: ApiHost) -> int:
    with host.database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(tables.logins)).scalar_one())


# ---------------------------------------------------------------- sessions


def test_a_prompts_cookie_is_of_this_host_alone_and_out_of_reach_of_scripts(demo: Demo) -> None:
    visitor = Visitor(demo.host)
    url = demo_url(demo, "alice")
    cookie = visitor.session.get(url, allow_redirects=False, timeout=60).headers["Set-Cookie"]
    assert cookie.startswith("__Host-prompt-")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))


def demo_url(demo: Demo, username: str) -> str:
    from tests.prompt.demo import quietly

    return str(quietly(demo.client().create_auth_url, username, "s" * 36))


def test_each_tab_has_a_prompt_of_its_own(demo: Demo) -> None:
    first, state = demo.begin("alice")
    second, other = demo.begin("bob", visitor=first)
    assert second is first
    assert "as bob" in first.page.text
    first.passcode(demo.host.code("bob"))
    assert first.page.query["state"] == other
    assert state != other


def test_a_prompt_is_nobody_elses(demo: Demo) -> None:
    visitor, _ = demo.begin("alice")
    page = Visitor(demo.host).get(visitor.page.url)
    assert (page.status, page.title) == (410, "This login is over")


def test_a_prompt_that_led_back_is_over(demo: Demo) -> None:
    visitor, _ = demo.begin("alice")
    url, thief = visitor.page.url, Visitor(demo.host)
    thief.session.cookies = visitor.session.cookies.copy()
    visitor.passcode(demo.host.code("alice"))
    assert "duo_code" in visitor.page.query
    for browser in (visitor, thief):
        assert (browser.get(url).status, browser.page.title) == (410, "This login is over")


def test_a_prompt_ends_after_a_while(demo: Demo) -> None:
    visitor, _ = demo.begin("alice")
    with demo.host.database.writing() as connection:
        connection.execute(tables.sessions.update().values(expires=1.0))
    assert visitor.get(visitor.page.url).status == 410


@pytest.mark.parametrize(
    "changed",
    [
        {"data": {"csrf": "x"}},
        {"headers": {"Origin": "https://evil.test"}},
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
    ],
)
def test_forms_of_other_pages_change_nothing(demo: Demo, changed: dict[str, Any]) -> None:
    visitor, _ = demo.begin("alice")
    url, before = visitor.page.url, logins(demo.host)
    data = {"choice": "passcode", "passcode": "000000", **changed.pop("data", {})}
    page = visitor.post(data, **changed)
    assert (page.status, page.title) == (403, "This page is out of date")
    assert logins(demo.host) == before
    assert visitor.get(url).title == CHOOSING


@pytest.mark.parametrize(
    "data",
    [
        {"choice": "push:DPNOBODYS"},
        {"choice": "phone:"},
        {"choice": "sms:"},
        {"choice": "push"},
        {"choice": "hypnosis"},
        {"choice": "passcode"},
        {"choice": "passcode", "passcode": " "},
        {"choice": "remember:yes"},
        {"choice": "enroll-phone"},
        {"credential": "{"},
        {"credential": "[]"},
        {"credential": '{"response": {"clientDataJSON": "e30"}}'},
        {"credential": "x" * 30_000},
        {},
    ],
)
def test_what_no_page_offers_leads_nowhere(demo: Demo, data: dict[str, str]) -> None:
    visitor, _ = demo.begin("alice")
    visitor.post(data)
    assert (visitor.page.status, visitor.page.title, visitor.page.gone) == (200, CHOOSING, "")


def test_pages_are_guarded_and_led_back_to_other_hosts(demo: Demo) -> None:
    visitor, _ = demo.begin("alice")
    policy = visitor.page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "form-action 'self' https:" in policy
    assert visitor.page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", visitor.page.html)


def test_names_are_text_on_every_page(host: ApiHost) -> None:
    evil = "<b>&\"'{{7*7}}"
    demo = Demo.make(host, evil, policy={"new_user_policy": "deny"})
    for name in ("alice", evil):
        page = demo.begin(name)[0].page
        assert "<b>" not in page.html
        assert "&lt;b&gt;" in page.html
        assert "{{7*7}}" in page.text


# ---------------------------------------------------------------- records


def test_logins_are_recorded_as_those_of_other_doors(demo: Demo) -> None:
    visitor, _ = demo.begin("bob")
    before = logins(demo.host)
    visitor.passcode("000000")
    assert {**last_login(demo.host), "id": 0}["reason"] == "wrong passcode"
    visitor.passcode(demo.host.code("bob"))
    row = last_login(demo.host)
    assert (row["section"], row["username"], row["result"], row["factor"]) == ("web", "bob", "accept", "passcode")
    assert row["client_ip"] == "127.0.0.1"
    assert json.loads(row["steps"])[-1][0] == "second factor"
    assert logins(demo.host) == before + 2


def test_looking_again_at_a_closed_door_is_recorded_once(host: ApiHost) -> None:
    demo = Demo.make(host, "closed", policy={"new_user_policy": "deny"})
    before = logins(host)
    visitor, _ = demo.begin("dave")
    for _ in range(3):
        assert visitor.get(visitor.page.url).status == 403
    assert logins(host) == before + 1
    assert last_login(host)["reason"] == "user is disabled"


def test_who_needs_help_reads_what_the_help_desk_says(host: ApiHost) -> None:
    demo = Demo.make(host, "helping", policy={"new_user_policy": "deny"})
    told = {"key": "account.helpdesk_message", "value": json.dumps("Call <b>4711</b>")}
    with host.database.writing() as connection:
        connection.execute(tables.settings.insert().values(**told))
    for name, status in (("alice", 200), ("dave", 403)):
        visitor, _ = demo.begin(name)
        assert (visitor.page.status, "Call <b>4711</b>" in visitor.page.text) == (status, True)
    with host.database.writing() as connection:
        connection.execute(tables.settings.delete().where(tables.settings.c.key == told["key"]))
    visitor, _ = demo.begin("alice")
    assert "4711" not in visitor.page.text


# ---------------------------------------------------------------- verified push


def test_a_verified_push_shows_its_number_here_and_not_on_the_phone(host: ApiHost) -> None:
    demo = Demo.make(host, "verified", policy={"verified_push": True})
    visitor, _ = demo.begin("alice")
    page = visitor.choose("push:")
    assert page.title == "Enter this number on your phone"
    (number,) = re.findall(r"<output>(\d+)</output>", page.html)
    shown = host.answer_push(PushStatus.APPROVED, entered="x" * len(number))
    assert (shown["mode"], shown["answer"]) == ("number", number)
    assert (visitor.wait().title, visitor.page.gone) == (CHOOSING, "")
    page = visitor.choose("push:")
    (number,) = re.findall(r"<output>(\d+)</output>", page.html)
    host.answer_push(PushStatus.APPROVED, entered=number)
    visitor.wait()
    assert "duo_code" in visitor.page.query


# ---------------------------------------------------------------- enrollment


def test_a_stranger_sets_up_a_phone_and_logs_in_with_it(demo: Demo) -> None:
    site = Site(demo.host)
    visitor, state = demo.begin("Newcomer")
    assert visitor.page.title == "Set up a second factor"
    assert visitor.page.choices == ["enroll-phone"]
    page = visitor.choose("enroll-phone")
    assert page.title == "Scan this with your phone"
    assert visitor.session.get(f"{page.url}/phone", timeout=60).json() == {"stage": "waiting"}
    (link,) = re.findall(r'href="([^"]*/phone/activate#[^"]*)"', page.html)
    assert "otpauth" not in page.html
    assert visitor.get(page.url).html.count(link) == 1
    assert visitor.get(f"{page.url}?app=authenticator").title == "Scan this with privacyIDEA Authenticator"
    phone = site.activate(link)
    page = visitor.get(page.url)
    assert page.title == "Answer the test on your device"
    assert visitor.session.get(f"{page.url}/phone", timeout=20).json() == {"stage": "testing"}
    site.approve_test(phone)
    assert visitor.get(page.url).title == CHOOSING
    visitor.choose("push:")
    demo.host.answer_push(PushStatus.APPROVED)
    visitor.wait()
    assert visitor.page.query["state"] == state
    token = demo.result(visitor.page.query["duo_code"], "Newcomer")
    assert token["auth_context"]["user"]["name"] == "newcomer"


def test_where_nobody_enrolls_a_user_without_devices_is_refused(host: ApiHost) -> None:
    demo = Demo.make(host, "no enrollment", policy={"new_user_policy": "deny"})
    for name in ("erin", "stranger"):
        visitor, _ = demo.begin(name)
        assert (visitor.page.status, visitor.page.gone) == (403, "")
        visitor.page.html = '<input name="csrf" value="x">'
        assert visitor.post({"choice": "enroll-phone"}).status == 403


# ---------------------------------------------------------------- remembered browsers


@pytest.fixture(scope="module")
def remembering(host: ApiHost) -> Demo:
    return Demo.make(host, "remembering", policy={"remember_days": 7})


def test_a_browser_that_is_remembered_is_not_asked_again(remembering: Demo) -> None:
    host = remembering.host
    visitor, _ = remembering.begin("alice")
    page = visitor.passcode(host.code("alice"))
    assert page.title == "Is this your own device?"
    assert "7 days" in page.text
    visitor.choose("remember:yes")
    token = remembering.result(visitor.page.query["duo_code"], "alice")
    assert token["auth_context"]["factor"] == "passcode"
    again, _ = remembering.begin("alice", visitor=visitor)
    token = remembering.result(again.page.query["duo_code"], "alice")
    assert token["auth_context"]["factor"] == "remembered_device"
    assert last_login(host)["factor"] == "remembered device"
    assert remembering.begin("bob", visitor=visitor)[0].page.title == CHOOSING
    assert remembering.begin("alice")[0].page.title == CHOOSING


def test_a_browser_that_others_use_is_asked_each_time(remembering: Demo) -> None:
    visitor, _ = remembering.begin("bob")
    visitor.passcode(remembering.host.code("bob"))
    visitor.choose("remember:no")
    assert "duo_code" in visitor.page.query
    assert remembering.begin("bob", visitor=visitor)[0].page.title == CHOOSING


def test_what_was_decided_is_led_back_once_also_without_an_answer(remembering: Demo) -> None:
    visitor, _ = remembering.begin("bob")
    visitor.passcode(remembering.host.code("bob"))
    assert visitor.get(visitor.page.url).title == "Is this your own device?"
    assert visitor.page.gone == ""


@pytest.mark.parametrize("end", ["expired", "deleted", "disabled", "another application"])
def test_a_memory_ends(remembering: Demo, end: str) -> None:
    host = remembering.host
    visitor, _ = remembering.begin("alice")
    visitor.passcode(host.code("alice"))
    visitor.choose("remember:yes")
    table, demo = tables.remembered_browsers, remembering
    with host.database.writing() as connection:
        match end:
            case "expired":
                connection.execute(table.update().values(created=1.0))
            case "deleted":
                connection.execute(table.delete())
            case "disabled":
                alice = tables.users.c.username == "alice"
                connection.execute(tables.users.update().where(alice).values(status="disabled"))
            case _:
                pass
    if end == "another application":
        demo = Demo.make(host, "remembering, too", policy={"remember_days": 7})
    page = demo.begin("alice", visitor=visitor)[0].page
    assert page.gone == ""
    assert page.title == ("You can not log in" if end == "disabled" else CHOOSING)


def test_a_memory_is_of_one_user_whatever_its_cookie_is_called(remembering: Demo) -> None:
    host = remembering.host
    visitor, _ = remembering.begin("alice")
    visitor.passcode(host.code("alice"))
    visitor.choose("remember:yes")
    alices, bobs = (cookie_of(host.users[name].id, remembering.keys.ikey) for name in ("alice", "bob"))
    stolen = Visitor(host)
    for name in (alices, bobs):
        secret = visitor.session.cookies[alices]
        stolen.session.cookies.set(name, secret, domain="localhost.local", secure=True)
    assert remembering.begin("bob", visitor=stolen)[0].page.title == CHOOSING
    assert "duo_code" in remembering.begin("alice", visitor=stolen)[0].page.query


def test_a_bypass_code_is_nothing_to_remember(remembering: Demo) -> None:
    code = remembering.host.bypass_code("alice")
    visitor, _ = remembering.begin("alice")
    visitor.passcode(code)
    assert "duo_code" in visitor.page.query


# ---------------------------------------------------------------- ends


def _is_gone(url: str, tab: Visitor) -> bool:
    return bool(tab.get(url).gone)


def test_two_looks_at_a_time_get_one_code(demo: Demo) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            visitor, _ = demo.begin("alice")
            visitor.choose("push:")
            url = visitor.page.url
            demo.host.answer_push(PushStatus.APPROVED)
            cookies = visitor.session.cookies
            tabs = [Visitor(demo.host) for _ in range(8)]
            for tab in tabs:
                tab.session.cookies = cookies.copy()
            while not any(list(pool.map(partial(_is_gone, url), tabs))):
                pass
            assert sum(bool(tab.page.gone) for tab in tabs) == 1


def test_choosing_another_way_ends_the_push(demo: Demo) -> None:
    visitor, _ = demo.begin("alice")
    visitor.choose("push:")
    visitor.choose("cancel")
    query = sa.select(tables.pushes.c.status).order_by(tables.pushes.c.created.desc()).limit(1)

    def is_told() -> bool:
        with demo.host.database.reading() as connection:
            return connection.execute(query).scalar_one() == "cancelled"

    eventually(is_told)
    eventually(lambda: last_login(demo.host)["reason"] == "the client gave up")


def test_the_portal_is_reached_from_the_prompt_where_the_application_allows_it(host: ApiHost) -> None:
    demo = Demo.make(host, "with a portal", policy={"self_service": {"portal": True}})
    visitor, _ = demo.begin("alice")
    (link,) = re.findall(r'href="(/portal/from/[^"]*)"', visitor.page.html)
    assert visitor.get(visitor.base + link).title == CHOOSING
    assert "portal, as alice" in visitor.page.text
    visitor.passcode(host.code("alice"))
    assert visitor.page.url.endswith("/portal/")
    without, _ = Demo.make(host, "without one").begin("alice")
    assert "/portal" not in without.page.html


def test_the_portal_asks_also_where_the_browser_is_remembered_for_everything(host: ApiHost) -> None:
    remembers = {"remembered_devices": {"days": 7, "scope": "all"}}
    with host.database.writing() as connection:
        assign(connection, "test", "portal", add_policy(connection, "test", "of the portal", remembers))
    visitor, _ = Demo.make(host, "remembered", policy=remembers).begin("alice")
    visitor.passcode(host.code("alice"))
    visitor.choose("remember:yes")
    Demo.make(host, "remembered as well", policy=remembers).begin("alice", visitor=visitor)
    assert "duo_code" in visitor.page.query
    Demo.make(host, "leads on", policy={"self_service": {"portal": True}}).begin("alice", visitor=visitor)
    (link,) = re.findall(r'href="(/portal/from/[^"]*)"', visitor.page.html)
    assert visitor.get(visitor.base + link).title == CHOOSING
    visitor.passcode(host.code("alice"))
    assert visitor.page.url.endswith("/portal/")


def test_factors_that_a_policy_leaves_out_are_neither_shown_nor_taken(host: ApiHost) -> None:
    demo = Demo.make(host, "codes only", policy={"factors": ["passcode"]})
    visitor, _ = demo.begin("alice")
    assert not [choice for choice in visitor.page.choices if choice.startswith("push")]
    page = visitor.post({"choice": f"push:{host.phone}"})
    if page.title != CHOOSING:
        page = visitor.wait()
    assert "This way to log in is not allowed here." in page.text
    assert visitor.session.post(f"{page.url}/key", timeout=60).status_code == 403
    visitor.passcode(host.code("alice"))
    assert "duo_code" in visitor.page.query


@pytest.mark.parametrize("user", ["bob", "carol", "dave", "stranger"])
def test_an_application_for_some_groups_refuses_everybody_else_alike(host: ApiHost, user: str) -> None:
    demo = Demo.make(host, f"for staff, not {user}", policy={"new_user_policy": "allow"})
    with host.database.writing() as connection:
        group = {"id": f"DG{user}", "name": f"staff without {user}", "created": 1.0}
        connection.execute(tables.groups.insert().values(group))
        member = {"user_id": host.users["alice"].id, "group_id": group["id"]}
        connection.execute(tables.user_groups.insert().values(member))
        mine = tables.applications.c.ikey == demo.keys.ikey
        connection.execute(
            tables.applications.update().where(mine).values(groups_allowed=json.dumps([group["id"]]))
        )
    visitor, _ = demo.begin(user)
    assert (visitor.page.status, visitor.page.gone) == (403, "")
    assert "Your account is not enabled for this login." in visitor.page.text
    assert last_login(host)["reason"] == "not in the required group"
    if user == "bob":  # with a right code, and all that the page does not offer
        newest = sa.select(tables.sessions.c.csrf).order_by(tables.sessions.c.created.desc()).limit(1)
        with host.database.reading() as connection:
            csrf = connection.execute(newest).scalar_one()
        page = visitor.post({"choice": "passcode", "passcode": host.code("bob"), "csrf": csrf})
        assert (page.status, page.title, page.gone) == (403, "You can not log in", "")
    member_page = demo.begin("alice")[0]
    member_page.passcode(host.code("alice"))
    assert "duo_code" in member_page.page.query


def test_a_browser_with_many_open_prompts_can_still_log_in(demo: Demo) -> None:
    visitor = Visitor(demo.host)
    most = 0
    for _ in range(45):
        demo.begin("alice", visitor=visitor)
        most = max(most, sum(each.name.startswith("__Host-prompt-") for each in visitor.session.cookies))
    assert 10 < most <= 21
    visitor.passcode(demo.host.code("alice"))
    assert "duo_code" in visitor.page.query


def test_a_page_that_waits_does_not_hold_up_the_end_of_the_daemon(tmp_path: Path) -> None:
    host = ApiHost.make(tmp_path)
    demo = Demo.make(host, "ending")
    host.daemon.start()
    try:
        visitor, _ = demo.begin("alice")
        visitor.choose("push:")
        (news,) = re.findall('data-news="([^"]*)"', visitor.page.html)
        with visitor.session.get(visitor.base + news, stream=True, timeout=60) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            assert host.daemon.stop() == 0
            assert list(stream.iter_content(None)) == []
    finally:
        host.daemon.kill()
        host.database.close()
    assert last_login(host)["reason"] == "the client gave up"
