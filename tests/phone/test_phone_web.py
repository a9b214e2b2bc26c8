"""The phone's part of the web side, spoken to without a browser: streams, headers, files, damaged requests."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.phone.phonehost import PhoneHost
from tests.phone.webphone import WebPhone, as_json


@contextmanager
def stream(host: PhoneHost, *phones: WebPhone) -> Iterator[ssl.SSLSocket]:
    """An open page's; what it hears can be read."""
    body = as_json({"phones": [phone.authorization("events") for phone in phones]})
    context = ssl.create_default_context(cafile=str(host.ca))
    with (
        socket.create_connection(("127.0.0.1", host.port), 60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(
            b"POST /phone/api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        yield secure


def hear(secure: ssl.SSLSocket, *texts: str) -> str:
    """Reads until all of these came."""
    heard = ""
    while not all(text in heard for text in texts):
        piece = secure.recv(4096)
        assert piece, heard
        heard += piece.decode()
    return heard


def test_a_stream_says_whose_phone_should_look(host: PhoneHost) -> None:
    phone, other = host.web_phone("sam"), host.web_phone("sue")
    with stream(host, phone, other) as secure:
        first = hear(secure, phone.serial, other.serial)  # what came before it listened
        assert "text/event-stream" in first
        with host.login("sam"):
            assert other.serial not in hear(secure, f"event: changed\ndata: {phone.serial}\n\n")
            push = host.pending(phone)
            answer = {"push": push["id"], "nonce": push["nonce"], "decision": "deny"}
            assert host.post(phone, "answer", answer)["status"] == "denied"
            hear(secure, f"data: {phone.serial}\n\n")


def test_a_stream_tells_a_phone_that_is_refused_to_look(host: PhoneHost) -> None:
    stranger = WebPhone("APSTRANGER")
    with stream(host, stranger) as secure:
        hear(secure, "data: APSTRANGER\n\n")
    assert host.post(stranger, "pushes")["error"] == "unknown-phone"


def test_the_daemon_stops_at_once_though_pages_are_open(host: PhoneHost) -> None:
    phone = host.web_phone("stan")
    with stream(host, phone) as secure:
        hear(secure, phone.serial)
        assert host.daemon.stop() == 0
        rest = b"".join(iter(lambda: secure.recv(4096), b""))
        assert rest.endswith(b"0\r\n\r\n")  # ended, not cut off after the time that requests are given to end
    host.daemon.start()


@pytest.mark.parametrize(
    ("headers", "body", "status", "error"),
    [
        ({}, b"{}", 400, "bad-request"),
        ({"Authorization": "Phone a:b"}, b"{}", 400, "bad-request"),
        ({"Authorization": "Phone A:1:nnnnnnnnnnnnnnnnnnnn:!"}, b"{}", 400, "bad-request"),
        ({"Authorization": "Phone A:x:nnnnnnnnnnnnnnnnnnnn:AAAA"}, b"{}", 400, "bad-request"),
        ({"Authorization": f"Phone A:1:{'n' * 20}:{'A' * 86}"}, b"[1]", 400, "bad-request"),
        ({"Authorization": f"Phone A:1:{'n' * 20}:{'A' * 86}"}, b"[" * 5000, 400, "bad-request"),
        ({"Authorization": f"Phone A:1:{'n' * 20}:{'A' * 86}"}, b" " * 20_000, 400, "bad-request"),
        ({"Authorization": f"Phone A:1:{'n' * 20}:{'A' * 86}"}, b"{}", 401, "unknown-phone"),
    ],
)
def test_damaged_requests_have_an_answer(
    host: PhoneHost, headers: dict[str, str], body: bytes, status: int, error: str
) -> None:
    said = host.request("/phone/api/pushes", body, headers)
    assert (said["http"], said["error"]) == (status, error)
    assert said["message"]


def test_fields_of_the_wrong_kind_have_an_answer(host: PhoneHost) -> None:
    phone = host.web_phone("fay")
    for name, fields in (
        ("answer", {"push": 1, "nonce": "x", "decision": "approve"}),
        ("answer", {"push": "x", "nonce": "é", "decision": "perhaps"}),
        ("contact", {"clock": "now", "permission": "granted"}),
        ("contact", {"clock": True, "permission": "granted"}),
        ("contact", {"clock": 1, "permission": "sure"}),
        ("contact", {"clock": 1, "permission": "granted", "subscription": "x"}),
        ("contact", {"clock": 10**30, "permission": "granted"}),
    ):
        assert host.post(phone, name, fields)["error"] == "bad-request"
    unknown = {"push": "x", "nonce": "é", "decision": "approve"}
    assert host.post(phone, "answer", unknown)["error"] == "no-such-push"


def test_files_are_served_with_a_strict_policy_and_not_sent_twice(host: PhoneHost) -> None:
    context = ssl.create_default_context(cafile=str(host.ca))
    for path in (
        "/phone/",
        "/phone/activate",
        "/phone/sw.js",
        "/phone/manifest.webmanifest",
        "/phone/icon-192.png",
    ):
        with urllib.request.urlopen(host.url + path, context=context) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            tag, body = response.headers["ETag"], response.read()
        assert body
        again = urllib.request.Request(host.url + path, headers={"If-None-Match": tag})
        with pytest.raises(urllib.error.HTTPError, match="304"):
            urllib.request.urlopen(again, context=context)


def test_the_page_names_only_what_is_served(host: PhoneHost) -> None:
    context = ssl.create_default_context(cafile=str(host.ca))

    def get(path: str) -> str:
        with urllib.request.urlopen(host.url + path, context=context) as response:
            return str(response.read().decode())

    page = get("/phone/")
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    manifest = json.loads(get("/phone/manifest.webmanifest"))
    assert manifest["display"] == "standalone"
    shell = get("/phone/sw.js").partition("[")[2].partition("]")[0]
    for name in json.loads(f"[{shell.strip().rstrip(',')}]"):
        get(name)
