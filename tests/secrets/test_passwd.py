"""``authproxy passwd`` and the vault, with the real gpg."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from authproxy.cli.passwd import command
from authproxy.config.secrets import Vault, seed_key
from authproxy.errors import SecretError

CANARY = "canary-7f3a-é%s"


@pytest.fixture(scope="session")
def vault() -> Iterator[Vault]:
    if shutil.which("gpg") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs gpg: apt install gnupg")
    home = Path(tempfile.mkdtemp(prefix="apt-"))
    made = Vault(home / "g", lambda: None)
    made.ensure_key()
    yield made
    made.close()
    shutil.rmtree(home, ignore_errors=True)  # the agent that ends removes its sockets meanwhile


@pytest.fixture
def config(vault: Vault, tmp_path: Path) -> Path:
    path = tmp_path / "authproxy.cfg"
    path.write_text(
        f"[service]\ngnupg_home={vault._home}\n[radius_server_auto]\nskey={CANARY}\n;skey={CANARY}\nnonsense\n"
    )
    path.chmod(0o640)
    return path  # fmt: skip


@pytest.mark.parametrize("secret", ["a", "é漢 ", "  both ", "100%(x)s", "x" * 5000])
def test_a_secret_comes_back_as_it_was(vault: Vault, secret: str) -> None:
    assert vault.reveal(vault.protect(secret)) == secret


def test_many_at_once_keep_each_ones_error(vault: Vault) -> None:
    good = [vault.protect(str(number)) for number in range(3)]
    vault.reveal_all([*good, "gpg1:AAAA"])
    assert [vault.reveal(value) for value in good] == ["0", "1", "2"]
    with pytest.raises(SecretError, match="damaged"):
        vault.reveal("gpg1:AAAA")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("AQAAANCMnd8BFdERjHoAwE", "bound to the Windows host"),
        ("gpg1:%%%", "no base64"),
        ("gpg1:AAAA", "damaged"),
        ("plain", "no protected value"),
    ],
)
def test_a_value_that_is_none_gets_one_clear_line(vault: Vault, value: str, says: str) -> None:
    with pytest.raises(SecretError, match=says) as caught:
        vault.reveal(value)
    assert "\n" not in str(caught.value)


def test_a_value_for_another_key_says_so(vault: Vault) -> None:
    with tempfile.TemporaryDirectory(prefix="apt-", ignore_cleanup_errors=True) as home:
        other = Vault(Path(home) / "g", lambda: None)
        other.ensure_key()
        with pytest.raises(SecretError, match="another host"):
            other.reveal(vault.protect("x"))
        other.close()


def test_the_seed_key_is_kept_and_a_damaged_one_is_not_replaced(vault: Vault, tmp_path: Path) -> None:
    assert seed_key(tmp_path, vault) == seed_key(tmp_path, vault)
    (tmp_path / "seed.key").write_text("gpg1:AAAA\n")
    with pytest.raises(SecretError, match=r"seed\.key"):
        seed_key(tmp_path, vault)
    assert (tmp_path / "seed.key").read_text() == "gpg1:AAAA\n"


def test_a_whole_file_is_protected_in_place_and_no_file_keeps_the_secret(config: Path, vault: Vault) -> None:
    link = config.with_name("link.cfg")
    link.symlink_to(config)
    result = CliRunner().invoke(command, ["--config", str(link), "--whole-config", "-y"])
    assert result.exit_code == 0, result.output
    assert CANARY not in result.output
    assert link.is_symlink()
    assert config.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in config.parent.iterdir()) == ["authproxy.cfg", "link.cfg"]
    assert CANARY not in config.read_text()
    assert vault.reveal(config.read_text().splitlines()[3].partition("=")[2]) == CANARY


@pytest.mark.parametrize(("arguments", "status"), [(["--dry-run"], 0), ([], 1)])
def test_a_dry_run_or_a_no_leaves_the_file(config: Path, arguments: list[str], status: int) -> None:
    before = config.read_bytes()
    result = CliRunner().invoke(command, ["--config", str(config), "--whole-config", *arguments], input="n\n")
    assert (result.exit_code, config.read_bytes()) == (status, before)


def test_a_failure_to_write_leaves_the_file_and_nothing_else(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = config.read_bytes()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    result = CliRunner().invoke(command, ["--config", str(config), "--whole-config", "-y"])
    assert (result.exit_code, config.read_bytes()) == (1, before)
    assert "No space left" in result.output
    assert [path.name for path in config.parent.iterdir()] == ["authproxy.cfg"]


def test_one_secret_from_standard_input_is_alone_on_stdout_and_gpg_never_shows_it(
    config: Path, vault: Vault, tmp_path: Path
) -> None:
    wrapper, seen = tmp_path / "bin" / "gpg", tmp_path / "seen"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} >> {seen}\nexec {shutil.which("gpg")} "$@"\n')
    wrapper.chmod(0o755)
    done = subprocess.run(
        ["authproxy_passwd", "--config", str(config)],
        input=CANARY + "\n",
        env={**os.environ, "PATH": f"{wrapper.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert vault.reveal(done.stdout.removesuffix("\n")) == CANARY
    assert "--encrypt" in seen.read_text()
    assert CANARY not in seen.read_text()


def test_an_argument_works_with_a_warning(config: Path, vault: Vault) -> None:
    result = CliRunner().invoke(command, ["--config", str(config), "abc"])
    assert "shows in ps" in result.stderr
    assert vault.reveal(result.stdout.strip()) == "abc"


def test_an_expired_key_says_so_and_the_passphrase_is_needed_and_named() -> None:
    with tempfile.TemporaryDirectory(prefix="apt-", ignore_cleanup_errors=True) as name:
        home = Path(name) / "g"
        locked = Vault(home, lambda: "right")
        value = locked.protect("x")
        assert locked.reveal(value) == "x"
        locked.close()
        for given, says in ((None, "none was given"), ("wrong", "the wrong one")):
            other = Vault(home, lambda given=given: given)  # type: ignore[misc]
            with pytest.raises(SecretError, match=says):
                other.reveal(value)
            other.close()
    with tempfile.TemporaryDirectory(prefix="apt-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        old = ["--faked-system-time", "20200101T000000", "--batch", "--passphrase", ""]
        subprocess.run(
            ["gpg", "--homedir", name, *old, "--quick-gen-key", "old", "rsa2048", "encrypt,sign", "1d"],
            check=True,
            capture_output=True,
        )
        expired = Vault(home, lambda: None)
        with pytest.raises(SecretError, match="expired"):
            expired.protect("x")
        expired.close()
