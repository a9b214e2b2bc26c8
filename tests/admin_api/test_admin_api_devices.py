"""Phones, hardware tokens and bypass codes."""

from __future__ import annotations

import time
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa

from authproxy.secondfactor.pushes import PushStatus
from authproxy.store.tables import bypass_codes, security_keys
from tests.web.apihost import ApiHost, error

SEED = "31" * 20


def test_a_phone_is_added_changed_and_shown_as_people_write_it(adm: Any) -> None:
    phone = adm.add_phone(number="+1 555 555 0111", type="mobile", platform="google android")
    assert phone["phone_id"].startswith("DP")
    assert (phone["number"], phone["type"], phone["platform"]) == ("+15555550111", "Mobile", "Google Android")
    assert (phone["activated"], phone["capabilities"], phone["users"]) == (False, [], [])
    assert error(adm.add_phone, number="5555550111")[:2] == (400, 40003)
    assert [each["phone_id"] for each in adm.get_phones_by_number("5555550111")] == [phone["phone_id"]]
    assert adm.get_phones_by_number("+15555550111", extension="9") == []
    changed = adm.update_phone(phone["phone_id"], name="n", postdelay="3", platform="apple ios")
    assert (changed["name"], changed["postdelay"], changed["platform"]) == ("n", 3, "Apple iOS")
    assert adm.get_phone_by_id(phone["phone_id"]) == changed
    assert phone["phone_id"] in {each["phone_id"] for each in adm.get_phones_generator()}
    assert error(adm.update_phone, phone["phone_id"], platform="abacus")[:2] == (400, 40002)
    assert error(adm.update_phone, phone["phone_id"], number="12")[:2] == (400, 40002)
    assert adm.delete_phone(phone["phone_id"]) == ""
    assert adm.delete_phone(phone["phone_id"]) == ""
    assert error(adm.get_phone_by_id, phone["phone_id"])[:2] == (404, 40401)


def test_a_tablet_has_no_number_and_several_may_be_there(adm: Any) -> None:
    made = [adm.add_phone(type="mobile", platform="apple ios") for _ in range(2)]
    assert [phone["number"] for phone in made] == ["", ""]
    for phone in made:
        adm.delete_phone(phone["phone_id"])


def test_a_users_phone_is_given_activated_and_taken(adm: Any, host: ApiHost) -> None:
    erin = host.users["erin"].id
    phone = adm.add_phone(number="+15555550112", type="mobile", platform="apple ios")["phone_id"]
    assert error(adm.create_activation_url, phone)[:2] == (400, 40002)
    assert adm.add_user_phone(erin, phone) == ""
    assert [each["phone_id"] for each in adm.get_user_phones(erin)] == [phone]
    assert adm.get_user_by_id(erin)["is_enrolled"] is True
    assert [user["username"] for user in adm.get_phone_by_id(phone)["users"]] == ["erin"]
    made = adm.create_activation_url(phone, valid_secs=600, install="1")
    assert made["valid_secs"] == 600
    assert made["activation_url"].startswith(f"https://localhost:{host.port}/phone/activate#")
    assert made["activation_barcode"].startswith(f"https://localhost:{host.port}/qr?value=")
    assert made["installation_url"] == f"https://localhost:{host.port}/phone/"
    assert "installation_url" not in adm.create_activation_url(phone)
    adm.update_phone(phone, platform="unknown")
    assert error(adm.create_activation_url, phone)[:2] == (400, 40002)
    assert "no gateway" in error(adm.send_sms_activation_to_phone, phone)[2]
    assert adm.delete_user_phone(erin, phone) == ""
    assert adm.delete_user_phone(erin, phone) == ""
    assert error(adm.add_user_phone, erin, "DP" + "0" * 18)[:2] == (400, 40002)
    adm.delete_phone(phone)


@pytest.mark.parametrize("answer", [PushStatus.APPROVED, PushStatus.DENIED, PushStatus.FRAUD])
def test_a_verification_push_tells_whether_it_is_really_them(adm: Any, host: ApiHost, answer: PushStatus) -> None:
    alice = host.users["alice"].id
    sent = adm.send_verification_push(alice, host.phone)
    assert len(sent["confirmation_code"]) == 6
    assert adm.get_verification_push_response(alice, sent["push_id"])["result"] == "waiting"
    shown = host.answer_push(answer)
    assert shown["id"] == sent["push_id"]
    assert sent["confirmation_code"] in shown["detail"]
    said = adm.get_verification_push_response(alice, sent["push_id"])["result"]
    assert said == {"approved": "approve", "denied": "deny", "fraud": "fraud"}[answer]
    host.unlock()


def test_a_verification_push_needs_the_users_own_phone_and_its_app(adm: Any, host: ApiHost) -> None:
    assert error(adm.send_verification_push, host.users["bob"].id, host.phone)[:2] == (400, 40002)
    alice = host.users["alice"].id
    assert error(adm.get_verification_push_response, alice, "PUSH")[:2] == (404, 40401)


def test_tokens_of_every_type_are_imported_and_none_tells_its_secret(adm: Any) -> None:
    made = [
        adm.add_hotp6_token("100002", SEED),
        adm.add_hotp8_token("100002", SEED, counter=3),
        adm.add_totp6_token("7", SEED, totp_step=60),
        adm.add_totp8_token("7", SEED),
        adm.add_yubikey_token("7", "00" * 6, "01" * 16),
    ]
    assert [token["type"] for token in made] == ["h6", "h8", "t6", "t8", "yk"]
    assert [token["totp_step"] for token in made] == [None, None, 60, 30, None]
    assert SEED not in str(made)
    assert [each["type"] for each in adm.get_tokens_by_serial("h6", "100002")] == ["h6"]
    assert adm.get_token_by_id(made[0]["token_id"]) == made[0]
    assert {token["token_id"] for token in made} <= {each["token_id"] for each in adm.get_tokens_generator()}
    assert error(adm.add_hotp6_token, "100002", SEED)[:2] == (400, 40003)
    assert error(adm.add_hotp6_token, "1", "zz")[:2] == (400, 40002)
    assert error(adm.add_yubikey_token, "1", "00", "01" * 16)[:2] == (400, 40002)
    assert adm.update_token(made[2]["token_id"], totp_step=30)["totp_step"] == 30
    assert error(adm.update_token, made[0]["token_id"], totp_step=30)[:2] == (400, 40002)
    for token in made:
        assert adm.delete_token(token["token_id"]) == ""
    assert adm.delete_token(made[0]["token_id"]) == ""


def test_a_token_lets_its_user_in_until_it_is_taken_and_may_be_several_users(
    adm: Any, auth: Any, host: ApiHost
) -> None:
    generator = pyotp.HOTP(pyotp.random_base32())
    secret = generator.byte_secret().hex()
    token = adm.add_hotp6_token("shared", secret)["token_id"]
    dora = adm.add_user("dora")["user_id"]
    erin = host.users["erin"].id
    for user in (dora, erin, erin):
        assert adm.add_user_token(user, token) == ""
    assert [user["username"] for user in adm.get_token_by_id(token)["users"]] == ["dora", "erin"]
    assert auth.auth("passcode", username="dora", passcode=generator.at(0))["result"] == "allow"
    assert auth.auth("passcode", username="erin", passcode=generator.at(0))["result"] == "deny"
    assert auth.auth("passcode", username="erin", passcode=generator.at(1))["result"] == "allow"
    far = [generator.at(count) for count in (500, 501, 502)]
    assert error(adm.resync_hotp_token, token, far[0], far[2], far[1])[:2] == (400, 40002)
    assert adm.resync_hotp_token(token, *far) == ""
    assert auth.auth("passcode", username="dora", passcode=generator.at(503))["result"] == "allow"
    assert [each["token_id"] for each in adm.get_user_tokens(dora)] == [token]
    assert adm.delete_user_token(erin, token) == ""
    assert adm.delete_user_token(erin, token) == ""
    assert adm.delete_token(token) == ""
    assert auth.auth("passcode", username="dora", passcode=generator.at(504))["result"] == "deny"
    host.unlock()


# ---------------------------------------------------------------- bypass codes


def test_ten_codes_are_made_that_replace_those_before(adm: Any, auth: Any, host: ApiHost) -> None:
    erin = host.users["erin"].id
    first = adm.add_user_bypass_codes(erin)
    assert len(first) == 10
    assert {len(code) for code in first} == {9}
    assert auth.auth("passcode", username="erin", passcode=first[0])["result"] == "allow"
    assert auth.auth("passcode", username="erin", passcode=first[0])["result"] == "deny"
    second = adm.add_user_bypass_codes(erin, count=2, valid_secs=60, remaining_uses=3)
    assert auth.auth("passcode", username="erin", passcode=first[1])["result"] == "deny"
    results = [auth.auth("passcode", username="erin", passcode=second[0])["result"] for _ in range(4)]
    assert results == ["allow", "allow", "allow", "deny"]
    kept = adm.add_user_bypass_codes(erin, codes="123456789,987654321", preserve_existing=True)
    assert kept == ["123456789", "987654321"]
    assert auth.auth("passcode", username="erin", passcode="123456789")["result"] == "allow"
    listed = adm.get_user_bypass_codes(erin)
    assert [row["reuse_count"] for row in listed] == [1, 3]
    assert [row["expiration"] is None for row in listed] == [True, False]
    assert {row["user"]["username"] for row in listed} == {"erin"}
    assert "987654321" not in str(listed)
    assert {row["bypass_code_id"] for row in listed} <= {
        row["bypass_code_id"] for row in adm.get_bypass_codes_generator()
    }
    host.unlock()


def test_a_code_is_dead_when_its_time_is_over(adm: Any, auth: Any, host: ApiHost) -> None:
    erin = host.users["erin"].id
    (code,) = adm.add_user_bypass_codes(erin, count=1, valid_secs=60)
    with host.database.writing() as connection:
        connection.execute(bypass_codes.update().values(expires=time.time() - 1))
    assert auth.auth("passcode", username="erin", passcode=code)["result"] == "deny"
    assert adm.get_user_bypass_codes(erin) == []
    host.unlock()


@pytest.mark.parametrize(
    "given",
    [
        {"count": 1, "codes": "123456789"},
        {"count": 0},
        {"count": 11},
        {"codes": "abc"},
        {"codes": "12345"},
        {"codes": "123456,123456"},
        {"codes": ""},
        {"remaining_uses": -1},
        {"remaining_uses": 0},
        {"valid_secs": -1},
        {"valid_secs": 10**12},
    ],
)
def test_codes_that_cannot_be_leave_those_that_are(adm: Any, host: ApiHost, given: dict[str, Any]) -> None:
    erin = host.users["erin"].id
    adm.add_user_bypass_codes(erin, count=1)
    assert error(adm.add_user_bypass_codes, erin, **given)[:2] == (400, 40002)
    assert len(adm.get_user_bypass_codes(erin)) == 1


def test_there_are_never_more_than_a_hundred(adm: Any, host: ApiHost) -> None:
    erin = host.users["erin"].id
    adm.add_user_bypass_codes(erin, count=10)
    for _ in range(9):
        adm.add_user_bypass_codes(erin, count=10, preserve_existing=True)
    assert len(adm.get_user_bypass_codes(erin, limit=100)) == 100
    assert error(adm.add_user_bypass_codes, erin, count=1, preserve_existing=True)[:2] == (400, 40002)


def test_a_code_is_deleted_by_its_id_once_and_again(adm: Any, auth: Any, host: ApiHost) -> None:
    erin = host.users["erin"].id
    (code,) = adm.add_user_bypass_codes(erin, count=1)
    (row,) = adm.get_user_bypass_codes(erin)
    assert adm.delete_bypass_code_by_id(row["bypass_code_id"]) == ""
    assert adm.delete_bypass_code_by_id(row["bypass_code_id"]) == ""
    assert auth.auth("passcode", username="erin", passcode=code)["result"] == "deny"
    host.unlock()


# ---------------------------------------------------------------- security keys and what there is none of


def test_security_keys_are_listed_and_deleted(adm: Any, host: ApiHost) -> None:
    erin = host.users["erin"].id
    with host.database.writing() as connection:
        connection.execute(
            security_keys.insert().values(
                id="WA" + "A" * 18,
                user_id=erin,
                credential_id=b"id",
                public_key=b"key",
                transports='["usb"]',
                is_uv_capable=1,
                name="blue",
                created=time.time(),
            )
        )
    (key,) = adm.get_webauthncredentials()
    assert (key["credential_name"], key["label"], key["transports"]) == ("blue", "Security Key", ["usb"])
    assert key["user"]["username"] == "erin"
    assert adm.get_webauthncredential_by_id(key["webauthnkey"]) == key
    assert [each["webauthnkey"] for each in adm.get_user_webauthncredentials(erin)] == [key["webauthnkey"]]
    assert adm.delete_webauthncredential(key["webauthnkey"]) == ""
    assert adm.delete_webauthncredential(key["webauthnkey"]) == ""
    assert adm.get_webauthncredentials() == []
    with host.database.reading() as connection:
        left = connection.execute(sa.select(sa.func.count()).select_from(security_keys)).scalar_one()
    assert left == 0


def test_what_there_is_none_of_is_an_empty_list(adm: Any, host: ApiHost) -> None:
    now = int(time.time() * 1000)
    assert adm.get_u2ftokens() == []
    assert adm.get_desktoptokens() == []
    assert adm.get_endpoints() == []
    assert adm.get_registered_devices() == []
    assert adm.get_administrative_units() == []
    assert adm.get_user_u2ftokens(host.users["erin"].id) == []
    assert adm.get_offline_log() == []
    assert list(adm.get_trust_monitor_events_iterator(now - 1000, now)) == []
    assert adm.get_trust_monitor_events_by_offset(now - 1000, now)["events"] == []
    assert error(adm.get_u2ftoken_by_id, "x")[:2] == (404, 40401)
    assert adm.delete_u2ftoken("x") == ""
