"""What clients on terminals send besides: empty lines, old and new dialects, wrong ways out of the prompt."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import ssl
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from authproxy.secondfactor.pushes import PushStatus
from tests.peers.duo_unix import DuoUnix, require_duo_unix
from tests.web.apihost import LOCKOUT, ApiHost


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHost]:
    host = ApiHost.make(tmp_path_factory.mktemp("dialects") / "host", "push_seconds=10\npush_limit=0")
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


# ---------------------------------------------------------------- Debian's


@pytest.fixture
def unix(host: ApiHost, tmp_path: Path) -> Any:
    require_duo_unix()

    def make(*options: str) -> DuoUnix:
        keys = host.keys["unix"]
        return DuoUnix(tmp_path, keys.ikey, keys.skey, host.port, host.ca, options=options)

    return make


@pytest.mark.parametrize("typed", ["", " ", "0", "1000", "%s%n", "x" * 200])
def test_whatever_is_typed_the_next_attempt_may_be_right(host: ApiHost, unix: Any, typed: str) -> None:
    answer = unix().login("alice", [typed, host.code("alice")])
    assert answer.is_in, answer.output
    assert "HTTP" not in answer.output


def test_three_wrong_codes_end_the_login(host: ApiHost, unix: Any) -> None:
    answer = unix().login("alice", ["000000"] * LOCKOUT)
    assert answer.status == 1
    assert "Incorrect passcode. Please try again." in answer.output
    assert "locked out" in answer.output
    assert unix("failmode=safe").login("alice").status == 1


def test_one_prompt_is_one_attempt(host: ApiHost, unix: Any) -> None:
    answer = unix("prompts=1").login("alice", ["000000"])
    assert not answer.is_in


def test_a_push_reported_as_fraud_keeps_out(host: ApiHost, unix: Any) -> None:
    with host.answering(PushStatus.FRAUD):
        answer = unix("prompts=1").login("alice", ["1"])
    assert not answer.is_in
    assert "fraud" in answer.output


def test_a_push_that_nobody_answers_ends_the_attempt(host: ApiHost, unix: Any) -> None:
    answer = unix().login("alice")
    assert answer.status == 1
    assert "Failed Duo login for 'alice'" in answer.output


def test_a_wrong_code_from_the_environment_is_no_code(host: ApiHost, unix: Any) -> None:
    client = unix("accept_env_factor=yes", "prompts=1")
    assert not client.login("alice", environment={"DUO_PASSCODE": "000000"}).is_in
    with host.answering():
        assert client.login("alice", environment={"DUO_PASSCODE": "push1"}).is_in


def test_names_that_nobody_has_are_sent_to_enroll(host: ApiHost, unix: Any) -> None:
    answer = unix("failmode=safe").login("nobody at all", [])
    assert not answer.is_in
    assert f"https://localhost:{host.port}/enroll/" in answer.output


@pytest.mark.parametrize("typed", [" ", "push9"])  # at an empty line pam_duo gives up by itself
def test_pam_duo_asks_again_after_nonsense(host: ApiHost, unix: Any, typed: str) -> None:
    answer = unix().pam("daemon", [typed, host.code("daemon")])
    assert answer.status == 0, answer.output


def test_pam_duo_pushes_without_asking(host: ApiHost, unix: Any) -> None:
    host.add_app("daemon")
    with host.answering():
        assert unix("autopush=yes", "prompts=1").pam("daemon", []).status == 0
    with host.answering(PushStatus.DENIED):
        assert unix("autopush=yes", "prompts=1").pam("daemon", []).status != 0


# ---------------------------------------------------------------- others, as they sign and ask


class Libduo:
    """One TLS connection, forms, and signatures as given. ``offset``: seconds that its clock is ahead."""

    def __init__(self, host: ApiHost, app: str = "unix", offset: float = 0.0) -> None:
        self.keys = host.keys[app]
        self.offset = offset
        context = ssl.create_default_context(cafile=str(host.ca))
        self.connection = http.client.HTTPSConnection("localhost", host.port, context=context, timeout=60)

    def close(self) -> None:
        self.connection.close()

    def call(self, method: str, path: str, given: dict[str, str], *, version: int = 2) -> tuple[int, Any]:
        """Version 2 with X-Duo-Date as duo_unix since 2.0.4; version 1 as duo_openvpn, with an unsigned Date."""
        encoded = urlencode(sorted(given.items()), quote_via=quote, safe="~")
        date = formatdate(time.time() + self.offset)
        lines = ((date,) if version == 2 else ()) + (method, "localhost", path, encoded)
        mac = hmac.digest(self.keys.skey.encode(), "\n".join(lines).encode(), "sha512").hex()
        headers = {
            "Authorization": "Basic " + base64.b64encode(f"{self.keys.ikey}:{mac}".encode()).decode(),
            "X-Duo-Date" if version == 2 else "Date": date if version == 2 else formatdate(0),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if method == "GET":
            self.connection.request(method, f"{path}?{encoded}", headers=headers)
        else:
            self.connection.request(method, path, encoded, headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


@pytest.fixture
def libduo(host: ApiHost) -> Iterator[Libduo]:
    made = Libduo(host, "strict")
    yield made
    made.close()


def preauth(libduo: Libduo, username: str) -> dict[str, Any]:
    """As since 2.2: on a terminal, which takes a text."""
    given = {"username": username, "text_prompt": "1", "failmode": "closed", "hostname": "build1", "ipaddr": "::1"}
    status, said = libduo.call("POST", "/auth/v2/preauth", given)
    assert status == 200
    response: dict[str, Any] = said["response"]
    return response


def test_the_new_dialect_asks_with_a_text_and_answers_with_a_word(host: ApiHost, libduo: Libduo) -> None:
    assert libduo.call("GET", "/auth/v2/ping", {})[1]["response"]["time"] > 0
    asked = preauth(libduo, "alice")
    assert asked["result"] == "auth"
    assert asked["prompt"]["factors"]["default"] == asked["prompt"]["factors"]["1"] == "push1"
    given = {"username": "alice", "factor": "prompt", "prompt": "push1", "async": "1", "pushinfo": "Server+IP=::1"}
    status, said = libduo.call("POST", "/auth/v2/auth", given)
    txid = {"txid": said["response"]["txid"]}
    assert status == 200
    first = libduo.call("GET", "/auth/v2/auth_status", txid)[1]["response"]
    assert (first["result"], bool(first["status_msg"])) == ("waiting", True)
    with host.answering():
        last = libduo.call("GET", "/auth/v2/auth_status", txid)[1]["response"]
        while last["result"] == "waiting":
            last = libduo.call("GET", "/auth/v2/auth_status", txid)[1]["response"]
    assert (last["result"], bool(last["status_msg"])) == ("allow", True)


@pytest.mark.parametrize("typed", ["", " ", "99", "push2", "nonsense", "x" * 250])
def test_in_the_new_dialect_too_nothing_typed_is_an_error(host: ApiHost, libduo: Libduo, typed: str) -> None:
    given = {"username": "alice", "factor": "prompt", "prompt": typed, "async": "0"}
    status, said = libduo.call("POST", "/auth/v2/auth", given)
    assert (status, said["response"]["result"]) == (200, "deny")
    assert said["response"]["status_msg"]


def test_in_the_new_dialect_nobody_learns_of_a_denial_by_an_error(host: ApiHost, libduo: Libduo) -> None:
    results = {name: preauth(libduo, name) for name in ("carol", "dave", "erin", "no body")}
    assert {name: told["result"] for name, told in results.items()} == {
        "carol": "allow",
        "dave": "deny",
        "erin": "enroll",
        "no body": "enroll",
    }
    assert all(told["status_msg"] for told in results.values())
    assert f":{host.port}/enroll/" in results["erin"]["prompt"]["text"]


def test_a_client_whose_clock_is_off_learns_the_time_from_ping(host: ApiHost) -> None:
    libduo = Libduo(host, "strict", offset=-600)
    try:
        given = {"username": "carol", "text_prompt": "1"}
        assert libduo.call("POST", "/auth/v2/preauth", given)[1]["code"] == 40105
        told = libduo.call("GET", "/auth/v2/ping", {})[1]["response"]["time"]
        libduo.offset += told - (time.time() + libduo.offset)
        assert libduo.call("POST", "/auth/v2/preauth", given)[1]["response"]["result"] == "allow"
    finally:
        libduo.close()


@pytest.mark.parametrize(("app", "status"), [("unix", 200), ("strict", 401)])
def test_duo_openvpn_is_served_where_signatures_without_a_date_are_allowed(
    host: ApiHost, app: str, status: int
) -> None:
    libduo, code = Libduo(host, app), host.code("bob")
    try:
        asked = libduo.call("POST", "/rest/v1/preauth", {"user": "bob", "ipaddr": "192.0.2.1"}, version=1)
        given = {"user": "bob", "factor": "auto", "auto": code, "ipaddr": "192.0.2.1"}
        told = libduo.call("POST", "/rest/v1/auth", given, version=1)
    finally:
        libduo.close()
    assert (asked[0], told[0]) == (status, status)
    if status == 200:
        assert (asked[1]["response"]["result"], told[1]["response"]["result"]) == ("auth", "allow")
    else:
        assert asked[1]["code"] == told[1]["code"] == 40105
