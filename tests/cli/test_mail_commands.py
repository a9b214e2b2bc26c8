"""``authproxy enroll``, ``mail`` and ``messages``, with a mail server that receives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from authproxy.secondfactor.seeds import SeedBox
from tests.cli.commands_page import documented_keys, keys
from tests.cli.console import Console
from tests.mail.mailserver import MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    made = MailServer("none")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def console(tmp_path: Path, server: MailServer) -> Console:
    made = Console(tmp_path)
    with made.config.open("a") as file:
        file.write(f"[mail]\nhost=127.0.0.1\nport={server.port}\ntls=none\nfrom=mfa@firm.example\n")
    made.run("db", "upgrade")
    return made


def aside(call: Callable[..., Any], *arguments: str) -> Any:
    """In a thread of its own: the command has an event loop, and so has this process."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *arguments).result()


def test_inviting_queues_a_mail_and_tells_what_the_page_documents(console: Console) -> None:
    console.run("user", "add", "alice", "--email", "alice@firm.example")
    invited = console.json("enroll", "invite", "alice")
    assert keys(invited) == documented_keys("enroll invite") - {"sent", "refused"}
    assert (invited["state"], invited["times_sent"]) == ("open", 1)
    again = console.json("enroll", "resend", "alice")
    assert (again["expires"], again["times_sent"]) == (invited["expires"], 2)
    assert console.json("enroll", "status", "alice") == again
    (listed,) = console.json("enroll", "list", "--state", "open")["invitations"]
    assert listed == again
    assert console.json("enroll", "list", "--state", "completed")["invitations"] == []
    messages = console.json("messages", "list", "alice@", "--user", "alice", "--status", "queued")
    assert keys(messages) == documented_keys("messages list")
    assert [each["purpose"] for each in messages["messages"]] == ["enrollment", "enrollment"]
    shown = console.json("messages", "show", messages["messages"][0]["id"])
    assert keys(shown) == documented_keys("messages show")
    assert "https://mfa.example:8443/enroll/" not in shown["text"] + shown["html"]
    revealed = console.json("messages", "show", shown["id"], "--secrets")
    assert "https://mfa.example:8443/enroll/" in revealed["text"]
    assert [action for action, *_ in console.audit()][-1] == "message reveal"
    assert console.json("enroll", "withdraw", "alice") == {"withdrawn": "alice"}
    assert "was not invited" in console.fails("enroll", "status", "alice")


def test_all_are_invited_at_once(console: Console) -> None:
    for name in ("alice", "bob", "carol"):
        console.run("user", "add", name, "--email", f"{name}@firm.example")
    assert console.json("enroll", "invite", "--all") == {"sent": 3, "refused": []}
    assert console.json("enroll", "invite", "--all") == {"sent": 0, "refused": []}
    assert console.json("enroll", "resend", "--all")["sent"] == 3
    assert "either a user or --all" in console.fails("enroll", "invite")


def test_a_file_is_imported_as_a_whole_and_its_people_invited(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_text(
        "username,email,phone,groups\nalice,alice@firm.example,+1 555 555 0100,Staff; VPN\n"
        "bob,bob@firm.example,,\n"
    )
    assert console.json("enroll", "import", file, "--invite") == {"imported": 2, "invited": 2, "refused": []}
    alice = console.json("user", "show", "alice")
    assert (alice["email"], alice["groups"]) == ("alice@firm.example", ["Staff", "VPN"])
    assert console.rows("SELECT number FROM phones") == [("+15555550100",)]


def test_every_bad_row_is_told_and_nothing_is_imported(console: Console, tmp_path: Path) -> None:
    console.run("user", "add", "bob")
    file = tmp_path / "staff.csv"
    file.write_text(
        "username,email,phone,status\nalice,alice@firm.example,,\nbob,b@firm.example,,\n"
        "carol,nowhere,12,\n,x@firm.example,,\ndave,,,\nalice,a@firm.example,,\n"
    )
    told = console.failure("enroll", "import", file, "--invite")
    assert [(row["line"]) for row in told["rows"]] == [3, 4, 4, 5, 6, 7]
    assert console.rows("SELECT username FROM users") == [("bob",)]
    assert console.rows("SELECT count(*) FROM messages") == [(0,)]


def test_a_test_mail_is_handed_over_at_once(console: Console, server: MailServer) -> None:
    assert aside(console.json, "mail", "test", "me@firm.example") == {"sent": "me@firm.example"}
    (mail,) = server.mails
    assert mail.recipients == ["me@firm.example"]
    server.refuses["me@firm.example"] = "550 nobody here"
    assert "550 nobody here" in aside(console.fails, "mail", "test", "me@firm.example")
    server.stop()
    assert "Connect" in aside(console.fails, "mail", "test", "me@firm.example")


def test_texts_are_shown_with_made_up_values(console: Console) -> None:
    assert "enrollment" in console.json("mail", "preview")["texts"]
    assert keys(console.json("mail", "preview", "fraud")) == documented_keys("mail preview") - {"texts"}
    assert console.run("mail", "preview", "enrollment").startswith("Subject: Set up your device")


def test_without_a_mail_section_nothing_is_written(tmp_path: Path) -> None:
    console = Console(tmp_path)
    console.run("user", "add", "alice", "--email", "alice@firm.example")
    assert "no [mail] section" in console.fails("enroll", "invite", "alice")
    assert json.loads(console.invoke("messages", "list", "--json").stdout) == {"messages": []}
    assert isinstance(console.seeds, SeedBox)
