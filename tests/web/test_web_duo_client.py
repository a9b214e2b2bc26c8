"""An unmodified duo_client and the real daemon: who is asked, how, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from duo_client.auth_v1 import AuthV1

from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.token_rows import NewToken
from authproxy.secondfactor.tokens import import_tokens
from tests.secondfactor.yubikeys import Key
from tests.web.apihost import LOCKOUT, ApiHost, error


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHost]:
    host = ApiHost.make(tmp_path_factory.mktemp("api") / "host")
    host.daemon.start()
    try:
        yield host
        assert host.daemon.stop() == 0
    finally:
        host.daemon.kill()
    assert "Traceback" not in host.daemon.log()


@pytest.fixture(autouse=True)
def _fresh(host: ApiHost) -> None:
    host.unlock()


def passcode(host: ApiHost, name: str, code: str) -> str:
    told = host.client().auth("passcode", username=name, passcode=code)
    assert isinstance(told["status_msg"], str)
    result: str = told["result"]
    return result


def test_ready_line_names_the_web_side(host: ApiHost) -> None:
    assert f"[service] on 127.0.0.1 port {host.port}/tcp (HTTPS)" in "".join(host.daemon.output)


@pytest.mark.parametrize("version", [2, 4, 5])
def test_ping_check_and_preauth_with_every_version_of_signature(host: ApiHost, version: int) -> None:
    auth = host.client(sig_version=version)
    assert abs(auth.ping()["time"] - time.time()) < 5
    assert abs(auth.check()["time"] - time.time()) < 5
    assert auth.preauth(username="alice")["result"] == "auth"


def test_keys_that_are_wrong_or_not_for_this_api(host: ApiHost) -> None:
    assert error(host.client(skey="x" * 40).check)[:2] == (401, 40103)
    assert error(host.client(ikey="DI000000000000000000").check)[:2] == (401, 40102)
    assert error(host.client(app="admin").check)[:2] == (403, 40301)
    assert host.client(skey="x" * 40).ping()
    assert "refused 127.0.0.1: Invalid signature" in host.daemon.log()
    assert "web: 127.0.0.1: GET /auth/v2/check: 401" in host.daemon.log()


def test_preauth_says_who_is_asked_who_is_not_and_who_may_enroll(host: ApiHost) -> None:
    auth = host.client()
    asked = auth.preauth(username="alice")
    phone = next(device for device in asked["devices"] if device["type"] == "phone")
    assert (phone["device"], phone["number"]) == (host.phone, "XXX-XXX-0100")
    assert {"auto", "push"} <= set(phone["capabilities"])
    results = {name: auth.preauth(username=name) for name in ("carol", "dave", "erin", "nobody")}
    assert {name: told["result"] for name, told in results.items()} == {
        "carol": "allow",
        "dave": "deny",
        "erin": "enroll",
        "nobody": "enroll",
    }
    for name in ("erin", "nobody"):
        assert results[name]["enroll_portal_url"].startswith(f"https://localhost:{host.port}/enroll/")


@pytest.mark.parametrize("username", ["alice", "ALICE", "al", "CORP\\alice", "alice@corp"])
def test_a_user_is_found_by_every_name(host: ApiHost, username: str) -> None:
    auth = host.client()
    assert auth.preauth(username=username)["devices"] == auth.preauth(user_id=host.users["alice"].id)["devices"]


def test_an_unknown_user_id_is_a_bad_parameter(host: ApiHost) -> None:
    assert error(host.client().preauth, user_id="DU" + "0" * 18) == (400, 40002, "user_id")


@pytest.mark.parametrize(
    ("status", "result", "said"),
    [
        (PushStatus.APPROVED, "allow", "allow"),
        (PushStatus.DENIED, "deny", "deny"),
        (PushStatus.FRAUD, "deny", "fraud"),
    ],
)
def test_a_push_is_waited_for_and_its_answer_told(
    host: ApiHost, status: PushStatus, result: str, said: str
) -> None:
    with host.answering(status):
        told = host.client().auth("push", username="alice", device="auto")
    assert (told["result"], told["status"]) == (result, said)


def test_a_push_to_a_named_phone_and_to_none_of_the_users(host: ApiHost) -> None:
    with host.answering():
        assert host.client().auth("push", username="alice", device=host.phone)["result"] == "allow"
    assert error(host.client().auth, "push", username="bob", device=host.phone)[:2] == (400, 40002)
    assert error(host.client().auth, "push", username="alice", device="DP" + "0" * 18)[:2] == (400, 40002)
    assert error(host.client().auth, "push", username="bob", device="auto") == (400, 40002, "no capable device")


def test_auto_chooses_a_push(host: ApiHost) -> None:
    with host.answering():
        assert host.client().auth("auto", username="alice", device="auto")["result"] == "allow"


def test_a_login_in_the_background_is_polled_to_its_end(host: ApiHost) -> None:
    auth = host.client()
    begun = time.monotonic()
    txid = auth.auth("push", username="alice", device="auto", async_txn=True)["txid"]
    assert time.monotonic() - begun < 5
    first = auth.auth_status(txid)
    assert (first["waiting"], first["status"]) == (True, "pushed")
    with host.answering():
        told = auth.auth_status(txid)
        while told["waiting"]:
            told = auth.auth_status(txid)
    assert (told["waiting"], told["success"], told["status"]) == (False, True, "allow")
    assert set(told) == {"waiting", "success", "status", "status_msg"}
    assert auth.auth_status(txid) == told
    assert error(host.client(app="unix").auth_status, txid) == (400, 40002, "txid")
    assert error(auth.auth_status, "no-such") == (400, 40002, "txid")


def test_a_counted_code_is_good_once_and_may_be_ahead(host: ApiHost) -> None:
    first = host.code("bob")
    assert passcode(host, "bob", first) == "allow"
    assert passcode(host, "bob", first) == "deny"
    skipped, ahead = host.code("bob"), host.code("bob", skip=2)
    assert passcode(host, "bob", ahead) == "allow"
    assert passcode(host, "bob", skipped) == "deny"


def test_a_yubikey_is_a_passcode(host: ApiHost) -> None:
    key = Key()
    token = NewToken(1, "5512345", "yubikey", 0, key.seed, 0, 30, "bob")
    with host.database.writing() as connection:
        import_tokens(connection, [token], host.seeds, "simple")
    otp = key.touch()
    assert passcode(host, "bob", otp) == "allow"
    assert passcode(host, "bob", otp) == "deny"
    assert passcode(host, "alice", key.touch()) == "deny"


def test_a_bypass_code_is_good_as_often_as_it_may(host: ApiHost) -> None:
    once = host.bypass_code("erin")
    assert [passcode(host, "erin", once) for _ in range(2)] == ["allow", "deny"]
    twice = host.bypass_code("erin", uses=2)
    assert [passcode(host, "erin", twice) for _ in range(3)] == ["allow", "allow", "deny"]


def test_wrong_codes_lock_out_and_a_right_one_resets_the_count(host: ApiHost) -> None:
    for _ in range(2):
        for _ in range(LOCKOUT - 1):
            assert passcode(host, "bob", "000000") == "deny"
        assert passcode(host, "bob", host.code("bob")) == "allow"
    told = {}
    for _ in range(LOCKOUT):
        told = host.client().auth("passcode", username="bob", passcode="000000")
    assert (told["result"], told["status"]) == ("deny", "locked_out")
    assert passcode(host, "bob", host.code("bob")) == "deny"
    assert host.client().preauth(username="bob")["result"] == "deny"


def test_the_phone_is_shown_what_the_client_says(host: ApiHost) -> None:
    with host.answering() as shown:
        host.client().auth(
            "push",
            username="alice",
            device="auto",
            type="Transfer",
            display_username="Bob B.",
            pushinfo="from=login%20portal&domain=example.com",
            ipaddr="192.0.2.77",
        )
    text = str(shown[0])
    for part in ("login portal", "example.com", "Transfer", "Bob B.", "192.0.2.77"):
        assert part in text


def test_enrollment_is_waiting_until_it_is_claimed(host: ApiHost) -> None:
    auth = host.client()
    enrolled = auth.enroll(username="henry", valid_secs=60)
    assert enrolled["username"] == "henry"
    assert enrolled["user_id"].startswith("DU")
    assert len(enrolled["user_id"]) == 20
    assert 0 < enrolled["expiration"] - time.time() <= 61
    assert auth.enroll_status(enrolled["user_id"], enrolled["activation_code"]) == "waiting"
    assert auth.enroll_status("DU" + "0" * 18, "duo://x") == "invalid"
    assert error(auth.enroll, username="henry")[:2] == (400, 40002)
    assert auth.enroll()["username"]


def test_the_old_api_with_duo_client(host: ApiHost) -> None:
    old = host.client(AuthV1, "unix")
    assert old.ping() is True
    assert old.check() is True
    for name, result in (("carol", "allow"), ("dave", "deny"), ("erin", "enroll")):
        told = old.preauth(name)
        assert (told["result"], bool(told["status"])) == (result, True)
    asked = old.preauth("alice")
    assert asked["factors"]["default"] == "push1"
    assert len(asked["prompt"]) < 512
    txid = old.auth("alice", factor="push", phone="phone1", async_txn=True)
    assert old.status(txid)[:2] == (False, False)
    with host.answering():
        told = old.status(txid)
        while not told[0]:
            told = old.status(txid)
    assert told[:2] == (True, True)
    assert old.auth("alice", factor="passcode", passcode=host.code("alice")) is True
    assert old.auth("alice", factor="auto", auto="000000") is False
