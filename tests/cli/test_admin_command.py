"""``authproxy admin``."""

from __future__ import annotations

import hashlib
import re
import time

import pytest

from authproxy.store.tables import administrators
from tests.cli.console import Console

KEYS = {"admin_id", "email", "name", "phone", "role", "status", "locked_out", "created", "last_login"}
OWNER = ("admin", "create-owner", "ann@example.org", "--name", "Ann Owner")


def owner(console: Console, email: str) -> None:
    """One who has been through the activation."""
    console.insert(
        administrators, id=email[:20], email=email, name="N", role="Owner", status="active", password_changed=1.0,
        created=1.0,
    )  # fmt: skip


def test_the_first_owner_gets_a_link_that_is_stored_as_a_hash(console: Console) -> None:
    made = console.json(*OWNER)
    assert set(made) == KEYS | {"link", "kind", "expires"}
    assert (made["email"], made["role"], made["status"], made["kind"]) == (
        "ann@example.org",
        "Owner",
        "pending",
        "activation",
    )
    base, _, token = made["link"].rpartition("/")
    assert base == "https://mfa.example:8443/admin/link"
    ((stored, expires),) = console.rows("SELECT hash, expires FROM admin_links")
    assert stored == hashlib.sha256(token.encode()).digest()
    assert expires == pytest.approx(time.time() + 7 * 86_400, abs=60)
    assert [row[0] for row in console.audit()] == ["admin add", "admin link"]
    assert token not in str(console.audit())


def test_the_link_is_shown_with_whom_it_is_for(console: Console) -> None:
    link, told = console.run(*OWNER, "--valid", "3600").splitlines()
    assert re.fullmatch(r"https://mfa\.example:8443/admin/link/[\w-]{43}", link)
    assert told.startswith("for Ann Owner (ann@example.org, Owner), once, until 20")
    ((lasts,),) = console.rows("SELECT round(expires - created) FROM admin_links")
    assert lasts == 3600


def test_a_second_first_owner_is_refused_unless_forced(console: Console) -> None:
    console.run(*OWNER)
    bob = ("admin", "create-owner", "bob@example.org", "--name", "Bob")
    assert console.fails(*bob).startswith("there is an Owner already (ann@example.org)")
    assert console.value("SELECT count(*) FROM administrators") == 1
    assert console.json(*bob, "--force")["role"] == "Owner"


def test_without_a_web_side_there_is_nothing_to_log_in_to(console: Console) -> None:
    console.config.write_text(console.config.read_text().replace("base_url=https://mfa.example:8443\n", ""))
    told = "there is no Admin Panel: the web side is off; base_url in [service] turns it on"
    assert console.fails(*OWNER) == told
    assert console.value("SELECT count(*) FROM administrators") == 0


def test_administrators_are_added_in_a_role_and_listed(console: Console) -> None:
    owner(console, "ann@example.org")
    owner(console, "zoe@example.org")
    console.run("admin", "add", "Bob@Example.org", "--name", "Bob", "--role", "Help Desk")
    listed = console.json("admin", "list")["administrators"]
    assert [row["email"] for row in listed] == ["ann@example.org", "bob@example.org", "zoe@example.org"]
    assert set(listed[1]) == KEYS
    assert (listed[1]["role"], listed[1]["status"], listed[1]["last_login"]) == ("Help Desk", "pending", None)
    assert console.fails("admin", "add", "bob@example.org", "--name", "B", "--role", "Billing") == (
        "there is an administrator bob@example.org already"
    )


def test_the_list_warns_below_two_owners(console: Console) -> None:
    assert "there is no active Owner" in console.invoke("admin", "list").stderr
    owner(console, "ann@example.org")
    assert "there is only one active Owner" in console.invoke("admin", "list").stderr
    owner(console, "zoe@example.org")
    assert console.invoke("admin", "list").stderr == ""


def test_a_reset_makes_a_link_for_what_is_missing(console: Console) -> None:
    owner(console, "ann@example.org")
    console.run("admin", "add", "bob@example.org", "--name", "Bob", "--role", "Billing")
    assert console.json("admin", "reset", "ann@example.org")["kind"] == "reset"
    assert console.json("admin", "reset", "ann@example.org", "--everything")["kind"] == "activation"
    assert console.json("admin", "reset", "bob@example.org")["kind"] == "activation"
    assert console.value("SELECT count(*) FROM admin_links") == 2  # the newest of each
    assert console.value("SELECT status FROM administrators WHERE name = 'N'") == "active"


def test_who_is_locked_out_may_try_again(console: Console) -> None:
    owner(console, "ann@example.org")
    with console.writing() as connection:
        connection.execute(administrators.update().values(failures=9, locked_until=time.time() + 100))
    assert console.json("admin", "list")["administrators"][0]["locked_out"] is True
    assert console.json("admin", "unlock", "ann@example.org")["locked_out"] is False
    assert console.rows("SELECT failures, locked_until FROM administrators") == [(0, None)]
    assert console.audit()[-1][:2] == ("admin unlock", "ann@example.org")


def test_the_last_active_owner_cannot_be_disabled_or_deleted(console: Console) -> None:
    owner(console, "ann@example.org")
    for action in ("disable", "delete"):
        told = console.fails("admin", action, "ann@example.org")
        assert told == "ann@example.org is the last active Owner: make somebody else Owner first"
    owner(console, "zoe@example.org")
    assert console.run("admin", "disable", "ann@example.org") == "ann@example.org is disabled\n"
    assert console.fails("admin", "reset", "ann@example.org") == "ann@example.org is disabled: enable first"
    assert console.json("admin", "enable", "ann@example.org")["status"] == "active"
    deleted = console.json("admin", "delete", "ann@example.org")
    assert deleted == {"deleted": "ann@example.org", "admin_id": "ann@example.org"}
    assert [row[:2] for row in console.audit()] == [
        ("admin disable", "ann@example.org"),
        ("admin enable", "ann@example.org"),
        ("admin delete", "ann@example.org"),
    ]
    detail = console.audit()[0][2]
    assert (detail["before"]["status"], detail["after"]["status"]) == ("active", "disabled")


def test_check_warns_below_two_owners_and_changes_nothing(console: Console) -> None:
    def warnings() -> list[str]:
        problems = console.json("check")["problems"]
        return [problem["message"] for problem in problems if "Owner" in problem["message"]]

    assert warnings() == []  # no database yet
    assert not console.state.exists()
    console.run(*OWNER)
    assert warnings() == ["there is no active Owner; `authproxy admin create-owner` makes the first"]
    owner(console, "zoe@example.org")
    before = (console.state / "authproxy.db").read_bytes()
    (warning,) = warnings()
    assert warning.startswith("there is only one active Owner")
    assert "1 warning" in console.run("check")
    assert (console.state / "authproxy.db").read_bytes() == before
    assert [line for line in console.run("check", "--syntax-only").splitlines() if "Owner" in line] == []
    owner(console, "yan@example.org")
    assert warnings() == []


def test_check_says_nothing_of_owners_without_a_panel_or_of_a_damaged_database(console: Console) -> None:
    console.run(*OWNER)
    console.config.write_text(console.config.read_text().replace("base_url=https://mfa.example:8443\n", ""))
    assert "Owner" not in console.run("check")
    (console.state / "authproxy.db").write_bytes(b"no database at all" * 100)
    console.config.write_text(
        console.config.read_text().replace("[service]\n", "[service]\nbase_url=https://mfa.example:8443\n")
    )
    assert "Owner" not in console.run("check")
