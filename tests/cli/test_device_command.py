"""``authproxy device``."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from authproxy.secondfactor.passcode import hotp
from authproxy.store.tables import devices
from tests.cli.console import Console

NEW_KEYS = {"device_id", "username", "name", "secret", "uri"}
DEVICE_KEYS = {
    "device_id", "username", "number", "kind", "origin", "name", "serial", "phone_id", "digits", "step", "created",
    "last_used",
}  # fmt: skip


@pytest.fixture
def alice(console: Console) -> Console:
    console.run("user", "add", "Alice & Bob")
    return console


def test_a_time_based_generator_is_shown_once_with_all_that_an_app_needs(alice: Console) -> None:
    added = alice.json("device", "add-totp", "alice & bob", "--name", "phone", "--digits", "8", "--step", "60")
    assert set(added) == NEW_KEYS
    assert (added["username"], added["name"]) == ("alice & bob", "phone")
    uri = urlsplit(added["uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/authproxy:Alice & Bob")
    asked = {key: value for key, (value,) in parse_qs(uri.query).items()}
    assert asked == {"secret": added["secret"], "issuer": "authproxy", "digits": "8", "period": "60"}
    listed = alice.json("device", "list", "alice & bob")["devices"]
    assert [set(device) for device in listed] == [DEVICE_KEYS]
    assert added["secret"] not in str(listed) + alice.run("device", "list") + str(alice.audit())
    assert (listed[0]["kind"], listed[0]["digits"], listed[0]["step"], listed[0]["number"]) == ("totp", 8, 60, 1)


def test_the_seed_is_stored_sealed(alice: Console) -> None:
    added = alice.json("device", "add-hotp", "alice & bob")
    seed = base64.b32decode(added["secret"])
    (device_id, sealed), *_ = alice.rows("SELECT id, seed FROM devices")
    assert seed not in sealed
    assert alice.seeds.decrypt(device_id, sealed) == seed
    assert hotp(seed, 0).isdigit()
    assert urlsplit(added["uri"]).netloc == "hotp"


def test_text_output_shows_secret_and_address_and_a_qr_code_on_demand(alice: Console) -> None:
    lines = alice.run("device", "add-totp", "alice & bob").splitlines()
    assert lines[0].startswith("added authenticator app (DH")
    assert lines[1].startswith("secret  ")
    assert lines[2].startswith("otpauth://totp/")
    assert len(lines) == 3
    assert "█" in alice.run("device", "add-totp", "alice & bob", "--qr")
    assert alice.run("device", "add-hotp", "alice & bob").startswith("added code generator (DH")


def test_qr_codes_are_written_for_this_user_only(alice: Console, tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    alice.run("device", "add-totp", "alice & bob", "--qr-svg", svg, "--qr-png", png)
    assert b"<svg" in svg.read_bytes()
    assert png.read_bytes().startswith(b"\x89PNG")
    assert [path.stat().st_mode & 0o777 for path in (svg, png)] == [0o600, 0o600]


def test_a_qr_code_never_replaces_a_file(alice: Console, tmp_path: Path) -> None:
    target, link = tmp_path / "notes.txt", tmp_path / "link.svg"
    target.write_text("mine")
    link.symlink_to(target)
    for path in (target, link):
        told = alice.fails("device", "add-totp", "alice & bob", "--qr-svg", path)
        assert told == f"the QR code can't be written to {path}: File exists"
    assert (target.read_text(), link.is_symlink()) == ("mine", True)


def test_a_qr_code_that_cannot_be_written_leaves_no_device(alice: Console, tmp_path: Path) -> None:
    nowhere, svg = tmp_path / "none" / "a.png", tmp_path / "a.svg"
    told = alice.fails("device", "add-totp", "alice & bob", "--qr-svg", svg, "--qr-png", nowhere)
    assert told == f"the QR code can't be written to {nowhere}: No such file or directory"
    assert alice.value("SELECT count(*) FROM devices") == 0
    assert not svg.exists()
    assert [action for action, *_ in alice.audit()] == ["user add"]


def test_a_device_is_renamed_and_deleted(alice: Console) -> None:
    first = alice.json("device", "add-totp", "alice & bob")["device_id"]
    second = alice.json("device", "add-hotp", "alice & bob")["device_id"]
    assert alice.json("device", "rename", first.lower(), " old phone ")["name"] == "old phone"
    assert alice.run("device", "rename", second, "fob") == f"{second} is called fob\n"
    numbers = [(device["device_id"], device["number"]) for device in alice.json("device", "list")["devices"]]
    assert numbers == [(first, 1), (second, 2)]
    assert alice.json("device", "delete", second) == {"deleted": second, "username": "alice & bob"}
    assert alice.run("device", "delete", first) == "deleted old phone of alice & bob\n"
    assert alice.run("device", "list") == "no devices\n"
    assert [action for action, *_ in alice.audit()][1:] == [
        "device add",
        "device add",
        "device rename",
        "device rename",
        "device delete",
        "device delete",
    ]
    assert alice.audit()[3] == ("device rename", first, {"before": "authenticator app", "after": "old phone"})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add-totp", "nobody"], "there is no user 'nobody'; `authproxy user list` shows all"),
        (["list", "nobody"], "there is no user 'nobody'; `authproxy user list` shows all"),
        (["add-totp", "alice & bob", "--step", "5"], "a step of 5 seconds; wanted 15 to 300"),
        (["add-hotp", "alice & bob", "--name", "a\tb"], "'a\\tb' is no device name"),
        (["add-hotp", "alice & bob", "--name", " "], "' ' is no device name"),
        (["rename", "DHX", "x"], "there is no device 'DHX'; `authproxy device list` shows all"),
        (["delete", "DHX"], "there is no device 'DHX'; `authproxy device list` shows all"),
    ],
)
def test_what_cannot_be_done_is_one_line(alice: Console, arguments: list[str], told: str) -> None:
    assert alice.fails("device", *arguments) == told
    assert alice.value("SELECT count(*) FROM devices") == 0


def test_a_hardware_token_is_not_deleted_with_a_users_devices(alice: Console, tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text(f"serial,type,secret,username\n77,h6,{'31' * 20},alice & bob\n")
    alice.run("token", "import", file)
    (device,) = alice.json("device", "list")["devices"]
    assert (device["origin"], device["serial"]) == ("hardware", "77")
    assert alice.fails("device", "delete", device["device_id"]) == (
        f"{device['device_id']} is hardware token 77: `authproxy token unassign` takes it from a user, "
        "`token delete` forgets it"
    )
    with alice.reading() as connection:
        assert connection.execute(devices.select()).first() is not None
