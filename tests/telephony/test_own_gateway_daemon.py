"""The real daemon with a gateway of one's own, which reports by GET, form and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.peers.ports import free_port
from tests.peers.radclient import Radclient
from tests.telephony.stand_ins import Answer, Received, StandIn, eventually, tell
from tests.web.apihost import ApiHost

_MORE = """\
[telephony]
gateway=http
username=mfa
password=canary-gateway-password
sms_url={gateway}/sms?report={{callback}}
sms_body=to={{digits}}&text={{text}}
sms_message=Your codes: {{codes}}
call_url={gateway}/call
call_method=PUT
call_header_1=X-Account: {{username}}/{{password}}
call_body={{"to": "{{number}}", "say": "{{text}}", "tell": "{{callback}}"}}
keypress_confirm=1

[duo_only_client]

[radius_server_duo_only]
interface=127.0.0.1
port={port}
radius_ip_1=127.0.0.1
radius_secret_1=s3cret
factors=phone,sms,passcode
"""


class OwnGateway(StandIn):
    """Calls: reports that somebody answers, and then ``key``, as JSON."""

    def __init__(self, ca: Path) -> None:
        self.ca = ca
        self.key = "1"
        self.said: list[str] = []
        super().__init__()

    def answer(self, received: Received) -> Answer:
        if received.path == "/call":
            url = json.loads(received.body)["tell"]
            self.start(lambda: self._call(url))
        return Answer(200, b"accepted")

    def _call(self, url: str) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.said.append(tell(url, b"status=answered", form, self.ca)[1])
        body = json.dumps({"digits": self.key}).encode()
        self.said.append(tell(url, body, {"Content-Type": "application/json"}, self.ca)[1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiHost, OwnGateway, Radclient]]:
    folder = tmp_path_factory.mktemp("own")
    gateway, port = OwnGateway(folder / "ca.pem"), free_port()
    host = ApiHost.make(folder, _MORE.format(gateway=gateway.url, port=port))
    host.daemon.start()
    try:
        yield host, gateway, Radclient(("127.0.0.1", port), "s3cret", timeout=30)
        assert host.daemon.stop() == 0
    finally:
        host.daemon.kill()
    log = host.daemon.log()
    assert "Traceback" not in log and "canary-gateway-password" not in log and "5555550100" not in log
    gateway.stop()


Site = tuple[ApiHost, OwnGateway, Radclient]


def status(host: ApiHost) -> str:
    entries = host.daemon.json("telephony", "log", "--limit", "1")["entries"]
    return str(entries[0]["status"])  # type: ignore[index]


def test_codes_by_sms_and_a_report_by_get(site: Site) -> None:
    host, gateway, appliance = site
    assert appliance.login("alice", "sms").code == "Access-Reject"
    sent = gateway.received[-1]
    assert sent.headers["authorization"] == "Basic bWZhOmNhbmFyeS1nYXRld2F5LXBhc3N3b3Jk"
    assert sent["to"] == "15555550100"
    words = sent["text"].split()
    assert words[:2] == ["Your", "codes:"]
    assert [appliance.login("alice", code).code for code in (words[2], words[2], words[3])] == [
        "Access-Accept",
        "Access-Reject",
        "Access-Accept",
    ]
    url = dict(parse_qsl(sent.query))["report"]
    assert tell(f"{url}&{urlencode({'status': 'DELIVRD'})}", b"", {}, gateway.ca)[0] == 204
    assert status(host) == "delivered"
    assert tell(url.replace("token=", "token=f"), b"status=failed", {}, gateway.ca)[0] == 404


@pytest.mark.parametrize(
    ("key", "code", "end", "text"),
    [
        ("1", "Access-Accept", "confirmed", "Thank you. You are logged in."),
        ("*", "Access-Reject", "fraud", "Thank you. The login was reported."),
        ("#", "Access-Reject", "no key", "The login was not approved."),
    ],
)
def test_a_call_and_its_key(site: Site, key: str, code: str, end: str, text: str) -> None:
    host, gateway, appliance = site
    gateway.key = key
    assert appliance.login("alice", "phone").code == code
    asked = gateway.received[-1]
    assert (asked.method, asked.headers["x-account"]) == ("PUT", "mfa/canary-gateway-password")
    said = json.loads(asked.body)["say"]
    assert "press 1." in said and "press the star key" in said and "radius_server_duo_only" in said
    eventually(lambda: gateway.said[-1] == text)
    eventually(lambda: status(host) == end)
