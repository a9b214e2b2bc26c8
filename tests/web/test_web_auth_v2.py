"""The Auth API, called by an unmodified duo_client over TLS."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
from email.utils import formatdate
from typing import Any

import duo_client
import pytest
import pytest_twisted

from authproxy.web.api.signature import Signable
from tests.web.signing import authorization, sign_5
from tests.web.twin import ALLOW, CODE, DENY, MENU, PHONE, TwinWeb, called, error

Web = TwinWeb

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # duo_client leaves some open


def raw(web: Web, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Any:
    """Status and JSON."""
    context = ssl.create_default_context(cafile=str(web.ca))
    connection = http.client.HTTPSConnection("localhost", web.listener.port, context=context, timeout=60)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest_twisted.ensureDeferred
async def test_ping_and_check_tell_the_time(web: Web) -> None:
    auth = web.client()
    for call in (auth.ping, auth.check):
        told = await called(call)
        assert isinstance(told["time"], int)
        assert abs(told["time"] - time.time()) < 5


@pytest_twisted.ensureDeferred
async def test_ping_answers_without_any_header_and_with_a_wrong_key(web: Web) -> None:
    status, said = await called(raw, web, "GET", "/auth/v2/ping")
    assert (status, said["stat"], list(said["response"])) == (200, "OK", ["time"])
    assert "time" in await called(web.client(skey="wrong").ping)


@pytest_twisted.ensureDeferred
async def test_wrong_keys_are_refused_by_their_codes(web: Web) -> None:
    status, said = await error(web.client(skey="wrong").check)
    assert (status, said["stat"], said["code"]) == (401, "FAIL", 40103)
    status, said = await error(web.client(ikey="DINOSUCHAPPLICATION0").check)
    assert (status, said["code"], said["message"]) == (
        401,
        40102,
        "Invalid integration key in request credentials",
    )


@pytest.mark.parametrize("authorization", [None, "Basic !!!", "Basic bm9jb2xvbg==", "Basic Og==", "Bearer x", ""])
@pytest_twisted.ensureDeferred
async def test_unreadable_credentials_are_missing_ones(web: Web, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    status, said = await called(raw, web, "GET", "/auth/v2/check", headers)
    assert (status, said["code"]) == (401, 40101)


@pytest_twisted.ensureDeferred
async def test_a_clock_may_be_off_by_less_than_five_minutes(web: Web) -> None:
    for shift in (298, -298):
        web.now.shift = shift
        assert await called(web.client().check)
    for shift in (302, -302):
        web.now.shift = shift
        status, said = await error(web.client().check)
        assert (status, said["code"]) == (401, 40105)


@pytest.mark.parametrize("version", [2, 4, 5])
@pytest_twisted.ensureDeferred
async def test_every_version_of_signature_is_taken_for_get_and_post(web: Web, version: int) -> None:
    auth = web.client(sig_version=version)
    assert await called(auth.check)
    assert (await called(auth.preauth, username="alice"))["result"] == "auth"
    assert (await error(auth.json_api_call, "POST", "/auth/v2/preauth", {}))[1]["code"] == 40001


@pytest_twisted.ensureDeferred
async def test_version_1_has_no_place_in_the_auth_api(web: Web) -> None:
    status, said = await error(web.client(app="unix", sig_version=1).check)
    assert (status, said["code"]) == (401, 40103)


@pytest_twisted.ensureDeferred
async def test_a_key_of_the_admin_api_may_not_authenticate(web: Web) -> None:
    status, said = await error(web.client(app="admin").check)
    assert (status, said["code"]) == (403, 40301)
    assert said["message_detail"] == "Wrong integration type for this API."


@pytest_twisted.ensureDeferred
async def test_paths_and_methods_that_are_not_there_are_told_in_an_envelope(web: Web) -> None:
    assert (await error(web.client().json_api_call, "GET", "/auth/v2/a%20b%2Fc", {}))[1]["code"] == 40401
    status, said = await called(raw, web, "POST", "/auth/v2/ping")
    assert (status, said["code"]) == (405, 40501)


@pytest_twisted.ensureDeferred
async def test_certificate_for_another_name_is_not_accepted_by_the_client(web: Web) -> None:
    with pytest.raises(Exception, match=r"[Cc]ertificate"):
        await called(web.client(host="127.0.0.1").ping)


@pytest_twisted.ensureDeferred
async def test_logo_is_missing_and_then_the_same_bytes(web: Web) -> None:
    assert (await error(web.client().logo))[1]["code"] == 40401
    web.pictures.append(b"\x89PNG\r\n")
    assert await called(web.client().logo) == b"\x89PNG\r\n"


@pytest_twisted.ensureDeferred
async def test_enrollment_and_its_status(web: Web) -> None:
    auth = web.client()
    enrolled = await called(auth.enroll, username="henry", valid_secs=60)
    assert (enrolled["username"], enrolled["user_id"], enrolled["expiration"]) == ("henry", "DU2", 1060)
    assert {"activation_code", "activation_url", "activation_barcode"} < set(enrolled)
    assert (await called(auth.enroll))["expiration"] == 1000 + 86_400
    assert await called(auth.enroll_status, "DU2", "duo://x-y") == "waiting"
    assert await called(auth.enroll_status, "DU2", "duo://other") == "invalid"
    status, said = await error(auth.enroll, username="alice")
    assert (status, said["code"], said["message_detail"]) == (400, 40002, "username already exists")


@pytest_twisted.ensureDeferred
async def test_preauth_lists_devices_and_says_who_needs_none(web: Web) -> None:
    auth = web.client()
    asked = await called(auth.preauth, username="alice")
    phone, token = asked["devices"]
    assert (asked["result"], asked["status_msg"]) == ("auth", "Account is active")
    assert phone == {
        "device": "DP1",
        "type": "phone",
        "name": "",
        "display_name": PHONE.display_name,
        "number": "XXX-XXX-0100",
        "capabilities": ["auto", "push", "sms"],
        "sms_nextcode": "7",
    }
    assert token == {"device": "DH1", "type": "token", "name": "100001", "display_name": "Token 100001"}
    assert "prompt" not in asked
    assert (await called(auth.preauth, user_id="DU1"))["result"] == "auth"
    assert (await called(auth.preauth, username="carol"))["result"] == "allow"
    assert (await called(auth.preauth, username="dave"))["result"] == "deny"
    unknown = await called(auth.preauth, username="nobody")
    assert (unknown["result"], unknown["enroll_portal_url"]) == ("enroll", "https://localhost/enroll")


@pytest_twisted.ensureDeferred
async def test_preauth_for_a_terminal_has_a_menu_with_a_default(web: Web) -> None:
    asked = await called(
        web.client(sig_version=2).json_api_call,
        "POST",
        "/auth/v2/preauth",
        {"username": "alice", "text_prompt": "1", "hostname": "h", "ipaddr": "198.51.100.7"},
    )
    assert asked["prompt"] == {"text": MENU, "factors": {"default": "push1", "1": "push1"}}
    assert asked["devices"]
    _, call = web.api.calls[-1]
    assert (call.hostname, call.ip_address) == ("h", "198.51.100.7")


@pytest_twisted.ensureDeferred
async def test_preauth_for_a_terminal_says_where_to_enroll(web: Web) -> None:
    given = {"username": "erin", "text_prompt": "1"}
    told = await called(web.client().json_api_call, "POST", "/auth/v2/preauth", given)
    assert told["prompt"] == {"text": "Enroll erin: https://localhost/enroll", "factors": {}}


@pytest_twisted.ensureDeferred
async def test_preauth_prepares_a_verified_push_for_clients_that_can(web: Web) -> None:
    asked = await called(web.client().preauth, username="alice", client_supports_verified_push=True)
    assert (asked["txid"], asked["verification_code"], asked["expiration"]) == ("prepared", "654321", 60)


@pytest.mark.parametrize(
    ("user", "code", "detail"),
    [
        ({}, 40001, "username"),
        ({"username": "a", "user_id": "b"}, 40002, "username"),
        ({"user_id": "DUunknown"}, 40002, "user_id"),
        ({"username": ["a", "b"]}, 40002, "username"),
        ({"username": {"a": 1}}, 40002, "username"),
        ({"username": True}, 40002, "username"),
        ({"username": "x" * 1025}, 40002, "username"),
        ({"username": "a\x00"}, 40002, "username"),
        ({"username": "a", "text_prompt": "maybe"}, 40002, "text_prompt"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_parameters_that_cannot_be_meant_are_named(web: Web, user: Any, code: int, detail: str) -> None:
    status, said = await error(web.client().json_api_call, "POST", "/auth/v2/preauth", user)
    assert (status, said["code"], said["message_detail"]) == (400, code, detail)


@pytest_twisted.ensureDeferred
async def test_push_holds_the_request_until_it_is_answered(web: Web) -> None:
    for end, result in ((ALLOW, "allow"), (DENY, "deny")):
        waiting = called(web.client().auth, "push", username="alice", device="auto")
        while not web.api.answer(end):
            await called(time.sleep, 0.01)
        told = await waiting
        assert told == {"result": result, "status": end.status, "status_msg": end.message}


@pytest_twisted.ensureDeferred
async def test_passcode_right_and_wrong(web: Web) -> None:
    auth = web.client()
    assert (await called(auth.auth, "passcode", username="alice", passcode=CODE))["result"] == "allow"
    wrong = await called(auth.auth, "passcode", username="alice", passcode="000000")
    assert (wrong["result"], wrong["status_msg"]) == ("deny", "Incorrect passcode. Please try again.")


@pytest_twisted.ensureDeferred
async def test_async_push_gives_a_txid_and_then_its_state(web: Web) -> None:
    auth = web.client()
    begun = await called(auth.auth, "push", username="alice", device="auto", async_txn=True)
    assert begun == {"txid": "tx1"}
    first, last = await called(auth.auth_status, "tx1"), await called(auth.auth_status, "tx1")
    assert (first["waiting"], first["success"], first["status"]) == (True, False, "pushed")
    assert (last["waiting"], last["success"], last["status"]) == (False, True, "allow")
    assert set(last) == {"waiting", "success", "status", "status_msg"}
    status, said = await error(auth.auth_status, "unknown")
    assert (status, said["code"], said["message_detail"]) == (400, 40002, "txid")


@pytest_twisted.ensureDeferred
async def test_what_a_phone_shows_arrives_decoded(web: Web) -> None:
    waiting = called(
        web.client().auth,
        "push",
        username="alice",
        device="DP1",
        pushinfo="from=login%20portal&domain=example.com",
        type="Transfer",
        display_username="Bob B.",
        ipaddr="192.0.2.9",
    )
    while not web.api.answer(ALLOW):
        await called(time.sleep, 0.01)
    await waiting
    _, call = web.api.calls[-1]
    assert call.pushinfo == {"from": "login portal", "domain": "example.com"}
    assert (call.type, call.display_username, call.ip_address) == ("Transfer", "Bob B.", "192.0.2.9")


@pytest.mark.parametrize(
    ("call", "code", "detail"),
    [
        ({}, 40001, "factor"),
        ({"factor": "pigeon"}, 40002, "factor"),
        ({"factor": "passcode"}, 40001, "passcode"),
        ({"factor": "prompt"}, 40001, "prompt"),
        ({"factor": "push", "device": "DP9"}, 40002, "device"),
        ({"factor": "push", "pushinfo": "a=" + "b" * 20_000}, 40002, "pushinfo"),
        ({"factor": "push", "async": "perhaps"}, 40002, "async"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_auth_names_what_is_wrong(web: Web, call: Any, code: int, detail: str) -> None:
    given = {"username": "alice", **call}
    status, said = await error(web.client().json_api_call, "POST", "/auth/v2/auth", given)
    assert (status, said["code"], said["message_detail"]) == (400, code, detail)


@pytest_twisted.ensureDeferred
async def test_a_broken_store_is_no_denial(web: Web) -> None:
    status, said = await error(web.client().preauth, username="broken")
    assert (status, said["code"]) == (503, 50301)


@pytest_twisted.ensureDeferred
async def test_a_bug_is_logged_and_answered(web: Web, logged_failures: Any) -> None:
    status, said = await error(web.client().preauth, username="bug")
    assert (status, said["code"]) == (500, 50001)
    (event,) = logged_failures.flush()
    assert "a bug" in event["log_failure"].getErrorMessage()


# ---------------------------------------------------------------- bodies


def sign_2_dated(web: Web) -> dict[str, str]:
    date, host = formatdate(localtime=True), f"localhost:{web.listener.port}"
    text = "\n".join((date, "GET", host, "/auth/v2/check", ""))
    return {"X-Duo-Date": date, "Authorization": authorization(text.encode(), "auth", "sha512")}


def sign_5_dated(web: Web) -> dict[str, str]:
    date = formatdate()
    hashes = (hashlib.sha512(text.encode()).hexdigest() for text in ("", f"x-duo-date\x00{date}"))
    text = "\n".join((date, "GET", "localhost", "/auth/v2/check", "", *hashes))
    return {"x-duo-date": date, "Authorization": authorization(text.encode(), "auth", "sha512")}


def signed(web: Web, body: bytes, sent: bytes | None = None) -> tuple[int, Any]:
    """POSTs ``sent`` to preauth with a version 5 signature of ``body``."""
    request = Signable(b"POST", b"localhost", b"/auth/v2/preauth", b"", body, True, b"")
    headers = {**sign_5(request), "Content-Type": "application/json"}
    answer: tuple[int, Any] = raw(web, "POST", "/auth/v2/preauth", headers, body if sent is None else sent)
    return answer


@pytest.mark.parametrize(
    "body",
    [
        b'{"username":"alice","username":"carol"}',
        b'{"username":"\xff"}',
        b'["username"]',
        b'"alice"',
        b"{",
        b"",
        b'{"username":NaN}',
        b"[" * 100_000,
        b'{"username":1' + b"0" * 5000 + b"}",
    ],
    ids=["twice", "not UTF-8", "list", "text", "cut off", "empty", "NaN", "deep", "huge number"],
)
@pytest_twisted.ensureDeferred
async def test_bodies_that_are_no_object_are_bad_requests(web: Web, body: bytes) -> None:
    status, said = await called(signed, web, body)
    assert (status, said["code"]) in ((400, 40002), (400, 40001))


@pytest_twisted.ensureDeferred
async def test_a_body_changed_on_its_way_is_refused(web: Web) -> None:
    assert (await called(signed, web, b'{"username":"alice"}'))[0] == 200
    status, said = await called(signed, web, b'{"username":"alice"}', b'{"username":"carol"}')
    assert (status, said["code"]) == (401, 40103)


@pytest_twisted.ensureDeferred
async def test_ten_megabytes_are_too_large_and_the_client_is_told(web: Web) -> None:
    status, said = await called(signed, web, b'{"username":"' + b"a" * (10 << 20) + b'"}')
    assert (status, said["code"]) == (413, 41301)


@pytest_twisted.ensureDeferred
async def test_numbers_and_truth_are_taken_as_text_or_as_json(web: Web) -> None:
    for yes in (True, 1, "1", "true", "True"):
        begun = await called(
            web.client().json_api_call,
            "POST",
            "/auth/v2/auth",
            {"username": "alice", "factor": "push", "async": yes},
        )
        assert begun == {"txid": "tx1"}


@pytest_twisted.ensureDeferred
async def test_a_date_may_come_in_a_header_of_duo_and_counts_before_the_other(web: Web) -> None:
    """Newer duo_unix (version 2) and duo_hmac (version 5, which signs the header, too) send it alone."""
    for headers in (sign_2_dated(web), sign_5_dated(web)):
        assert (await called(raw, web, "GET", "/auth/v2/check", headers))[0] == 200
        assert (await called(raw, web, "GET", "/auth/v2/check", {**headers, "Date": "long ago"}))[0] == 200
        name = next(iter(headers))
        status, said = await called(raw, web, "GET", "/auth/v2/check", {**headers, name: "long ago"})
        assert (status, said["code"]) == (401, 40105)
        alone = {"Authorization": headers["Authorization"]}
        assert (await called(raw, web, "GET", "/auth/v2/check", alone))[1]["code"] == 40104


@pytest_twisted.ensureDeferred
async def test_an_old_client_of_the_new_api_signs_with_sha_1(web: Web) -> None:
    auth = web.client(duo_client.Auth, sig_version=2, digestmod=hashlib.sha1)
    assert (await called(auth.preauth, username="alice"))["result"] == "auth"
