"""Whom duo_client may name, how, and what their codes are worth."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pyotp
import pytest
from duo_client.auth_v1 import AuthV1

from authproxy.secondfactor.applications import add_application
from authproxy.secondfactor.devices import add_totp
from authproxy.secondfactor.phones import add_phone
from authproxy.store import tables
from tests.web.apihost import LOCKOUT, ApiHost, error


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHost]:
    host = ApiHost.make(tmp_path_factory.mktemp("users") / "host")
    with host.database.writing() as connection:
        policy = {"username_normalization": "none", "new_user_policy": "enroll"}
        host.keys["none"] = add_application(connection, host.seeds, "none", "authapi", policy=policy)
        for name in ("passcodes", "denies", "allows"):
            policies = {
                "passcodes": {"factors": ["passcode"]},
                "denies": {"new_user_policy": "deny"},
                "allows": {"new_user_policy": "allow"},
            }
            host.keys[name] = add_application(connection, host.seeds, name, "authapi", policy=policies[name])
    host.daemon.start()
    try:
        yield host
        assert host.daemon.stop() == 0
    finally:
        host.daemon.kill()
        host.database.close()
    assert "Traceback" not in host.daemon.log()


@pytest.fixture(autouse=True)
def _fresh(host: ApiHost) -> None:
    host.unlock()


def result(host: ApiHost, app: str, username: str) -> str:
    told: str = host.client(app=app).preauth(username=username)["result"]
    return told


def passcode(host: ApiHost, name: str, code: str, app: str = "auth") -> tuple[str, str]:
    told = host.client(app=app).auth("passcode", username=name, passcode=code)
    return told["result"], told["status"]


def test_without_normalization_domains_belong_to_the_name(host: ApiHost) -> None:
    names = {name: result(host, "none", name) for name in ("alice", "ALICE", "al", "CORP\\alice", "alice@corp")}
    assert names == {
        "alice": "auth",
        "ALICE": "auth",
        "al": "auth",
        "CORP\\alice": "enroll",
        "alice@corp": "enroll",
    }


def test_the_applications_policy_says_what_becomes_of_somebody_unknown(host: ApiHost) -> None:
    assert [result(host, app, "nobody") for app in ("auth", "denies", "allows")] == ["enroll", "deny", "allow"]


def test_exactly_one_of_name_and_id_is_given(host: ApiHost) -> None:
    auth = host.client()
    assert error(auth.preauth)[:2] == (400, 40001)
    assert error(auth.preauth, username="alice", user_id=host.users["alice"].id)[:2] == (400, 40002)
    assert error(auth.auth, "push", device="auto")[:2] == (400, 40001)
    assert auth.preauth(user_id=host.users["carol"].id)["result"] == "allow"


@pytest.mark.parametrize("name", ["carol", "dave"])
def test_who_is_not_asked_is_not_pushed_to_either(host: ApiHost, name: str) -> None:
    told = host.client().auth("auto", username=name, device="auto")
    expected = {"carol": ("allow", "bypass"), "dave": ("deny", "deny")}
    assert (told["result"], told["status"]) == expected[name]


def test_what_the_policy_leaves_out_is_neither_listed_nor_done(host: ApiHost) -> None:
    auth = host.client(app="passcodes")
    for device in auth.preauth(username="alice")["devices"]:
        assert not {"auto", "push", "sms", "phone"} & set(device.get("capabilities", []))
    told = auth.auth("push", username="alice", device="auto")
    assert told["result"] == "deny"
    assert passcode(host, "alice", host.code("alice"), "passcodes")[0] == "allow"


def test_a_timed_code_is_good_once(host: ApiHost) -> None:
    with host.database.writing() as connection:
        secret = add_totp(connection, host.users["erin"], host.seeds).secret
    code = pyotp.TOTP(secret).at(time.time())
    assert [passcode(host, "erin", code)[0] for _ in range(2)] == ["allow", "deny"]


def test_a_code_beyond_the_window_is_wrong_and_uses_up_nothing(host: ApiHost) -> None:
    near, far = host.code("bob"), host.code("bob", skip=500)
    assert passcode(host, "bob", far)[0] == "deny"
    assert passcode(host, "bob", near)[0] == "allow"


def test_the_lockout_holds_for_every_factor_until_an_administrator_ends_it(host: ApiHost) -> None:
    seen = [passcode(host, "alice", "000000")[1] for _ in range(LOCKOUT)]
    assert seen == [*["deny"] * (LOCKOUT - 1), "locked_out"]
    auth = host.client()
    assert auth.preauth(username="alice")["result"] == "deny"
    told = auth.auth("push", username="alice", device="auto")
    assert (told["result"], told["status"]) == ("deny", "locked_out")
    assert passcode(host, "alice", host.code("alice")) == ("deny", "locked_out")
    host.daemon.command("user", "unlock", "alice")
    assert passcode(host, "alice", host.code("alice")) == ("allow", "allow")


def test_the_prompt_fits_in_a_message_of_pam_whatever_the_user_owns(host: ApiHost) -> None:
    with host.database.writing() as connection:
        for number in range(20):
            phone = add_phone(connection, host.users["daemon"], name=f"a phone with a long name, number {number}")
            connection.execute(
                tables.phone_apps.insert().values(
                    phone_id=phone.id, kind="web", serial=f"s{number}", public_key=b"key", created=time.time()
                )
            )
    asked = host.client(AuthV1, "unix").preauth("daemon")
    assert len(asked["prompt"].encode()) < 512
    assert asked["factors"]["default"] == "push1"
    numbers = sorted(int(key) for key in asked["factors"] if key != "default")
    assert numbers == list(range(1, len(numbers) + 1))
    for number in numbers:
        assert f"\n {number}. " in asked["prompt"]
    assert f"(1-{numbers[-1]}): " in asked["prompt"]
