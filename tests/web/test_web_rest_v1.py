"""The old API: duo_client's AuthV1, and what login_duo 1 and duo_openvpn send."""

from __future__ import annotations

import http.client
import ssl
import time
from urllib.parse import urlencode

import pytest
import pytest_twisted
from duo_client.auth_v1 import AuthV1

from authproxy.web.api import bson
from authproxy.web.api.signature import canonical_parameters
from tests.web.signing import authorization
from tests.web.twin import ALLOW, CODE, MENU, TwinWeb, called, error


def v1(
    web: TwinWeb,
    name: str,
    given: dict[str, str],
    app: str = "unix",
    digest: str = "sha1",
    more: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    """Signed without a date, as login_duo up to 2.0.3 does."""
    method = "GET" if name.startswith("status") else "POST"
    path, encoded = f"/rest/v1/{name}", urlencode(given)
    text = b"\n".join((method.encode(), b"localhost", path.encode(), canonical_parameters(list(given.items()))))
    headers = {
        "Authorization": authorization(text, app, digest),
        "Content-Type": "application/x-www-form-urlencoded",
        **(more or {}),
    }
    context = ssl.create_default_context(cafile=str(web.ca))
    connection = http.client.HTTPSConnection("localhost", web.listener.port, context=context, timeout=60)
    try:
        if method == "GET":
            connection.request(method, f"{path}?{encoded}", None, headers)
        else:
            connection.request(method, path, encoded, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest_twisted.ensureDeferred
async def test_ping_and_check(web: TwinWeb) -> None:
    client = web.client(AuthV1, "unix")
    assert await called(client.ping) is True
    assert await called(client.check) is True


@pytest_twisted.ensureDeferred
async def test_preauth_has_a_menu_or_a_reason(web: TwinWeb) -> None:
    client = web.client(AuthV1, "unix")
    asked = await called(client.preauth, "alice", ipaddr="host.example.com")
    assert asked == {"result": "auth", "prompt": MENU, "factors": {"default": "push1", "1": "push1"}}
    for name, result in (("carol", "allow"), ("dave", "deny"), ("erin", "enroll")):
        told = await called(client.preauth, name)
        assert told["result"] == result
        assert isinstance(told["status"], str)
        assert told["status"]


@pytest_twisted.ensureDeferred
async def test_state_of_a_push_has_a_result_at_the_end_only(web: TwinWeb) -> None:
    client = web.client(AuthV1, "unix")
    txid = await called(client.auth, "alice", factor="push", phone="phone1", async_txn=True)
    assert isinstance(txid, str)
    assert len(txid) < 256
    complete, success, text = await called(client.status, txid)
    assert (complete, success, bool(text)) == (False, False, True)
    complete, success, text = await called(client.status, txid)
    assert (complete, success, bool(text)) == (True, True, True)


@pytest_twisted.ensureDeferred
async def test_passcodes_words_and_phones_are_understood(web: TwinWeb) -> None:
    client = web.client(AuthV1, "unix")
    assert await called(client.auth, "alice", factor="passcode", passcode=CODE) is True
    assert await called(client.auth, "alice", factor="passcode", passcode="0") is False
    assert await called(client.auth, "alice", factor="auto", auto=CODE) is True
    assert await called(client.auth, "alice", factor="auto", auto="no such word") is False
    waiting = called(client.auth, "alice", factor="push", phone="phone1")
    while not web.api.answer(ALLOW):
        await called(time.sleep, 0.01)
    assert await waiting is True
    status, said = await error(client.auth, "alice", factor="push", phone="gadget")
    assert (status, said["code"], said["message_detail"]) == (400, 40002, "phone")


@pytest_twisted.ensureDeferred
async def test_old_login_duo_is_answered_in_bson(web: TwinWeb) -> None:
    status, body = await called(v1, web, "preauth.bson", {"user": "alice", "failmode": "open", "hostname": "h"})
    assert (status, bson.decode(body)["stat"]) == (200, "OK")
    assert bson.decode(body)["response"] == {
        "result": "auth",
        "prompt": MENU,
        "factors": {"default": "push1", "1": "push1"},
    }
    pushinfo = "Server+IP=10.0.0.1&Command=echo%20hi"
    given = {"user": "alice", "factor": "auto", "auto": CODE, "async": "0", "pushinfo": pushinfo}
    status, body = await called(v1, web, "auth.bson", given)
    assert bson.decode(body)["response"] == {"result": "allow", "status": ALLOW.message}
    _, call = web.api.calls[-1]
    assert call.pushinfo == {"Server IP": "10.0.0.1", "Command": "echo hi"}


@pytest_twisted.ensureDeferred
async def test_errors_are_bson_too_with_an_integer_code(web: TwinWeb) -> None:
    status, body = await called(v1, web, "status.bson", {"txid": "unknown"})
    said = bson.decode(body)
    assert (status, said["stat"], said["code"], said["message_detail"]) == (400, "FAIL", 40002, "txid")


@pytest.mark.parametrize("suffix", ["", ".json"])
@pytest_twisted.ensureDeferred
async def test_without_suffix_it_is_json(web: TwinWeb, suffix: str) -> None:
    status, body = await called(v1, web, f"preauth{suffix}", {"user": "carol"}, digest="sha512")
    assert (status, body[:1]) == (200, b"{")


@pytest_twisted.ensureDeferred
async def test_signatures_without_a_date_are_good_only_where_the_application_allows_them(web: TwinWeb) -> None:
    status, body = await called(v1, web, "preauth", {"user": "carol"}, app="strict")
    assert status == 401
    assert b"40104" in body
    assert (await called(v1, web, "preauth", {"user": "carol"}, app="unix"))[0] == 200


@pytest_twisted.ensureDeferred
async def test_duo_openvpn_sends_a_date_that_it_does_not_sign(web: TwinWeb) -> None:
    for date in ("Tue, 24 Nov 2026 04:00:00 -0000", "once upon a time"):
        status, body = await called(
            v1, web, "preauth", {"user": "alice", "ipaddr": "192.0.2.1"}, digest="sha512", more={"Date": date}
        )
        assert (status, b'"result":"auth"' in body) == (200, True)
        given = {"user": "alice", "factor": "auto", "auto": CODE, "ipaddr": "192.0.2.1"}
        status, body = await called(v1, web, "auth", given, digest="sha512", more={"Date": date})
        assert (status, b'"result":"allow"' in body) == (200, True)


@pytest_twisted.ensureDeferred
async def test_who_has_to_enroll_is_told_where(web: TwinWeb) -> None:
    _, body = await called(v1, web, "preauth.bson", {"user": "erin"})
    assert bson.decode(body)["response"] == {"result": "enroll", "status": "Enroll erin: https://localhost/enroll"}


@pytest_twisted.ensureDeferred
async def test_a_user_at_fault_is_never_an_http_error(web: TwinWeb) -> None:
    for given in (
        {"user": "dave"},
        {"user": "nobody at all"},
        {"user": "álice"},
    ):
        assert (await called(v1, web, "preauth.bson", given))[0] == 200
    for word in ("", " ", "99", "push2", "verified_push1", "x" * 250, "\x07", "é"):
        given = {"user": "alice", "factor": "auto", "auto": word, "async": "0"}
        assert (await called(v1, web, "auth.bson", given))[0] == 200
