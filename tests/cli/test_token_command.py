"""``authproxy token``."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from authproxy.secondfactor.passcode import hotp, step_at
from tests.cli.console import Console

SEED = b"12345678901234567890"
HEX = SEED.hex()
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
KEYS = {
    "token_id", "serial", "type", "users", "counter", "step", "drift_seconds", "created", "last_used",
}  # fmt: skip


@pytest.fixture
def stocked(console: Console, tmp_path: Path) -> Console:
    """alice has h6 token 100; t8 token 100 and h6 token 200 are nobody's."""
    console.run("user", "add", "alice")
    file = tmp_path / "tokens.csv"
    file.write_text(
        f"serial,type,secret,counter,step,username\n100,h6,{HEX},5,,alice\n100,t8,{BASE32},,60,\n200,h6,{HEX},,,\n"
    )
    assert console.run("token", "import", file) == "imported 3 tokens\n"
    return console


def test_tokens_are_listed_and_shown_without_their_seeds(stocked: Console) -> None:
    listed = stocked.json("token", "list")["tokens"]
    assert [set(token) for token in listed] == [KEYS] * 3
    told = [(token["serial"], token["type"], token["users"], token["counter"], token["step"]) for token in listed]
    assert told == [("100", "h6", ["alice"], 5, None), ("100", "t8", [], None, 60), ("200", "h6", [], 0, None)]
    assert (listed[0]["drift_seconds"], listed[1]["drift_seconds"]) == (None, 0)
    assert stocked.json("token", "show", "100", "--type", "t8") == listed[1]
    assert "users          alice\n" in stocked.run("token", "show", "100", "--type", "h6")
    assert [line.split() for line in stocked.run("token", "list").splitlines()] == [
        ["serial", "type", "users", "last_used"],
        ["100", "h6", "alice", "-"],
        ["100", "t8", "-", "-"],
        ["200", "h6", "-", "-"],
    ]
    assert stocked.audit()[-1] == ("token import", "tokens.csv", {"tokens": 3})


def test_no_token_is_no_failure(console: Console) -> None:
    assert console.run("token", "list") == "no tokens\n"
    assert console.json("token", "list") == {"tokens": []}


def test_a_token_is_assigned_to_several_and_taken_away(stocked: Console) -> None:
    stocked.run("user", "add", "bob")
    assert stocked.json("token", "assign", "100", "bob", "--type", "h6")["users"] == ["alice", "bob"]
    assert stocked.run("token", "assign", "200", "CORP\\bob") == "token 200 is now bob's\n"
    assert stocked.json("token", "unassign", "100", "alice", "--type", "h6")["users"] == ["bob"]
    assert stocked.run("token", "unassign", "200", "bob") == "token 200 is no longer bob's\n"
    entries = [(action, about, detail["serial"], detail["type"]) for action, about, detail in stocked.audit()[-4:]]
    assert entries == [
        ("token assign", "bob", "100", "h6"),
        ("token assign", "bob", "200", "h6"),
        ("token unassign", "alice", "100", "h6"),
        ("token unassign", "bob", "200", "h6"),
    ]


def test_a_deleted_user_leaves_the_token_free(stocked: Console) -> None:
    stocked.run("user", "delete", "alice")
    assert stocked.json("token", "show", "100", "--type", "h6")["users"] == []


def test_a_token_is_deleted_with_a_record_of_whose_it_was(stocked: Console) -> None:
    token_id = stocked.json("token", "show", "100", "--type", "h6")["token_id"]
    assert stocked.json("token", "delete", "100", "--type", "h6") == {"deleted": "100", "token_id": token_id}
    action, about, detail = stocked.audit()[-1]
    assert (action, about, detail["users"], detail["type"]) == ("token delete", "100", ["alice"], "h6")
    assert stocked.run("token", "delete", "100") == "deleted token 100\n"
    assert stocked.value("SELECT count(*) FROM device_users") == 0


def test_a_counter_is_found_again(stocked: Console) -> None:
    codes = [hotp(SEED, counter) for counter in (40, 41)]
    assert stocked.json("token", "resync", "100", *codes, "--type", "h6")["counter"] == 42
    action, about, detail = stocked.audit()[-1]
    assert (action, about, detail["before"], detail["after"]) == (
        "token resync",
        "100",
        {"counter": 5},
        {"counter": 42},
    )
    assert stocked.run("token", "resync", "200", *codes) == "token 200 is in step again\n"
    assert stocked.fails("token", "resync", "200", *codes).startswith("these are no two successive codes")


def test_a_clock_is_found_again(stocked: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authproxy.cli.token.time.time", lambda: 1_700_000_010.0)
    today = step_at(1_700_000_010.0, 60)
    codes = [hotp(SEED, today + ahead, 8) for ahead in (9, 10)]
    assert stocked.json("token", "resync", "100", *codes, "--type", "t8")["drift_seconds"] == 600
    assert stocked.audit()[-1][2]["after"] == {"drift_seconds": 600}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "nil"], "there is no token 'nil'; `authproxy token list` shows all"),
        (["show", "100"], "there are several tokens 100, of types h6, t8: name one with --type"),
        (
            ["delete", "200", "--type", "t6"],
            "there is no token '200' of type t6; `authproxy token list` shows all",
        ),
        (["assign", "200", "nobody"], "there is no user 'nobody'; `authproxy user list` shows all"),
        (["assign", "100", "alice", "--type", "h6"], "token 100 is alice's already"),
        (["unassign", "200", "alice"], "token 200 is not alice's"),
        (["resync", "200", "1234", "123456"], "two codes of 6 digits are wanted"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_not_recorded(
    stocked: Console, arguments: list[str], told: str
) -> None:
    before = stocked.audit()
    assert stocked.fails("token", *arguments) == told
    assert stocked.audit() == before


# ---------------------------------------------------------------- import


def test_all_bad_rows_are_told_by_line_and_none_is_imported(stocked: Console, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text(
        "serial,type,secret,counter,step,username\n"
        f"300,h6,{HEX},,,\n"
        f"100,h6,{HEX},,,\n"
        f"300,h6,{HEX},,,\n"
        f"301,h6,{HEX}f,,,\n"
        f"302,h6,{HEX},,,nobody\n"
        f"303,x6,{HEX},,,\n"
        f"300,t6,{HEX},,,Alice@corp.example\n"
        f"304,h6,{HEX},,,,more\n"
    )
    result = stocked.invoke("token", "import", file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"{file}:3: there is a token 100 of type h6 already",
        f"{file}:4: 300 of type h6 is in line 2 already",
        f"{file}:5: the secret is neither hexadecimal (an even number of digits) nor base32",
        f"{file}:6: there is no user 'nobody'",
        f"{file}:7: the type is none of h6, h8, t6, t8, yk",
        f"{file}:9: 7 columns where the header names 6",
        "authproxy: nothing was imported: 6 bad rows",
    ]
    failure = stocked.failure("token", "import", file)
    assert [row["line"] for row in failure["rows"]] == [3, 4, 5, 6, 7, 9]
    assert set(failure) == {"error", "rows"}
    assert len(stocked.json("token", "list")["tokens"]) == 3
    assert len(stocked.audit()) == 2


def test_neither_messages_nor_records_nor_database_hold_a_seed(stocked: Console, tmp_path: Path) -> None:
    headless, swapped = tmp_path / "headless.csv", tmp_path / "swapped.yaml"
    headless.write_text(f"1,h6,{HEX}\n2,h6,{HEX}\n")
    swapped.write_text(f"- {{serial: 9, type: {HEX}, secret: h6}}\n- {HEX}\n- {{{HEX}: 1}}\n")
    for file in (headless, swapped):
        result = stocked.invoke("token", "import", file)
        assert result.exit_code == 1
        assert HEX not in result.output
        assert BASE32 not in result.output
    assert HEX not in str(stocked.audit())
    raw = b"".join(file.read_bytes() for file in stocked.state.iterdir() if file.is_file())
    assert not any(form in raw for form in (SEED, HEX.encode(), BASE32.encode()))


def test_ten_thousand_tokens_are_imported_at_once_or_not_at_all(stocked: Console, tmp_path: Path) -> None:
    chance = random.Random(6)
    file = tmp_path / "many.csv"
    lines = [f"{n:08},t6,{chance.randbytes(20).hex()},alice" for n in range(10_000)]
    file.write_text("\n".join(["serial,type,secret,username", *lines, "x,t6,zz,"]))
    failure = stocked.failure("token", "import", file)
    assert [row["line"] for row in failure["rows"]] == [10_002]
    assert stocked.value("SELECT count(*) FROM devices") == 3
    file.write_text("\n".join(["serial,type,secret,username", *lines]))
    assert stocked.json("token", "import", file) == {"imported": 10_000}
    assert stocked.value("SELECT count(*) FROM devices") == 10_003
    assert stocked.value("SELECT count(DISTINCT position) FROM device_users") == 10_001
    device_id, seed = stocked.rows("SELECT id, seed FROM devices WHERE serial = '00009999'")[0]
    assert stocked.seeds.decrypt(device_id, seed).hex() == lines[-1].split(",")[2]


def test_a_database_that_fails_half_way_keeps_nothing(stocked: Console, tmp_path: Path) -> None:
    with sqlite3.connect(stocked.state / "authproxy.db") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON device_users "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    database.close()
    file = tmp_path / "tokens.csv"
    file.write_text(f"serial,type,secret,username\n400,h6,{HEX},\n401,h6,{HEX},alice\n")
    with pytest.raises(Exception, match="disk is full"):
        stocked.invoke("token", "import", file)
    assert len(stocked.json("token", "list")["tokens"]) == 3
    assert len(stocked.audit()) == 2


def test_an_option_that_is_no_type_is_a_misuse(stocked: Console) -> None:
    assert stocked.invoke("token", "show", "100", "--type", "h7").exit_code == 2
