"""Tokens from a maker's file let their users in over RADIUS: a YubiKey, and what a PSKC file holds."""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from pskc import PSKC

from authproxy.secondfactor.passcode import hotp
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient
from tests.secondfactor.yubikeys import Key
from tests.system.daemon import Daemon

SEED = b"12345678901234567890"
WRAPPING = bytes(range(16))
CONFIG = """\
[service]
state_dir={state}
seed_key={key}

[duo_only_client]

[radius_server_auto]
client=duo_only_client
interface=127.0.0.1
port={port}
radius_ip_1=127.0.0.1
radius_secret_1=secret
"""


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[tuple[Daemon, Radclient]]:
    port = free_port()
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    daemon = Daemon(tmp_path, CONFIG.format(state=tmp_path / "state", key=key, port=port))
    daemon.command("user", "add", "alice")
    yield daemon, Radclient(("127.0.0.1", port), "secret", timeout=30)
    if daemon.process is not None:
        daemon.stop()


@pytest.mark.peer("radclient")
def test_a_yubikey_and_a_token_of_an_encrypted_file_let_in_once_per_code(
    stopped: tuple[Daemon, Radclient],
) -> None:
    daemon, appliance = stopped
    key = Key()
    rows = daemon.directory / "yubikeys.csv"
    rows.write_text(
        f"serial,type,private_id,aes_key,username\n5512345,yk,{key.private_id.hex()},{key.aes_key.hex()},alice\n"
    )
    assert daemon.command("import", "tokens", str(rows)).stdout == "imported 1 token\n"
    container = PSKC()
    container.add_key(
        serial="100",
        algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp",
        secret=SEED,
        counter=3,
        response_length=6,
    )
    container.encryption.setup_preshared_key(key=WRAPPING)
    buffer = io.BytesIO()
    container.write(buffer)
    file, key_file, wrong = (daemon.directory / name for name in ("tokens.pskc", "right.key", "wrong.key"))
    file.write_bytes(buffer.getvalue())
    key_file.write_text(WRAPPING.hex() + "\n")
    wrong.write_text("00" * 16)
    refused = daemon.command("import", "tokens", str(file), "--key-file", str(wrong), check=False)
    assert refused.returncode == 1
    assert "not the one that the file was encrypted with" in refused.stderr
    assert [token["serial"] for token in daemon.json("token", "list")["tokens"]] == ["5512345"]  # type: ignore[attr-defined]
    daemon.command("import", "tokens", str(file), "--key-file", str(key_file))
    daemon.command("token", "assign", "100", "alice")

    daemon.start()
    first, second = key.touch(), key.touch()
    assert appliance.login("alice", second).code == "Access-Accept"
    assert [appliance.login("alice", otp).code for otp in (second, first)] == ["Access-Reject"] * 2
    assert appliance.login("alice", hotp(SEED, 3)).code == "Access-Accept"
    explained = daemon.command("explain", "alice").stdout
    assert "hardware token 5512345" in explained
    assert "this code, or a later one, was already used" in explained
