"""The privacyIDEA Authenticator as a phone: vectors, the whole exchange with a strict app, and bad requests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import pytest_twisted
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from authproxy.secondfactor import pipush_desk
from authproxy.secondfactor.pipush_api import Enrolled, Heard, PipushRefused
from authproxy.secondfactor.pipush_enrollment import NewPipush, enroll_pipush
from authproxy.secondfactor.pipush_text import (
    Challenge,
    answer_text,
    capabilities_text,
    challenge_object,
    is_signed,
    normalized,
    poll_text,
    public_key_text,
    read_public_key,
    read_time,
    refresh_text,
    shown_text,
    sign,
)
from authproxy.secondfactor.pushes import PushMode, PushStatus
from authproxy.web.phone.pipush import read_fields
from tests.phone.authenticator import Authenticator
from tests.phone.desks import BASE_URL, NOW, Desks
from tests.phone.phonehost import PhoneHost

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors/pipush.json").read_text("utf-8"))
NONCE, SERIAL, URL = VECTORS["nonce"], VECTORS["serial"], VECTORS["url"]


def key(name: str) -> rsa.RSAPrivateKey:
    loaded = load_pem_private_key(VECTORS[f"{name}_private_pem"].encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


# ---------------------------------------------------------------- vectors


@pytest.mark.parametrize("name", ["challenge_plain", "challenge_presence"])
def test_challenges_are_signed_as_in_the_vectors(name: str) -> None:
    vector = VECTORS[name]
    options = tuple(vector.get("require_presence", "").split(",")) if "require_presence" in vector else ()
    challenge = Challenge(NONCE, URL, SERIAL, VECTORS["question"], VECTORS["title"], options)
    assert challenge.signed == vector["signed"]
    shown = challenge_object(challenge, key("server"), wants_reason=True)
    assert shown["signature"] == vector["signature"]
    assert shown.get("require_presence") == vector.get("require_presence")
    assert shown["capabilities"] == VECTORS["capabilities"]["capabilities"]
    assert shown["capabilities_signature"] == VECTORS["capabilities"]["signature"]
    assert capabilities_text(NONCE) == VECTORS["capabilities"]["signed"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("answer_accept", answer_text(NONCE, SERIAL, False, "", "")),
        ("answer_presence", answer_text(NONCE, SERIAL, False, "", "42")),
        ("answer_decline_legacy", answer_text(NONCE, SERIAL, True, "", "")),
        ("answer_decline_reason", answer_text(NONCE, SERIAL, True, "unknown_trigger", "")),
        ("poll", poll_text(SERIAL, "2026-08-22T10:11:12.123456Z")),
        ("fbtoken_update", refresh_text("no_firebase_token", SERIAL, "2026-08-22T10:11:12.123456Z")),
    ],
)
def test_what_the_app_signs_is_verified_as_in_the_vectors(name: str, text: str) -> None:
    vector = VECTORS[name]
    assert text == vector["signed"]
    public = read_public_key(VECTORS["enroll_post_pubkey_b64_spki"])
    assert public is not None
    assert sign(key("app"), text) == vector["signature"]
    assert is_signed(public, vector["signature"], text)
    assert not is_signed(public, vector["signature"], text + "x")
    assert not is_signed(public, vector["signature"].lower(), text)
    assert not is_signed(public, vector["signature"][:-8], text)


def test_keys_are_read_and_written_as_in_the_vectors() -> None:
    assert public_key_text(key("server")) == VECTORS["enroll_reply_public_key_b64_pkcs1"]
    spki = VECTORS["enroll_post_pubkey_b64_spki"]
    assert read_public_key(spki) == read_public_key(spki.replace("+", " ").replace("/", "_"))
    assert read_public_key(VECTORS["enroll_reply_public_key_b64_pkcs1"][:40]) is None
    assert read_public_key("") is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("https://MFA.Example.com/ttype/push", "https://mfa.example.com/ttype/push"),
        ("https://mfa.example.com:443/ttype/push", "https://mfa.example.com/ttype/push"),
        ("https://mfa.example.com:8443/ttype/push", "https://mfa.example.com:8443/ttype/push"),
        ("https://[2001:DB8::1]:8443/ttype/push", "https://[2001:db8::1]:8443/ttype/push"),
    ],
)
def test_addresses_are_written_as_the_app_writes_them(given: str, wanted: str) -> None:
    assert normalized(given) == wanted
    assert normalized(wanted) == wanted


def test_times_are_read_with_and_without_a_zone() -> None:
    assert read_time("2026-08-22T10:11:12.123456Z") == read_time("2026-08-22T12:11:12.123456+02:00")
    assert read_time("2026-08-22T10:11:12.123") == read_time("2026-08-22T10:11:12.123Z")
    assert read_time("soon") is None


@given(st.text())
def test_shown_texts_have_no_separator_and_nothing_unprintable(text: str) -> None:
    shown = shown_text(text)
    assert "|" not in shown
    assert shown.isprintable()
    assert shown == shown_text(shown)


@given(st.binary(max_size=300))
def test_no_body_is_too_strange_to_be_read(body: bytes) -> None:
    assert isinstance(read_fields(body), dict)
    assert isinstance(read_fields(b"{" + body), dict)


def test_bodies_may_be_json() -> None:
    assert read_fields(b'{"decline": 1, "serial": "X", "none": null}') == {"decline": "1", "serial": "X"}


# ---------------------------------------------------------------- the exchange


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    made = Desks(tmp_path)
    yield made
    made.stop()


def invited(desks: Desks, seconds: int = 3600) -> NewPipush:
    with desks.database.writing() as connection:
        made = enroll_pipush(connection, desks.alice, desks.phone_id, BASE_URL, seconds)
        connection.exec_driver_sql("UPDATE activations SET expires = ?", (desks.now + seconds,))
    return made


async def enrolled(desks: Desks) -> Authenticator:
    app = Authenticator.scan(invited(desks).url)
    done = await desks.pipush.post(app.enrollment())
    assert isinstance(done, Enrolled)
    app.learn(done.public_key)
    return app


async def polled(desks: Desks, app: Authenticator, capabilities: str = "") -> list[dict[str, str]]:
    found = [dict(each) for each in await desks.pipush.poll(app.poll(desks.now, capabilities))]
    for challenge in found:
        app.read(challenge)
    return found


async def heard(desks: Desks, fields: Mapping[str, str]) -> Heard:
    said = await desks.pipush.post(fields)
    assert isinstance(said, Heard)
    return said


async def refusal(desks: Desks, fields: Mapping[str, str], is_poll: bool = False) -> str:
    """The detail; what the app is told is always the same, but for an answer that is late."""
    try:
        said: object = await (desks.pipush.poll(fields) if is_poll else desks.pipush.post(fields))
    except PipushRefused as error:
        if not error.detail.startswith("too late"):
            assert str(error) == "The request was not accepted."
        return error.detail
    raise AssertionError(f"answered {said!r}")


@pytest_twisted.ensureDeferred
async def test_the_app_enrolls_polls_and_accepts(desks: Desks) -> None:
    app = await enrolled(desks)
    assert await polled(desks, app) == []
    push = await desks.push()
    (challenge,) = await polled(desks, app)
    assert challenge["url"] == "https://mfa.example:8443/ttype/push"
    assert challenge["title"] == "vpn"
    assert challenge["question"] == "Sign in as alice from 198.51.100.7?"
    assert "capabilities" not in challenge
    assert await heard(desks, app.answer(challenge)) == Heard(True)
    assert desks.status(push) == PushStatus.APPROVED
    assert await polled(desks, app) == []


@pytest.mark.parametrize(
    ("why", "status"), [("", "denied"), ("cancelled", "denied"), ("unknown_trigger", "fraud")]
)
@pytest_twisted.ensureDeferred
async def test_the_app_declines(desks: Desks, why: str, status: str) -> None:
    app, push = await enrolled(desks), await desks.push()
    (challenge,) = await polled(desks, app, '["decline_reason"]')
    assert challenge["capabilities"] == '{"decline_reason": true}'
    assert await heard(desks, app.answer(challenge, decline=True, why=why)) == Heard(True)
    assert desks.status(push) == status


@pytest.mark.parametrize(("picked", "status"), [("42", "approved"), ("07", "denied"), ("", "denied")])
@pytest_twisted.ensureDeferred
async def test_the_app_picks_a_number(desks: Desks, picked: str, status: str) -> None:
    app, push = await enrolled(desks), await desks.push(PushMode.NUMBER, ("07", "42", "93"), "42")
    (challenge,) = await polled(desks, app)
    assert (challenge["require_presence"], challenge["version"]) == ("07,42,93", "2")
    assert (await heard(desks, app.answer(challenge, picked=picked))).value is (status == "approved")
    assert desks.status(push) == status


@pytest_twisted.ensureDeferred
async def test_the_app_shows_the_code_that_is_typed_at_the_login(desks: Desks) -> None:
    app, _ = await enrolled(desks), await desks.push(PushMode.CODE, (), "4711")
    (challenge,) = await polled(desks, app)
    assert await heard(desks, app.answer(challenge)) == Heard(True, "4711")
    assert await heard(desks, app.answer(challenge)) == Heard(True, "4711")  # its answer was lost on the way


@pytest_twisted.ensureDeferred
async def test_a_number_that_would_have_to_be_typed_is_not_offered(desks: Desks) -> None:
    app, _ = await enrolled(desks), await desks.push(PushMode.NUMBER, (), "123456")
    assert await polled(desks, app) == []


@pytest_twisted.ensureDeferred
async def test_an_answer_counts_once(desks: Desks) -> None:
    app, push = await enrolled(desks), await desks.push()
    (challenge,) = await polled(desks, app)
    await heard(desks, app.answer(challenge, decline=True))
    assert await refusal(desks, app.answer(challenge)) == "too late: the push was denied"
    assert desks.status(push) == PushStatus.DENIED


@pytest_twisted.ensureDeferred
async def test_a_credential_is_good_once_and_for_its_serial_alone(desks: Desks) -> None:
    invitation = invited(desks)
    app, other = Authenticator.scan(invitation.url), Authenticator.scan(invitation.url)
    other.serial = "AP" + "A" * 24
    assert "serial" in await refusal(desks, other.enrollment())
    assert isinstance(await desks.pipush.post(app.enrollment()), Enrolled)
    assert "used" in await refusal(desks, app.enrollment())


@pytest_twisted.ensureDeferred
async def test_no_key_is_made_for_who_was_not_invited(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(pipush_desk, "_new_key", lambda: made.append(1))
    stranger = Authenticator.scan(invited(desks).url)
    stranger.credential = "00" * 20
    stranger.serial = pipush_desk.serial_of(stranger.credential)
    assert "unknown" in await refusal(desks, stranger.enrollment())
    assert made == []


@pytest_twisted.ensureDeferred
async def test_a_credential_expires(desks: Desks) -> None:
    app = Authenticator.scan(invited(desks, 120).url)
    desks.now += 121
    assert "expired" in await refusal(desks, app.enrollment())


@pytest_twisted.ensureDeferred
async def test_a_poll_of_another_time_is_refused_and_its_clock_noted(desks: Desks) -> None:
    app = await enrolled(desks)
    assert "clock" in await refusal(desks, app.poll(desks.now - 90), is_poll=True)
    assert desks.value("SELECT clock_offset FROM phone_apps") == pytest.approx(-90, abs=0.01)
    desks.now += 45
    await polled(desks, app)
    assert desks.value("SELECT last_contact FROM phone_apps") == NOW + 45


@pytest_twisted.ensureDeferred
async def test_a_new_token_of_a_push_service_is_heard_and_ignored(desks: Desks) -> None:
    app = await enrolled(desks)
    fields = app.poll(desks.now)
    text = refresh_text("token", app.serial, fields["timestamp"])
    assert await heard(desks, fields | {"new_fb_token": "token", "signature": app.sign(text)}) == Heard(True)


@pytest.mark.parametrize(("why", "as_number"), [("", "decline"), ("unknown_trigger", "decline|unknown_trigger")])
@pytest_twisted.ensureDeferred
async def test_a_decline_cannot_be_made_an_approval_on_its_way(desks: Desks, why: str, as_number: str) -> None:
    """What is signed reads the same when the words of a decline are sent as the number of an approval."""
    app, push = await enrolled(desks), await desks.push()
    (challenge,) = await polled(desks, app)
    declined = app.answer(challenge, decline=True, why=why)
    forged = {name: declined[name] for name in ("serial", "nonce", "signature")} | {"presence_answer": as_number}
    assert await refusal(desks, forged) == "a number where none was asked for"
    assert desks.status(push) == PushStatus.PENDING
    assert await heard(desks, declined) == Heard(True)


@pytest_twisted.ensureDeferred
async def test_nobody_else_can_answer(desks: Desks) -> None:
    app, push = await enrolled(desks), await desks.push()
    (challenge,) = await polled(desks, app)
    right = app.answer(challenge)
    assert await refusal(desks, right | {"serial": "AP" + "A" * 24}) == "an unknown serial"
    assert await refusal(desks, right | {"decline": "1"}) == "a bad signature"
    assert await refusal(desks, right | {"presence_answer": "42"}) == "a bad signature"
    assert await refusal(desks, right | {"signature": "AAAA"}) == "a bad signature"
    assert await refusal(desks, app.answer({"nonce": "B" * 32})) == "an answer to what was not asked"
    assert await refusal(desks, {"serial": app.serial}) == "not a request of the app"
    desks.change("UPDATE users SET status = 'disabled'")
    assert "disabled" in await refusal(desks, right)
    assert desks.status(push) == PushStatus.PENDING


# ---------------------------------------------------------------- through the daemon


def form(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields).encode()


def test_a_login_is_approved_by_the_app(host: PhoneHost) -> None:
    app = Authenticator.scan(host.pipush("pia").url)
    path = urlsplit(app.url).path
    assert app.url.startswith(host.url)
    assert host.request(path, b"")["http"] == 400  # iOS asks its user for permission
    done = host.request(path, form(app.enrollment()))
    assert done["result"] == {"status": True, "value": True}
    app.learn(done["detail"]["public_key"])

    def poll() -> list[dict[str, str]]:
        said = host.request(f"{path}?{urlencode(app.poll(time.time()))}")
        assert said["result"]["status"] is True
        return list(said["result"]["value"])

    with host.login("pia") as replies:
        (challenge,) = host.wait_for(poll)
        app.read(challenge)
        assert host.request(path, form(app.answer(challenge)))["result"] == {"status": True, "value": True}
    assert replies[0].code == "Access-Accept"
    late = host.request(path, form(app.answer(challenge)))
    assert late["http"] == 400
    assert late["result"] == {
        "status": False,
        "error": {"code": 401, "message": "This request was already answered."},
    }
