"""``authproxy explain``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authproxy.store.journal import bare_name
from authproxy.store.tables import logins
from tests.cli.console import Console

STEPS = [
    ["primary", "ok", "CN=Alice", 0.0123],
    ["second factor", "refused", "wrong passcode: \x1b[31mphone 1\u202e", 0.5],
]


def record(console: Console, login_id: str, username: str, at: float = 1_700_000_000.0, **values: Any) -> None:
    row: dict[str, Any] = {
        "section": "radius_server_auto", "nas": "192.0.2.1", "client_ip": "198.51.100.7", "result": "reject",
        "reason": "wrong passcode", "factor": "", "device": "", "elapsed": 0.512, "steps": json.dumps(STEPS),
    }  # fmt: skip
    name = bare_name(username)
    console.insert(logins, login_id=login_id, username=username, name=name, at=at, **{**row, **values})


@pytest.fixture
def used(console: Console) -> Console:
    record(console, "AAAAAAAAAA", "CORP\\Alice")
    record(console, "BBBBBBBBBB", "bob\x1b[2J", client_ip=None, steps="[]")
    record(
        console, "CCCCCCCCCC", "alice", result="accept", reason="", factor="passcode", device="phone 1",
    )  # fmt: skip
    return console


def test_the_trail_of_a_login_is_readable_step_by_step(used: Console) -> None:
    assert used.run("explain", "aaaaaaaaaa").splitlines() == [
        "AAAAAAAAAA  2023-11-14T22:13:20+00:00  CORP\\Alice from 192.0.2.1 for 198.51.100.7",
        "  [radius_server_auto] reject: wrong passcode after 512.0 ms",
        "        12.3 ms  primary        ok  CN=Alice",
        "       500.0 ms  second factor  refused  wrong passcode: \\x1b[31mphone 1\\u202e",
    ]


def test_logins_come_newest_first_of_all_or_of_a_user(used: Console) -> None:
    heads = [line.split()[0] for line in used.run("explain").splitlines() if line and line[0] != " "]
    assert heads == ["CCCCCCCCCC", "BBBBBBBBBB", "AAAAAAAAAA"]
    assert [login["login_id"] for login in used.json("explain", "ALICE")["logins"]] == ["CCCCCCCCCC", "AAAAAAAAAA"]
    assert [login["login_id"] for login in used.json("explain", "--limit", "1")["logins"]] == ["CCCCCCCCCC"]
    assert "accept: passcode phone 1 after" in used.run("explain", "CCCCCCCCCC")


def test_what_the_network_sent_is_shown_without_control_characters(used: Console) -> None:
    shown = used.run("explain")
    assert "bob\\x1b[2J from 192.0.2.1\n" in shown
    assert shown.replace("\n", "").isprintable()


def test_a_login_of_a_browser_names_no_appliance(console: Console) -> None:
    record(console, "DDDDDDDDDD", "dora", nas="", section="portal")
    assert "  dora for 198.51.100.7\n" in console.run("explain", "dora")


def test_json_keys(used: Console) -> None:
    (login,) = used.json("explain", "AAAAAAAAAA")["logins"]
    assert login == {
        "login_id": "AAAAAAAAAA",
        "time": "2023-11-14T22:13:20+00:00",
        "section": "radius_server_auto",
        "username": "CORP\\Alice",
        "nas": "192.0.2.1",
        "client_ip": "198.51.100.7",
        "result": "reject",
        "reason": "wrong passcode",
        "factor": "",
        "device": "",
        "elapsed": 0.512,
        "steps": [dict(zip(("stage", "result", "detail", "at"), step, strict=True)) for step in STEPS],
    }


def test_a_user_without_logins_is_a_failure_and_an_empty_journal_is_not(console: Console) -> None:
    assert console.run("explain") == "no logins\n"
    assert console.json("explain") == {"logins": []}
    told = console.fails("explain", "nobody")
    assert told == "no login has the user name or the ID 'nobody'; `authproxy explain` shows all"


@pytest.mark.parametrize("asked", ["CORP\\Émile", "Émile"])
def test_a_name_with_accents_is_found_as_it_was_typed(console: Console, asked: str) -> None:
    record(console, "EEEEEEEEEE", "CORP\\Émile")
    assert len(console.json("explain", asked)["logins"]) == 1


def test_the_limit_is_bounded(console: Console) -> None:
    assert console.invoke("explain", "--limit", "0").exit_code == 2
