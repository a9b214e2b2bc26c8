"""``authproxy check``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from authproxy.cli import main

GOOD = "[duo_only_client]\n[radius_server_auto]\nradius_ip_1=10.0.0.9\nradius_secret_1=nine\n"


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["check", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "authproxy.cfg"
    path.write_text(GOOD)
    path.chmod(0o600)
    return path


def test_valid_file_is_0_with_a_summary(file: Path) -> None:
    assert run("--config", file) == (0, f"{file} can be used: no errors, no warnings.\n")


def test_warnings_are_0_and_errors_1_grouped_with_counts(file: Path) -> None:
    file.write_text(GOOD + "colour=blue\n")
    code, output = run("--config", file)
    assert (code, output.split("\n")[0]) == (0, "Warnings:")
    assert output.endswith(f"{file} can be used: no errors, 1 warning.\n")
    file.write_text(GOOD + "colour=blue\nport=none\nfailmode=never\nikey=x\napi_host=local\n")
    code, output = run("--config", file)
    assert code == 1
    assert [line for line in output.split("\n") if line.endswith(":")] == ["Errors:", "Warnings:", "Notes:"]
    assert output.endswith(f"{file} can't be used: 2 errors, 1 warning, 1 note.\n")


def test_json_has_these_keys(file: Path) -> None:
    file.write_text(GOOD + "port=none\n")
    code, output = run("--json", "--config", file)
    assert code == 1
    assert json.loads(output) == {
        "file": str(file),
        "valid": False,
        "problems": [
            {
                "severity": "error",
                "line": 5,
                "section": "radius_server_auto",
                "key": "port",
                "found": "'none'",
                "wanted": "a whole number from 1 to 65535",
                "message": "bad value",
            }
        ],
    }


def test_syntax_only_looks_at_no_file(file: Path) -> None:
    file.write_text(GOOD.replace("radius_secret_1=nine", "radius_secret_file_1=/nowhere"))
    assert run("--config", file)[0] == 1
    assert run("--config", file, "--syntax-only")[0] == 0


def test_file_in_the_working_directory_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authproxy.config.locate.SYSTEM_WIDE", file.parent / "none")
    monkeypatch.delenv("AUTHPROXY_CONFIG", raising=False)
    assert run()[0] == 0


def test_missing_file_is_one_line_also_in_json(tmp_path: Path) -> None:
    code, output = run("--config", tmp_path / "none.cfg")
    assert (code, output.count("\n")) == (1, 1)
    assert "No such file or directory" in output
    code, output = run("--json", "--config", tmp_path / "none.cfg")
    assert (code, json.loads(output)["valid"]) == (1, False)


def test_no_secret_is_printed_whatever_is_wrong_with_it(file: Path) -> None:
    canary = "CANARY1234"
    lines = [
        f"radius_secret_1={canary}",
        f'radius_secret_2="{canary}"',
        f"radius_secret={canary}",
        f"radius_secret_3_={canary}",
        f"radius_secret_protected_4={canary}",
        f"radius_secret_protected_5=AQAAA{canary}",
        f"radius_secret_1={canary}",
        f"radius_secrte_1={canary}",
        f"radius_secret_6 {canary}",
        f"   {canary}",
        f"skey={canary} # cut",
        f"skey={canary}",
        f"skey_protected=false{canary}",
        f"password={canary}",
        f"[mail]\npassword='{canary}\u200b",
        f"[service]\ndatabase=mysql://user:{canary}@host/db",
        f"seed_key={canary}",
        f"[radius_client]\nsecret_1={canary}",
        f"secret_7={canary}",
    ]
    file.write_text("\n".join([GOOD, *lines]))
    for arguments in ((), ("--json",), ("--syntax-only",)):
        code, output = run("--config", file, *arguments)
        assert code == 1
        assert len(output.split("\n")) > len(lines)
        assert canary not in output


def test_a_plain_seed_key_of_a_wrong_length_is_found(file: Path) -> None:
    file.write_text(f"{GOOD}\n[service]\nseed_key=c2hvcnQ=\n")
    code, output = run("--config", file)
    assert (code, "seed_key: bad value" in output, "base64 of 32 bytes" in output) == (1, True, True)
    assert "c2hvcnQ" not in output
