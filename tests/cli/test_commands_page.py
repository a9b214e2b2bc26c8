"""docs/commands.md names every command, and the keys of what each prints with ``--json``."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import segno

from authproxy.cli import main
from authproxy.secondfactor.passcode import hotp
from authproxy.store.tables import logins, pushes, telephony
from tests.cli.commands_page import documented_keys, keys, sections
from tests.cli.console import Console

SEED = b"12345678901234567890"


def commands(group: click.Group = main, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{prefix}{name}", command


def test_every_command_has_a_section_with_an_example_and_no_section_is_of_the_past() -> None:
    found = dict(commands())
    assert sorted(sections()) == sorted(found)
    for name, command in found.items():
        text = sections()[name]
        assert re.search(rf"^(\$ )?authproxy {name}", text, re.MULTILINE), name
        has_json = any("--json" in option.opts for option in command.params)
        assert has_json == ("JSON: " in text), name


def test_every_option_that_the_page_names_exists() -> None:
    for name, command in commands():
        known = {option for parameter in command.params for option in parameter.opts} | {"-h", "--help"}
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", sections()[name])) <= known, name


@pytest.fixture
def lived_in(console: Console, tmp_path: Path) -> Console:
    """A service with one of everything."""
    for name in ("alice", "bob"):
        console.run("user", "add", name)
    console.run("user", "set", "bob", "--group", "staff")
    console.run("device", "add-totp", "bob")
    console.run("bypass", "create", "bob")
    console.run("phone", "add", "bob")
    console.run("application", "add", "ssh", "--type", "unix")
    file = tmp_path / "tokens.csv"
    file.write_text(f"serial,type,secret,username\n1,h6,{SEED.hex()},bob\n")
    console.run("token", "import", file)
    (user_id,) = console.rows("SELECT id FROM users WHERE username = 'bob'")[0]
    (phone_id,) = console.rows("SELECT id FROM phones")[0]
    now = time.time()
    for push_id in ("P1", "P2", "P3"):
        console.insert(
            pushes, id=push_id, user_id=user_id, username="bob", application="vpn", login_id="L", created=now,
            expires=now + 60, phone_id=phone_id,
        )  # fmt: skip
    console.insert(
        logins, login_id="L", at=now, section="s", username="bob", nas="n", result="accept", reason="", factor="",
        device="", elapsed=1.0, steps=json.dumps([["primary", "ok", "", 0.5]]),
    )  # fmt: skip
    console.insert(
        telephony, at=now, kind="sms", purpose="passcodes", user_id=user_id, last_digits="0143", status="sent"
    )
    return console


def test_the_keys_on_the_page_are_those_that_are_printed(lived_in: Console, tmp_path: Path) -> None:
    (device_id,) = lived_in.rows("SELECT id FROM devices WHERE origin = 'software'")[0]
    (phone_id,) = lived_in.rows("SELECT id FROM phones")[0]
    users, tokens = tmp_path / "users.csv", tmp_path / "more.csv"
    users.write_text("username\ncarol\n")
    tokens.write_text(f"serial,type,secret\n2,h6,{SEED.hex()}\n")
    keys_file, people = tmp_path / "keys.csv", tmp_path / "people.csv"
    keys_file.write_text(f"serial,type,private_id,aes_key\n3,yk,{bytes(6).hex()},{bytes(16).hex()}\n")
    people.write_text("username\nerin\n")
    codes = [hotp(SEED, counter) for counter in (7, 8)]
    picture = tmp_path / "logo.png"
    segno.make("a logo").save(str(picture))
    person = ["--name", "Ann"]
    runs: dict[str, list[str | Path]] = {
        "admin create-owner": ["ann@example.org", *person],
        "admin add": ["bob@example.org", *person, "--role", "Help Desk"],
        "admin list": [],
        "admin reset": ["bob@example.org"],
        "admin unlock": ["bob@example.org"],
        "admin disable": ["bob@example.org"],
        "admin enable": ["bob@example.org"],
        "admin delete": ["bob@example.org"],
        "user add": ["dave"],
        "user list": [],
        "user show": ["bob"],
        "user set": ["bob", "--notes", "x"],
        "user unlock": ["bob"],
        "user trash": ["alice"],
        "user restore": ["alice"],
        "user delete": ["alice"],
        "user group-status": ["staff", "active"],
        "user import": [users],
        "device add-totp": ["bob"],
        "device add-hotp": ["bob"],
        "device list": [],
        "device rename": [device_id, "x"],
        "device delete": [device_id],
        "token import": [tokens],
        "import tokens": [keys_file],
        "import users": [people],
        "token list": [],
        "token show": ["1"],
        "token assign": ["2", "bob"],
        "token unassign": ["2", "bob"],
        "token resync": ["1", *codes],
        "token delete": ["1"],
        "bypass create": ["bob"],
        "bypass list": ["bob"],
        "bypass revoke": ["bob"],
        "push list": [],
        "push approve": ["P1"],
        "push deny": ["P2"],
        "phone add": ["bob", "--number", "+15555550100"],
        "phone list": [],
        "phone show": [phone_id],
        "phone activate": [phone_id],
        "phone pushes": [phone_id],
        "phone delete": [phone_id],
        "application add": ["web", "--type", "authapi"],
        "policy sections": [],
        "policy set": ["Strict", "new_user.behavior=deny"],
        "policy list": [],
        "policy show": ["Strict"],
        "policy assign": ["Strict", "--application", "ssh", "--group", "staff"],
        "policy order": ["ssh", "staff"],
        "policy effective": ["--application", "ssh", "--user", "bob"],
        "policy delete": ["Strict"],
        "settings list": [],
        "settings set": ["language=DE"],
        "settings unset": ["language"],
        "credits show": [],
        "credits buy": ["100", "--note", "invoice 7"],
        "credits correct": ["-5"],
        "credits list": [],
        "credits report": [],
        "telephony log": [],
        "telephony credits": ["--add", "5"],
        "application list": [],
        "application set": ["ssh", "--notes", "two hosts"],
        "application show": ["ssh", "--keys"],
        "application logo set": [picture],
        "application logo show": [],
        "application logo delete": [],
        "application rotate": ["ssh"],
        "application delete": ["ssh"],
        "primary-only start": ["5"],
        "primary-only status": [],
        "primary-only stop": [],
        "explain": [],
        "db prune": [],
        "db status": [],
        "db upgrade": [],
    }
    printed = {name: keys(lived_in.json(*name.split(), *arguments)) for name, arguments in runs.items()}
    assert printed == {name: documented_keys(name) for name in runs}
    told = {name for name, text in sections().items() if "JSON: " in text}
    of_a_daemon = {"connectivity", "debug on", "debug off", "debug status", "support show", "top"}
    of_a_directory = {f"sync {name}" for name in ("add", "change", "list", "remove", "run", "show", "status")}
    of_mail = {f"enroll {name}" for name in ("import", "invite", "list", "resend", "status", "withdraw")}
    of_mail |= {"mail preview", "mail test", "messages list", "messages show"}
    # their own tests hold their keys
    assert told - set(runs) == {"check", "radtest", *of_a_daemon, *of_a_directory, *of_mail}
