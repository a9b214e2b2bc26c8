"""Applications, administrators, settings, policies and figures of the account."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import duo_client
import pytest

from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.applications import change_application, find_application
from tests.admin_api.conftest import give
from tests.web.apihost import ApiHost, error


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def test_the_summary_counts(adm: Any, host: ApiHost) -> None:
    found = adm.get_info_summary()
    numbers = {name: value for name, value in found.items() if name != "edition"}
    assert all(isinstance(value, int) for value in numbers.values())
    assert (found["user_count"], found["integration_count"]) == (6, 4)
    assert {"admin_count", "telephony_credits_remaining"} <= set(found)


def test_attempts_are_counted_by_how_they_ended(adm: Any, auth: Any, host: ApiHost) -> None:
    auth.auth("passcode", username="bob", passcode=host.code("bob"))
    auth.auth("passcode", username="bob", passcode="000000")
    auth.auth("passcode", username="bob", passcode="000000")
    with host.answering():
        auth.auth("push", username="alice", device="auto")
    counted, users = adm.get_authentication_attempts(), adm.get_user_authentication_attempts()
    assert (counted["SUCCESS"], counted["FAILURE"], counted["FRAUD"], counted["ERROR"]) == (2, 2, 0, 0)
    assert counted["authentication_attempts"]["FAILURE"] == 2
    assert (users["SUCCESS"], users["FAILURE"]) == (2, 1)
    assert adm.get_authentication_attempts("0", "1")["SUCCESS"] == 0
    assert error(adm.get_authentication_attempts, "5", "1")[:2] == (400, 40002)
    assert adm.get_info_telephony_credits_used("0")["telephony_credits_used"] == 0


# ---------------------------------------------------------------- applications


def test_a_new_application_may_call_at_once_until_it_is_deleted(adm: Any, host: ApiHost) -> None:
    made = adm.create_integration("t1", "authapi", notes="n", enroll_policy="allow", groups_allowed="")
    assert (made["name"], made["type"], made["enroll_policy"], made["user_access"]) == (
        "t1",
        "authapi",
        "allow",
        "ALL_USERS",
    )
    client = host.client(ikey=made["integration_key"], skey=made["secret_key"])
    assert client.check()["time"]
    assert client.preauth(username="stranger")["result"] == "allow"
    assert adm.get_integration(made["integration_key"]) == made
    assert adm.get_secret_key(made["integration_key"]) == {"secret_key": made["secret_key"]}
    assert made in list(adm.get_integrations_generator())
    assert adm.delete_integration(made["integration_key"]) == ""
    assert error(adm.delete_integration, made["integration_key"])[:2] == (404, 40401)
    assert error(client.check)[:2] == (401, 40102)


def test_a_rotated_key_counts_at_once(adm: Any, host: ApiHost) -> None:
    made = adm.create_integration("t2", "authapi")
    old = host.client(ikey=made["integration_key"], skey=made["secret_key"])
    old.check()
    changed = adm.update_integration(made["integration_key"], reset_secret_key=1, name="t2b")
    assert changed["name"] == "t2b"
    assert changed["secret_key"] != made["secret_key"]
    assert error(old.check)[:2] == (401, 40103)
    assert host.client(ikey=made["integration_key"], skey=changed["secret_key"]).check()["time"]
    adm.delete_integration(made["integration_key"])


def test_an_application_neither_rotates_nor_deletes_itself(adm: Any, host: ApiHost) -> None:
    own = host.keys["admin"].ikey
    assert error(adm.update_integration, own, reset_secret_key=1)[:2] == (403, 40301)
    assert error(adm.delete_integration, own)[:2] == (403, 40301)
    assert adm.get_info_summary()["user_count"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"integration_type": "teapot"}, 40002),
        ({"integration_type": "authapi", "enroll_policy": "perhaps"}, 40002),
        ({"integration_type": "authapi", "groups_allowed": "DG" + "0" * 18}, 40002),
        ({"integration_type": "authapi", "user_access": "SOME"}, 40002),
        ({"integration_type": "authapi", "adminapi_read_log": True}, 40002),
        ({"integration_type": "authapi", "trusted_device_days": "x"}, 40002),
    ],
)
def test_an_application_that_cannot_be_is_not_made(adm: Any, given: dict[str, Any], code: int) -> None:
    assert error(adm.create_integration, "t3", **given)[1] == code
    assert "t3" not in {each["name"] for each in adm.get_integrations()}


def test_everything_an_application_has_is_kept(adm: Any) -> None:
    group = adm.create_group("allowed")["group_id"]
    made = adm.create_integration(
        "t4",
        "adminapi",
        greeting="hello",
        groups_allowed=group,
        self_service_allowed=True,
        adminapi_read_log=True,
        adminapi_info=False,
        trusted_device_days=7,
        ip_whitelist=["198.51.100.0/24", "203.0.113.1"],
        username_normalization_policy="none",
        user_access="PERMITTED_GROUPS",
    )
    assert made["groups_allowed"] == [group]
    assert (made["adminapi_read_log"], made["adminapi_info"], made["self_service_allowed"]) == (1, 0, 1)
    assert made["ip_whitelist"] == ["198.51.100.0/24", "203.0.113.1"]
    assert (made["greeting"], made["trusted_device_days"]) == ("hello", 7)
    assert made["username_normalization_policy"] == "none"
    changed = adm.update_integration(made["integration_key"], adminapi_info=True, adminapi_read_log=False)
    assert (changed["adminapi_read_log"], changed["adminapi_info"]) == (0, 1)
    adm.delete_integration(made["integration_key"])
    adm.delete_group(group)


def test_an_application_may_be_for_nobody_for_some_groups_or_for_all(adm: Any, host: ApiHost) -> None:
    group = adm.create_group("some")["group_id"]
    adm.add_user_group(host.users["alice"].id, group)
    made = adm.create_integration("t5", "authapi", user_access="NO_USERS")
    client = host.client(ikey=made["integration_key"], skey=made["secret_key"])

    def results() -> list[str]:
        return [client.preauth(username=name)["result"] for name in ("alice", "bob")]

    assert (made["user_access"], results()) == ("NO_USERS", ["deny", "deny"])
    ikey = made["integration_key"]
    assert error(adm.update_integration, ikey, user_access="PERMITTED_GROUPS")[:2] == (400, 40002)
    some = adm.update_integration(ikey, user_access="PERMITTED_GROUPS", groups_allowed=group)
    assert (some["user_access"], results()) == ("PERMITTED_GROUPS", ["auth", "deny"])
    everybody = adm.update_integration(ikey, user_access="ALL_USERS")
    assert (everybody["groups_allowed"], results()) == ([], ["auth", "auth"])
    adm.delete_integration(ikey)
    adm.delete_group(group)


def test_permissions_are_given_only_by_who_may_give_them(adm: Any, host: ApiHost) -> None:
    made = adm.create_integration("weak", "adminapi", adminapi_integrations=True)
    weak = host.client(duo_client.Admin, ikey=made["integration_key"], skey=made["secret_key"])
    assert error(weak.create_integration, "m", "adminapi", adminapi_read_log=True)[:2] == (403, 40301)
    plain = weak.create_integration("m", "authapi")
    assert len(plain["secret_key"]) == 40
    assert error(weak.update_integration, made["integration_key"], adminapi_admins=True)[:2] == (403, 40301)
    for ikey in (plain["integration_key"], made["integration_key"]):
        adm.delete_integration(ikey)


def test_what_gains_permissions_gets_a_new_key(adm: Any, host: ApiHost) -> None:
    made = adm.create_integration("grows", "adminapi", adminapi_info=True)
    ikey, old = made["integration_key"], made["secret_key"]
    before = host.client(duo_client.Admin, ikey=ikey, skey=old)
    assert before.get_info_summary()["user_count"]
    assert adm.update_integration(ikey, adminapi_info=True, notes="as before")["secret_key"] == old
    grown = adm.update_integration(ikey, adminapi_read_log=True)
    assert grown["adminapi_read_log"] == 1
    assert grown["secret_key"] != old
    assert error(before.get_info_summary)[:2] == (401, 40103)
    after = host.client(duo_client.Admin, ikey=ikey, skey=grown["secret_key"])
    assert after.get_info_summary()["user_count"]
    shrunk = adm.update_integration(ikey, adminapi_read_log=False)
    assert (shrunk["adminapi_read_log"], shrunk["secret_key"]) == (0, grown["secret_key"])
    row = adm.get_administrator_log()[-2]
    assert (row["action"], json.loads(row["description"])["gained"]) == (
        "integration_rotate",
        ["adminapi_read_log"],
    )
    adm.delete_integration(ikey)


def test_nobody_gives_itself_permissions(adm: Any, host: ApiHost) -> None:
    path = "/admin/v3/integrations/{}"
    made = adm.create_integration("selfish", "adminapi", adminapi_integrations=True)
    with host.database.writing() as connection:
        row = find_application(connection, made["integration_key"])
        wanted = [ApiPermission.INTEGRATIONS, ApiPermission.SET_PERMISSIONS]
        change_application(connection, row, {"permissions": [*map(str, wanted)]})
    selfish = host.client(duo_client.Admin, ikey=made["integration_key"], skey=made["secret_key"])
    own = path.format(made["integration_key"])
    assert error(selfish.json_api_call, "POST", own, {"adminapi_admins": "1"})[:2] == (403, 40301)
    assert selfish.json_api_call("POST", own, {"notes": "mine"})["adminapi_admins"] == 0
    adm.delete_integration(made["integration_key"])


def test_keys_of_what_may_do_more_are_not_to_be_had(adm: Any, host: ApiHost) -> None:
    made = adm.create_integration("low", "adminapi", adminapi_integrations=True)
    low = host.client(duo_client.Admin, ikey=made["integration_key"], skey=made["secret_key"])
    high = host.keys["admin"].ikey
    assert low.get_integration(high)["secret_key"] == ""
    assert {each["secret_key"] for each in low.get_integrations() if each["integration_key"] == high} == {""}
    assert error(low.get_secret_key, high)[:2] == (403, 40301)
    assert error(low.update_integration, high, reset_secret_key=True)[:2] == (403, 40301)
    assert error(low.delete_integration, high)[:2] == (403, 40301)
    assert low.get_integration(made["integration_key"])["secret_key"] == made["secret_key"]
    assert adm.get_integration(high)["secret_key"] == host.keys["admin"].skey
    adm.delete_integration(made["integration_key"])


# ---------------------------------------------------------------- administrators


def test_administrators_are_added_changed_and_deleted(adm: Any) -> None:
    made = adm.add_admin("N", "a@example.com", "+15555550101", "Passw0rd!long", role="Help Desk")
    assert (made["role"], made["status"], made["phone"]) == ("Help Desk", "Pending Activation", "+15555550101")
    assert "Passw0rd" not in str(made)
    assert error(adm.add_admin, "N", "A@example.com", "", "x", role="Help Desk")[:2] == (400, 40003)
    assert error(adm.add_admin, "N", "b@example.com", "", "x", role="help desk")[:2] == (400, 40002)
    changed = adm.update_admin(made["admin_id"], name="M", role="Read-only", status="Disabled")
    assert (changed["name"], changed["role"], changed["status"]) == ("M", "Read-only", "Disabled")
    assert adm.get_admins() == [changed]
    assert list(adm.get_admins_iterator()) == [changed]
    assert adm.get_admin(made["admin_id"]) == changed
    assert adm.reset_admin(made["admin_id"]) == changed
    assert adm.delete_admin(made["admin_id"]) == ""
    assert adm.delete_admin(made["admin_id"]) == ""
    assert error(adm.get_admin, made["admin_id"])[:2] == (404, 40401)


def test_the_last_owner_stays(adm: Any, host: ApiHost) -> None:
    from authproxy.store.tables import administrators

    owner = adm.add_admin("O", "owner@example.com", "", "x")["admin_id"]
    with host.database.writing() as connection:
        connection.execute(administrators.update().values(status="active", password_changed=1.0))
    assert error(adm.update_admin, owner, status="Disabled")[:2] == (400, 40002)
    assert error(adm.update_admin, owner, role="Billing")[:2] == (400, 40002)
    assert error(adm.delete_admin, owner)[:2] == (400, 40002)
    with host.database.writing() as connection:
        connection.execute(administrators.delete())


def test_an_activation_is_a_link_that_works_once(adm: Any, host: ApiHost) -> None:
    made = adm.activate_admin("new@example.com", valid_days=2, admin_role="Billing")
    assert made["link"] == f"https://localhost:{host.port}/admin/link/{made['code']}"
    assert (made["valid_days"], made["admin_role"], made["email_sent"]) == (2, "Billing", False)
    (admin,) = adm.get_admins()
    assert (admin["email"], admin["status"]) == ("new@example.com", "Pending Activation")
    assert error(adm.activate_admin, "c@example.com", valid_days=400)[:2] == (400, 40002)
    adm.delete_admin(admin["admin_id"])


def test_methods_of_administrators_are_kept_and_passwords_are_not_taken(adm: Any) -> None:
    adm.set_allowed_admin_auth_methods(push_enabled=True, verified_push_enabled=True)
    kept = adm.get_allowed_admin_auth_methods()
    assert (kept["push_enabled"], kept["verified_push_enabled"], kept["verified_push_length"]) == (True, True, 3)
    adm.set_allowed_admin_auth_methods(verified_push_enabled=False)
    assert adm.get_allowed_admin_auth_methods()["verified_push_length"] is None
    made = adm.add_admin("N", "p@example.com", "", "x", role="Billing")["admin_id"]
    assert adm.get_external_password_mgmt_statuses() == [{"admin_id": made, "has_external_password_mgmt": False}]
    assert adm.get_external_password_mgmt_status_for_admin(made)["has_external_password_mgmt"] is False
    assert error(adm.update_admin_password_mgmt_status, made, True, "secret")[:2] == (400, 40002)
    adm.delete_admin(made)


# ---------------------------------------------------------------- settings and the logo


def test_settings_are_echoed_as_numbers_and_change_what_happens(adm: Any, auth: Any, host: ApiHost) -> None:
    host.unlock()
    before = adm.get_settings()
    changed = adm.update_settings(lockout_threshold=2, sms_refresh=True, helpdesk_bypass="limit")
    assert (changed["lockout_threshold"], changed["sms_refresh"], changed["helpdesk_bypass"]) == (2, True, "limit")
    assert adm.get_settings() == changed
    assert set(changed) == set(before)
    results = [auth.auth("passcode", username="bob", passcode="000000")["status"] for _ in range(2)]
    assert results == ["deny", "locked_out"]
    adm.update_settings(lockout_threshold=before["lockout_threshold"])
    host.unlock()


@pytest.mark.parametrize(
    "given",
    [{"lockout_threshold": 100_000}, {"sms_batch": "x"}, {"helpdesk_bypass": "some"}, {"timezone": "Nowhere"}],
)
def test_settings_that_cannot_be_change_none(adm: Any, given: dict[str, Any]) -> None:
    before = adm.get_settings()
    assert error(adm.update_settings, helpdesk_message="new", **given)[:2] == (400, 40002)
    assert adm.get_settings() == before


def test_the_logo_is_what_applications_show(adm: Any, auth: Any) -> None:
    assert error(adm.get_logo)[:2] == (404, 40401)
    with pytest.raises(RuntimeError, match="404"):
        auth.logo()
    assert error(adm.update_logo, b"not png")[:2] == (400, 40002)
    picture = png()
    assert adm.update_logo(picture) == ""
    assert adm.get_logo() == picture
    assert auth.logo() == picture
    assert adm.delete_logo() == ""
    assert adm.delete_logo() == ""
    assert error(adm.get_logo)[:2] == (404, 40401)


# ---------------------------------------------------------------- policies


def test_policies_are_made_assigned_and_calculated(adm: Any, auth: Any, host: ApiHost) -> None:
    ikey, erin = host.keys["auth"].ikey, host.users["erin"].id
    made = adm.create_policy_v2(
        {
            "policy_name": "Strict",
            "sections": {"authentication_policy": {"user_auth_behavior": "deny"}},
            "apply_to_apps": [ikey],
        }
    )
    assert made["sections"] == {"authentication_policy": {"user_auth_behavior": "deny"}}
    assert auth.preauth(username="alice")["result"] == "deny"
    said = adm.calculate_policy(ikey, erin)
    assert said["sections"]["authentication_policy"] == {"user_auth_behavior": "deny"}
    decided = {each["section"]: each["policy_name"] for each in said["policy_elements"]}
    assert decided["authentication_policy"] == "Strict"
    changed = adm.update_policy_v2(
        made["policy_key"], {"sections": {"new_user": {"new_user_behavior": "no-mfa"}}, "policy_name": "Loose"}
    )
    assert changed["sections"]["new_user"] == {"new_user_behavior": "no-mfa"}
    assert changed["sections"]["authentication_policy"] == {"user_auth_behavior": "deny"}
    (copied,) = adm.copy_policy_v2(made["policy_key"], ["Copy"])
    assert copied["sections"] == changed["sections"]
    both = adm.update_policies_v2(
        {"self_service": {"portal": True}}, ["authentication_policy"], [copied["policy_key"], made["policy_key"]]
    )
    assert {policy["policy_name"] for policy in both} == {"Loose", "Copy"}
    assert all("authentication_policy" not in policy["sections"] for policy in both)
    assert auth.preauth(username="alice")["result"] == "auth"
    assert {policy["policy_name"] for policy in adm.get_policies_v2()} >= {"Loose", "Copy"}
    assert adm.get_policy_v2(copied["policy_key"])["policy_name"] == "Copy"
    summary = adm.get_policy_summary_v2()
    (loose,) = [each for each in summary["policies"] if each["policy_name"] == "Loose"]
    assert [each["app_name"] for each in loose["apps"]] == ["auth"]
    for policy in (made, copied):
        assert adm.delete_policy_v2(policy["policy_key"]) == ""
    assert adm.delete_policy_v2(made["policy_key"]) == ""
    assert error(adm.get_policy_v2, made["policy_key"])[:2] == (404, 40401)


@pytest.mark.parametrize(
    "given",
    [
        {"sections": {"new_user": {"new_user_behavior": "maybe"}}},
        {"sections": {"nothing": {}}},
        {"sections": {"new_user": 5}},
        {"sections": []},
        {"sections": {}, "apply_to_apps": ["DINOBODY"]},
        {"sections": {}, "apply_to_groups_in_apps": [{}]},
    ],
)
def test_a_policy_that_cannot_be_is_not_made(adm: Any, given: dict[str, Any]) -> None:
    before = adm.get_policies_v2()
    assert error(adm.create_policy_v2, {"policy_name": "Odd", **given})[:2] == (400, 40002)
    assert adm.get_policies_v2() == before


def test_looking_needs_another_permission_than_changing(host: ApiHost) -> None:
    give(host, "auth", ApiPermission.READ_RESOURCE)
    client = host.client(duo_client.Admin, "auth")
    assert error(client.get_users)[:2] == (403, 40301)
    assert "integration type" in error(client.get_users)[2]
    give(host, "auth")
