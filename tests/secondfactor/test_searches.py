"""Searching users, logins, changes and messages, a page at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authproxy.secondfactor import login_search
from authproxy.secondfactor.aliases import add_alias
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.audit_search import AuditFilter, count_audit, search_audit
from authproxy.secondfactor.groups import add_group, add_member, change_group, list_groups, list_members
from authproxy.secondfactor.listing import Cursor, Total, Window
from authproxy.secondfactor.login_search import LoginFilter, count_logins, search_logins, user_ids
from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.refusals import AlreadyThere, BadValue
from authproxy.secondfactor.telephony_search import TelephonyFilter, search_telephony
from authproxy.secondfactor.user_search import LOCKED_OUT, UserFilter, UserOrder, search_users
from authproxy.secondfactor.users import User, add_user, change_user
from authproxy.store import tables
from authproxy.store.engine import Database
from authproxy.store.journal import bare_name


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    with Database(f"sqlite:///{tmp_path}/x.db").writing() as opened:
        yield opened


@pytest.fixture
def people(connection: sa.Connection) -> dict[str, User]:
    """alice has a phone and an alias, bob is disabled, carol locked out, dave in a group."""
    made = {name: add_user(connection, name, "simple") for name in ("alice", "bob", "carol", "dave")}
    add_alias(connection, made["alice"], "wonder", "simple")
    add_phone(connection, made["alice"], "+15555550100")
    change_user(
        connection, made["bob"], {"status": "disabled", "email": "b_b@example.com", "realname": "Bob 100%"}
    )
    connection.execute(
        tables.users.update().where(tables.users.c.username == "carol").values(locked_until=time.time() + 60)
    )
    add_member(connection, add_group(connection, "staff"), made["dave"])
    return made


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (UserFilter(), "alice bob carol dave"),
        (UserFilter(text="ONDE"), "alice"),
        (UserFilter(text="555-0100"), "alice"),
        (UserFilter(text="b_b@"), "bob"),
        (UserFilter(text="_"), "bob"),
        (UserFilter(text="%"), "bob"),
        (UserFilter(text="nobody"), ""),
        (UserFilter(status="disabled"), "bob"),
        (UserFilter(status=LOCKED_OUT), "carol"),
        (UserFilter(is_enrolled=True), "alice"),
        (UserFilter(is_enrolled=False), "bob carol dave"),
        (UserFilter(names=["wonder", "dave"]), "alice dave"),
        (UserFilter(email="b_b@example.com"), "bob"),
        (UserFilter(status="active", is_enrolled=False), "carol dave"),
    ],
)
def test_users_are_found_by_what_a_help_desk_is_told(
    connection: sa.Connection, people: dict[str, User], wanted: UserFilter, names: str
) -> None:
    found = search_users(connection, wanted)
    assert [user.username for user in found.rows] == names.split()
    assert found.total == len(found.rows)


def test_users_of_a_group_and_by_id(connection: sa.Connection, people: dict[str, User]) -> None:
    (group,) = list_groups(connection, Window()).rows
    assert group.members == 1
    assert [user.username for user in search_users(connection, UserFilter(group_id=group.id)).rows] == ["dave"]
    assert [user.groups for user in list_members(connection, group, Window()).rows] == [("staff",)]
    assert [user.username for user in search_users(connection, UserFilter(ids=[people["bob"].id])).rows] == ["bob"]


def test_parts_of_a_list_say_how_many_there_are_in_all(connection: sa.Connection, people: dict[str, User]) -> None:
    for offset, names in ((0, ["dave", "carol"]), (2, ["bob", "alice"]), (4, [])):
        part = search_users(connection, window=Window(2, offset), order=UserOrder.NAME, is_descending=True)
        assert ([user.username for user in part.rows], part.total) == (names, 4)


def test_a_disabled_group_ends_what_its_members_are_being_asked(
    connection: sa.Connection, people: dict[str, User]
) -> None:
    now = time.time()
    connection.execute(
        tables.pushes.insert().values(
            id="P1", user_id=people["dave"].id, username="dave", application="vpn", login_id="L", created=now,
            expires=now + 60,
        )
    )  # fmt: skip
    (group,) = list_groups(connection, Window()).rows
    change_group(connection, group, {"status": "disabled"})
    assert connection.execute(sa.select(tables.pushes.c.status)).scalar_one() == PushStatus.CANCELLED
    with pytest.raises(AlreadyThere):
        add_group(connection, "staff")
    with pytest.raises(BadValue):
        change_group(connection, group, {"name": "\n"})


# ---------------------------------------------------------------- logs


@pytest.fixture
def logins(connection: sa.Connection) -> list[str]:
    """Ten, of which pairs have the same time; what they are called, the oldest first."""
    rows: list[dict[str, Any]] = [
        {
            "login_id": f"LOGIN{number}",
            "at": 1000.0 + number // 2,
            "section": "vpn" if number % 2 else "ssh",
            "username": ("alice", "CORP\\Bob")[number % 2],
            "name": bare_name(("alice", "CORP\\Bob")[number % 2]),
            "nas": "",
            "client_ip": f"198.51.100.{number}",
            "result": "accept" if number < 8 else "reject",
            "reason": "" if number < 8 else "wrong passcode",
            "factor": "push",
            "device": "",
            "elapsed": 0.0,
            "steps": "[]",
        }
        for number in range(10)
    ]
    connection.execute(tables.logins.insert(), rows)
    spelled = {row["username"]: row["name"] for row in rows}
    connection.execute(
        tables.login_names.insert(), [{"username": typed, "name": name} for typed, name in spelled.items()]
    )
    return [str(row["login_id"]) for row in rows]


@pytest.mark.parametrize("is_descending", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 5, 10, 11])
def test_pages_of_a_log_have_every_login_once(
    connection: sa.Connection, logins: list[str], limit: int, is_descending: bool
) -> None:
    seen: list[str] = []
    cursor: Cursor | None = None
    while True:
        part = search_logins(connection, LoginFilter(), limit, cursor, is_descending=is_descending)
        seen += [login.login_id for login in part.rows]
        cursor = part.next
        if cursor is None:
            break
    assert seen == (logins[::-1] if is_descending else logins)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (LoginFilter(since=1001.0, until=1002.0), "23"),
        (LoginFilter(names=["bob"]), "13579"),
        (LoginFilter(names=["nobody"]), ""),
        (LoginFilter(applications=["ssh"], results=["reject"]), "8"),
        (LoginFilter(reasons=["wrong passcode"]), "89"),
        (LoginFilter(login_id="login3"), "3"),
        (LoginFilter(text="corp\\b"), "13579"),
        (LoginFilter(text="198.51.100.4"), "4"),
        (LoginFilter(text="LOGIN7"), "7"),
        (LoginFilter(text="%"), ""),
        (LoginFilter(either=(LoginFilter(login_id="LOGIN1"), LoginFilter(results=["reject"]))), "189"),
    ],
)
def test_logins_are_found_by(
    connection: sa.Connection, logins: list[str], wanted: LoginFilter, numbers: str
) -> None:
    found = search_logins(connection, wanted, is_descending=False)
    assert [login.login_id for login in found.rows] == [f"LOGIN{number}" for number in numbers]
    assert count_logins(connection, wanted) == Total(len(numbers), is_exact=True)


@pytest.mark.parametrize(("names", "found"), [(500, 10_000), (0, 10_000), (500, 0)])
def test_a_part_of_a_name_finds_the_same_however_many_there_are(
    connection: sa.Connection, logins: list[str], monkeypatch: pytest.MonkeyPatch, names: int, found: int
) -> None:
    monkeypatch.setattr(login_search, "_FEW_NAMES", names)
    monkeypatch.setattr(login_search, "_FEW_LOGINS", found)
    for text, numbers in (("LIC", "02468"), ("corp\\", "13579"), ("o", "13579"), ("nobody", "")):
        rows = search_logins(connection, LoginFilter(text=text), is_descending=False).rows
        assert [row.login_id for row in rows] == [f"LOGIN{number}" for number in numbers]
    first = search_logins(connection, LoginFilter(text="bob"), 2)
    rest = search_logins(connection, LoginFilter(text="bob"), 10, first.next)
    assert [row.login_id for row in (*first.rows, *rest.rows)] == [f"LOGIN{number}" for number in "97531"]


def test_names_in_a_log_are_users(connection: sa.Connection, people: dict[str, User], logins: list[str]) -> None:
    found = user_ids(connection, ["CORP\\Bob", "wonder", "nobody"], "simple")
    assert found == {"CORP\\Bob": people["bob"].id, "wonder": people["alice"].id}


def test_changes_are_found_by_who_made_them_and_what_they_are_about(connection: sa.Connection) -> None:
    for actor, action, about in (
        ("admin:a@example.com", "user add", "alice"),
        ("api:DIX", "user set", "alice"),
        ("api:DIY", "group add", "staff"),
    ):
        note(connection, actor, action, about, {"x": 1})
    ways = {
        AuditFilter(actors=("api:",)): ["user set", "group add"],
        AuditFilter(actors=("api:DIX", "admin:a@example.com")): ["user add", "user set"],
        AuditFilter(actions=("group add",)): ["group add"],
        AuditFilter(object="alice"): ["user add", "user set"],
        AuditFilter(text="EXAMPLE"): ["user add"],
        AuditFilter(until=1.0): [],
    }
    for wanted, actions in ways.items():
        found = search_audit(connection, wanted, is_descending=False)
        assert [row.action for row in found.rows] == actions
        assert count_audit(connection, wanted).count == len(actions)
    assert found.next is None
    assert search_audit(connection, limit=1).rows[0].detail == {"x": 1}


def test_messages_are_found_by_name_and_number(connection: sa.Connection, people: dict[str, User]) -> None:
    for number, kind in (("0100", "sms"), ("0199", "call")):
        connection.execute(
            tables.telephony.insert().values(
                at=1000.0,
                kind=kind,
                purpose="login",
                user_id=people["alice"].id,
                last_digits=number,
                status="sent",
            )
        )
    assert [row.number for row in search_telephony(connection, TelephonyFilter(text="555 0199")).rows] == [
        "XXX-XXX-0199"
    ]
    assert len(search_telephony(connection, TelephonyFilter(text="ali")).rows) == 2
    assert [row.kind for row in search_telephony(connection, TelephonyFilter(kinds=["sms"])).rows] == ["sms"]
    assert search_telephony(connection, TelephonyFilter(user_id="DU")).rows == ()
