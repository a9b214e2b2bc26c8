"""A service that misbehaves: when failmode decides, when the login is refused, and that noise lets nobody in."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import trustme
from aiohttp import web
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher

from authproxy.apiclient.client import PING
from authproxy.apiclient.envelope import Outage
from authproxy.apiclient.https import LARGEST_BODY, HttpsHost, HttpsPeer
from authproxy.apiclient.messages import HttpReply, HttpRequest
from authproxy.errors import ConfigError, SecondFactorUnavailable
from authproxy.model import Allowed, Choice, Factor, Identity, Reason, Refused, Verdict
from tests.remote.fake_cloud import FakeCloud, Fault, fail, ok, raw, says, stalls, text
from tests.remote.remote_site import RemoteSite, ask, request

PREAUTH, AUTH, STATUS = "/auth/v2/preauth", "/auth/v2/auth", "/auth/v2/auth_status"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 64\r\n\r\n"
ALLOW = {"result": "allow", "status": "allow", "status_msg": "Success. Logging you in..."}
ALLOW_TEXT = json.dumps({"stat": "OK", "response": ALLOW})
PUSH = Choice(Factor.PUSH)


def body(content: object, status: int = 200) -> Fault:
    return says(lambda: web.json_response(content, status=status))


def json_text(content: str) -> Fault:
    return text(200, content, "application/json")


def waits(event: asyncio.Event) -> Fault:
    async def fault(_: web.Request) -> web.StreamResponse:
        await event.wait()
        return ok({"time": 1})

    return fault


# What is no answer of the service. Some of it reads "allow": it must not be believed.
NOISE: dict[str, Fault] = {
    "closes at once": raw(b""),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "head cut off": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "body cut off": raw(HEAD + ALLOW_TEXT.encode()[:40]),
    "stalls": stalls(),
    "stalls in the head": stalls(b"HTTP/1.1 200 OK\r\nContent-Type: app"),
    "stalls in the body": stalls(HEAD + ALLOW_TEXT.encode()[:40]),
    "too much": raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (LARGEST_BODY + 1) + ALLOW_TEXT.encode()),
    "too long a header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n" + ALLOW_TEXT.encode()),
    "HTML": text(200, "<html>allow</html>"),
    "empty": text(200, ""),
    "a list": body([ALLOW]),
    "no envelope": body(ALLOW),
    "stat of another word": body({"stat": "ok", "response": ALLOW}),
    "stat of another type": body({"stat": True, "response": ALLOW}),
    "response of another type": body({"stat": "OK", "response": [ALLOW]}),
    "fail without code": body({"stat": "FAIL", "response": ALLOW}),
    "fail with a code of no type": body({"stat": "FAIL", "code": True, "response": ALLOW}),
    "bad UTF-8": raw(b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"stat":"OK","\xff":1'),
    "deep nesting": json_text("[" * 200_000),
    "endless number": json_text('{"stat":"OK","response":{"result":' + "9" * 5000 + "}}"),
    "redirect": says(lambda: web.Response(status=302, headers={"Location": "/auth/v2/preauth"}, text=ALLOW_TEXT)),
    "gzip": raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"),
    "status 500": body({"stat": "OK", "response": ALLOW}, 500),
    "status 502": text(502, "<html>Bad gateway</html>"),
    "status 503": text(503, ""),
    "fail with 5xx": body({"stat": "FAIL", "code": 50000, "message": "oh"}),
}
# What the service says against the request.
REFUSALS: dict[str, Fault] = {
    "40101": says(lambda: fail(40101, "Missing request credentials")),
    "40002": says(lambda: fail(40002, "Invalid request parameters", "username")),
    "40301": says(lambda: fail(40301, "Access forbidden")),
    "40401": says(lambda: fail(40401, "Resource not found")),
    "401 of HTML": text(401, "<html>Who are you?</html>"),
    "404 of HTML": text(404, "<html>No</html>"),
    "status 200": body({"stat": "FAIL", "code": 40103, "message": "Invalid signature"}),
    "401 that says OK": body({"stat": "OK", "response": ALLOW}, 401),
    "400 with a code of 5xx": body({"stat": "FAIL", "code": 50000, "message": "oh"}, 400),
}
# Envelopes with nonsense in them.
NONSENSE: dict[str, object] = {
    "no result": {},
    "result of another type": {"result": True},
    "result in a list": {"result": ["allow"]},
    "result in other letters": {"result": "Allow"},
    "only a status": {"status": "allow"},
}


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """Everything that was logged at ``warn`` or above."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"].name in ("warn", "error"):
            lines.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


async def login(site: RemoteSite, typed: Any = "123456", seconds: float = 10) -> Verdict:
    return await site.second_factor(seconds=seconds).begin(Identity("alice"), ask(typed), request())


def reason(verdict: Verdict) -> Reason:
    assert isinstance(verdict, Refused), verdict
    return verdict.reason


# ---------------------------------------------------------------- before anybody was asked


@pytest.mark.parametrize("name", NOISE)
@pytest_twisted.ensureDeferred
async def test_noise_instead_of_preauth_is_for_failmode(site: RemoteSite, cloud: FakeCloud, name: str) -> None:
    cloud.faults[PREAUTH] += [NOISE[name]] * 2
    with pytest.raises(SecondFactorUnavailable, match="localhost: "):
        await login(site, seconds=1.5 if "stalls" in name else 60)
    assert cloud.paths() in (["preauth"], ["preauth"] * 2)  # redirects are not followed either


@pytest_twisted.ensureDeferred
async def test_preauth_is_asked_again_once(site: RemoteSite, cloud: FakeCloud) -> None:
    cloud.faults[PREAUTH].append(raw(b""))
    assert isinstance(await login(site, seconds=30), Allowed)
    assert cloud.paths() == ["preauth", "preauth", "auth"]


@pytest.mark.parametrize("fault", REFUSALS.values(), ids=REFUSALS)
@pytest_twisted.ensureDeferred
async def test_a_refusal_is_never_for_failmode(site: RemoteSite, cloud: FakeCloud, fault: Fault) -> None:
    cloud.faults[PREAUTH] += [fault]
    assert reason(await login(site)) is Reason.SERVICE_REFUSED
    assert cloud.paths() == ["preauth"]


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
@pytest_twisted.ensureDeferred
async def test_nonsense_is_a_denial(site: RemoteSite, cloud: FakeCloud, answer: object) -> None:
    cloud.faults[PREAUTH] += [says(lambda: ok(answer))]
    assert reason(await login(site)) is Reason.SERVICE_DENIED
    cloud.faults[AUTH] += [says(lambda: ok(answer))]
    assert reason(await login(site)) is Reason.SERVICE_DENIED


@pytest_twisted.ensureDeferred
async def test_nobody_there_is_for_failmode(site: RemoteSite, cloud: FakeCloud) -> None:
    await cloud.stop()
    with pytest.raises(SecondFactorUnavailable, match="can't connect"):
        await login(site, seconds=30)


@pytest_twisted.ensureDeferred
async def test_a_host_that_takes_connections_and_says_nothing(site: RemoteSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = site.connect(HttpsHost("localhost", silent.getsockname()[1], site.authority))
        begin = site.second_factor(site.sign(peer), seconds=0.3).begin
        with pytest.raises(SecondFactorUnavailable, match="no connection in time"):
            await begin(Identity("alice"), ask("123456"), request())


@pytest_twisted.ensureDeferred
async def test_sockets_used_up_are_no_outage_of_the_service(site: RemoteSite, cloud: FakeCloud) -> None:
    """Or else anybody who can open connections to us could switch the second factor off."""
    assert isinstance(await login(site), Allowed)  # whatever is loaded on demand is there now
    fresh = site.second_factor(site.sign(site.connect(HttpsHost("localhost", cloud.port, site.authority))))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))
        verdict = await fresh.begin(Identity("alice"), ask("123456"), request())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert reason(verdict) is Reason.SECOND_FACTOR_UNAVAILABLE
    assert cloud.paths() == ["preauth", "auth"]


@pytest.mark.parametrize("goes_on", [True, False])
@pytest_twisted.ensureDeferred
async def test_who_is_crowded_out_tells_an_outage_from_a_service_that_goes_on(
    site: RemoteSite, cloud: FakeCloud, goes_on: bool
) -> None:
    """Or else who knows one password could log in so often that other logins need no second factor."""
    heard = [asyncio.Event(), asyncio.Event()]
    cloud.faults[PING].extend(waits(event) for event in heard)
    peer = HttpsPeer(HttpsHost("localhost", cloud.port, site.authority), most=1)
    ping = HttpRequest("GET", PING, "", {}, b"")
    first, second = (Deferred.fromCoroutine(peer.send(ping, 10)) for _ in range(2))
    await cloud.until("ping")
    late = Deferred.fromCoroutine(peer.send(ping, 2.0))
    if goes_on:
        heard[0].set()
    outage = await late
    assert isinstance(outage, Outage)
    assert (outage.was_sent, outage.is_ours) == (False, goes_on)
    for event in heard:
        event.set()
    assert [isinstance(await answered, HttpReply) for answered in (first, second)] == [True, True]
    await peer.close()


@pytest_twisted.ensureDeferred
async def test_who_is_stopping_asks_no_more(site: RemoteSite, cloud: FakeCloud) -> None:
    await site.peer.close()
    assert reason(await login(site)) is Reason.SECOND_FACTOR_UNAVAILABLE
    assert cloud.seen == []


# ---------------------------------------------------------------- when the user may have been asked


ASKED = [("123456", name) for name in NOISE if name != "status 503"]
ASKED += [(PUSH, name) for name in ("closes at once", "HTML", "stalls", "status 502")]


@pytest.mark.parametrize(("typed", "name"), ASKED)
@pytest_twisted.ensureDeferred
async def test_noise_instead_of_auth_refuses(site: RemoteSite, cloud: FakeCloud, typed: Any, name: str) -> None:
    cloud.faults[AUTH] += [NOISE[name]]
    assert (
        reason(await login(site, typed, seconds=1.5 if "stalls" in name else 60))
        is Reason.SECOND_FACTOR_UNAVAILABLE
    )
    assert cloud.paths() == ["preauth", "auth"]


@pytest_twisted.ensureDeferred
async def test_auth_that_was_not_handled_is_for_failmode(site: RemoteSite, cloud: FakeCloud) -> None:
    cloud.faults[AUTH] += [NOISE["status 503"]] * 2
    with pytest.raises(SecondFactorUnavailable, match="503"):
        await login(site, seconds=30)
    assert cloud.paths() == ["preauth", "auth", "auth"]


@pytest.mark.parametrize("name", ["closes at once", "HTML", "status 502", "no envelope", "body cut off"])
@pytest_twisted.ensureDeferred
async def test_an_outage_while_the_user_is_asked_is_waited_out(
    site: RemoteSite, cloud: FakeCloud, name: str
) -> None:
    cloud.faults[STATUS] += [NOISE[name]]
    waiting = Deferred.fromCoroutine(login(site, PUSH, seconds=30))
    await cloud.until("auth_status", 1)
    cloud.decide("deny", "deny")
    assert reason(await waiting) is Reason.PUSH_DENIED


@pytest.mark.parametrize(
    "fault", [REFUSALS["40101"], REFUSALS["404 of HTML"], says(lambda: ok({"result": "granted"}))]
)
@pytest_twisted.ensureDeferred
async def test_a_refusal_while_the_user_is_asked_ends_the_login(
    site: RemoteSite, cloud: FakeCloud, fault: Fault
) -> None:
    cloud.faults[STATUS] += [fault]
    assert reason(await login(site, PUSH)) in (Reason.SERVICE_REFUSED, Reason.SERVICE_DENIED)


@pytest_twisted.ensureDeferred
async def test_a_poll_that_ends_without_news_is_repeated(site: RemoteSite, cloud: FakeCloud) -> None:
    cloud.faults[STATUS] += [says(lambda: fail(40002, "Invalid request parameters"))]
    waiting = Deferred.fromCoroutine(login(site, PUSH))
    await cloud.until("auth_status", 2)
    cloud.decide("allow", "allow")
    assert isinstance(await waiting, Allowed)


# ---------------------------------------------------------------- too many requests


@pytest_twisted.ensureDeferred
async def test_too_many_requests_are_repeated_when_the_service_says(site: RemoteSite, cloud: FakeCloud) -> None:
    busy = says(lambda: fail(42901, "Too Many Requests", headers={"Retry-After": "0"}))
    cloud.faults[PREAUTH] += [busy, busy]
    assert isinstance(await login(site, seconds=60), Allowed)
    assert cloud.paths() == ["preauth"] * 3 + ["auth"]


@pytest.mark.parametrize("header", [{"Retry-After": "600"}, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}, {}])
@pytest_twisted.ensureDeferred
async def test_too_many_requests_let_nobody_in(
    site: RemoteSite, cloud: FakeCloud, header: dict[str, str], warnings: list[str]
) -> None:
    cloud.faults[PREAUTH] += [says(lambda: fail(42901, "Too Many Requests", headers=header))]
    assert reason(await login(site, seconds=0.9)) is Reason.SERVICE_REFUSED
    assert len([line for line in warnings if "42901" in line]) == 1


# ---------------------------------------------------------------- keys and clocks


@pytest.mark.parametrize(("keys", "code"), [({"ikey": "DIX"}, "40102"), ({"skey": "wrong"}, "40103")])
@pytest_twisted.ensureDeferred
async def test_wrong_keys_are_told_once_with_the_remedy(
    site: RemoteSite, keys: dict[str, str], code: str, warnings: list[str]
) -> None:
    second_factor = site.second_factor(site.sign(**keys))
    for _ in range(3):
        verdict = await second_factor.begin(Identity("alice"), ask("123456"), request())
        assert reason(verdict) is Reason.SERVICE_REFUSED
    (line,) = warnings
    assert code in line
    assert "check ikey, skey and api_host" in line


@pytest.mark.parametrize("ahead", [86_400.0, -86_400.0])
@pytest_twisted.ensureDeferred
async def test_the_services_clock_is_learnt(
    site: RemoteSite, cloud: FakeCloud, ahead: float, warnings: list[str]
) -> None:
    cloud.ahead = ahead
    assert isinstance(await login(site, seconds=30), Allowed)
    assert cloud.paths() == ["preauth", "ping", "preauth", "auth"]
    assert abs(site.client.offset - ahead) < 5
    assert len(warnings) == 1
    assert "clock" in warnings[0]


@pytest.mark.parametrize("time", [None, "1", True, -5, 2**40])
@pytest_twisted.ensureDeferred
async def test_a_time_of_no_sense_is_not_learnt(site: RemoteSite, cloud: FakeCloud, time: object) -> None:
    cloud.ahead = 86_400.0
    cloud.faults["/auth/v2/ping"] += [says(lambda: ok({"time": time}))]
    assert reason(await login(site)) is Reason.SERVICE_REFUSED
    assert site.client.offset == 0.0


# ---------------------------------------------------------------- TLS


@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.1",)])
@pytest_twisted.ensureDeferred
async def test_a_certificate_for_another_name_is_not_believed(
    site: RemoteSite, cloud: FakeCloud, names: tuple[str, ...]
) -> None:
    await cloud.stop()
    cloud.host = names[0]
    await cloud.start()
    with pytest.raises(SecondFactorUnavailable, match="certificate"):
        await login(site, seconds=30)
    assert cloud.seen == []


@pytest_twisted.ensureDeferred
async def test_an_unknown_authority_is_not_believed(site: RemoteSite, cloud: FakeCloud, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().cert_pem.bytes())
    for authorities in (other, None):
        peer = site.connect(HttpsHost("localhost", cloud.port, authorities))
        with pytest.raises(SecondFactorUnavailable, match="see http_ca_certs_file"):
            await site.second_factor(site.sign(peer)).begin(Identity("alice"), ask("123456"), request())
    assert cloud.seen == []


def test_a_file_without_certificates_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"http_ca_certs_file .*empty\.pem"):
        HttpsPeer(HttpsHost("localhost", authorities=tmp_path / "empty.pem"))
