"""``authproxy telephony``: the ledger, and the credits that are left."""

from __future__ import annotations

import pytest

from authproxy.store.tables import telephony
from tests.cli.console import Console


def insert(console: Console, at: float, user_id: str, digits: str, cost: float = 1.0) -> None:
    console.insert(
        telephony, at=at, kind="sms", purpose="passcodes", user_id=user_id, last_digits=digits, status="delivered",
        provider_id="SM1", cost=cost, login_id="L1",
    )  # fmt: skip


@pytest.fixture
def used(console: Console) -> Console:
    user_id = console.json("user", "add", "alice")["user_id"]
    insert(console, 1_700_000_000.0, user_id, "0143")
    insert(console, 1_700_000_060.0, "DUDELETED", "0144", 2.5)
    return console


def test_the_log_shows_the_newest_first_with_masked_numbers(used: Console) -> None:
    entries = used.json("telephony", "log")["entries"]
    assert [(entry["username"], entry["number"], entry["cost"]) for entry in entries] == [
        ("", "XXX-XXX-0144", 2.5),
        ("alice", "XXX-XXX-0143", 1.0),
    ]
    assert entries[1]["time"] == "2023-11-14T22:13:20+00:00"
    assert "XXX-XXX-0143" in used.run("telephony", "log")


def test_the_log_of_one_user_or_of_few_entries(used: Console) -> None:
    (entry,) = used.json("telephony", "log", "--user", "ALICE")["entries"]
    assert entry["username"] == "alice"
    (entry,) = used.json("telephony", "log", "--limit", "1")["entries"]
    assert entry["number"] == "XXX-XXX-0144"
    assert used.fails("telephony", "log", "--user", "nobody").startswith("there is no user 'nobody'")


def test_credits_are_added_and_taken_away(used: Console) -> None:
    assert used.json("telephony", "credits") == {"left": None, "used_30_days": 0.0, "used": 3.5}
    assert used.json("telephony", "credits", "--add", "100")["left"] == 100.0
    assert used.json("telephony", "credits", "--add", "-30.5")["left"] == 69.5
    assert used.fails("telephony", "credits", "--add", "nan") == "nan can't be the credits of a correction"
    assert used.json("telephony", "credits")["left"] == 69.5
    rows = [(action, detail["after"]["amount"]) for action, _, detail in used.audit() if "credits" in action]
    assert rows == [("credits purchase", 100.0), ("credits correction", -30.5)]
