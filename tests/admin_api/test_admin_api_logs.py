"""Logs, as readers of them fetch them."""

from __future__ import annotations

import json
import time
import warnings
from datetime import datetime
from typing import Any

import pytest

from authproxy.store.journal import bare_name
from authproxy.store.tables import audit, logins, telephony
from tests.web.apihost import ApiHost, error

NOW = time.time()
DAY = 86_400
MS = 1000


@pytest.fixture(scope="module", autouse=True)
def rows(host: ApiHost) -> None:
    """Seven logins, five changes and three messages, a second apart."""
    alice, bob = "alice", "CORP\\bob"
    told = [
        (alice, "accept", "", "push", "auth"),
        (alice, "reject", "push denied", "push", "auth"),
        (alice, "reject", "push reported as fraud", "push", "vpn"),
        (bob, "accept", "", "hardware token", "vpn"),
        (bob, "reject", "wrong passcode", "passcode", "vpn"),
        ("carol", "accept", "", "bypass status", "vpn"),
        ("nobody", "challenge", "", "", "vpn"),
    ]
    with host.database.writing() as connection:
        connection.execute(audit.delete())
        for number, (name, result, reason, factor, section) in enumerate(told):
            connection.execute(
                logins.insert().values(
                    login_id=f"LOGIN{number}",
                    at=NOW - DAY + number + 0.25,
                    section=section,
                    username=name,
                    name=bare_name(name),
                    nas="192.0.2.1",
                    client_ip="198.51.100.7",
                    result=result,
                    reason=reason,
                    factor=factor,
                    device="iPhone",
                    elapsed=1.0,
                    steps="[]",
                )
            )
        for number, action in enumerate(
            ("user add", "user set", "application add", "bypass create", "user delete")
        ):
            connection.execute(
                audit.insert().values(
                    at=NOW - DAY + number,
                    actor=("admin:a@example.com", "api:DIX", "shell:root")[number % 3],
                    action=action,
                    object="alice",
                    detail='{"x":1}',
                    address="198.51.100.9",
                )
            )
        for number, kind in enumerate(("sms", "call", "sms")):
            connection.execute(
                telephony.insert().values(
                    at=NOW - DAY + number,
                    kind=kind,
                    purpose="login",
                    user_id=host.users["alice"].id,
                    last_digits="0100",
                    status="delivered",
                    cost=2.0,
                    login_id=f"LOGIN{number}",
                )
            )


def authlogs(adm: Any, **given: Any) -> list[dict[str, Any]]:
    since = {"mintime": int((NOW - 2 * DAY) * MS), "maxtime": int(NOW * MS)}
    found: list[dict[str, Any]] = adm.get_authentication_log(api_version=2, **{**since, **given})["authlogs"]
    return found


def test_logins_are_told_with_words_that_readers_know(adm: Any, host: ApiHost) -> None:
    newest, *_, oldest = authlogs(adm)
    assert (oldest["txid"], newest["txid"]) == ("LOGIN0", "LOGIN5")
    assert (oldest["factor"], oldest["result"], oldest["reason"]) == ("duo_push", "success", "user_approved")
    assert oldest["user"] == {"key": host.users["alice"].id, "name": "alice", "groups": []}
    assert oldest["application"] == {"key": host.keys["auth"].ikey, "name": "auth"}
    assert oldest["access_device"]["ip"] == "198.51.100.7"
    assert oldest["timestamp"] == int(NOW - DAY + 0.25)
    datetime.strptime(oldest["isotimestamp"], "%Y-%m-%dT%H:%M:%S.%f+00:00")
    assert (newest["factor"], newest["reason"]) == ("not_available", "bypass_user")
    bob = next(each for each in authlogs(adm) if each["user"]["name"] == "CORP\\bob")
    assert bob["user"]["key"] == host.users["bob"].id


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ({"results": "success"}, "035"),
        ({"results": "denied"}, "14"),
        ({"results": "fraud"}, "2"),
        ({"results": ["fraud", "denied"]}, "124"),
        ({"factors": "duo_push"}, "012"),
        ({"factors": ["hardware_token", "duo_mobile_passcode"]}, "34"),
        ({"factors": "smoke_signal"}, ""),
        ({"reasons": "user_approved"}, "0"),
        ({"reasons": "invalid_passcode"}, "4"),
        ({"reasons": ["user_marked_fraud", "bypass_user"]}, "25"),
        ({"reasons": "invalid_passcode", "results": "success"}, ""),
        ({"applications": "vpn"}, "2345"),
        ({"applications": "auth"}, "01"),
        ({"event_types": "authentication"}, "012345"),
        ({"event_types": "enrollment"}, ""),
        ({"sort": "ts:asc", "limit": "2"}, "01"),
        ({"users": "DU" + "0" * 18}, ""),
    ],
)
def test_filters_leave_what_fits(adm: Any, given: dict[str, Any], numbers: str) -> None:
    found = sorted(each["txid"] for each in authlogs(adm, **given))
    assert found == [f"LOGIN{number}" for number in numbers]


def test_filters_by_users_groups_and_keys_of_applications(adm: Any, host: ApiHost) -> None:
    bob = host.users["bob"].id
    assert {each["txid"] for each in authlogs(adm, users=bob)} == {"LOGIN3", "LOGIN4"}
    assert {each["txid"] for each in authlogs(adm, applications=host.keys["auth"].ikey)} == {"LOGIN0", "LOGIN1"}
    group = adm.create_group("readers")["group_id"]
    adm.add_user_group(bob, group)
    assert {each["txid"] for each in authlogs(adm, groups=group)} == {"LOGIN3", "LOGIN4"}
    assert authlogs(adm, users=bob)[0]["user"]["groups"] == [f"readers ({group})"]
    adm.delete_group(group)


@pytest.mark.parametrize("order", ["ts:asc", "ts:desc"])
def test_pages_of_logins_have_each_login_once(adm: Any, order: str) -> None:
    seen: list[str] = []
    given: dict[str, Any] = {"limit": "4", "sort": order}
    since = {"mintime": int((NOW - 2 * DAY) * MS), "maxtime": int(NOW * MS)}
    for _ in range(2):
        said = adm.get_authentication_log(api_version=2, **since, **given)
        seen += [each["txid"] for each in said["authlogs"]]
        given["next_offset"] = said["metadata"]["next_offset"]
    assert said["metadata"] == {"next_offset": None, "total_objects": 6}
    expected = [f"LOGIN{number}" for number in range(6)]
    assert seen == (expected if order == "ts:asc" else expected[::-1])


def test_a_page_of_exactly_all_rows_is_the_last(adm: Any) -> None:
    since = {"mintime": int((NOW - 2 * DAY) * MS), "maxtime": int(NOW * MS)}
    assert adm.get_authentication_log(api_version=2, **since, limit="6")["metadata"]["next_offset"] is None


@pytest.mark.parametrize(
    "given",
    [
        {"mintime": 1_700_000_000},
        {"mintime": int(NOW * MS) + 5},
        {"limit": "0"},
        {"sort": "ts:sideways"},
        {"next_offset": "1,2,3"},
        {"next_offset": ["x", "id1"]},
        {"assessment": "x"},
    ],
)
def test_what_cannot_be_asked_is_refused(adm: Any, given: dict[str, Any]) -> None:
    since = {"mintime": int((NOW - DAY) * MS), "maxtime": int(NOW * MS)}
    assert error(adm.get_authentication_log, api_version=2, **{**since, **given})[:2] == (400, 40002)


def test_more_than_a_thousand_rows_are_never_answered_but_may_be_asked_for(adm: Any) -> None:
    assert len(authlogs(adm, limit="1001")) == 6


def test_old_logs_are_lists_with_the_oldest_first(adm: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = adm.get_authentication_log(mintime=int(NOW - 2 * DAY))
    assert [each["result"] for each in found] == ["SUCCESS", "FAILURE", "FRAUD", "SUCCESS", "FAILURE", "SUCCESS"]
    assert (found[0]["username"], found[0]["factor"], found[0]["integration"]) == ("alice", "Duo Push", "auth")
    changes = adm.get_administrator_log(mintime=int(NOW - 2 * DAY))
    assert [each["action"] for each in changes][:5] == [
        "user_create",
        "user_update",
        "integration_create",
        "bypass_create",
        "user_delete",
    ]
    assert [each["username"] for each in changes][:3] == ["a@example.com", "API", "System"]
    assert json.loads(changes[0]["description"]) == {"x": 1}
    messages = adm.get_telephony_log(mintime=int(NOW - 2 * DAY))
    assert [(each["type"], each["phone"], each["credits"]) for each in messages] == [
        ("sms", "XXX-XXX-0100", 2.0),
        ("phone", "XXX-XXX-0100", 2.0),
        ("sms", "XXX-XXX-0100", 2.0),
    ]


def test_activity_comes_in_pages(adm: Any) -> None:
    until = {"maxtime": int((NOW - DAY + 10) * MS)}
    first = adm.get_activity_logs(limit=2, sort="ts:asc", **until)
    assert [item["action"] for item in first["items"]] == ["user_create", "user_update"]
    assert first["metadata"]["total_objects"] == {"value": 5, "relation": "eq"}
    assert first["items"][0]["actor"]["name"] == "a@example.com"
    assert first["items"][0]["access_device"]["ip"]["address"] == "198.51.100.9"
    offset = first["metadata"]["next_offset"]
    assert offset.count(",") == 1
    rest = adm.get_activity_logs(sort="ts:asc", next_offset=offset, **until)
    assert [item["action"] for item in rest["items"]] == ["integration_create", "bypass_create", "user_delete"]
    assert rest["metadata"]["next_offset"] is None


def test_messages_come_in_pages(adm: Any) -> None:
    first = adm.get_telephony_log(api_version=2, limit=2, sort="asc")
    assert [item["txid"] for item in first["items"]] == ["LOGIN0", "LOGIN1"]
    rest = adm.get_telephony_log(api_version=2, sort="asc", next_offset=first["metadata"]["next_offset"])
    assert [item["txid"] for item in rest["items"]] == ["LOGIN2"]
    assert rest["metadata"] == {"next_offset": None, "total_objects": {"value": 3, "relation": "eq"}}
