"""``authproxy bypass``."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.cli.console import Console


@pytest.fixture
def alice(console: Console) -> Console:
    console.run("user", "add", "alice")
    return console


def test_codes_are_shown_once_and_stored_as_hashes(alice: Console) -> None:
    made = alice.json("bypass", "create", "CORP\\alice", "--count", "3", "--uses", "2", "--valid", "600")
    assert set(made) == {"username", "codes", "uses", "expires"}
    assert (made["username"], made["uses"], len(set(made["codes"]))) == ("alice", 2, 3)
    assert all(len(code) == 9 and code.isdigit() for code in made["codes"])
    (user_id,) = alice.rows("SELECT id FROM users")[0]
    stored = alice.rows("SELECT hash, uses_left, round(expires - created) FROM bypass_codes")
    assert {row[0] for row in stored} == {alice.seeds.code_hash(user_id, code) for code in made["codes"]}
    assert {row[1:] for row in stored} == {(2, 600)}
    assert alice.audit()[-1] == ("bypass create", "alice", {"codes": 3, "uses": 2, "valid": 600})
    shown = alice.run("bypass", "list", "alice") + str(alice.audit())
    assert not any(code in shown for code in made["codes"])


def test_by_default_a_code_is_good_for_one_login_within_an_hour(alice: Console) -> None:
    code, told = alice.run("bypass", "create", "alice").splitlines()
    assert len(code) == 9
    assert told.startswith("for alice, 1 login each, until 20")
    (listed,) = alice.json("bypass", "list", "alice")["bypass_codes"]
    assert set(listed) == {"id", "uses_left", "expires", "created"}
    assert listed["uses_left"] == 1
    lasts = datetime.fromisoformat(listed["expires"]) - datetime.fromisoformat(listed["created"])
    assert 3599 <= lasts.total_seconds() <= 3601


def test_uses_or_time_may_be_without_end_but_not_both(alice: Console) -> None:
    assert alice.json("bypass", "create", "alice", "--uses", "0", "--valid", "60")["uses"] is None
    assert alice.json("bypass", "create", "alice", "--valid", "0")["expires"] is None
    assert "until used up" in alice.run("bypass", "create", "alice", "--valid", "0")
    told = alice.fails("bypass", "create", "alice", "--uses", "0", "--valid", "0")
    assert told == "a bypass code needs an end: a number of uses, or a time"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "nobody"], "there is no user 'nobody'; `authproxy user list` shows all"),
        (["create", "alice", "--count", "0"], "0 codes; wanted 1 to 100"),
        (["create", "alice", "--count", "101"], "101 codes; wanted 1 to 100"),
        (["create", "alice", "--uses", "-1"], "-1 uses; wanted 0 (any number) to 1000000"),
        (["create", "alice", "--uses", str(2**63)], f"{2**63} uses; wanted 0 (any number) to 1000000"),
        (
            ["create", "alice", "--valid", "-5"],
            "valid for -5 seconds; wanted 0 (no end) to 315360000, which is ten years",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(alice: Console, arguments: list[str], told: str) -> None:
    assert alice.fails("bypass", *arguments) == told
    assert alice.value("SELECT count(*) FROM bypass_codes") == 0


def test_all_codes_of_a_user_are_revoked(alice: Console) -> None:
    alice.run("user", "add", "bob")
    alice.run("bypass", "create", "bob")
    alice.run("bypass", "create", "alice", "--count", "2")
    assert alice.json("bypass", "revoke", "alice") == {"username": "alice", "revoked": 2}
    assert alice.run("bypass", "list", "alice") == "no bypass codes\n"
    assert len(alice.json("bypass", "list", "bob")["bypass_codes"]) == 1
    assert alice.run("bypass", "revoke", "alice") == "revoked 0 codes of alice\n"
    assert alice.audit()[-2] == ("bypass revoke", "alice", {"codes": 2})
