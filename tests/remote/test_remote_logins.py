"""Logins by the Auth API v2, on the wire: what is asked, what the answer means, what the user reads."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred

from authproxy.model import SUCCESS, Allowed, Choice, Factor, Identity, Prompt, Reason, Refused, Verdict
from tests.remote.fake_cloud import PHONE, FakeCloud, FakeUser, device, fail, says
from tests.remote.remote_site import RemoteSite, ask, request

PUSH = Choice(Factor.PUSH)
CHALLENGE = {"can_prompt": True, "can_enroll": True}


def start(work: Any) -> Deferred[Verdict]:
    return Deferred.fromCoroutine(work)


def refused(verdict: Verdict, reason: Reason) -> Refused:
    assert isinstance(verdict, Refused), verdict
    assert verdict.reason is reason, verdict
    return verdict


def prompt(verdict: Verdict) -> Prompt:
    assert isinstance(verdict, Prompt), verdict
    return verdict


@pytest_twisted.ensureDeferred
async def test_a_passcode_takes_two_requests_on_one_connection(site: RemoteSite, cloud: FakeCloud) -> None:
    assert await site.enter("123456") == Allowed("passcode", SUCCESS)
    verdict = refused(await site.enter("123456"), Reason.BAD_PASSCODE)
    assert verdict.message == "Incorrect passcode. Please try again."
    assert cloud.paths() == ["preauth", "auth"] * 2
    assert cloud.seen[0].params["ipaddr"] == "198.51.100.7"
    assert len({id(seen.connection) for seen in cloud.seen}) == 1


@pytest_twisted.ensureDeferred
async def test_version_2_signs_forms(site: RemoteSite) -> None:
    begin = site.second_factor(site.sign(version=2)).begin
    assert isinstance(await begin(Identity("alice"), ask("123456"), request()), Allowed)


@pytest.mark.parametrize(
    ("result", "status", "reason"),
    [
        ("allow", "allow", None),
        ("allow", "something new", None),
        ("deny", "deny", Reason.PUSH_DENIED),
        ("deny", "timeout", Reason.TIMED_OUT),
        ("deny", "fraud", Reason.PUSH_FRAUD),
        ("deny", "locked_out", Reason.USER_LOCKED_OUT),
        ("deny", "allow", Reason.PUSH_DENIED),
        ("ALLOW", "allow", Reason.SERVICE_DENIED),
        ("", "allow", Reason.SERVICE_DENIED),
    ],
)
@pytest_twisted.ensureDeferred
async def test_only_the_result_decides_a_push(
    site: RemoteSite, cloud: FakeCloud, result: str, status: str, reason: Reason | None
) -> None:
    waiting = start(site.enter())
    await cloud.until("auth_status", 2)
    cloud.decide(result, status, "Said the service.")
    verdict = await waiting
    if reason is None:
        assert verdict == Allowed("push", "Said the service.", "XXX-XXX-0100")
    else:
        refused(verdict, reason)


@pytest_twisted.ensureDeferred
async def test_what_the_phone_shows(site: RemoteSite, cloud: FakeCloud) -> None:
    second_factor = site.second_factor(application="VPN", sends_directory_name=True)
    waiting = start(second_factor.begin(Identity("alice"), ask(), request("CORP\\Alice")))
    await cloud.until("auth_status", 1)
    cloud.decide("allow", "allow")
    assert await waiting == Allowed("push", SUCCESS, "XXX-XXX-0100")
    (asked,) = cloud.asked.values()
    assert asked.params["type"] == "VPN"
    assert asked.params["display_username"] == "CORP\\Alice"
    assert parse_qs(asked.params["pushinfo"]) == {"Appliance": ["192.0.2.1"], "Login ID": ["ABCDEFGHJK"]}


@pytest_twisted.ensureDeferred
async def test_the_name_as_typed_is_sent_unless_a_dn_was(site: RemoteSite, cloud: FakeCloud) -> None:
    begin = site.second_factor().begin
    await begin(Identity("alice"), ask("1"), request("CORP\\alice"))
    await begin(Identity("alice"), ask("654321"), request("Alice Smith", dn="cn=Alice Smith,dc=firm"))
    assert [seen.params["username"] for seen in cloud.seen if seen.path.endswith("preauth")] == [
        "CORP\\alice",
        "alice",
    ]


@pytest.mark.parametrize("name", ["", "a" * 257, "a\0b", "a\nb", "\ud800"])
@pytest_twisted.ensureDeferred
async def test_names_that_no_user_has_are_not_sent(site: RemoteSite, cloud: FakeCloud, name: str) -> None:
    refused(await site.enter("123456", name), Reason.NOT_ENROLLED)
    assert cloud.seen == []


# ---------------------------------------------------------------- devices

TABLET = device("DPTABLET", "", "push", display_name="Tablet")
LANDLINE = device("DPLANDLINE", "XXX-XXX-0300", "phone")
MOBILE = device("DPMOBILE", "XXX-XXX-0400", "sms", "phone", "push", sms_nextcode="2")


@pytest.mark.parametrize(
    ("typed", "factors", "factor", "device_id"),
    [
        (None, (Factor.PUSH, Factor.PHONE), "push", "DPTABLET"),
        (None, (Factor.PHONE, Factor.PUSH), "phone", "DPLANDLINE"),
        (Choice(None), (Factor.PHONE,), "phone", "DPLANDLINE"),
        (Choice(Factor.PUSH, 2), (Factor.PUSH,), "push", "DPMOBILE"),
        (Choice(Factor.PHONE, 2), (Factor.PHONE,), "phone", "DPMOBILE"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_devices_count_by_capability(
    site: RemoteSite, cloud: FakeCloud, typed: Choice | None, factors: Any, factor: str, device_id: str
) -> None:
    cloud.users["alice"].devices = [TABLET, LANDLINE, MOBILE]
    waiting = start(site.enter(typed, factors=factors))
    await cloud.until("auth_status")
    (asked,) = cloud.asked.values()
    assert (asked.params["factor"], asked.params["device"]) == (factor, device_id)
    cloud.decide("allow", "allow")
    assert isinstance(await waiting, Allowed)


@pytest.mark.parametrize(
    ("typed", "factors", "reason"),
    [
        (Choice(Factor.PUSH, 3), (Factor.PUSH,), Reason.FACTOR_NOT_AVAILABLE),
        (Choice(Factor.SMS, 2), (Factor.SMS,), Reason.FACTOR_NOT_AVAILABLE),
        (Choice(Factor.PHONE), (Factor.PUSH,), Reason.FACTOR_NOT_ALLOWED),
        ("123456", (Factor.PUSH,), Reason.FACTOR_NOT_ALLOWED),
        (None, (Factor.PASSCODE,), Reason.NO_PASSCODE),
    ],
)
@pytest_twisted.ensureDeferred
async def test_nobody_is_asked_for_what_cannot_be(
    site: RemoteSite, cloud: FakeCloud, typed: Any, factors: Any, reason: Reason
) -> None:
    cloud.users["alice"].devices = [TABLET, LANDLINE, MOBILE]
    refused(await site.enter(typed, factors=factors), reason)
    assert cloud.paths() == ["preauth"]


@pytest_twisted.ensureDeferred
async def test_devices_of_no_sense_are_left_out(site: RemoteSite, cloud: FakeCloud) -> None:
    odd: list[Any] = [None, 7, {"device": 7}, {"device": "x" * 100, "capabilities": ["push"]}, {"device": "DP"}]
    cloud.users["alice"].devices = [*odd, {"device": "DPX", "capabilities": [1, "push", None], "number": 12}]
    text = prompt(await site.enter(**CHALLENGE)).text
    assert "Push to your device" in text
    assert "(1-1)" in text


# ---------------------------------------------------------------- users who are not asked


@pytest_twisted.ensureDeferred
async def test_statuses_are_told_with_the_services_words(site: RemoteSite, cloud: FakeCloud) -> None:
    cloud.users["bob"] = FakeUser("allow", "Bypassed.")
    cloud.users["carol"] = FakeUser("deny", "Your account\nis locked out.\x1b[31m" + "!" * 999)
    cloud.users["dave"] = FakeUser("perhaps")
    assert await site.enter("000000", "bob") == Allowed("service policy", "Bypassed.", is_given=False)
    message = refused(await site.enter("123456", "carol"), Reason.SERVICE_DENIED).message
    assert message.startswith("Your account is locked out.?[31m!!")
    assert len(message) == 400
    refused(await site.enter("123456", "dave"), Reason.SERVICE_DENIED)
    assert "https://portal.example/enroll?code=1" in refused(
        await site.enter("123456", "nobody"), Reason.NOT_ENROLLED
    ).message  # fmt: skip


# ---------------------------------------------------------------- the challenge


@pytest_twisted.ensureDeferred
async def test_the_menu_is_answered_by_number(site: RemoteSite, cloud: FakeCloud) -> None:
    cloud.users["alice"].devices = [TABLET, MOBILE]
    second_factor = site.second_factor()
    menu = prompt(await second_factor.begin(Identity("alice"), ask(**CHALLENGE), request()))
    assert menu.text.split("\n")[4:] == [
        " 1. Push to Tablet",
        " 2. Push to XXX-XXX-0400",
        " 3. Phone call to XXX-XXX-0400",
        " 4. SMS passcodes to XXX-XXX-0400 (next code starts with: 2)",
        "",
        "Passcode or option (1-4)",
    ]
    waiting = start(second_factor.answer(Identity("alice"), menu.resume, "2", request()))
    await cloud.until("auth_status")
    cloud.decide("allow", "allow")
    assert await waiting == Allowed("push", SUCCESS, "XXX-XXX-0400")
    assert [asked.params["device"] for asked in cloud.asked.values()] == ["DPMOBILE"]
    assert cloud.paths().count("preauth") == 1


@pytest_twisted.ensureDeferred
async def test_sms_in_the_challenge_asks_for_a_code_and_elsewhere_ends_the_login(site: RemoteSite) -> None:
    second_factor = site.second_factor()
    menu = prompt(await second_factor.begin(Identity("alice"), ask(**CHALLENGE), request()))
    again = prompt(await second_factor.answer(Identity("alice"), menu.resume, "sms", request()))
    assert again.text == "New SMS passcodes sent.\n\nEnter a passcode"
    verdict = await second_factor.answer(Identity("alice"), again.resume, "123456", request())
    assert isinstance(verdict, Allowed)
    ended = refused(await site.enter(Choice(Factor.SMS)), Reason.SMS_SENT)
    assert ended.message == "New SMS passcodes sent."


@pytest_twisted.ensureDeferred
async def test_enrollment_is_offered_and_then_the_user_is_asked(site: RemoteSite, cloud: FakeCloud) -> None:
    second_factor = site.second_factor()
    offer = prompt(await second_factor.begin(Identity("erin"), ask(**CHALLENGE), request("erin")))
    assert "https://portal.example/enroll?code=1" in offer.text
    cloud.users["erin"] = FakeUser()
    menu = prompt(await second_factor.answer(Identity("erin"), offer.resume, "done", request("erin")))
    assert "1. Push to XXX-XXX-0100" in menu.text


@pytest_twisted.ensureDeferred
async def test_who_never_enrolls_is_refused_in_the_end(site: RemoteSite) -> None:
    second_factor = site.second_factor()
    verdict: Verdict = await second_factor.begin(Identity("erin"), ask(**CHALLENGE), request("erin"))
    offers = 0
    while isinstance(verdict, Prompt):
        offers += 1
        verdict = await second_factor.answer(Identity("erin"), verdict.resume, "done", request("erin"))
    assert offers == 3
    refused(verdict, Reason.NOT_ENROLLED)


# ---------------------------------------------------------------- waiting


@pytest_twisted.ensureDeferred
async def test_a_login_that_is_repeated_joins_the_push(site: RemoteSite, cloud: FakeCloud) -> None:
    second_factor = site.second_factor()
    first = start(second_factor.begin(Identity("alice"), ask(), request()))
    await cloud.until("auth_status")
    again = request(login_id="SECOND")
    second = start(second_factor.begin(Identity("alice"), ask(), again))
    while not again.trail.steps:  # then it has been told the devices, and asks
        await site.moment()
    first.addErrback(lambda failure: failure.trap(CancelledError))
    first.cancel()  # the appliance has forgotten it
    await first
    cloud.decide("allow", "allow")
    assert isinstance(await second, Allowed)
    assert len(cloud.asked) == 1


@pytest_twisted.ensureDeferred
async def test_who_comes_from_nowhere_known_never_joins_a_push(site: RemoteSite, cloud: FakeCloud) -> None:
    second_factor = site.second_factor()
    logins = [request(login_id=login_id, client_ip=None) for login_id in ("OWNER", "THIEF")]
    verdicts = [start(second_factor.begin(Identity("alice"), ask(), login)) for login in logins]
    await cloud.until("auth_status", 2)
    assert len(cloud.asked) == 2
    cloud.decide("allow", "allow")
    for verdict in verdicts:
        assert isinstance(await verdict, Allowed)


@pytest_twisted.ensureDeferred
async def test_a_cancelled_login_stops_polling(site: RemoteSite, cloud: FakeCloud) -> None:
    waiting = start(site.enter())
    await cloud.until("auth_status", 2)
    connections = {seen.connection for seen in cloud.seen if seen.path.endswith("auth_status")}
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()
    await waiting
    assert isinstance(await site.enter("123456"), Allowed)
    assert cloud.paths().count("auth_status") == 2
    assert all(connection.is_closing() for connection in connections if connection)  # type: ignore[attr-defined]


@pytest_twisted.ensureDeferred
async def test_a_service_without_async_is_waited_for(site: RemoteSite, cloud: FakeCloud) -> None:
    cloud.faults["/auth/v2/auth"].append(says(lambda: fail(40002, "Invalid request parameters", "async")))
    waiting = start(site.enter())
    await cloud.until("auth", 2)
    cloud.decide("allow", "allow")
    assert isinstance(await waiting, Allowed)
    assert "auth_status" not in cloud.paths()
    assert PHONE["device"] == cloud.seen[-1].params["device"]


@pytest_twisted.ensureDeferred
async def test_the_trail_tells_what_the_service_said(site: RemoteSite, cloud: FakeCloud) -> None:
    login = request()
    waiting = start(site.second_factor().begin(Identity("alice"), ask(), login))
    await cloud.until("auth_status", 2)
    cloud.decide("deny", "fraud", "Reported.")
    refused(await waiting, Reason.PUSH_FRAUD)
    steps = [(step.result, step.detail) for step in login.trail.steps]
    assert steps[:2] == [
        ("preauth auth", "Account is active"),
        ("pushed", "Pushed a login request to your device..."),
    ]
