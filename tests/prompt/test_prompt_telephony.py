"""Phone calls and passcodes by text message in the prompt, through a gateway that really calls back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from authproxy.secondfactor.phones import add_phone
from authproxy.store import tables
from tests.prompt.demo import Demo
from tests.telephony.test_own_gateway_daemon import OwnGateway
from tests.web.apihost import ApiHost

CHOOSING = "How do you want to log in?"
_MORE = """\
request_rate=0

[telephony]
user_rate=6
gateway=http
sms_url={gateway}/sms?report={{callback}}
sms_body=to={{digits}}&text={{text}}
sms_message=Your codes: {{codes}}
call_url={gateway}/call
call_body={{"to": "{{number}}", "say": "{{text}}", "tell": "{{callback}}"}}
keypress_confirm=1
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, OwnGateway]]:
    folder = tmp_path_factory.mktemp("prompt-telephony")
    gateway = OwnGateway(folder / "ca.pem")
    host = ApiHost.make(folder, _MORE.format(gateway=gateway.url))
    demo = Demo.make(host, "by phone", policy={"remember_days": 30})
    host.daemon.start()
    try:
        yield demo, gateway
        assert host.daemon.stop() == 0
    finally:
        host.daemon.kill()
        host.database.close()
        gateway.stop()
    assert "Traceback" not in host.daemon.log()


def test_a_call_whose_key_is_pressed_leads_back(site: tuple[Demo, OwnGateway]) -> None:
    demo, gateway = site
    gateway.key = "1"
    visitor, _ = demo.begin("alice")
    assert visitor.choose("phone:").title == "Answer your phone"
    assert visitor.wait().title == "Is this your own device?"
    visitor.choose("remember:yes")
    context = demo.result(visitor.page.query["duo_code"], "alice")["auth_context"]
    assert (context["factor"], context["auth_device"]["name"]) == ("phone_call", "XXX-XXX-0100")
    again, _ = demo.begin("alice", visitor=visitor)
    assert "duo_code" in again.page.query


def test_a_call_that_is_reported_as_fraud_leads_nowhere_and_no_browser_is_remembered(
    site: tuple[Demo, OwnGateway],
) -> None:
    demo, gateway = site
    visitor, _ = demo.begin("alice")
    visitor.passcode(demo.host.code("alice"))
    visitor.choose("remember:yes")
    gateway.key = "*"
    thief, _ = demo.begin("alice")
    thief.choose("phone:")
    page = thief.wait()
    assert (page.title, page.gone) == (CHOOSING, "")
    assert "Login request reported as fraud." in page.text
    with demo.host.database.reading() as connection:
        count = sa.select(sa.func.count()).select_from(tables.remembered_browsers)
        assert connection.execute(count).scalar_one() == 0
    assert demo.begin("alice", visitor=visitor)[0].page.title == CHOOSING


def test_passcodes_by_text_message(site: tuple[Demo, OwnGateway]) -> None:
    demo, gateway = site
    visitor, _ = demo.begin("alice")
    visitor.choose("sms:")
    if visitor.page.title != CHOOSING:
        visitor.wait()
    assert "New SMS passcodes sent." in visitor.page.text
    assert '<p class="told" role="status">New SMS' in visitor.page.html
    codes = gateway.received[-1]["text"].split()[2:]
    assert f"begins with {codes[0][0]}" in visitor.page.text
    visitor.passcode(codes[0])
    visitor.choose("remember:no")
    token = demo.result(visitor.page.query["duo_code"], "alice")
    assert token["auth_context"]["factor"] == "sms_passcode"


def test_all_doors_count_together_and_those_who_ask_too_often_are_told(site: tuple[Demo, OwnGateway]) -> None:
    demo, gateway = site
    gateway.key, host = "1", demo.host
    with host.database.writing() as connection:
        phone = add_phone(connection, host.users["bob"], "+12025550177").id
    auth, before = host.client(), len(gateway.received)
    for _ in range(2):
        assert auth.auth("sms", username="bob", device=phone)["status"] == "sent"
        assert auth.auth("phone", username="bob", device=phone)["result"] == "allow"
    visitor, _ = demo.begin("bob")
    for _ in range(2):
        visitor.post({"choice": f"sms:{phone}"})
        if visitor.page.title != CHOOSING:
            visitor.wait()
        assert "New SMS passcodes sent." in visitor.page.text
    (newest,) = [each["text"].split()[2] for each in gateway.received[-1:]]
    visitor.post({"choice": f"sms:{phone}"})
    if visitor.page.title != CHOOSING:
        visitor.wait()
    assert "Too many messages and calls were asked for lately." in visitor.page.text
    for factor in ("sms", "phone"):
        refused = auth.auth(factor, username="bob", device=phone)
        assert (refused["result"], refused["status_msg"][:27]) == ("deny", "Too many messages and calls")
    assert len(gateway.received) == before + 6
    assert "user_rate=6 in 600 s is reached: what logins of bob ask for is not sent" in host.daemon.log()
    visitor.passcode(newest)  # what was not sent has ended nothing
    visitor.choose("remember:no")
    assert "duo_code" in visitor.page.query
