"""Messages and calls, end to end: radclient, duo_client, the real daemon, a directory, and Twilio's stand-in."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.users import add_user
from authproxy.store import tables
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient, Reply
from tests.peers.slapd import BASE, Slapd
from tests.telephony.stand_ins import (
    ACCOUNT,
    PATIENCE,
    TOKEN,
    Answer,
    TwilioStandIn,
    answers_and_presses,
    eventually,
    is_unreached,
)
from tests.web.apihost import ApiHost

ACCEPT, REJECT, CHALLENGE = "Access-Accept", "Access-Reject", "Access-Challenge"
SECRET = "a radius secret"
NUMBER = "+12025550143"  # the canary: no log may have it
USER, PASSWORD = "user0001", "pw-0001"
LIMITED, LIMITED_PASSWORD = "user0002", "pw-0002"

_MORE = """\
[telephony]
gateway=twilio
account_sid={account}
auth_token={token}
api_base=http://127.0.0.1:{gateway}
from=+15555550199
user_cost_max=50
user_rate=100
number_rate=100
credits_per_sms=1
credits_per_call=20
call_message=Log in to {{application}} with {{confirm}}, or report with {{fraud}}.
gateway_retries=1

[ad_client]
host=127.0.0.1
port={ldap}
auth_type=plain
bind_dn={user}
service_account_password={password}
search_dn={base}
username_attribute=uid
at_attribute=mail

[radius_server_auto]
interface=127.0.0.1
port={auto}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
factors=push,phone,passcode,sms
application=VPN <main>

[radius_server_challenge]
interface=127.0.0.1
port={challenge}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
factors=phone,sms,passcode
"""


class Phones:
    """A daemon with a gateway, and people with phones. ``USER`` has a mobile and a landline with an extension."""

    def __init__(self, host: ApiHost, twilio: TwilioStandIn, ports: dict[str, int]) -> None:
        self.host = host
        self.twilio = twilio
        self.ports = ports
        with host.database.writing() as connection:
            user = add_user(connection, USER, "simple")
            add_phone(connection, user, NUMBER)
            add_phone(connection, user, "+12025550144", type_="landline", extension="12#", predelay=2, postdelay=3)
            add_phone(connection, add_user(connection, LIMITED, "simple"), "+12025550145")

    def login(self, typed: str, section: str = "auto", user: str = USER) -> Reply:
        return self.appliance(section).login(user, typed)

    def appliance(self, section: str = "auto") -> Radclient:
        return Radclient(("127.0.0.1", self.ports[section]), SECRET, timeout=30)

    def codes(self) -> list[str]:
        """Of the newest message."""
        return re.findall(r"\b[0-9]{7}\b", self.twilio.messages[-1]["Body"])

    def entries(self, limit: int = 1) -> list[dict[str, Any]]:
        found = self.host.daemon.json("telephony", "log", "--limit", str(limit))["entries"]
        assert isinstance(found, list)
        return found

    def row(self) -> dict[str, Any]:
        """The newest of the ledger."""
        with self.host.database.reading() as connection:
            query = sa.select(tables.telephony).order_by(tables.telephony.c.id.desc()).limit(1)
            return dict(connection.execute(query).mappings().one())

    def settles(self, status: str) -> None:
        eventually(lambda: self.row()["status"] == status)

    def steps(self) -> str:
        login = self.host.daemon.json("explain", "--limit", "1")["logins"][0]  # type: ignore[index]
        return str(login["reason"]) + "; " + str(login["steps"][-1]["detail"])


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phones]:
    folder: Path = tmp_path_factory.mktemp("telephony")
    with Slapd(folder / "slapd", users=3) as peer:
        twilio = TwilioStandIn(folder / "site" / "ca.pem")
        ports = {name: free_port() for name in ("auto", "challenge")}
        more = _MORE.format(
            account=ACCOUNT,
            token=TOKEN,
            gateway=twilio.port,
            ldap=peer.port,
            user=peer.service_dn,
            password=peer.service_password,
            base=BASE,
            secret=SECRET,
            **ports,
        )
        host = ApiHost.make(folder / "site", more)
        site = Phones(host, twilio, ports)
        host.daemon.start()
        try:
            yield site
            assert host.daemon.stop() == 0
        finally:
            host.daemon.kill()
        assert "Traceback" not in host.daemon.log()
        twilio.stop()


@pytest.fixture(autouse=True)
def _no_limit(phones: Phones) -> None:
    """Every test begins with what it has cost so far forgotten."""
    with phones.host.database.writing() as connection:
        connection.execute(tables.telephony.update().values(at=1.0))


# ---------------------------------------------------------------- messages


def test_password_and_sms_sends_codes_of_which_each_is_accepted_once(phones: Phones) -> None:
    sent = len(phones.twilio.messages)
    reply = phones.login(f"{PASSWORD},sms")
    assert reply.code == REJECT
    assert reply.attributes["Reply-Message"] == ["SMS passcodes sent. Enter your password, a comma, and the code."]
    (message,) = phones.twilio.messages[sent:]
    assert (message["To"], message["From"]) == (NUMBER, "+15555550199")
    first, second, third = phones.codes()
    assert len({first[0], second[0], third[0]}) == 3
    assert phones.login(f"{PASSWORD},{first}").code == ACCEPT
    assert phones.login(f"{PASSWORD},{first}").code == REJECT
    assert phones.login(f"{PASSWORD},{second}", user=USER.upper()).code == ACCEPT


def test_a_new_message_ends_the_codes_of_the_one_before(phones: Phones) -> None:
    phones.login(f"{PASSWORD},sms")
    before = phones.codes()
    phones.login(f"{PASSWORD},sms")
    assert phones.login(f"{PASSWORD},{before[0]}").code == REJECT
    assert phones.login(f"{PASSWORD},{phones.codes()[0]}").code == ACCEPT


def test_a_wrong_password_sends_nothing(phones: Phones) -> None:
    sent = len(phones.twilio.received)
    assert phones.login("wrong,sms").code == REJECT
    assert phones.login("wrong,phone").code == REJECT
    assert len(phones.twilio.received) == sent


def test_the_menu_sends_codes_and_tells_how_the_next_one_begins(phones: Phones) -> None:
    menu = phones.login(PASSWORD, "challenge")
    assert menu.code == CHALLENGE
    text = "".join(menu.attributes["Reply-Message"])
    assert "XXX-XXX-0143" in text and NUMBER not in text
    position = next(number for number, line in re.findall(r"(\d)\W+(.*?)(?:\\n|$)", text) if "SMS" in line)
    sent = answer(phones, menu, position)
    assert sent.code == CHALLENGE
    shown = "".join(sent.attributes["Reply-Message"])
    codes = phones.codes()
    assert shown.startswith("SMS passcodes sent.") and f"next code starts with: {codes[0][0]}" in shown
    assert answer(phones, sent, codes[0]).code == ACCEPT


def answer(phones: Phones, challenge: Reply, typed: str) -> Reply:
    (state,) = challenge.attributes["State"]
    return phones.appliance("challenge").login(USER, typed, [f"State = {state}"])


def test_what_the_gateway_reports_is_in_the_log_without_the_number(phones: Phones) -> None:
    phones.login(f"{PASSWORD},sms")
    phones.settles("sent")
    report_url = phones.twilio.messages[-1]["StatusCallback"]
    assert phones.twilio.tell(report_url, MessageStatus="sent")[0] == 204
    assert phones.row()["status"] == "sent"
    assert phones.twilio.tell(report_url, MessageStatus="delivered")[0] == 204
    assert phones.twilio.tell(report_url, MessageStatus="failed", ErrorCode="30003")[0] == 204
    (entry,) = phones.entries()
    assert (entry["kind"], entry["purpose"], entry["username"]) == ("sms", "passcodes", USER)
    assert (entry["status"], entry["detail"]) == ("delivered", "")  # an end stays
    assert (entry["number"], entry["cost"]) == ("XXX-XXX-0143", 1.0)
    assert entry["provider_id"].startswith("SM") and entry["login_id"]


def test_messages_that_never_arrive_are_told_with_their_reason(phones: Phones) -> None:
    phones.login(f"{PASSWORD},sms")
    report_url = phones.twilio.messages[-1]["StatusCallback"]
    assert phones.twilio.tell(report_url, MessageStatus="undelivered", ErrorCode="30005")[0] == 204
    (entry,) = phones.entries()
    assert (entry["status"], entry["detail"]) == ("failed", "Twilio error 30005")


def test_reports_of_others_are_refused(phones: Phones) -> None:
    phones.login(f"{PASSWORD},sms")
    phones.settles("sent")
    url = phones.twilio.messages[-1]["StatusCallback"]
    row = phones.row()["id"]
    for forged, status in (
        (url.replace("token=", "token=0"), 404),
        (url.replace(f"row={row}", f"row={row - 1}"), 404),
        (url.replace(f"row={row}", "row=x"), 404),
        (url.partition("?")[0], 404),
    ):
        assert phones.twilio.tell(forged, MessageStatus="failed") == (status, "")
    assert phones.twilio.tell(url, token="another", MessageStatus="failed") == (403, "")
    assert phones.row()["status"] == "sent"


def test_a_refused_message_is_a_refused_login_that_cost_nothing(phones: Phones) -> None:
    said = b'{"code": 21211, "message": "The \'To\' number +1 (202) 555-0143 is not valid.", "status": 400}'
    phones.twilio.faults.append(Answer(400, said))
    assert phones.login(f"{PASSWORD},sms").code == REJECT
    phones.settles("failed")
    (entry,) = phones.entries()
    told = "status 400, Twilio error 21211: The 'To' number XXX-XXX-0143 is not valid."
    assert (entry["detail"], entry["cost"]) == (told, 0.0)
    assert phones.steps() == (
        "the user has no device for this factor; the user has no device for this factor: "
        "SMS passcodes to XXX-XXX-0143: failed"
    )


def test_a_busy_gateway_is_asked_once_more(phones: Phones) -> None:
    sent = len(phones.twilio.messages)
    phones.twilio.faults.append(Answer(429, b"{}", {"Retry-After": "0"}))
    assert phones.login(f"{PASSWORD},sms").attributes["Reply-Message"][0].startswith("SMS passcodes sent")
    assert len(phones.twilio.messages) - sent == 2
    phones.settles("sent")


# ---------------------------------------------------------------- calls


def test_the_key_lets_the_user_in(phones: Phones) -> None:
    phones.twilio.on_call = answers_and_presses("#")
    reply = phones.login(f"{PASSWORD},phone")
    assert reply.code == ACCEPT, phones.host.daemon.log()
    call = phones.twilio.calls[-1]
    assert (call.asked["To"], call.asked["From"]) == (NUMBER, "+15555550199")
    assert "SendDigits" not in dict(call.asked.pairs)
    said = "Log in to VPN <main> with the hash key, or report with the star key."
    eventually(lambda: call.is_hung_up)  # it goes on speaking while the user is let in
    assert call.heard == [said, "Thank you. You are logged in."]
    phones.settles("confirmed")
    (entry,) = phones.entries()
    assert (entry["kind"], entry["purpose"], entry["cost"]) == ("call", "login", 20.0)


@pytest.mark.parametrize(
    ("key", "reason", "heard", "end"),
    [
        ("*", "call reported as fraud", "Thank you. The login was reported.", "fraud"),
        ("5", "call not accepted", "The login was not approved.", "no key"),
        ("", "call not accepted", "The login was not approved.", "no key"),
    ],
)
def test_any_other_key_or_none_does_not(phones: Phones, key: str, reason: str, heard: str, end: str) -> None:
    phones.twilio.on_call = answers_and_presses(key)
    assert phones.login(f"{PASSWORD},phone").code == REJECT
    assert phones.steps().startswith(f"{reason}; ")
    eventually(lambda: phones.twilio.calls[-1].is_hung_up)
    assert phones.twilio.calls[-1].heard[-1] == heard
    phones.settles(end)


def test_fraud_is_on_record(phones: Phones) -> None:
    phones.twilio.on_call = answers_and_presses("*")
    assert phones.login(f"{PASSWORD},phone").code == REJECT

    def is_recorded() -> bool:
        with phones.host.database.reading() as connection:
            query = sa.select(tables.audit.c.detail).where(tables.audit.c.action == "fraud report")
            return any('"factor": "phone"' in detail for detail in connection.execute(query).scalars())

    eventually(is_recorded)


@pytest.mark.parametrize(
    ("status", "end"), [("no-answer", "no answer"), ("busy", "no answer"), ("failed", "failed")]
)
def test_who_is_not_reached_is_not_let_in_and_costs_nothing(phones: Phones, status: str, end: str) -> None:
    phones.twilio.on_call = is_unreached(status)
    assert phones.login(f"{PASSWORD},phone").code == REJECT
    phones.settles(end)
    eventually(lambda: phones.row()["cost"] == 0.0)


def test_extensions_are_dialed_and_waited_for(phones: Phones) -> None:
    phones.twilio.on_call = answers_and_presses("#")
    assert phones.login(f"{PASSWORD},phone2").code == ACCEPT
    asked = phones.twilio.calls[-1].asked
    assert (asked["To"], asked["SendDigits"]) == ("+12025550144", "wwww12#")


def test_a_call_is_of_one_login_and_answered_once(phones: Phones) -> None:
    phones.twilio.on_call = answers_and_presses("#")
    assert phones.login(f"{PASSWORD},phone").code == ACCEPT
    old = phones.twilio.calls[-1]
    answered = threading.Event()

    def impostor(call: Any) -> None:
        """Presses the key of an old call, and of this one with another's signature."""
        call.answer()
        old_key = old.asked["Url"].replace("/answer?", "/key?")
        status, said = phones.twilio.tell(old_key, CallSid=old.sid, Digits="#")
        assert (status, "<Hangup/>" in said, "<Say" in said) == (200, True, False)
        own_key = call.asked["Url"].replace("/answer?", "/key?")
        assert phones.twilio.tell(own_key, token="another", CallSid=call.sid, Digits="#") == (403, "")
        unknown = re.sub("token=.*", f"token={'0' * 40}", own_key)
        assert phones.twilio.tell(unknown, CallSid=call.sid, Digits="#")[0] == 200
        call.press("7")
        assert phones.twilio.tell(own_key, CallSid=call.sid, Digits="#")[0] == 200
        answered.set()

    phones.twilio.on_call = impostor
    assert phones.login(f"{PASSWORD},phone").code == REJECT
    assert answered.wait(PATIENCE)
    phones.settles("no key")


# ---------------------------------------------------------------- through the Auth API


def test_duo_client_is_told_how_far_the_call_is(phones: Phones) -> None:
    told_calling, told_answered = threading.Event(), threading.Event()

    def script(call: Any) -> None:
        assert told_calling.wait(PATIENCE)
        call.answer()
        assert told_answered.wait(PATIENCE)
        call.press("#")

    phones.twilio.on_call = script
    client = phones.host.client()
    txid = client.auth("phone", username="alice", device="auto", async_txn=True)["txid"]
    seen = []
    for told in (told_calling, told_answered, threading.Event()):
        status = client.auth_status(txid)
        while seen and status["status"] == seen[-1][0]:  # no news in the time that a poll is held
            status = client.auth_status(txid)
        seen.append((status["status"], status["waiting"], status["success"]))
        told.set()
    assert seen == [("calling", True, False), ("answered", True, False), ("allow", False, True)]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (answers_and_presses("*"), ("deny", "fraud")),
        (answers_and_presses(""), ("deny", "deny")),
        (is_unreached("busy"), ("deny", "timeout")),
    ],
)
def test_duo_client_is_told_how_a_call_ended(phones: Phones, script: Any, said: tuple[str, str]) -> None:
    phones.twilio.on_call = script
    answered = phones.host.client().auth("phone", username="alice", device="auto")
    assert (answered["result"], answered["status"]) == said


def test_duo_client_has_codes_sent_and_is_told_which_is_next(phones: Phones) -> None:
    client = phones.host.client()
    answered = client.auth("sms", username="alice", device=phones.host.phone)
    assert (answered["result"], answered["status"]) == ("deny", "sent")
    code = phones.codes()[0]
    (phone, *_) = client.preauth(username="alice")["devices"]
    assert {"sms", "phone"} <= set(phone["capabilities"])
    assert phone["sms_nextcode"] == code[0]
    assert client.auth("passcode", username="alice", passcode=code)["result"] == "allow"
    assert client.auth("passcode", username="alice", passcode=code)["result"] == "deny"


# ---------------------------------------------------------------- cost


def test_who_has_cost_enough_is_sent_nothing_more(phones: Phones) -> None:
    phones.twilio.on_call = answers_and_presses("#")
    typed = f"{LIMITED_PASSWORD},phone"
    assert [phones.login(typed, user=LIMITED).code for _ in range(3)] == [ACCEPT, ACCEPT, REJECT]
    assert phones.steps().endswith("call to XXX-XXX-0145: limited")
    sent = len(phones.twilio.received)
    for _ in range(10):
        phones.login(f"{LIMITED_PASSWORD},sms", user=LIMITED)
    assert phones.login(f"{LIMITED_PASSWORD},sms", user=LIMITED).code == REJECT
    assert phones.steps().endswith("SMS passcodes to XXX-XXX-0145: limited")
    assert len(phones.twilio.messages) == len([each for each in phones.twilio.received if "Messages" in each.path])
    assert len(phones.twilio.received) - sent == 10
    assert "has cost 50 of 50 credits in 30 days (user_cost_max)" in phones.host.daemon.log()


def test_credits_are_used_up_and_bought(phones: Phones) -> None:
    daemon = phones.host.daemon
    assert daemon.json("telephony", "credits")["left"] is None
    daemon.json("settings", "set", "telephony_at_zero=stop")
    assert daemon.json("telephony", "credits", "--add", "2")["left"] == 2.0
    for left in (1.0, 0.0):
        phones.login(f"{PASSWORD},sms")
        assert daemon.json("telephony", "credits")["left"] == left
    sent = len(phones.twilio.received)
    assert phones.login(f"{PASSWORD},sms").code == REJECT
    assert phones.login(f"{PASSWORD},phone").code == REJECT
    assert len(phones.twilio.received) == sent
    daemon.json("telephony", "credits", "--add", "500")
    phones.twilio.faults.append(Answer(400, b"{}"))
    phones.login(f"{PASSWORD},sms")  # refused: given back
    eventually(lambda: daemon.json("telephony", "credits")["left"] == 500.0)
    assert "the credits are used up: 0 are left, 1 are needed" in daemon.log()


# ---------------------------------------------------------------- what nobody may read


def test_neither_numbers_nor_tokens_nor_codes_are_in_any_log(phones: Phones) -> None:
    phones.twilio.on_call = answers_and_presses("#")
    phones.login(f"{PASSWORD},phone")
    phones.login(f"{PASSWORD},sms")
    phones.twilio.faults.append(Answer(302, b"", {"Location": f"http://127.0.0.1/{NUMBER}"}))
    phones.login(f"{PASSWORD},sms")
    shown = phones.host.daemon.log()
    for command in (("explain",), ("telephony", "log"), ("telephony", "log", "--json"), ("check",)):
        shown += phones.host.daemon.command(*command).stdout
    assert "XXX-XXX-0143" in shown and "/telephony/sms" in shown
    codes, tokens = phones.codes(), list[str]()
    for received in phones.twilio.received:
        tokens += re.findall("token=([0-9a-f]{40})", "&".join(value for _, value in received.pairs))
    assert codes and tokens
    secrets = [NUMBER, NUMBER[1:], "2025550143", "202) 555", TOKEN, *codes, *tokens]
    assert [secret for secret in secrets if secret in shown] == []
