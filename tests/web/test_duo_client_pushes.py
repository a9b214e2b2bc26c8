"""Pushes that duo_client asks for, to phones that answer by themselves: verified, explained, or left alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from authproxy.secondfactor.applications import add_application
from tests.enroll.portal import Site
from tests.phone.webphone import WebPhone
from tests.web.apihost import ApiHost, error

PUSH_SECONDS = 10
MOST_POLLS = 20  # after as many, duo_unix gives up


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    more = f"push_seconds={PUSH_SECONDS}\npush_limit=0"
    host = ApiHost.make(tmp_path_factory.mktemp("pushes") / "host", more)
    with host.database.writing() as connection:
        host.keys["verified"] = add_application(
            connection, host.seeds, "verified", "authapi", policy={"verified_push": True}
        )
    host.daemon.start()
    try:
        yield Site(host)
        assert host.daemon.stop() == 0
    finally:
        host.daemon.kill()
        host.database.close()
    assert "Traceback" not in host.daemon.log()


@pytest.fixture(scope="module")
def phone(site: Site) -> WebPhone:
    """paula's."""
    return site.activate(site.host.client().enroll(username="paula")["activation_url"])


def begin(site: Site, app: str = "auth", **named: Any) -> str:
    txid = site.host.client(app=app).auth("push", username="paula", device="auto", async_txn=True, **named)["txid"]
    assert isinstance(txid, str)
    return txid


def answer(site: Site, phone: WebPhone, decision: str, number: str = "") -> dict[str, Any]:
    """What the phone was shown."""
    push = site.phones.pending(phone)
    said = {"push": push["id"], "nonce": push["nonce"], "decision": decision, "number": number}
    assert site.phones.post(phone, "answer", said)["http"] == 200
    return push


def end(site: Site, txid: str, app: str = "auth") -> tuple[dict[str, Any], int]:
    """The last answer, and how many there were."""
    auth, count = site.host.client(app=app), 1
    told = auth.auth_status(txid)
    while told["waiting"]:
        told, count = auth.auth_status(txid), count + 1
    return told, count


@pytest.mark.parametrize(
    ("decision", "success", "status"),
    [("approve", True, "allow"), ("deny", False, "deny"), ("fraud", False, "fraud")],
)
def test_a_login_in_the_background_ends_as_the_phone_says(
    site: Site, phone: WebPhone, decision: str, success: bool, status: str
) -> None:
    txid = begin(site)
    answer(site, phone, decision)
    told, _ = end(site, txid)
    assert (told["success"], told["status"]) == (success, status)
    assert site.host.client().auth_status(txid) == told  # the same for a while


def test_nobody_answers_and_the_login_times_out_within_few_polls(site: Site, phone: WebPhone) -> None:
    waited: list[dict[str, Any]] = []
    begun = time.monotonic()
    txid = begin(site)
    holding = threading.Thread(
        target=lambda: waited.append(site.host.client().auth("push", username="paula", device="auto"))
    )
    holding.start()
    told, polls = end(site, txid)
    assert time.monotonic() - begun >= PUSH_SECONDS - 1
    holding.join(30)
    assert (told["waiting"], told["success"], told["status"]) == (False, False, "timeout")
    assert (waited[0]["result"], waited[0]["status"]) == ("deny", "timeout")
    assert polls <= MOST_POLLS * PUSH_SECONDS / 60 + 1  # so a minute takes fewer than are allowed
    assert site.phones.post(phone, "pushes")["pushes"] == []


def test_what_the_application_says_arrives_decoded_at_the_phone(site: Site, phone: WebPhone) -> None:
    info = "from=login%20portal&domain=example.com&amount=%E2%82%AC+5&note=%3Cb%3E"
    txid = begin(site, type="Transfer", display_username="Bob B.", ipaddr="192.0.2.77", pushinfo=info)
    shown = answer(site, phone, "deny")
    assert end(site, txid)[0]["status"] == "deny"
    detail = shown["detail"]
    assert (detail["type"], detail["display_username"], shown["client_ip"]) == ("Transfer", "Bob B.", "192.0.2.77")
    told = {"from": "login portal", "domain": "example.com", "amount": "€ 5", "note": "<b>"}
    assert json.loads(detail["pushinfo"]) == told


@pytest.mark.parametrize("info", ["a=" + "x" * 20_000, "a=" + "é" * 10_000, "&".join(["a=b"] * 200)])
def test_too_much_to_show_is_a_bad_parameter(site: Site, phone: WebPhone, info: str) -> None:
    told = error(site.host.client().auth, "push", username="paula", device="auto", pushinfo=info)
    assert told == (400, 40002, "pushinfo")
    assert site.phones.post(phone, "pushes")["pushes"] == []


def test_as_much_as_is_allowed_is_shown(site: Site, phone: WebPhone) -> None:
    txid = begin(site, pushinfo="a=" + "x" * 19_998)
    assert len(json.loads(answer(site, phone, "deny")["detail"]["pushinfo"])["a"]) == 19_998
    assert end(site, txid)[0]["status"] == "deny"


# ---------------------------------------------------------------- verified pushes


def prepare(site: Site) -> tuple[str, str]:
    """txid and code."""
    told = site.host.client(app="verified").preauth(username="paula", client_supports_verified_push=True)
    assert (told["result"], told["expiration"]) == ("auth", 60)
    return told["txid"], told["verification_code"]


def test_a_verified_push_is_allowed_when_its_code_is_typed_on_the_phone(site: Site, phone: WebPhone) -> None:
    prepared, code = prepare(site)
    assert code.isdigit()
    txid = begin(site, "verified", txid=prepared)
    shown = answer(site, phone, "approve", code)
    assert (shown["mode"], shown["options"]) == ("number", [])
    told = {key: value for key, value in shown.items() if key not in ("id", "nonce", "created", "expires")}
    assert code not in json.dumps(told)  # it is on the other screen
    assert end(site, txid, "verified")[0]["success"] is True


def test_a_wrong_code_denies_and_the_push_is_over(site: Site, phone: WebPhone) -> None:
    prepared, code = prepare(site)
    txid = begin(site, "verified", txid=prepared)
    shown = answer(site, phone, "approve", f"{(int(code) + 1) % 10_000:04d}")
    again = {"push": shown["id"], "nonce": shown["nonce"], "decision": "approve", "number": code}
    assert site.phones.post(phone, "answer", again)["error"] == "too-late"
    told = end(site, txid, "verified")[0]
    assert (told["success"], told["status"]) == (False, "deny")


def test_a_prepared_push_is_good_once_and_for_its_application(site: Site, phone: WebPhone) -> None:
    prepared, code = prepare(site)
    for_other = error(site.host.client().auth, "push", username="paula", device="auto", txid=prepared)
    assert for_other == (400, 40002, "txid")
    txid = begin(site, "verified", txid=prepared)
    answer(site, phone, "approve", code)
    assert end(site, txid, "verified")[0]["success"] is True
    auth = site.host.client(app="verified").auth
    assert error(auth, "push", username="paula", device="auto", txid=prepared) == (400, 40002, "txid")


def test_a_client_that_can_not_show_a_code_gets_a_plain_push(site: Site, phone: WebPhone) -> None:
    told = site.host.client(app="verified").preauth(username="paula")
    assert "txid" not in told
    txid = begin(site, "verified")
    assert answer(site, phone, "approve")["mode"] == "plain"
    assert end(site, txid, "verified")[0]["success"] is True


def test_a_remembered_device_is_not_known_here(site: Site) -> None:
    told = site.host.client().preauth(username="alice", trusted_device_token="REVBVE...")
    assert told["result"] == "auth"
    assert "trusted_device_token" not in told
