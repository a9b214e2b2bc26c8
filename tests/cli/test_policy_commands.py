"""``authproxy policy``, ``settings`` and ``credits``."""

from __future__ import annotations

import datetime as dt

from authproxy.store.tables import telephony
from tests.cli.console import Console

OLD = 1_600_000_000.0  # in September 2020


def test_a_policy_is_made_changed_assigned_and_explained(console: Console) -> None:
    console.run("user", "add", "alice")
    console.run("user", "set", "alice", "--group", "staff")
    made = console.json("policy", "set", "Strict", "new_user.behavior=deny", "lockout.threshold=3")
    assert {each["field"]: each["value"] for each in made["values"]} == {
        "new_user.behavior": "deny",
        "lockout.threshold": 3,
        "lockout.minutes": 15,
    }
    changed = console.json("policy", "set", "strict", "lockout.minutes=30", "--drop", "new_user")
    assert [(each["field"], each["value"]) for each in changed["values"]] == [
        ("lockout.threshold", 3),
        ("lockout.minutes", 30),
    ]
    console.run("policy", "set", "global", "lockout.threshold=7", "authentication.behavior=enforce")
    console.run("policy", "assign", "Strict", "--application", "vpn", "--group", "staff")
    shown = console.json("policy", "effective", "--application", "vpn", "--user", "alice")["sections"]
    found = {each["section"]: each for each in shown}
    assert found["lockout"]["decided_by"] == "policy 'Strict' (group staff on vpn)"
    assert found["lockout"]["value"] == "threshold 3, minutes 30"
    assert "policy 'Global Policy' (global)" in found["lockout"]["why"]
    assert found["authentication"]["decided_by"] == "policy 'Global Policy' (global)"
    assert found["factors"]["level"] == "configuration"
    strangers = console.json("policy", "effective", "--application", "vpn")["sections"]
    assert next(each for each in strangers if each["section"] == "lockout")["value"] == "threshold 7, minutes 15"
    assert [action for action, _, _ in console.audit() if action.startswith("policy")] == [
        "policy add",
        "policy change",
        "policy add",
        "policy assign",
    ]


def test_groups_count_in_the_order_that_was_set(console: Console) -> None:
    console.run("user", "add", "alice")
    for group in ("staff", "admins"):
        console.run("user", "set", "alice", "--group", group)
        console.run("policy", "set", f"of {group}", "authentication.behavior=enforce")
        console.run("policy", "assign", f"of {group}", "--application", "vpn", "--group", group)

    def strongest() -> str:
        shown = console.json("policy", "effective", "--application", "vpn", "--user", "alice")["sections"]
        return str(next(each for each in shown if each["section"] == "authentication")["decided_by"])

    assert "of staff" in strongest()
    console.run("policy", "order", "vpn", "admins", "staff")
    assert "of admins" in strongest()
    assert "every group" in console.fails("policy", "order", "vpn", "admins")
    console.run("policy", "assign", "none", "--application", "vpn", "--group", "admins")
    assert "of staff" in strongest()


def test_what_can_not_be_a_policy_changes_nothing(console: Console) -> None:
    assert "SECTION.FIELD=VALUE" in console.fails("policy", "set", "P", "new_user=deny")
    assert "new_user.behavior: 'perhaps'" in console.fails("policy", "set", "P", "new_user.behavior=perhaps")
    assert "no policy 'P'" in console.fails("policy", "show", "P")
    console.run("policy", "set", "global")
    assert "as it is" in console.fails("policy", "assign", "global", "--application", "vpn")
    assert "no section 'fax'" in console.fails("policy", "set", "global", "--drop", "fax")
    assert "no group 'nobody'" in console.fails(
        "policy", "assign", "none", "--application", "vpn", "--group", "nobody"
    )


def test_an_applications_own_settings_stand_between_its_policy_and_the_global_one(console: Console) -> None:
    console.run("application", "add", "ssh", "--type", "unix", "--policy", "factors=push")
    console.run("policy", "set", "global", "factors.allowed=passcode")

    def factors() -> tuple[str, str]:
        shown = console.json("policy", "effective", "--application", "ssh")["sections"]
        found = next(each for each in shown if each["section"] == "factors")
        return found["value"], found["decided_by"]

    assert factors() == ("push, verified_push, bypass_code", "settings of application ssh")
    console.run("policy", "set", "of ssh", "factors.allowed=phone")
    console.run("policy", "assign", "of ssh", "--application", "ssh")
    assert factors() == ("phone", "policy 'of ssh' (application ssh)")


def test_settings_are_set_shown_and_unset(console: Console) -> None:
    def value(name: str) -> tuple[object, str]:
        found = next(each for each in console.json("settings", "list")["settings"] if each["name"] == name)
        return found["value"], found["from"]

    assert value("sms_batch") == (3, "default")
    console.run("settings", "set", "sms_batch=5", "timezone=Europe/Berlin")
    assert value("sms_batch") == (5, "set")
    assert "no setting 'colour'" in console.fails("settings", "set", "sms_batch=6", "colour=red")
    assert value("sms_batch") == (5, "set")
    console.run("settings", "unset", "sms_batch")
    assert value("sms_batch") == (3, "default")
    names = {each["name"] for each in console.json("settings", "list", "--all")["settings"]}
    assert {"sms_refresh", "duo_mobile_otp_type"} <= names


def test_credits_are_bought_corrected_and_reported_by_month_and_user(console: Console) -> None:
    user_id = console.json("user", "add", "alice")["user_id"]
    now = dt.datetime.now(dt.UTC).timestamp()
    for at, kind, cost in ((now, "sms", 1.0), (now, "sms", 1.5), (now, "call", 4.0), (OLD, "sms", 9.0)):
        sent = {"purpose": "login", "user_id": user_id, "status": "sent"}
        console.insert(telephony, at=at, kind=kind, cost=cost, **sent)
    assert console.json("credits", "show")["left"] is None
    assert console.json("credits", "buy", "100", "--note", "invoice 7")["left"] == 100.0
    assert console.json("credits", "correct", "-30.5")["left"] == 69.5
    shown = console.json("credits", "show")
    assert (shown["used_this_month"], shown["at_zero"]) == (6.5, "send")
    entries = console.json("credits", "list")["entries"]
    assert [(each["kind"], each["amount"], each["note"]) for each in entries] == [
        ("correction", -30.5, ""),
        ("purchase", 100.0, "invoice 7"),
    ]
    report = console.json("credits", "report")
    assert len(report["months"]) == 12
    this = dt.datetime.now(dt.UTC).strftime("%Y-%m")
    assert report["months"][0] == {"month": this, "messages": 2, "calls": 1, "cost": 6.5}
    assert report["users"] == [{"username": "alice", "messages": 2, "calls": 1, "cost": 6.5}]
    old = console.json("credits", "report", "--month", "2020-09")["users"]
    assert old == [{"username": "alice", "messages": 1, "calls": 0, "cost": 9.0}]
    assert "no month" in console.fails("credits", "report", "--month", "September")
    assert "credits of a purchase" in console.fails("credits", "buy", "0")
