"""``authproxy application``, and what all commands of the service have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from console import Console

from authproxy.cli import COMMANDS, main


def test_sections_that_use_the_service_are_applications(console: Console) -> None:
    with console.config.open("a") as file:
        file.write("[radius_server_auto]\nradius_ip_1=192.0.2.2\nradius_secret_1=x\nport=1899\napplication=VPN\n")
        file.write("factors=passcode\n")
    rows = console.json("application", "list")["applications"]
    assert set(rows[0]) == {"name", "type", "section", "mode", "port", "factors"}
    assert {row["name"]: (row["section"], row["port"]) for row in rows} == {
        "radius_server_duo_only": ("radius_server_duo_only", 1812),
        "VPN": ("radius_server_auto", 1899),
    }
    assert "VPN" in console.run("application", "list")


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
