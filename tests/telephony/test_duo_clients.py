"""Messages and calls that Duo's clients ask for: duo_client and login_duo, the real daemon, Twilio's stand-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from duo_client.auth_v1 import AuthV1

from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.users import add_user
from tests.peers.duo_unix import DuoUnix, require_duo_unix
from tests.telephony.stand_ins import ACCOUNT, TOKEN, TwilioStandIn, answers_and_presses
from tests.web.apihost import ApiHost, error

_MORE = """\
[telephony]
gateway=twilio
account_sid={account}
auth_token={token}
api_base=http://127.0.0.1:{gateway}
from=+15555550199
user_cost_max=100000
"""
MOBILE, LANDLINE = "+12025550143", "+12025550144"


class Line:
    """mia has a mobile phone, leo a landline, gina first a landline and then a mobile phone."""

    def __init__(self, host: ApiHost, twilio: TwilioStandIn) -> None:
        self.host = host
        self.twilio = twilio
        self.phones: dict[str, list[str]] = {}
        for name, kinds in {"mia": ["mobile"], "leo": ["landline"], "gina": ["landline", "mobile"]}.items():
            with host.database.writing() as connection:
                user = add_user(connection, name, "simple")
                self.phones[name] = [
                    add_phone(connection, user, MOBILE if kind == "mobile" else LANDLINE, type_=kind).id
                    for kind in kinds
                ]

    def codes(self) -> list[str]:
        """Of the newest message."""
        return re.findall(r"\b[0-9]{7}\b", self.twilio.messages[-1]["Body"])

    def passcode(self, name: str, code: str) -> str:
        told: str = self.host.client().auth("passcode", username=name, passcode=code)["result"]
        return told


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder: Path = tmp_path_factory.mktemp("clients")
    twilio = TwilioStandIn(folder / "site" / "ca.pem")
    host = ApiHost.make(folder / "site", _MORE.format(account=ACCOUNT, token=TOKEN, gateway=twilio.port))
    made = Line(host, twilio)
    host.daemon.start()
    try:
        yield made
        twilio.settle()
        assert host.daemon.stop() == 0
    finally:
        host.daemon.kill()
        host.database.close()
    assert "Traceback" not in host.daemon.log()
    twilio.stop()


@pytest.fixture(autouse=True)
def _answered(line: Line) -> None:
    line.twilio.on_call = answers_and_presses("#")
    line.host.unlock()


def devices(line: Line, name: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = line.host.client().preauth(username=name)["devices"]
    return told


def test_each_code_of_a_batch_is_good_once_and_a_new_batch_ends_the_old(line: Line) -> None:
    auth = line.host.client()
    assert auth.auth("sms", username="mia", device=line.phones["mia"][0])["status"] == "sent"
    old = line.codes()
    (phone,) = devices(line, "mia")
    assert phone["sms_nextcode"] == old[0][0]
    assert [line.passcode("mia", old[0]) for _ in range(2)] == ["allow", "deny"]
    assert devices(line, "mia")[0]["sms_nextcode"] == old[1][0]
    assert auth.auth("sms", username="mia", device="auto")["status"] == "sent"
    new = line.codes()
    assert line.passcode("mia", old[1]) == "deny"
    assert line.passcode("mia", new[0]) == "allow"


def test_a_landline_is_called_when_the_client_leaves_the_choice(line: Line) -> None:
    (phone,) = devices(line, "leo")
    assert phone["capabilities"] == ["auto", "phone"]
    auth = line.host.client()
    txid = auth.auth("auto", username="leo", device="auto", async_txn=True)["txid"]
    stages = [auth.auth_status(txid)]
    while stages[-1]["waiting"]:
        stages.append(auth.auth_status(txid))
    assert {told["status"] for told in stages[:-1]} <= {"calling", "answered"}
    assert (stages[-1]["success"], stages[-1]["status"]) == (True, "allow")
    assert line.twilio.calls[-1].asked["To"] == LANDLINE


def test_a_landline_takes_neither_messages_nor_pushes(line: Line) -> None:
    (landline,) = line.phones["leo"]
    for factor in ("sms", "push"):
        for device in ("auto", landline):
            told = error(line.host.client().auth, factor, username="leo", device=device)
            assert told == (400, 40002, "no capable device")


def test_the_first_phone_that_can_is_taken_and_a_named_one_before_it(line: Line) -> None:
    auth, (landline, mobile) = line.host.client(), line.phones["gina"]
    assert [device["device"] for device in devices(line, "gina")] == [landline, mobile]
    assert auth.auth("sms", username="gina", device="auto")["status"] == "sent"
    assert line.twilio.messages[-1]["To"] == MOBILE
    for device, number in (("auto", LANDLINE), (landline, LANDLINE), (mobile, MOBILE)):
        assert auth.auth("phone", username="gina", device=device)["result"] == "allow"
        assert line.twilio.calls[-1].asked["To"] == number


def test_the_old_api_counts_phones_by_what_they_can(line: Line) -> None:
    old = line.host.client(AuthV1, "unix")
    factors = old.preauth("gina")["factors"]
    assert factors == {"default": "phone1", "1": "phone1", "2": "phone2", "3": "sms1"}
    assert old.auth("gina", factor="phone", phone="phone2") is True
    assert line.twilio.calls[-1].asked["To"] == MOBILE
    assert old.auth("gina", factor="sms", phone="phone1") is False
    assert line.twilio.messages[-1]["To"] == MOBILE
    assert old.auth("gina", factor="passcode", passcode=line.codes()[0]) is True
    assert old.auth("gina", factor="phone", phone="phone5") is False


def test_login_duo_has_codes_sent_and_takes_one(line: Line, tmp_path: Path) -> None:
    require_duo_unix()
    keys, host = line.host.keys["unix"], line.host
    client = DuoUnix(tmp_path, keys.ikey, keys.skey, host.port, host.ca)
    answer = client.login("mia", ["2", "000000", "000000"])  # the second option, and then no code of the message
    assert not answer.is_in
    assert "SMS passcodes to XXX-XXX-0143" in answer.output
    assert "New SMS passcodes sent." in answer.output
    first, second, *_ = line.codes()
    assert f"next code starts with: {first[0]}" in answer.output
    again = client.login("mia", [first])
    assert again.is_in, again.output
    assert client.login("mia", [second]).is_in


def test_login_duo_without_a_terminal_is_called(line: Line, tmp_path: Path) -> None:
    require_duo_unix()
    keys, host = line.host.keys["unix"], line.host
    answer = DuoUnix(tmp_path, keys.ikey, keys.skey, host.port, host.ca).login("leo")
    assert answer.is_in, answer.output
    line.twilio.on_call = answers_and_presses("*")
    assert not DuoUnix(tmp_path, keys.ikey, keys.skey, host.port, host.ca).login("leo").is_in
