"""``authproxy phone``: phones added, shown, activated and deleted."""

from __future__ import annotations

import hashlib
import re
import time
from datetime import datetime
from pathlib import Path

import pytest

from authproxy.store.tables import devices, phone_apps, pushes
from tests.cli.console import Console

PHONE_KEYS = {
    "phone_id", "users", "number", "extension", "name", "type", "platform", "activated", "activated_at",
    "last_contact", "clock_offset", "notifications", "created",
}  # fmt: skip


@pytest.fixture
def alice(console: Console) -> Console:
    console.run("user", "add", "alice")
    return console


def test_phones_are_listed_in_the_users_order(alice: Console) -> None:
    first = alice.json("phone", "add", "alice", "--number", "555-555-0100", "--platform", "apple ios")
    assert set(first) == PHONE_KEYS
    assert (first["number"], first["users"], first["activated"]) == ("+15555550100", ["alice"], None)
    second = alice.json("phone", "add", "alice", "--name", "tablet")
    listed = alice.json("phone", "list", "alice")["phones"]
    assert [phone["phone_id"] for phone in listed] == [first["phone_id"], second["phone_id"]]
    assert alice.json("phone", "show", first["phone_id"]) == first
    assert "tablet" in alice.run("phone", "list")
    assert "no phone number" in alice.fails("phone", "add", "alice", "--number", "call me")
    assert "no user" in alice.fails("phone", "add", "bob")


def test_a_link_activates_once_and_another_one_replaces_it(alice: Console, tmp_path: Path) -> None:
    picture = tmp_path / "alice.png"
    made = alice.json("phone", "activate", "alice", "--qr-png", picture)
    assert set(made) == {"phone_id", "username", "url", "code", "expires"}
    assert made["url"].startswith("https://mfa.example:8443/")
    assert picture.read_bytes().startswith(b"\x89PNG")
    left = datetime.fromisoformat(made["expires"]).timestamp() - time.time()
    assert 86_000 < left <= 86_400
    again = alice.json("phone", "activate", made["phone_id"], "--valid", "600")
    assert again["phone_id"] == made["phone_id"]
    (code,) = re.findall(r"duo://(\w{20})-", again["code"])
    assert alice.rows("SELECT hash, kind FROM activations") == [(hashlib.sha256(code.encode()).digest(), "phone")]
    assert code not in str(alice.audit())


def test_the_other_app_is_given_a_qr_code_of_its_own(alice: Console) -> None:
    made = alice.json("phone", "activate", "alice", "--app", "pipush")
    assert made["url"].startswith(
        "otpauth://pipush/alice?url=https%3A%2F%2Fmfa.example%3A8443%2Fttype%2Fpush&ttl=1440&"
    )
    assert f"enrollment_credential={made['code']}&" in made["url"]
    assert alice.rows("SELECT hash FROM activations") == [(hashlib.sha256(made["code"].encode()).digest(),)]
    assert made["code"] not in str(alice.audit())


def test_the_story_of_a_push_is_told(alice: Console) -> None:
    phone = alice.json("phone", "add", "alice", "--name", "tablet")["phone_id"]
    assert "not sent any push" in alice.run("phone", "pushes", phone)
    ((user_id,),) = alice.rows("SELECT id FROM users")
    alice.insert(
        pushes, id="P1", user_id=user_id, username="alice", application="vpn", login_id="L", created=1000.0,
        expires=1060.0, phone_id=phone, sent_at=1001.0, opened_at=1002.0, status="denied", decided_at=1003.0,
        decided_by=f"phone:{phone}",
    )  # fmt: skip
    (story,) = alice.json("phone", "pushes", phone)["pushes"]
    assert (story["status"], story["delivered"], story["opened"]) == ("denied", None, "1970-01-01T00:16:42+00:00")


def test_which_phone_is_meant_must_be_clear(alice: Console) -> None:
    for name in ("one", "two"):
        alice.run("phone", "add", "alice", "--name", name)
    assert "several phones" in alice.fails("phone", "activate", "alice")
    assert "no user 'DPNOBODY'" in alice.fails("phone", "activate", "DPNOBODY")
    alice.run("user", "delete", "alice")
    (phone_id,) = alice.rows("SELECT id FROM phones")[0]
    assert "is nobody's" in alice.fails("phone", "activate", phone_id)


def test_without_a_web_side_no_phone_can_be_activated(alice: Console) -> None:
    alice.config.write_text(alice.config.read_text().replace("base_url=", ";base_url="))
    assert "base_url" in alice.fails("phone", "activate", "alice")


def test_a_deleted_phone_takes_its_codes_and_pushes_along(alice: Console) -> None:
    phone_id = alice.json("phone", "add", "alice")["phone_id"]
    (user_id,) = alice.rows("SELECT id FROM users")[0]
    alice.insert(phone_apps, phone_id=phone_id, kind="web", serial="S", public_key=b"k", created=1.0)
    assert alice.json("phone", "show", phone_id)["activated"] == "web"
    alice.insert(
        devices, id="DH1", kind="totp", origin="phone", name="app", seed=b"x", created=1.0, phone_id=phone_id
    )
    alice.insert(
        pushes, id="P1", user_id=user_id, username="alice", application="vpn", login_id="L", created=1.0,
        expires=9e9, phone_id=phone_id,
    )  # fmt: skip
    assert alice.json("phone", "delete", phone_id) == {"deleted": phone_id, "users": ["alice"]}
    assert alice.rows("SELECT status FROM pushes") == [("cancelled",)]
    assert alice.rows("SELECT * FROM devices") == []
    assert "no phone" in alice.fails("phone", "show", phone_id)
    assert [action for action, *_ in alice.audit()] == ["user add", "phone add", "phone delete"]
