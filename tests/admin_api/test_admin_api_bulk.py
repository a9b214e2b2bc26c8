"""Many changes in one request: ``/admin/v1/bulk``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.web.apihost import ApiHost, error

NOWHERE = "DU" + "0" * 18


def bulk(adm: Any, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = adm.json_api_call(
        "POST", "/admin/v1/bulk", {"operations": json.dumps(list(steps))}
    )
    return answers


def add(name: str, **more: str) -> dict[str, Any]:
    return {"method": "POST", "path": "/admin/v1/users", "body": {"username": name, **more}}


def test_each_is_answered_as_if_it_had_come_alone(adm: Any) -> None:
    group = adm.create_group("bulk")["group_id"]
    made, twin = bulk(adm, add("bulky", realname="B"), add("bulky"))
    assert (made["stat"], made["response"]["realname"]) == ("OK", "B")
    assert (twin["stat"], twin["code"]) == ("FAIL", 40003)
    user = made["response"]["user_id"]
    joined, changed, gone = bulk(
        adm,
        {"method": "POST", "path": f"/admin/v1/users/{user}/groups", "body": {"group_id": group}},
        {"method": "POST", "path": f"/admin/v1/users/{user}", "body": {"status": "bypass"}},
        {"method": "DELETE", "path": f"/admin/v1/users/{NOWHERE}"},
    )
    assert (joined["response"], changed["response"]["status"], gone["response"]) == ("", "bypass", "")
    assert [each["name"] for each in adm.get_user_groups(user)] == ["bulk"]


def test_what_is_refused_undoes_itself_and_nothing_else(adm: Any) -> None:
    answers = bulk(adm, add("before"), add("between", alias1="before"), add("behind"))
    assert [each["stat"] for each in answers] == ["OK", "FAIL", "OK"]
    assert [len(adm.get_users_by_name(name)) for name in ("before", "between", "behind")] == [1, 0, 1]


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"method": "GET", "path": "/admin/v1/users"}, 40401),
        ({"method": "POST", "path": "/admin/v1/bulk", "body": {"operations": []}}, 40401),
        ({"method": "POST", "path": "/admin/v1/teapots"}, 40401),
        ({"method": "PUT", "path": "/admin/v1/users"}, 40401),
        ({"path": "/admin/v1/users"}, 40001),
        ({"method": "POST"}, 40001),
        ({"method": "POST", "path": "/admin/v1/users", "body": "x"}, 40002),
        ({"method": "POST", "path": "/admin/v1/users"}, 40001),
        ({"method": "POST", "path": f"/admin/v1/users/{NOWHERE}", "body": {"realname": "x"}}, 40401),
    ],
)
def test_what_cannot_be_done_so_is_told_in_its_place(adm: Any, step: dict[str, Any], code: int) -> None:
    (answer,) = bulk(adm, step)
    assert (answer["stat"], answer["code"]) == ("FAIL", code)


@pytest.mark.parametrize("steps", ["", "x", "{}", "[1]", "[]", json.dumps([add("x")] * 51)])
def test_a_list_that_is_none_or_too_long_is_refused(adm: Any, steps: str) -> None:
    refused = error(adm.json_api_call, "POST", "/admin/v1/bulk", {"operations": steps})
    assert refused == (400, 40002, "operations")


def test_each_takes_its_own_permission(adm: Any, host: ApiHost) -> None:
    keys = adm.create_integration("bulk writer", "adminapi", adminapi_write_resource=True)
    writer = host.client(type(adm), ikey=keys["integration_key"], skey=keys["secret_key"])
    admin = {"name": "N", "email": "bulk@example.com"}
    wrote, refused = bulk(writer, add("by writer"), {"method": "POST", "path": "/admin/v1/admins", "body": admin})
    assert (wrote["stat"], refused["code"]) == ("OK", 40301)
    assert adm.get_admins() == []
    adm.delete_integration(keys["integration_key"])
