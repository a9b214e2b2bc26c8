"""``authproxy application``, and what all commands of the service have in common."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from authproxy.cli import COMMANDS, main
from tests.cli.console import Console


def test_sections_that_use_the_service_are_applications(console: Console) -> None:
    with console.config.open("a") as file:
        file.write("[radius_server_auto]\nradius_ip_1=192.0.2.2\nradius_secret_1=x\nport=1899\napplication=VPN\n")
        file.write("factors=passcode\n")
    rows = console.json("application", "list")["applications"]
    assert set(rows[0]) == {"name", "type", "ikey", "section", "mode", "port", "factors"}
    assert {row["name"]: (row["section"], row["port"]) for row in rows} == {
        "radius_server_duo_only": ("radius_server_duo_only", 1812),
        "VPN": ("radius_server_auto", 1899),
    }
    assert "VPN" in console.run("application", "list")


def test_a_client_of_the_api_gets_keys_that_only_its_seed_key_opens(console: Console) -> None:
    made = console.json("application", "add", "ssh", "--type", "unix", "--allow-v1-signatures")
    assert re.fullmatch(r"DI[A-Z2-7]{18}", made["ikey"])
    assert re.fullmatch(r"[A-Za-z0-9]{40}", made["skey"])
    (stored,) = console.rows("SELECT skey FROM applications")[0]
    assert made["skey"].encode() not in stored
    shown = console.json("application", "show", made["ikey"].lower(), "--keys")
    assert (shown["skey"], shown["allow_v1_signatures"], shown["policy"]) == (made["skey"], True, {})
    assert console.json("application", "show", "ssh")["skey"] is None
    listed = console.json("application", "list")["applications"]
    assert [(row["name"], row["ikey"]) for row in listed] == [
        ("radius_server_duo_only", None),
        ("ssh", made["ikey"]),
    ]
    assert made["skey"] not in json.dumps(console.audit())


def test_keys_are_rotated_and_deleted(console: Console) -> None:
    made = console.json("application", "add", "ssh", "--type", "unix")
    rotated = console.json("application", "rotate", "ssh")
    assert rotated["ikey"] == made["ikey"]
    assert rotated["skey"] != made["skey"]
    assert console.json("application", "show", "ssh", "--keys")["skey"] == rotated["skey"]
    assert "already" in console.fails("application", "add", "ssh", "--type", "authapi")
    assert console.json("application", "delete", "ssh") == {"deleted": "ssh", "ikey": made["ikey"]}
    assert "no application 'ssh'" in console.fails("application", "show", "ssh")
    assert [action for action, *_ in console.audit()] == [
        "application add",
        "application rotate",
        "application delete",
    ]


def test_a_policy_is_typed_and_checked(console: Console) -> None:
    policy = [
        "new_user_policy=allow",
        "factors=push,passcode",
        "verified_push=true",
        "username_normalization=none",
    ]
    options = [part for word in policy for part in ("--policy", word)]
    console.run("application", "add", "web", "--type", "authapi", *options)
    assert console.json("application", "show", "web")["policy"] == {
        "new_user_policy": "allow",
        "factors": ["push", "passcode"],
        "verified_push": True,
        "username_normalization": "none",
    }
    for wrong in ("new_user_policy=maybe", "factors=fax", "verified_push", "color=red"):
        assert wrong in console.fails("application", "add", "bad", "--type", "authapi", "--policy", wrong)


@pytest.mark.parametrize("arguments", [["user", "list"], ["token", "list"], ["explain"], ["db", "status"]])
def test_a_configuration_that_cannot_be_used_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    missing = tmp_path / "none.cfg"
    result = CliRunner().invoke(main, [*arguments, "--config", str(missing)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("authproxy: ")
    assert str(missing) in result.stderr


def test_a_damaged_database_is_one_line(console: Console) -> None:
    console.state.mkdir()
    (console.state / "authproxy.db").write_text("this is no database, whatever its name may say" * 100)
    assert "authproxy.db" in console.fails("user", "list")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "-h"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {name} ")
