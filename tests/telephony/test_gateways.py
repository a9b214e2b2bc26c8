"""Both kinds of gateway over real HTTP: what they are sent, and every way in which that can fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_twisted
import trustme
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from authproxy.config.settings_telephony import (
    CallSettings,
    HttpGatewaySettings,
    Prices,
    RequestTemplate,
    TelephonySettings,
    TwilioSettings,
)
from authproxy.messaging.callbacks import Callbacks
from authproxy.messaging.gateway import Came
from authproxy.messaging.lines import TelephoneLines, open_lines
from authproxy.secondfactor.gateways import Call, CallEnd, Text, TextEnd
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.telephony import Booked, Expense
from authproxy.secret import Secret
from authproxy.web.telephony.callbacks import pairs_of
from tests.telephony.stand_ins import ACCOUNT, TOKEN, Answer, StandIn, TwilioStandIn

BASE = "https://mfa.example:8443"
PHONE = Phone("DP1", "", "+12025550143", "", "mobile", "", "")
SETTINGS = TelephonySettings(
    HttpGatewaySettings(), "Firm", "", Prices(), CallSettings(message="{application}"), timeout=3.0, retries=1
)
JSON_SMS = RequestTemplate(
    "/send?from={from}",
    headers=(Secret("Authorization: Bearer {password}"),),
    body='{"to": "{number}", "text": "{text}", "report": "{callback}"}',
    body_format="json",
    success_status=(range(200, 201), range(202, 203)),
    success_body='"ok" *: *true',
)


class MemoryLedger:
    """Keeps what it was told, by row."""

    def __init__(self) -> None:
        self.notes: list[tuple[int, str, str, str, bool]] = []
        self.row = 0

    async def book(self, expense: Expense) -> Booked:
        self.row += 1
        return Booked(self.row)

    async def note(
        self, row: int, status: str, detail: str = "", provider_id: str = "", *, refund: bool = False
    ) -> None:
        self.notes.append((row, status, detail, provider_id, refund))


class Bench:
    """Lines that were opened, with the ledger behind them; closed at the end of the test."""

    def __init__(self) -> None:
        self.closers: list[Callable[[], object]] = []
        self.ledger = MemoryLedger()

    def open(self, settings: TelephonySettings, base_url: str = BASE) -> TelephoneLines:
        return open_lines(settings, base_url, b"k" * 32, self.ledger, reactor, self.closers)  # type: ignore[arg-type]

    def own(self, template: RequestTemplate, gateway: StandIn, **more: object) -> TelephoneLines:
        url = gateway.url + template.url
        own = HttpGatewaySettings("", Secret("pw"), sms=replace(template, url=url))
        return self.open(replace(SETTINGS, gateway=own, **more))  # type: ignore[arg-type]

    def twilio(self, gateway: StandIn, base_url: str = BASE, **more: object) -> TelephoneLines:
        settings = TwilioSettings(ACCOUNT, Secret(TOKEN), gateway.url)
        caller = "+15555550199"
        return self.open(
            replace(SETTINGS, gateway=settings, sender=caller, caller_id=caller, **more),  # type: ignore[arg-type]
            base_url,
        )


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made

    async def close() -> None:
        for closer in made.closers:
            await closer()  # type: ignore[misc]

    pytest_twisted.blockon(Deferred.fromCoroutine(close()))


@pytest.fixture
def gateway() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    made.stop()


@pytest.fixture
def twilio(tmp_path: Path) -> Iterator[TwilioStandIn]:
    made = TwilioStandIn(tmp_path / "ca.pem")
    yield made
    made.stop()


def send(lines: TelephoneLines, body: str = 'Codes: 1234567 & "more"') -> Deferred[TextEnd]:
    assert lines.texts is not None
    return lines.texts.send(Text(PHONE, "DU1", body, "passcodes", "L1"))


# ---------------------------------------------------------------- a gateway of one's own


@pytest_twisted.ensureDeferred
async def test_a_message_as_the_gateway_wants_it(bench: Bench, gateway: StandIn) -> None:
    gateway.faults.append(Answer(202, b'{"ok" : true}'))
    assert await send(bench.own(JSON_SMS, gateway)) is TextEnd.ACCEPTED
    (received,) = gateway.received
    assert (received.method, received.path, received.query) == ("POST", "/send", "from=Firm")
    assert received.headers["authorization"] == "Bearer pw"
    assert received.headers["content-type"] == "application/json"
    sent = json.loads(received.body)
    assert (sent["to"], sent["text"]) == ("+12025550143", 'Codes: 1234567 & "more"')
    assert sent["report"].startswith(f"{BASE}/telephony/sms?row=1&token=")
    assert bench.ledger.notes == [(1, "sent", "", "", False)]


@pytest.mark.parametrize(
    ("answer", "why", "refund"),
    [
        (Answer(200, b'{"ok": false}'), "status 200, but the answer does not match success_body", False),
        (Answer(200, bytes(range(256))), "status 200, but the answer does not match success_body", False),
        (Answer(201, b'{"ok": true}'), "status 201", False),
        (Answer(403, b"no"), "status 403", True),
        (Answer(500, b'{"ok": true}'), "status 500", False),
        (
            Answer(302, b"", {"Location": "http://127.0.0.1:1/"}),
            "status 302: a redirect, which is not followed",
            True,
        ),
        (Answer(200, b'{"ok"', {"Content-Length": "99"}), "no sound answer: the answer was cut off", False),
        (Answer(200, b"x" * 400_000), "an answer of more than 262144 bytes", False),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answer) else "",
)
@pytest_twisted.ensureDeferred
async def test_what_is_no_success_is_sent_once_and_paid_for_unless_it_surely_did_nothing(
    bench: Bench, gateway: StandIn, answer: Answer, why: str, refund: bool
) -> None:
    if answer.headers.get("Content-Length"):
        answer.headers["Connection"] = "close"
    gateway.faults.append(answer)
    assert await send(bench.own(JSON_SMS, gateway, timeout=1.0)) is TextEnd.FAILED
    assert len(gateway.received) == 1
    ((row, status, detail, _, given_back),) = bench.ledger.notes
    assert (row, status, given_back) == (1, "failed", refund)
    assert detail in (why, "no answer in 1 s") if "cut off" in why else detail == why


@pytest_twisted.ensureDeferred
async def test_a_gateway_that_is_silent_is_not_asked_again(bench: Bench, gateway: StandIn) -> None:
    gateway.faults.append(Answer(200, after=5.0))
    assert await send(bench.own(JSON_SMS, gateway, timeout=0.2)) is TextEnd.FAILED
    assert len(gateway.received) == 1
    assert bench.ledger.notes == [(1, "failed", "no answer in 0 s", "", False)]


@pytest.mark.parametrize("status", [429, 503])
@pytest_twisted.ensureDeferred
async def test_a_gateway_that_did_nothing_is_asked_again_as_often_as_configured(
    bench: Bench, gateway: StandIn, status: int
) -> None:
    gateway.faults.extend([Answer(status, b"", {"Retry-After": "0"})] * 2)
    lines = bench.own(JSON_SMS, gateway)
    assert await send(lines) is TextEnd.FAILED
    assert len(gateway.received) == 2
    gateway.faults.extend([Answer(status, b"", {"Retry-After": "0"}), Answer(200, b'{"ok":true}')])
    assert await send(lines) is TextEnd.ACCEPTED


@pytest_twisted.ensureDeferred
async def test_a_gateway_that_is_not_there_costs_nothing(bench: Bench, gateway: StandIn) -> None:
    lines = bench.own(JSON_SMS, gateway)
    gateway.stop()
    assert await send(lines) is TextEnd.FAILED
    ((_, status, detail, _, refund),) = bench.ledger.notes
    assert (status, refund) == ("failed", True)
    assert "can't connect" in detail


@pytest_twisted.ensureDeferred
async def test_only_a_certificate_of_the_authorities_given_is_trusted(bench: Bench, tmp_path: Path) -> None:
    """Here the authority is another one than the gateway's."""
    import ssl

    gateway = StandIn()
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    gateway._server.socket = context.wrap_socket(gateway._server.socket, server_side=True)
    ca.cert_pem.write_to_path(tmp_path / "right.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "wrong.pem")
    ends = []
    for name in ("wrong", "right"):
        url = f"https://localhost:{gateway.port}/send"
        own = HttpGatewaySettings(sms=RequestTemplate(url, body="to={number}"))
        settings = replace(SETTINGS, gateway=own, http_ca_certs_file=tmp_path / f"{name}.pem", retries=0)
        ends.append(await send(bench.open(settings)))
    assert ends == [TextEnd.FAILED, TextEnd.ACCEPTED]
    assert len(gateway.received) == 1
    gateway.stop()


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("DELIVRD", "delivered"),
        ("delivered", "delivered"),
        ("undeliverable", "failed"),
        ("REJECTD", "failed"),
        ("buffered", ""),
        ("not delivered", ""),
        ("", ""),
    ],
)
@pytest_twisted.ensureDeferred
async def test_reports_of_a_gateway_of_ones_own(bench: Bench, gateway: StandIn, told: str, status: str) -> None:
    gateway.faults.append(Answer(200, b'{"ok":true}'))
    lines = bench.own(JSON_SMS, gateway)
    await send(lines)
    query = json.loads(gateway.received[0].body)["report"].partition("?")[2]
    token = query.rpartition("token=")[2]
    before = len(bench.ledger.notes)
    assert (await report(lines.callbacks, "1", token, told)).status == 204
    assert [note[1] for note in bench.ledger.notes[before:]] == ([status] if status else [])
    for row, other in (("2", token), ("1", token[:-1]), ("1", ""), ("-1", token), ("", "")):
        assert (await report(lines.callbacks, row, other, "delivered")).status == 404


async def report(callbacks: Callbacks, row: str, token: str, status: str) -> object:
    return await callbacks.text_report(row, token, Came("/telephony/sms", "", (("status", status),), ""))


# ---------------------------------------------------------------- Twilio


@pytest_twisted.ensureDeferred
async def test_messages_come_from_a_number_or_a_messaging_service(bench: Bench, twilio: TwilioStandIn) -> None:
    for sender, name in (("+15555550199", "From"), ("Firm", "From"), ("MG" + "a" * 32, "MessagingServiceSid")):
        settings = TwilioSettings(ACCOUNT, Secret(TOKEN), twilio.url)
        lines = bench.open(replace(SETTINGS, gateway=settings, sender=sender), base_url="")
        assert await send(lines, "Grüße & 1") is TextEnd.ACCEPTED
        sent = dict(twilio.received[-1].pairs)
        assert sent == {"To": "+12025550143", name: sender, "Body": "Grüße & 1"}  # nobody to report to
        assert bench.ledger.notes[-1][3].startswith("SM")


@pytest.mark.parametrize(
    ("answer", "why", "refund"),
    [
        (Answer(201, b"<html>captive portal"), "status 201, but not an answer of Twilio's", False),
        (Answer(200, b'{"sid": "../../x"}'), "status 200, but not an answer of Twilio's", False),
        (Answer(201, b"[1]"), "status 201, but not an answer of Twilio's", False),
        (
            Answer(400, b'{"code": 21610, "message": "Attempt to send to\\nunsubscribed +12025550143"}'),
            "status 400, Twilio error 21610: Attempt to send to unsubscribed XXX-XXX-0143",
            True,
        ),
        (Answer(500, b"oops"), "status 500", False),
        (Answer(307, b"", {"Location": "http://127.0.0.1:1/"}), "status 307", True),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answer) else "",
)
@pytest_twisted.ensureDeferred
async def test_what_twilio_does_not_take(
    bench: Bench, twilio: TwilioStandIn, answer: Answer, why: str, refund: bool
) -> None:
    twilio.faults.append(answer)
    assert await send(bench.twilio(twilio)) is TextEnd.FAILED
    assert len(twilio.received) == 1
    assert bench.ledger.notes == [(1, "failed", why, "", refund)]


@pytest_twisted.ensureDeferred
async def test_a_call_that_is_given_up_is_hung_up_at_twilio(bench: Bench, twilio: TwilioStandIn) -> None:
    lines = bench.twilio(twilio)
    assert lines.calls is not None
    placed = lines.calls.place(Call(PHONE, "DU1", "alice", "vpn", "L1", lambda stage: None))
    placed.addErrback(lambda failure: None)
    await until(lambda: any(note[1] == "sent" for note in bench.ledger.notes))
    placed.cancel()
    await until(lambda: len(twilio.received) == 2)
    hung_up = twilio.received[1]
    assert hung_up.path == f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{twilio.calls[0].sid}.json"
    assert hung_up.pairs == [("Status", "completed")]


@pytest_twisted.ensureDeferred
async def test_calls_need_a_web_side_and_a_number(bench: Bench, twilio: TwilioStandIn) -> None:
    assert bench.twilio(twilio, base_url="").calls is None
    settings = TwilioSettings(ACCOUNT, Secret(TOKEN), twilio.url)
    lines = bench.open(replace(SETTINGS, gateway=settings, sender="MG" + "a" * 32))
    assert (lines.calls, lines.texts is not None) == (None, True)
    reply = await lines.callbacks.call_step("0" * 40, "key", Came("/telephony/call/key", "", (), ""))
    assert reply.status == 404


@pytest_twisted.ensureDeferred
async def test_a_gateway_of_ones_own_calls(bench: Bench, gateway: StandIn) -> None:
    body = '{"to":"{digits}","say":"{text}","ext":"{extension}","keys":"{confirm}{fraud}","tell":"{callback}"}'
    own = HttpGatewaySettings(call=RequestTemplate(f"{gateway.url}/call", body=body, body_format="json"))
    lines = bench.open(replace(SETTINGS, gateway=own))
    assert lines.calls is not None
    assert lines.texts is None
    phone = replace(PHONE, extension="9")
    ended = lines.calls.place(Call(phone, "DU1", "alice", 'the "VPN"', "L1", lambda stage: None))
    await until(lambda: len(gateway.received) == 1)
    sent = json.loads(gateway.received[0].body)
    url = sent.pop("tell")
    assert sent == {"to": "12025550143", "say": 'the "VPN"', "ext": "9", "keys": "#*"}
    assert url.startswith(f"{BASE}/telephony/call/status?token=")
    token = url.rpartition("token=")[2]
    for told in ((("status", "Ringing"),), (("status", "answered"),), (("digits", "#"), ("status", "answered"))):
        reply = await lines.callbacks.call_step(token, "status", Came("/telephony/call/status", "", told, ""))
        assert reply.status == 200
    assert await ended is CallEnd.CONFIRMED
    assert [note[1] for note in bench.ledger.notes if note[1] != "sent"] == ["ringing", "answered", "confirmed"]


async def until(check: Callable[[], bool]) -> None:
    from twisted.internet.task import deferLater

    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        await deferLater(reactor, 0.01)  # type: ignore[arg-type]


# ---------------------------------------------------------------- what comes from outside


@pytest.mark.parametrize(
    ("content_type", "body", "query", "pairs"),
    [
        ("application/x-www-form-urlencoded", b"a=1&b=&a=2", b"token=x", (("a", "1"), ("b", ""), ("a", "2"))),
        ("", b"", b"token=x&status=ok", (("token", "x"), ("status", "ok"))),
        ("application/json; charset=utf-8", b'{"status": "ok", "digits": 5, "more": {}}', b"",
         (("status", "ok"), ("digits", "5"))),
        ("application/json", b"[1]", b"status=ok", ()),
        ("application/json", b"{" * 100_000, b"", ()),
        ("application/json", b"\xff\xfe", b"", ()),
        ("text/plain", b"&".join(b"a=1" for _ in range(201)), b"", ()),
        ("text/plain", b"a=" + b"x" * 5000, b"", ()),
    ],
)  # fmt: skip
def test_reports_are_read_from_form_json_or_query(
    content_type: str, body: bytes, query: bytes, pairs: tuple[tuple[str, str], ...]
) -> None:
    assert pairs_of(content_type, body, query) == pairs
