"""Users, groups and what belongs to users, as ``duo_client.Admin`` manages them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from authproxy.secondfactor.users import add_user
from authproxy.store.tables import audit
from tests.web.apihost import ApiHost, error

NOWHERE = "DU" + "0" * 18


def test_a_user_is_added_with_everything_and_read_back(adm: Any) -> None:
    made = adm.add_user(
        "Ida",
        realname="Ida I.",
        email="i@example.com",
        notes="n",
        firstname="Ida",
        lastname="I",
        aliases=["ida.i", "ii"],
        custom_attribute_map={"dept": "R&D"},
    )
    assert made["username"] == "ida"
    assert made["aliases"] == {"alias1": "ida.i", "alias2": "ii"}
    assert (made["alias1"], made["alias3"]) == ("ida.i", None)
    assert made["custom_attributes"] == {"dept": "R&D"}
    assert made["is_enrolled"] is False
    assert made["last_login"] is None
    assert adm.get_user_by_id(made["user_id"]) == made
    assert adm.get_users_by_name("IDA") == [made]
    assert adm.get_users_by_name("ii") == [made]
    assert adm.get_user_by_email("i@example.com") == [made]
    assert {user["username"] for user in adm.get_users_by_names(["ida", "alice", "nobody"])} == {"ida", "alice"}
    assert [user["username"] for user in adm.get_users_by_ids([made["user_id"], NOWHERE])] == ["ida"]


@pytest.mark.parametrize("name", ["alice", "ALICE", "al", "CORP\\alice"])
def test_a_name_that_somebody_has_is_a_duplicate(adm: Any, name: str) -> None:
    assert error(adm.add_user, name)[:2] == (400, 40003)


def test_an_alias_that_somebody_has_is_a_duplicate_and_adds_nobody(adm: Any) -> None:
    assert error(adm.add_user, "jim", alias1="bob")[:2] == (400, 40003)
    assert adm.get_users_by_name("jim") == []


@pytest.mark.parametrize("user_id", [NOWHERE, "a b/c", "../users", "%", "ü", "x" * 500])
def test_an_unknown_id_is_not_found_whatever_it_looks_like(adm: Any, user_id: str) -> None:
    assert error(adm.get_user_by_id, user_id)[:2] == (404, 40401)


def test_changes_clear_rename_and_count_at_once(adm: Any, auth: Any) -> None:
    made = adm.add_user("kim", realname="Kim", alias1="kk")
    changed = adm.update_user(made["user_id"], realname="", alias1="", status="bypass", username="kim2")
    assert (changed["realname"], changed["aliases"], changed["username"]) == ("", {}, "kim2")
    assert auth.preauth(username="kim2")["result"] == "allow"
    adm.update_user(made["user_id"], status="disabled")
    assert auth.preauth(username="kim2")["result"] == "deny"


def test_aliases_of_a_query_string_leave_other_places_alone(adm: Any) -> None:
    made = adm.add_user("lee", alias1="l1", alias2="l2", alias4="l4")
    changed = adm.update_user(made["user_id"], aliases="alias1=new&alias2=&alias8=l8")
    assert changed["aliases"] == {"alias1": "new", "alias4": "l4", "alias8": "l8"}
    assert error(adm.update_user, made["user_id"], aliases="alias9=x")[:2] == (400, 40002)
    assert error(adm.update_user, made["user_id"], aliases="x=y")[:2] == (400, 40002)
    assert error(adm.update_user, made["user_id"], aliases="alias1=x", alias2="y")[:2] == (400, 40002)


def test_making_active_ends_a_lockout(host: ApiHost, adm: Any, auth: Any) -> None:
    for _ in range(3):
        auth.auth("passcode", username="bob", passcode="000000")
    (bob,) = adm.get_users_by_name("bob")
    assert (bob["status"], bob["lockout_reason"]) == ("locked out", "Failed Attempts")
    assert adm.update_user(bob["user_id"], status="active")["status"] == "active"
    assert auth.auth("passcode", username="bob", passcode=host.code("bob"))["result"] == "allow"


def test_deleting_twice_is_no_error(adm: Any) -> None:
    made = adm.add_user("gone")
    assert adm.delete_user(made["user_id"]) == ""
    assert adm.delete_user(made["user_id"]) == ""
    assert error(adm.get_user_by_id, made["user_id"])[0] == 404


def in_bulk(adm: Any, action: str, *ids: str) -> list[dict[str, Any]]:
    path = f"/admin/v1/users/bulk_{action}"
    users: list[dict[str, Any]] = adm.json_api_call("POST", path, {"user_id_list": json.dumps(ids)})
    return users


def test_who_is_in_the_trash_is_pending_deletion_until_restored(adm: Any, auth: Any) -> None:
    ida, ivo = (adm.add_user(name, status="bypass")["user_id"] for name in ("ida2", "ivo"))
    told = in_bulk(adm, "send_to_trash", ida, ivo, NOWHERE)
    assert {user["user_id"]: user["status"] for user in told} == dict.fromkeys((ida, ivo), "pending deletion")
    assert adm.get_info_summary()["user_pending_deletion_count"] == 2
    assert auth.preauth(username="ida2")["result"] == "deny"
    assert adm.get_users_by_name("ida2")[0]["status"] == "pending deletion"
    assert error(adm.update_user, ida, status="active")[:2] == (400, 40002)
    assert error(adm.add_user, "ida2")[:2] == (400, 40003)
    (back,) = in_bulk(adm, "restore", ida)
    assert (back["user_id"], back["status"]) == (ida, "bypass")
    assert auth.preauth(username="ida2")["result"] == "allow"
    assert in_bulk(adm, "restore", NOWHERE) == []
    for action in ("send_to_trash", "restore"):
        assert error(in_bulk, adm, action)[:2] == (400, 40002)
        assert error(in_bulk, adm, action, *["x"] * 101)[:2] == (400, 40002)
    for user in (ida, ivo):
        adm.delete_user(user)
    assert adm.get_info_summary()["user_pending_deletion_count"] == 0


@pytest.mark.parametrize(
    ("given", "code"),
    [({"status": "sleeping"}, 40002), ({"email": "no mail"}, 40002), ({"realname": "x\ny"}, 40002)],
)
def test_what_cannot_be_is_refused(adm: Any, given: dict[str, str], code: int) -> None:
    assert error(adm.add_user, "maud", **given)[:2] == (400, code)
    assert adm.get_users_by_name("maud") == []


def test_many_users_come_in_as_few_requests_as_they_can(host: ApiHost, adm: Any) -> None:
    with host.database.writing() as connection:
        here = len(list(connection.execute(sa.text("SELECT id FROM users"))))
        for number in range(250 - here):
            add_user(connection, f"many{number:03}", "simple")
    asked: list[str] = []
    call = adm.api_call

    def counted(method: str, path: str, params: dict[str, str]) -> Any:
        asked.append(params["offset"])
        return call(method, path, params)

    adm.api_call = counted
    try:
        users = list(adm.get_users_iterator())
    finally:
        del adm.api_call
    assert len({user["user_id"] for user in users}) == 250
    assert asked == ["0", "100", "200"]
    assert len(adm.get_users(limit=300)) == 250
    assert [user["username"] for user in adm.get_users(limit=1, offset=249)] != []
    with host.database.writing() as connection:
        connection.execute(sa.text("DELETE FROM users WHERE username LIKE 'many%'"))


def test_lists_of_no_hundred_and_hundred_and_one_rows_end(host: ApiHost, adm: Any) -> None:
    assert list(adm.get_groups_generator()) == []
    for number in range(100):
        adm.create_group(f"g{number:03}")
    assert len(list(adm.get_groups_generator())) == 100
    (response, data) = adm.api_call("GET", "/admin/v1/groups", {"limit": "100", "offset": "0"})
    assert response.status == 200
    assert json.loads(data)["metadata"] == {"total_objects": 100}
    last = adm.create_group("g100")
    assert len(list(adm.get_groups_generator())) == 101
    (_, data) = adm.api_call("GET", "/admin/v1/groups", {"limit": "100", "offset": "100"})
    assert json.loads(data)["metadata"] == {"total_objects": 101, "prev_offset": 0}
    adm.delete_group(last["group_id"])


def test_groups_decide_for_their_members(adm: Any, auth: Any) -> None:
    erin = adm.get_users_by_name("erin")[0]["user_id"]
    passes = adm.create_group("passes", desc="they pass", status="bypass")
    assert (passes["status"], passes["desc"]) == ("Bypass", "they pass")
    assert adm.add_user_group(erin, passes["group_id"]) == ""
    assert adm.add_user_group(erin, passes["group_id"]) == ""
    assert auth.preauth(username="erin")["result"] == "allow"
    stops = adm.create_group("stops")
    adm.add_user_group(erin, stops["group_id"])
    assert adm.modify_group(stops["group_id"], status="disabled")["status"] == "Disabled"
    assert auth.preauth(username="erin")["result"] == "deny"
    assert [group["name"] for group in adm.get_user_groups(erin)] == ["passes", "stops"]
    assert [user["username"] for user in adm.get_group_users(stops["group_id"])] == ["erin"]
    assert [user["username"] for user in adm.get_group(stops["group_id"])["users"]] == ["erin"]
    assert "users" not in adm.get_group(stops["group_id"], api_version=2)
    assert len(adm.get_groups_by_group_ids([stops["group_id"], "DG" + "0" * 18])) == 1
    assert adm.delete_user_group(erin, stops["group_id"]) == ""
    assert adm.delete_user_group(erin, stops["group_id"]) == ""
    assert auth.preauth(username="erin")["result"] == "allow"
    for group in (passes, stops):
        adm.delete_group(group["group_id"])
    assert adm.delete_group(stops["group_id"]) == ""
    assert error(adm.create_group, "")[:2] == (400, 40001)
    assert error(adm.add_user_group, erin, stops["group_id"])[:2] == (400, 40002)


def test_every_change_is_recorded_with_the_application_that_made_it(host: ApiHost, adm: Any) -> None:
    made = adm.add_user("watched")
    adm.update_user(made["user_id"], realname="W")
    adm.delete_user(made["user_id"])
    with host.database.reading() as connection:
        rows = connection.execute(sa.select(audit).where(audit.c.object == "watched").order_by(audit.c.id)).all()
    assert [row.action for row in rows] == ["user add", "user set", "user delete"]
    assert {row.actor for row in rows} == {f"api:{host.keys['admin'].ikey}"}
    assert {row.address for row in rows} == {"127.0.0.1"}
    told = json.loads(rows[1].detail)
    assert (told["before"]["realname"], told["after"]["realname"]) == ("", "W")
