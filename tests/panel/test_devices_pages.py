"""Phones, tokens, security keys, bypass codes, and codes that were rejected, over HTTP."""

from __future__ import annotations

import base64
import re
import secrets
import time

import pyotp
import pytest
import sqlalchemy as sa

from authproxy.secondfactor import account_settings, devices
from authproxy.secondfactor.phones import PhoneRow, add_phone, list_phones
from authproxy.secondfactor.pushes import PushRequest, Target, pending_pushes
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.security_keys import NewKey, add_key, user_owner
from authproxy.secondfactor.users import User
from authproxy.store import tables
from tests.panel.panelhost import PanelHost


def phone_of(panel: PanelHost, user: User, number: str = "", name: str = "", app: bool = False) -> PhoneRow:
    with panel.writing() as connection:
        phone = add_phone(connection, user, number, name)
        if app:
            row = {"phone_id": phone.id, "kind": "web", "serial": phone.id, "public_key": b"key"}
            told = {"permission": "denied", "clock_offset": 42.0, "last_contact": time.time()}
            connection.execute(tables.phone_apps.insert().values(**row, **told, created=time.time()))
    return phone


def phones_of(panel: PanelHost, user: User) -> list[PhoneRow]:
    with panel.reading() as connection:
        return list_phones(connection, user)


# ---------------------------------------------------------------- phones


def test_a_phone_is_added_activated_and_changed(panel: PanelHost) -> None:
    user, browser = panel.user("phoned"), panel.browser(Role.HELP_DESK)
    fields = {"user": user.id, "number": "+1 555 555 0123", "type": "mobile", "name": "work"}
    page = browser.submit("/admin/phones/add", fields)
    assert "Activate work of phoned" in page.text
    (phone,) = phones_of(panel, user)
    assert phone.number == "+15555550123"
    shown = browser.post(f"/admin/phones/{phone.id}/activate", {"user": user.id, "way": "show"})
    assert re.search(r"https://localhost:\d+/phone/activate#[A-Za-z0-9]{20}", shown.text)
    assert "<svg" in shown.html
    assert panel.last_change("phone activate").detail["phone"] == phone.id
    fields = {"name": "home", "number": "", "type": "mobile", "platform": "android"}
    assert browser.fill(f"/admin/phones/{phone.id}", fields).status == 303
    assert "home" in browser.get(f"/admin/phones/{phone.id}").html
    detail = panel.last_change("phone change").detail
    assert detail["before"] == {"name": "work", "number": "+15555550123", "platform": ""}


@pytest.mark.parametrize("fields", [{"number": "12"}, {"type": "pager"}, {"name": "x" * 101}])
def test_a_phone_that_cannot_be_is_refused(panel: PanelHost, fields: dict[str, str]) -> None:
    user = panel.user(f"badphone{secrets.token_hex(4)}")
    assert panel.browser().post("/admin/phones/add", {"user": user.id, **fields}).status == 400
    assert phones_of(panel, user) == []


@pytest.mark.parametrize("path", ["phones/DPNONE", "tokens/DHNONE", "groups/DGNONE", "applications/DINONE"])
def test_a_thing_that_is_not_there_has_no_page(panel: PanelHost, path: str) -> None:
    answer = panel.browser().get(f"/admin/{path}")
    assert (answer.status, "There is no such page or thing" in answer.text) == (404, True)


def test_phones_are_listed_found_and_exported(panel: PanelHost) -> None:
    user = panel.user("listed")
    phone = phone_of(panel, user, "+15555550177")
    browser = panel.browser(Role.READ_ONLY)
    assert phone.id in browser.get("/admin/phones?text=555-0177").html
    (row,) = browser.get("/admin/phones/export.json?text=listed").json()
    assert (row["number"], row["users"], row["activated"]) == ("+15555550177", ["listed"], False)
    assert "+15555550177" in browser.get("/admin/phones/export.csv?text=listed").html


def test_the_users_page_tells_why_pushes_do_not_arrive(panel: PanelHost) -> None:
    user = panel.user("silent")
    phone = phone_of(panel, user, name="tablet", app=True)
    now = time.time()
    with panel.writing() as connection:
        connection.execute(
            tables.pushes.insert().values(
                id="PUSILENT", user_id=user.id, username="silent", application="VPN", login_id="L",
                created=now - 60, expires=now - 30, status="expired",
                phone_id=phone.id, sent_at=now - 58.5, delivered_at=None,
            )
        )  # fmt: skip
    text = panel.browser(Role.HELP_DESK).get(f"/admin/users/{user.id}").text
    assert "blocked on the phone" in text
    assert "42 s ahead" in text
    assert "VPN after 1.5 s no no expired" in text
    with panel.writing() as connection:
        connection.execute(
            tables.pushes.update().where(tables.pushes.c.id == "PUSILENT").values(opened_at=now - 58)
        )
    text = panel.browser(Role.HELP_DESK).get(f"/admin/users/{user.id}").text
    assert "VPN after 1.5 s app was open after 2.0 s expired" in text


def test_a_test_push_is_sent(panel: PanelHost) -> None:
    user = panel.user("tested")
    phone = phone_of(panel, user, app=True)
    browser = panel.browser(Role.HELP_DESK)
    page = browser.submit(f"/admin/phones/{phone.id}/test", {"user": user.id})
    assert "A test push was sent" in page.text
    with panel.reading() as connection:
        (push,) = pending_pushes(connection, time.time(), phone.id)
    assert push.application == "Test"
    bare = phone_of(panel, user)
    assert browser.post(f"/admin/phones/{bare.id}/test", {"user": user.id}).status == 400


def test_a_lost_phone_that_was_the_last_asks_for_another_way_in(panel: PanelHost) -> None:
    user = panel.user("loser")
    phone = phone_of(panel, user, "+15555550188", app=True)
    push = PushRequest(user.id, "loser", "VPN", "", "", "LOST", Target(phone.id))
    with panel.writing() as connection:
        now = time.time()
        connection.execute(
            tables.pushes.insert().values(
                id="PULOST", user_id=user.id, username=push.username, application="VPN", login_id="LOST",
                created=now, expires=now + 60, phone_id=phone.id,
            )
        )  # fmt: skip
    browser, path = panel.browser(Role.HELP_DESK), f"/admin/phones/{phone.id}/lost"
    assert "This is the user's last device." in browser.get(f"{path}?user={user.id}").text
    assert browser.post(path, {"user": user.id}).status == 400
    assert len(phones_of(panel, user)) == 1
    page = browser.submit(path, {"user": user.id, "then": "bypass"})
    assert "Bypass code for loser" in page.text
    assert phones_of(panel, user) == []
    status = panel.row(sa.select(tables.pushes.c.status).where(tables.pushes.c.id == "PULOST"))
    assert status.status == "cancelled"
    assert panel.last_change("phone delete").detail["before"]["number"] == "+15555550188"  # type: ignore[index, call-overload]


def test_a_shared_phone_can_be_taken_from_one_user(panel: PanelHost) -> None:
    one, two = panel.user("sharer1"), panel.user("sharer2")
    phone = phone_of(panel, one, "+15555550199")
    with panel.writing() as connection:
        from authproxy.secondfactor.phones import assign

        assign(connection, phone.id, two)
    fields = {"user": one.id, "then": "nothing", "only": "1"}
    assert panel.browser().post(f"/admin/phones/{phone.id}/lost", fields).status == 303
    assert (len(phones_of(panel, one)), len(phones_of(panel, two))) == (0, 1)


# ---------------------------------------------------------------- bypass codes


def test_a_bypass_code_is_shown_once_and_recorded_without_itself(panel: PanelHost) -> None:
    user, browser = panel.user("forgot"), panel.browser(Role.HELP_DESK)
    form = browser.get(f"/admin/users/{user.id}/bypass")
    assert 'value="1"' in form.html
    assert 'value="60"' in form.html
    shown = browser.post(f"/admin/users/{user.id}/bypass", {"uses": "1", "minutes": "60", "count": "2"})
    codes = re.findall(r'class="secret">(\d{9})<', shown.html)
    assert len(codes) == 2
    page = browser.get(f"/admin/users/{user.id}")
    assert not any(code in page.html for code in codes)
    row = panel.last_change("bypass create")
    assert (row.object, row.detail) == ("forgot", {"codes": 2, "uses": 1, "seconds": 3600})
    listed = browser.get("/admin/bypass-codes?text=forgot")
    assert "admin:help-desk@example.com" in listed.text
    code_id = re.search(r"/admin/bypass-codes/(DB\w+)/delete", listed.html)
    assert code_id
    assert browser.post(f"/admin/bypass-codes/{code_id[1]}/delete").status == 303
    assert browser.post(f"/admin/bypass-codes/{code_id[1]}/delete").status == 404
    assert len(browser.get("/admin/bypass-codes/export.json?text=forgot").json()) == 1


@pytest.mark.parametrize(
    "fields", [{"uses": "0", "minutes": "0"}, {"uses": "x", "minutes": "1"}, {"uses": "1", "minutes": "-1"}]
)
def test_a_bypass_code_without_an_end_is_refused(panel: PanelHost, fields: dict[str, str]) -> None:
    user = panel.user(f"endless{secrets.token_hex(4)}")
    assert panel.browser().post(f"/admin/users/{user.id}/bypass", fields).status == 400


@pytest.mark.parametrize(
    ("rule", "minutes", "status"),
    [("allow", "0", 200), ("limit", "0", 400), ("limit", "60", 200), ("deny", "5", 400)],
)
def test_the_accounts_settings_rule_what_the_help_desk_may_give(
    panel: PanelHost, rule: str, minutes: str, status: int
) -> None:
    user = panel.user(f"ruled{secrets.token_hex(4)}")
    with panel.writing() as connection:
        connection.execute(tables.settings.delete().where(tables.settings.c.key == "account.helpdesk_bypass"))
        connection.execute(tables.settings.insert().values(key="account.helpdesk_bypass", value=f'"{rule}"'))
    fields = {"uses": "1", "minutes": minutes}
    assert panel.browser(Role.HELP_DESK).post(f"/admin/users/{user.id}/bypass", fields).status == status
    assert panel.browser(Role.OWNER).post(f"/admin/users/{user.id}/bypass", fields).status == 200
    with panel.writing() as connection:
        connection.execute(tables.settings.delete().where(tables.settings.c.key == "account.helpdesk_bypass"))
    assert account_settings.PREFIX == "account."


# ---------------------------------------------------------------- tokens


def add_token(panel: PanelHost, serial: str, **more: str) -> tuple[str, str]:
    """Its ID, and its secret in base32."""
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    browser = panel.browser(Role.HELP_DESK)
    fields = {"serial": serial, "type": "h6", "secret": f"base32:{secret}", **more}
    assert browser.post("/admin/tokens/add", fields).status == 303
    found = re.search(r"/admin/tokens/(DH\w+)", browser.get(f"/admin/tokens?text={serial}").html)
    assert found
    return found[1], secret


def test_a_token_is_assigned_to_several_and_taken_away(panel: PanelHost) -> None:
    one, two = panel.user("token1"), panel.user("token2")
    token, _ = add_token(panel, "T-1001", username="token1")
    browser = panel.browser(Role.HELP_DESK)
    assert "token2" in browser.submit(f"/admin/tokens/{token}/assign", {"name": "token2"}).text
    assert browser.post(f"/admin/tokens/{token}/assign", {"name": "token2"}).status == 400
    assert browser.post(f"/admin/tokens/{token}/assign", {"name": "stranger"}).status == 404
    taken = f"/admin/users/{one.id}/devices/{token}/lost"
    assert "Taken away" in browser.submit(taken, {"then": "nothing"}).text
    assert browser.get(taken).status == 404
    assert panel.last_change("token unassign").object == "token1"
    assert browser.post(f"/admin/users/{one.id}/tokens", {"serial": "T-1001"}).status == 303
    assert "T-1001" in browser.get(f"/admin/users/{two.id}").text
    assert browser.post(f"/admin/users/{one.id}/tokens", {"serial": "T-none"}).status == 404
    phone_of(panel, one, "+15555550171")
    answer = browser.post(f"/admin/tokens/{token}/delete")
    assert (answer.status, "it is the last device of token2" in answer.text) == (400, True)
    phone_of(panel, two, "+15555550172")
    assert "Deleted" in browser.submit(f"/admin/tokens/{token}/delete").text
    assert panel.last_change("token delete").detail["before"]["users"] == ["token1", "token2"]  # type: ignore[index, call-overload]
    assert "T-1001" not in browser.get(f"/admin/users/{two.id}").text


def test_a_file_of_tokens_is_imported_whole_or_not(panel: PanelHost) -> None:
    browser, seed = panel.browser(Role.HELP_DESK), "00112233445566778899aabbccddeeff00112233"
    bad = f"serial,type,secret\nF-1,h6,{seed}\nF-2,q9,{seed}\n,t6,{seed}\n".encode()
    answer = browser.post("/admin/tokens/import", files={"file": bad})
    assert (answer.status, seed in answer.html) == (400, False)
    assert all(f" {line} " in answer.text for line in (3, 4))
    assert browser.get("/admin/tokens/export.json?text=F-").json() == []
    good = f"serial,type,secret\nF-1,h6,{seed}\nF-2,t8,{seed}\n".encode()
    assert browser.post("/admin/tokens/import", files={"file": good}).status == 303
    told = browser.get("/admin/tokens/export.json?text=F-").json()
    assert [(row["serial"], row["type"]) for row in told] == [("F-1", "h6"), ("F-2", "t8")]
    assert browser.post("/admin/tokens/import", files={"file": b"<no xml"}).status == 400


def test_a_token_that_ran_away_is_synchronized(panel: PanelHost) -> None:
    token, secret = add_token(panel, "T-2001")
    hotp, browser = pyotp.HOTP(secret), panel.browser(Role.HELP_DESK)
    path = f"/admin/tokens/{token}/resync"
    assert browser.post(path, {"first": hotp.at(300), "second": hotp.at(302)}).status == 400
    page = browser.submit(path, {"first": hotp.at(300), "second": hotp.at(301)})
    assert "Next counter 302" in page.text
    assert panel.last_change("token resync").detail["after"] == {"counter": 302, "drift": 0}


def test_security_keys_and_authenticator_apps_are_deleted(panel: PanelHost) -> None:
    user, browser = panel.user("keyed"), panel.browser(Role.HELP_DESK)
    with panel.writing() as connection:
        new = NewKey(secrets.token_bytes(16), b"cose", 0, "", (), False, False)
        key = add_key(connection, user_owner(user.id, "keyed"), new, "blue key", time.time(), "user:keyed")
        device = devices.add_totp(connection, user, panel.api.seeds, "my app")
    page = browser.get(f"/admin/users/{user.id}")
    assert "blue key" in page.text
    assert "my app" in page.text
    assert f"/admin/users/{user.id}/keys/{key.id}/lost" in browser.get("/admin/security-keys?text=keyed").html
    (row,) = browser.get("/admin/security-keys/export.json?text=blue").json()
    assert (row["username"], row["name"], row["is_backed_up"]) == ("keyed", "blue key", False)
    path = f"/admin/users/{user.id}/keys/{key.id}/lost"
    assert "This is the user's last device." not in browser.get(path).text
    assert browser.post(path).status == 303
    assert "There is none." in browser.get("/admin/security-keys?text=keyed").text
    path = f"/admin/users/{user.id}/devices/{device.id}/lost"
    assert "This is the user's last device." in browser.get(path).text
    answer = browser.post(path)
    assert (answer.status, "choose what to log in with instead" in answer.text) == (400, True)
    assert "my app" in browser.get(f"/admin/users/{user.id}").text
    assert "Bypass code for keyed" in browser.submit(path, {"then": "bypass"}).text
    assert browser.post(path, {"then": "bypass"}).status == 404
    assert panel.last_change("device delete").detail["before"]["name"] == "my app"  # type: ignore[index, call-overload]
    assert panel.last_change("security key delete").actor == "admin:help-desk@example.com"
    assert "None. Users register them" in browser.get(f"/admin/users/{user.id}").text


def test_an_authenticator_app_is_set_up_by_a_code_that_is_shown_once(panel: PanelHost) -> None:
    user, browser = panel.user("apped"), panel.browser(Role.HELP_DESK)
    shown = browser.post(f"/admin/users/{user.id}/app", {"name": "my app"})
    secret = re.findall(r'class="secret">([A-Z2-7]{32})<', shown.html)[0]
    assert "<svg" in shown.html
    page = browser.get(f"/admin/users/{user.id}")
    assert "my app" in page.text
    assert secret not in page.html
    told = browser.post(f"/admin/users/{user.id}/code", {"code": pyotp.TOTP(secret).now()}).text
    assert "right now, for my app" in told
    change = panel.last_change("device add")
    assert (change.object, change.detail["name"], secret in str(change.detail)) == ("apped", "my app", False)


def test_a_phone_is_given_the_privacyidea_authenticator(panel: PanelHost) -> None:
    user, browser = panel.user("scanner"), panel.browser(Role.HELP_DESK)
    path = f"/admin/phones/{phone_of(panel, user, name='tablet').id}/activate"
    assert "For the privacyIDEA Authenticator" in browser.get(f"{path}?user={user.id}").text
    shown = browser.post(path, {"user": user.id, "way": "authenticator"})
    assert "Scan this with the privacyIDEA Authenticator" in shown.text
    assert "<svg" in shown.html
    assert "/phone/activate" not in shown.html
    assert panel.last_change("phone activate").object == "scanner"


def test_a_single_yubikey_is_added(panel: PanelHost) -> None:
    fields = {"secret": "ecde18dbe76fbd0c33330f1c354871db", "private_id": "87924fd9a1b2"}
    token, _ = add_token(panel, "Y-1", type="yk", **fields)
    assert "YUBIKEY" in panel.browser().get(f"/admin/tokens/{token}").text
    answer = panel.browser().post("/admin/tokens/add", {"serial": "Y-2", "type": "yk", "secret": fields["secret"]})
    assert (answer.status, "the private_id of a YubiKey" in answer.text) == (400, True)


def test_a_rejected_code_is_explained_and_not_used_up(panel: PanelHost) -> None:
    user, other = panel.user("rejected"), panel.user("other")
    token, secret = add_token(panel, "T-3001", username="other")
    with panel.writing() as connection:
        device = devices.add_totp(connection, user, panel.api.seeds, "my app")
    browser, totp = panel.browser(Role.HELP_DESK), pyotp.TOTP(device.secret)

    def told(code: str) -> str:
        return browser.post(f"/admin/users/{user.id}/code", {"code": code}).text

    assert "right now, for my app" in told(totp.now())
    assert "right now, for my app" in told(totp.now())
    assert re.search(r"its clock is (27|30)0 s behind", told(totp.at(int(time.time()) - 300)))
    assert "belongs to token T-3001, which this user does not have. It is of other" in told(
        pyotp.HOTP(secret).at(0)
    )
    assert browser.post(f"/admin/users/{user.id}/code", {"code": "hello"}).status == 400
    assert panel.browser(Role.READ_ONLY).post(f"/admin/users/{user.id}/code", {"code": "123456"}).status == 403
    assert other.id
    assert panel.last_change("code diagnose").object == "rejected"
    assert totp.now() not in str(panel.last_change("code diagnose").detail)
    assert token
