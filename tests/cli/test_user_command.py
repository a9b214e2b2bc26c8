"""``authproxy user``."""

from __future__ import annotations

from pathlib import Path

import pytest

from authproxy.store.tables import pushes
from tests.cli.console import Console

USER_KEYS = {
    "user_id", "username", "display_name", "aliases", "email", "status", "locked_out", "groups", "devices",
    "notes", "created", "last_login",
}  # fmt: skip


def test_a_user_is_added_shown_listed_and_deleted(console: Console) -> None:
    added = console.json("user", "add", "CORP\\Alice", "--email", "alice@corp.example", "--notes", "third floor")
    assert set(added) == USER_KEYS
    assert (added["username"], added["display_name"], added["email"]) == (
        "alice",
        "CORP\\Alice",
        "alice@corp.example",
    )
    assert (added["status"], added["locked_out"], added["devices"], added["last_login"]) == (
        "active",
        False,
        0,
        None,
    )
    assert console.json("user", "show", "alice@corp.example") == added
    assert console.json("user", "show", added["user_id"]) == added
    assert console.json("user", "list") == {"users": [added]}
    assert console.run("user", "list").splitlines()[1].split()[:3] == ["alice", "active", "alice@corp.example"]
    assert "notes          third floor\n" in console.run("user", "show", "alice")
    assert console.json("user", "delete", "ALICE") == {"deleted": "alice", "user_id": added["user_id"]}
    assert console.run("user", "list") == "no users\n"
    assert [action for action, *_ in console.audit()] == ["user add", "user delete"]
    assert console.audit()[0] == ("user add", "alice", {"email": "alice@corp.example", "status": "active"})


def test_text_output_is_one_line_for_people(console: Console) -> None:
    assert console.run("user", "add", "alice").startswith("added alice (DU")
    assert console.run("user", "set", "alice", "--status", "disabled") == "changed alice\n"
    assert console.run("user", "unlock", "alice") == "alice may try again\n"
    assert console.run("user", "delete", "alice") == "deleted alice\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "nobody"], "there is no user 'nobody'; `authproxy user list` shows all"),
        (["delete", "nobody"], "there is no user 'nobody'; `authproxy user list` shows all"),
        (["add", "Émile"], "there is a user émile already"),
        (["add", " "], "' ' is no user name"),
        (["add", "a\x1bb"], "'a\\x1bb' is no user name"),
        (["add", "x" * 254], "a user name can't have more than 253 bytes"),
        (["add", "bob", "--email", "nowhere"], "'nowhere' is no mail address"),
        (["add", "bob", "--email", "b\x1b[2J@c"], "'b\\x1b[2J@c' is no mail address"),
        (["add", "bob", "--notes", "\udcff"], "an argument is not UTF-8"),
        (["show", "\udcff"], "an argument is not UTF-8"),
        (["set", "émile", "--no-group", "staff"], "émile is in no group 'staff'"),
        (["set", "émile", "--group", ""], "'' is no group name"),
        (["group-status", "staff", "active"], "there is no group 'staff'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    console: Console, arguments: list[str], told: str
) -> None:
    console.run("user", "add", "émile")
    assert console.fails("user", *arguments) == told
    assert [row[0] for row in console.rows("SELECT username FROM users")] == ["émile"]
    assert len(console.audit()) == 1


def test_a_status_that_is_none_is_a_misuse(console: Console) -> None:
    result = console.invoke("user", "add", "alice", "--status", "sleepy")
    assert result.exit_code == 2
    assert "'sleepy' is not one of 'active', 'bypass', 'disabled'" in result.stderr


def test_changes_are_recorded_with_what_was_before(console: Console) -> None:
    console.run("user", "add", "alice", "--email", "a@b.example")
    changed = console.json(
        "user", "set", "alice", "--email", "", "--status", "bypass", "--group", "staff", "--group", "vpn"
    )
    assert (changed["email"], changed["status"], changed["groups"]) == ("", "bypass", ["staff", "vpn"])
    assert console.json("user", "set", "alice", "--no-group", "vpn", "--notes", "x")["groups"] == ["staff"]
    assert console.audit()[1] == (
        "user set",
        "alice",
        {
            "before": {"email": "a@b.example", "status": "active", "notes": "", "groups": [], "aliases": []},
            "after": {"email": "", "status": "bypass", "notes": "", "groups": ["staff", "vpn"], "aliases": []},
        },
    )


def test_a_group_named_twice_is_joined_once(console: Console) -> None:
    console.run("user", "add", "alice")
    assert console.json("user", "set", "alice", "--group", "staff", "--group", "staff")["groups"] == ["staff"]
    assert console.json("user", "set", "alice", "--group", "staff")["groups"] == ["staff"]


def test_the_status_of_a_group_is_set(console: Console) -> None:
    console.run("user", "add", "alice")
    console.run("user", "set", "alice", "--group", "staff")
    assert console.json("user", "group-status", "staff", "disabled") == {"group": "staff", "status": "disabled"}
    assert console.rows("SELECT name, status FROM groups") == [("staff", "disabled")]
    assert console.audit()[-1] == ("group status", "staff", {"status": "disabled"})


def test_a_locked_out_user_is_let_try_again(console: Console) -> None:
    console.run("user", "add", "alice")
    with console.writing() as connection:
        connection.exec_driver_sql("UPDATE users SET failures = 10, locked_until = 9e9")
    assert console.json("user", "show", "alice")["locked_out"] is True
    assert console.json("user", "unlock", "alice")["locked_out"] is False
    assert console.rows("SELECT failures, locked_until FROM users") == [(0, None)]


# ---------------------------------------------------------------- import


def test_users_are_imported_from_csv_and_yaml(console: Console, tmp_path: Path) -> None:
    csv = tmp_path / "users.csv"
    csv.write_bytes('\ufeffEmail;Username;status\r\na@b.example;Alice;\r\n;"Müller; Jörg";bypass\r\n'.encode())
    assert console.json("user", "import", csv) == {"imported": 2}
    yaml = tmp_path / "users.yaml"
    yaml.write_text("- username: 007\n- {username: no, email: null, status: disabled}\n")
    assert console.run("user", "import", yaml) == "imported 2 users\n"
    assert console.rows("SELECT username, display_name, email, status FROM users ORDER BY username") == [
        ("007", "007", "", "active"),
        ("alice", "Alice", "a@b.example", "active"),
        ("müller; jörg", "Müller; Jörg", "", "bypass"),
        ("no", "no", "", "disabled"),
    ]
    assert console.audit() == [
        ("user import", "users.csv", {"users": 2}),
        ("user import", "users.yaml", {"users": 2}),
    ]


def test_all_bad_rows_are_told_by_line_and_none_is_imported(console: Console, tmp_path: Path) -> None:
    console.run("user", "add", "bob")
    file = tmp_path / "users.csv"
    file.write_text(
        "username,email,status\ncarol,,\nbob,,\n,x@y.example,\ndave,nowhere,\n\ncarol@corp,,\nerin,,gone\n"
    )
    result = console.invoke("user", "import", file)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"{file}:3: there is a user bob already",
        f"{file}:4: '' is no user name",
        f"{file}:5: 'nowhere' is no mail address",
        f"{file}:7: carol is in line 2 already",
        f"{file}:8: 'gone' is no status; wanted active, bypass, disabled",
        "authproxy: nothing was imported: 5 bad rows",
    ]
    failure = console.failure("user", "import", file)
    assert failure["error"] == "nothing was imported: 5 bad rows"
    assert failure["rows"][0] == {"line": 3, "problem": "there is a user bob already"}
    assert console.value("SELECT count(*) FROM users") == 1
    assert [action for action, *_ in console.audit()] == ["user add"]


def test_a_file_that_is_no_text_is_refused(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_bytes(b"username\nM\xfcller\n")
    assert console.fails("user", "import", file).endswith("is no UTF-8 text: invalid start byte at byte 10")
    assert console.invoke("user", "import", tmp_path / "none.csv").exit_code == 2


def test_an_alias_is_another_name_and_nobody_elses(console: Console) -> None:
    console.run("user", "add", "alice")
    console.run("user", "add", "bob")
    assert console.json("user", "set", "alice", "--alias", "CORP\\ASmith", "--alias", "al")["aliases"] == [
        "asmith",
        "al",
    ]
    assert console.json("user", "show", "asmith@corp.example")["username"] == "alice"
    assert [user["aliases"] for user in console.json("user", "list")["users"]] == [["asmith", "al"], []]
    assert "already" in console.fails("user", "set", "bob", "--alias", "al")
    assert "already" in console.fails("user", "set", "bob", "--alias", "alice")
    assert "alias" in console.fails("user", "add", "al")
    assert "no alias" in console.fails("user", "set", "bob", "--no-alias", "al")
    assert console.json("user", "set", "alice", "--no-alias", "asmith")["aliases"] == ["al"]
    assert "no user" in console.fails("user", "show", "asmith")


def test_an_alias_can_not_be_imported_as_a_user(console: Console, tmp_path: Path) -> None:
    console.run("user", "add", "alice")
    console.run("user", "set", "alice", "--alias", "al")
    file = tmp_path / "users.csv"
    file.write_text("username\nbob\nal\n")
    assert console.failure("user", "import", file)["rows"] == [
        {"line": 3, "problem": "al is an alias of a user already"}
    ]


def test_disabling_a_user_ends_what_is_pending(console: Console) -> None:
    user_id = console.json("user", "add", "alice")["user_id"]
    console.insert(
        pushes, id="P1", user_id=user_id, username="alice", application="vpn", login_id="L", created=1.0,
        expires=9e9,
    )  # fmt: skip
    console.run("user", "set", "alice", "--status", "disabled")
    assert console.rows("SELECT status FROM pushes") == [("cancelled",)]


def test_the_trash_gives_back_who_was_put_there(console: Console) -> None:
    console.run("user", "add", "alice", "--status", "bypass")
    assert console.json("user", "trash", "alice")["status"] == "pending deletion"
    assert console.json("user", "trash", "alice")["status"] == "pending deletion"
    assert [user["status"] for user in console.json("user", "list")["users"]] == ["pending deletion"]
    assert "restore the user first" in console.fails("user", "set", "alice", "--status", "active")
    assert console.json("user", "restore", "alice")["status"] == "bypass"
    assert [action for action, *_ in console.audit()] == ["user add", "user trash", "user restore"]
