"""What goes out to people: mails that invite, messages that activate."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import duo_client
import pytest
import sqlalchemy as sa

from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.store.tables import invitations
from tests.admin_api.conftest import give
from tests.mail.mailserver import MailServer
from tests.telephony.stand_ins import Answer, Received, StandIn, eventually
from tests.web.apihost import ApiHost, error

_MORE = """\
request_rate=1000

[mail]
host=localhost
port={mail}
tls=none
from=mfa@firm.example

[telephony]
gateway=http
sms_url={gateway}/sms
sms_body=to={{digits}}&text={{text}}
"""
DAY = 86_400


class Gateway(StandIn):
    def answer(self, received: Received) -> Answer:
        return Answer(200, b"accepted")


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    server = MailServer("none")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway() -> Iterator[StandIn]:
    made = Gateway()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, mail: MailServer, gateway: StandIn) -> Iterator[ApiHost]:
    folder: Path = tmp_path_factory.mktemp("messages")
    made = ApiHost.make(folder, _MORE.format(mail=mail.port, gateway=gateway.url))
    give(made, "admin", *ApiPermission)
    made.daemon.start()
    try:
        yield made
    finally:
        made.daemon.stop()


@pytest.fixture(scope="module")
def adm(host: ApiHost) -> Any:
    return host.client(duo_client.Admin, "admin")


def test_who_is_enrolled_gets_a_mail_with_a_link_for_thirty_days(
    adm: Any, host: ApiHost, mail: MailServer
) -> None:
    assert adm.enroll_user("newcomer", "newcomer@example.com") == ""
    eventually(lambda: bool(mail.mails))
    (arrived,) = mail.mails
    assert arrived.recipients == ["newcomer@example.com"]
    assert arrived.link.startswith(f"https://localhost:{host.port}/")
    (user,) = adm.get_users_by_name("newcomer")
    assert (user["email"], user["is_enrolled"]) == ("newcomer@example.com", False)
    with host.database.reading() as connection:
        expires = connection.execute(sa.select(invitations.c.expires)).scalar_one()
    assert 29.9 * DAY < expires - time.time() <= 30 * DAY
    adm.enroll_user("newcomer", "newcomer@example.com")
    eventually(lambda: len(mail.mails) == 2)
    assert mail.mails[1].link == mail.mails[0].link


def test_mails_say_they_are_from_the_account_by_its_name(adm: Any, host: ApiHost, mail: MailServer) -> None:
    def arrived(name: str) -> str:
        host.client().preauth(username="erin")  # a login notices what was changed
        before = len(mail.mails)
        adm.enroll_user(name, f"{name}@example.com")
        eventually(lambda: len(mail.mails) > before)
        return mail.mails[before].text

    change_settings(adm, name="Example Works")
    assert "Example Works" in arrived("named1")
    change_settings(adm, name="")
    assert "Example Works" not in arrived("named2")


def change_settings(adm: Any, **changed: str) -> None:
    """Also those that the client does not know."""
    assert adm.json_api_call("POST", "/admin/v1/settings", changed).items() >= changed.items()


def test_who_has_a_device_is_not_invited(adm: Any) -> None:
    assert error(adm.enroll_user, "alice", "alice@example.com")[:2] == (400, 40003)
    assert error(adm.enroll_user, "someone", "no mail")[:2] == (400, 40002)
    assert adm.get_users_by_name("someone") == []


def test_messages_hold_the_links_where_they_were_wanted(adm: Any, host: ApiHost, gateway: StandIn) -> None:
    erin = host.users["erin"].id
    phone = adm.add_phone(number="+15555550119", type="mobile", platform="apple ios")["phone_id"]
    adm.add_user_phone(erin, phone)
    wrong = error(adm.send_sms_activation_to_phone, phone, activation_msg="no link")
    assert wrong == (400, 40002, "activation_msg")
    said = adm.send_sms_activation_to_phone(
        phone, install="1", activation_msg="go <acturl>", installation_msg="get <insturl>"
    )
    base = f"https://localhost:{host.port}/phone"
    assert said["installation_msg"] == f"get {base}/"
    assert said["activation_msg"].startswith(f"go {base}/activate#")
    assert said["valid_secs"] == DAY
    sent = [parse_qs(received.body.decode()) for received in gateway.received]
    assert [each["text"][0] for each in sent] == [said["installation_msg"], said["activation_msg"]]
    assert {each["to"][0] for each in sent} == {"15555550119"}
    assert error(adm.send_sms_activation_to_phone, phone)[:2] == (400, 40003)
    assert adm.send_sms_installation(phone, "see <insturl>") == {"installation_msg": f"see {base}/"}
    assert len(adm.get_telephony_log()) == 3


def test_passcodes_by_message_let_in_once_and_end_those_of_before(
    adm: Any, host: ApiHost, gateway: StandIn
) -> None:
    erin, auth = host.users["erin"].id, host.client()
    phone = adm.add_phone(number="+15555550117", type="mobile", platform="apple ios")["phone_id"]
    assert error(send_passcodes, adm, phone)[:2] == (400, 40002)
    adm.add_user_phone(erin, phone)
    assert adm.get_phone_by_id(phone)["sms_passcodes_sent"] is False
    first, second = (passcodes(adm, gateway, phone) for _ in range(2))
    assert adm.get_phone_by_id(phone)["sms_passcodes_sent"] is True
    results = [auth.auth("passcode", username="erin", passcode=code)["result"] for code in (first, second, second)]
    assert results == ["deny", "allow", "deny"]
    assert [each["type"] for each in adm.get_telephony_log()[-2:]] == ["sms", "sms"]
    adm.update_user(erin, status="disabled")
    assert error(send_passcodes, adm, phone)[:2] == (400, 40002)
    adm.update_user(erin, status="active")
    assert error(send_passcodes, adm, "DP" + "0" * 18)[:2] == (404, 40401)


def send_passcodes(adm: Any, phone: str) -> Any:
    return adm.json_api_call("POST", f"/admin/v1/phones/{phone}/send_sms_passcodes", {})


def passcodes(adm: Any, gateway: StandIn, phone: str) -> str:
    """The first that the message had."""
    before = len(gateway.received)
    assert send_passcodes(adm, phone) == ""
    (received,) = gateway.received[before:]
    codes = re.findall(r"\b[0-9]{7}\b", parse_qs(received.body.decode())["text"][0])
    return str(codes[0])


def test_a_landline_takes_no_message(adm: Any, host: ApiHost) -> None:
    phone = adm.add_phone(number="+15555550118", type="landline")["phone_id"]
    adm.add_user_phone(host.users["erin"].id, phone)
    assert error(adm.send_sms_installation, phone)[:2] == (400, 40002)
    assert error(send_passcodes, adm, phone)[:2] == (400, 40002)


def test_a_directory_that_is_not_there_cannot_be_asked(adm: Any) -> None:
    assert error(adm.sync_user, "alice", "nowhere")[:2] == (404, 40401)
