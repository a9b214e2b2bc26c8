"""The Auth API of the embedded service: who is asked how, what came of it, and what is told on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from authproxy.errors import StoreUnavailable
from authproxy.model import LoginRecord
from authproxy.secondfactor.authapi import ApiDevice, Application, AuthCall, BadParameter, Preauth, Progress, Who
from authproxy.secondfactor.gateways import CallEnd
from authproxy.secondfactor.open_transactions import HOLD_SECONDS, KEEP_SECONDS, OpenTransactions
from authproxy.secondfactor.outofband import OutOfBand
from authproxy.secondfactor.passcode import hotp
from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.transactions import Transactions
from authproxy.store.engine import Database
from authproxy.store.journal import StoreJournal, find_logins
from tests.secondfactor.local_service import LocalService, totp

ALICE = Who("alice")
PUSH = AuthCall("push", device="auto", ip_address="198.51.100.7", hostname="db1")


def app(name: str = "ssh", **policy: Any) -> Application:
    return Application(name, "authapi", "DIX", b"key", policy=policy)


class Api:
    """A service with its Auth API. alice has a phone with an app, a landline, and its own code generator."""

    def __init__(self, directory: Path, has_lines: bool = True, **settings: Any) -> None:
        directory.mkdir(exist_ok=True)
        self.clock = Clock()
        self.service = LocalService(directory, self.clock, has_lines=has_lines, **settings)
        service = self.service
        self.told: list[LoginRecord] = []
        ways = OutOfBand(
            service.book, service.writer, service.seals, service.pushes, service.gateways, service.now
        )
        self.api = Transactions(
            service.book, service.writer, service.seals, ways, StoreJournal(service.writer), self.told.append,
            self.clock, service.now, service.links,
        )  # fmt: skip
        self.alice = service.add_user()
        self.phone = service.add_phone(self.alice, name="work")
        self.landline = service.add_phone(self.alice, app="", type="landline")
        service.add_device(self.alice, origin="phone", phone_id=self.phone)

    async def settled(self) -> None:
        for _ in range(3):
            await self.service.writer.run(lambda connection: None)

    async def decide(self, status: PushStatus = PushStatus.APPROVED, entered: str = "") -> None:
        await self.service.pushes.decide(await self.service.only_push(), status, "phone", entered)

    def auth(self, call: AuthCall, who: Who = ALICE, application: Application | None = None) -> Deferred[Progress]:
        return Deferred.fromCoroutine(self.api.auth(application or app(), who, call))

    def preauth(self, who: Who, application: Application | None = None, **asked: bool) -> Deferred[Preauth]:
        return Deferred.fromCoroutine(self.api.preauth(application or app(), who, AuthCall("auto"), **asked))

    def begin(self, call: AuthCall, who: Who = ALICE) -> Deferred[str]:
        return Deferred.fromCoroutine(self.api.begin(app(), who, call))

    def progress(self, txid: str, application: Application | None = None) -> Deferred[Progress]:
        return Deferred.fromCoroutine(self.api.progress(application or app(), txid))

    def logins(self) -> list[LoginRecord]:
        database = Database(self.service.url)
        with database.reading() as connection:
            found = list(find_logins(connection))
        database.close()
        return found


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    api = Api(tmp_path / "service", new_user_policy="enroll")
    yield api
    api.api.stop()
    pytest_twisted.blockon(Deferred.fromCoroutine(api.service.stop()))


async def wrong(answering: Deferred[Any]) -> str:
    with pytest.raises(BadParameter) as raised:
        await answering
    return raised.value.name


def status(progress: Progress) -> tuple[str, str]:
    assert progress.message
    return progress.result, progress.status


# ---------------------------------------------------------------- preauth


@pytest_twisted.ensureDeferred
async def test_preauth_lists_what_the_user_can_use(api: Api) -> None:
    api.service.add_device(api.alice, origin="hardware", serial="100001", kind="hotp", name="")
    found = await api.preauth(ALICE, text_prompt=True)
    assert (found.result, found.message) == ("auth", "Account is active")
    phone, landline, token = found.devices
    capabilities = ("auto", "push", "sms", "phone", "mobile_otp")
    assert phone == ApiDevice(api.phone, "phone", "work", "work (XXX-XXX-0101)", "XXX-XXX-0101", capabilities)
    assert (landline.device, landline.capabilities) == (api.landline, ("auto", "phone"))
    assert (token.type, token.name, token.capabilities) == ("token", "100001", ())
    assert dict(found.words) == {"1": "push1", "2": "phone1", "3": "phone2", "4": "sms1", "default": "push1"}
    assert " 3. Phone call to XXX-XXX-0102" in found.menu
    plain = await api.preauth(ALICE)
    assert (plain.menu, plain.words) == ("", {})


@pytest_twisted.ensureDeferred
async def test_preauth_hints_at_the_next_sms_code(api: Api) -> None:
    assert status(await api.auth(AuthCall("sms"))) == ("deny", "sent")
    (sent,) = api.service.texts.sent
    first = re.findall(r"\d+", sent.body)[0]
    found = await api.preauth(ALICE, text_prompt=True)
    assert [device.sms_nextcode for device in found.devices] == [first[0], ""]
    assert f"next code starts with: {first[0]}" in found.menu


@pytest_twisted.ensureDeferred
async def test_preauth_says_who_needs_no_factor_and_who_can_not_get_in(api: Api) -> None:
    api.service.add_user("carol", status="bypass")
    api.service.add_user("dave", status="disabled")
    api.service.add_user("frank", locked_until=9e9)
    api.service.add_user("erin")
    found = {name: await api.preauth(Who(name)) for name in ("carol", "dave", "frank", "erin", "nobody")}
    assert {name: each.result for name, each in found.items()} == {
        "carol": "allow",
        "dave": "deny",
        "frank": "deny",
        "erin": "enroll",
        "nobody": "enroll",
    }
    assert all(each.message for each in found.values())
    for name in ("erin", "nobody"):
        url = found[name].enroll_portal_url
        ticket = api.service.links.read(url.removeprefix("https://mfa.example/enroll/"))
        assert ticket is not None
        assert ticket.username == name
    recorded = [(login.username, login.result, login.section) for login in api.logins()]
    assert recorded == [("frank", "reject", "ssh"), ("dave", "reject", "ssh"), ("carol", "accept", "ssh")]
    assert [login.username for login in api.told] == ["carol", "dave", "frank"]


@pytest.mark.parametrize(
    ("policy", "expected"), [("deny", ("deny", "deny")), ("allow", ("deny", "allow")), ("enroll", ("enroll",) * 2)]
)
@pytest_twisted.ensureDeferred
async def test_an_applications_policy_decides_about_new_users(
    api: Api, policy: str, expected: tuple[str, str]
) -> None:
    api.service.add_user("erin")
    found = [await api.preauth(Who(name), app(new_user_policy=policy)) for name in ("erin", "nobody")]
    assert tuple(each.result for each in found) == expected


@pytest_twisted.ensureDeferred
async def test_a_user_with_nothing_but_a_bypass_code_may_type_it(api: Api) -> None:
    api.service.add_bypass(api.service.add_user("erin"), "123456789")
    found = await api.preauth(Who("erin"), text_prompt=True)
    assert (found.result, found.devices, dict(found.words)) == ("auth", (), {})
    call = AuthCall("passcode", passcode="123456789")
    assert status(await api.auth(call, Who("erin"))) == ("allow", "allow")
    assert status(await api.auth(call, Who("erin"))) == ("deny", "deny")


@pytest_twisted.ensureDeferred
async def test_a_user_is_named_in_many_ways(api: Api) -> None:
    api.service.add_alias(api.alice, "al")
    same = [Who(user_id=api.alice), Who("al"), Who("ALICE"), Who("CORP\\alice"), Who("alice@corp")]
    devices = (await api.preauth(ALICE)).devices
    for who in same:
        assert (await api.preauth(who)).devices == devices
    strict = app(username_normalization="none")
    found = [(await api.preauth(who, strict)).result for who in same]
    assert found == ["auth", "auth", "auth", "enroll", "enroll"]


@pytest.mark.parametrize("who", [Who(), Who("alice", "USALICE"), Who("  ")])
@pytest_twisted.ensureDeferred
async def test_a_call_names_one_user(api: Api, who: Who) -> None:
    assert await wrong(api.preauth(who)) == "username"
    assert await wrong(api.auth(PUSH, who)) == "username"


@pytest_twisted.ensureDeferred
async def test_an_id_of_nobody_is_an_error_a_name_of_nobody_a_refusal(api: Api) -> None:
    nobody = Who(user_id="DU" + "0" * 18)
    for call in (PUSH, AuthCall("passcode", passcode="123456")):
        assert await wrong(api.auth(call, nobody)) == "user_id"
        assert status(await api.auth(call, Who("nobody"))) == ("deny", "deny")
    assert await wrong(api.preauth(nobody)) == "user_id"


# ---------------------------------------------------------------- auth


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (PushStatus.APPROVED, ("allow", "allow")),
        (PushStatus.DENIED, ("deny", "deny")),
        (PushStatus.FRAUD, ("deny", "fraud")),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_push_ends_as_the_phone_says(api: Api, decision: PushStatus, expected: tuple[str, str]) -> None:
    answering = api.auth(PUSH)
    await api.decide(decision)
    assert status(await answering) == expected
    (login,) = api.logins()
    assert (login.section, login.username, login.nas, login.client_ip) == ("ssh", "alice", "db1", "198.51.100.7")
    assert (login.result, login.factor) == ("accept" if expected[0] == "allow" else "reject", "push")
    assert login.steps[-1].stage == "second factor"
    assert api.told == [login]


@pytest_twisted.ensureDeferred
async def test_a_push_shows_what_the_application_says(api: Api) -> None:
    shown = {"from": "login portal", "domain": "<b>example.com"}
    call = AuthCall("push", type="Transfer", display_username="Bob B.", hostname="db1", pushinfo=shown)
    answering = api.auth(call)
    await api.settled()
    (push,) = api.service.notifies.sent
    detail = json.loads(push.detail)
    assert json.loads(detail.pop("pushinfo")) == shown
    assert detail == {"type": "Transfer", "display_username": "Bob B.", "hostname": "db1"}
    await api.decide()
    await answering
    assert await wrong(api.auth(AuthCall("push", pushinfo={"a": "x" * 20_000}))) == "pushinfo"


@pytest_twisted.ensureDeferred
async def test_half_characters_harm_nothing(api: Api) -> None:
    call = AuthCall("push", ip_address="\udc80", hostname="\udc80", type="\udc80", pushinfo={"\udc80": "\udc80"})
    answering = api.auth(call)
    await api.decide()
    assert status(await answering) == ("allow", "allow")
    assert api.logins()[0].nas == "?"
    assert await wrong(api.auth(call, Who(user_id="\udc80"))) == "user_id"
    assert status(await api.auth(call, Who("\udc80"))) == ("deny", "deny")


@pytest_twisted.ensureDeferred
async def test_auto_pushes_if_it_can_and_calls_if_not(api: Api) -> None:
    answering = api.auth(AuthCall("auto", device="auto"))
    await api.decide()
    assert status(await answering) == ("allow", "allow")
    answering = api.auth(AuthCall("auto", device=api.landline))
    await api.settled()
    api.service.calls.end(CallEnd.CONFIRMED)
    assert status(await answering) == ("allow", "allow")
    assert [login.factor for login in api.logins()] == ["phone", "push"]


@pytest_twisted.ensureDeferred
async def test_a_device_must_be_the_users_own_and_able(api: Api) -> None:
    bobs = api.service.add_phone(api.service.add_user("bob"), app="")
    for device in (bobs, "DP" + "0" * 18, "nonsense"):
        assert await wrong(api.auth(AuthCall("push", device=device))) == "device"
        assert await wrong(api.begin(AuthCall("push", device=device))) == "device"
    assert await wrong(api.auth(AuthCall("push", device=api.landline))) == "no capable device"
    assert await wrong(api.auth(AuthCall("push"), Who("bob"))) == "no capable device"
    assert await wrong(api.auth(AuthCall("teleport"))) == "factor"
    assert await wrong(api.auth(AuthCall("passcode"))) == "passcode"
    assert api.logins() == []


@pytest.mark.parametrize("word", ["push3", "phone9", "7", "", "what?", "sms2", "\udc80"])
@pytest_twisted.ensureDeferred
async def test_what_a_user_types_is_refused_but_never_an_error(api: Api, word: str) -> None:
    assert status(await api.auth(AuthCall("prompt", word=word))) == ("deny", "deny")
    assert len(api.logins()) == 1


@pytest_twisted.ensureDeferred
async def test_words_of_the_text_prompt(api: Api) -> None:
    answering = api.auth(AuthCall("prompt", word="push1"))
    await api.decide()
    assert status(await answering) == ("allow", "allow")
    assert status(await api.auth(AuthCall("prompt", word=totp()))) == ("allow", "allow")
    assert status(await api.auth(AuthCall("prompt", word="sms"))) == ("deny", "sent")
    answering = api.auth(AuthCall("prompt", word="phone2"))
    await api.settled()
    assert api.service.calls.placed[0].phone.id == api.landline
    api.service.calls.end(CallEnd.NO_KEY)
    assert status(await answering) == ("deny", "deny")


@pytest_twisted.ensureDeferred
async def test_hotp_codes_within_the_window_once_each(api: Api) -> None:
    bob = api.service.add_user("bob")
    api.service.add_device(bob, kind="hotp", origin="hardware", serial="1", seed=b"x" * 20)
    found = []
    for counter in (0, 0, 1, 4, 3, 40):
        call = AuthCall("passcode", passcode=hotp(b"x" * 20, counter))
        found.append((await api.auth(call, Who("bob"))).result)
    assert found == ["allow", "deny", "allow", "allow", "deny", "deny"]


@pytest_twisted.ensureDeferred
async def test_factors_that_the_policy_leaves_out_are_not_offered(api: Api) -> None:
    only = app(factors=["phone"])
    found = await api.preauth(ALICE, only, text_prompt=True)
    assert [device.capabilities for device in found.devices] == [("auto", "phone")] * 2
    assert dict(found.words) == {"1": "phone1", "2": "phone2", "default": "phone1"}
    assert status(await api.auth(PUSH, application=only)) == ("deny", "deny")
    assert status(await api.auth(AuthCall("passcode", passcode=totp()), application=only)) == ("deny", "deny")


@pytest_twisted.ensureDeferred
async def test_the_attempt_that_locks_out_says_so_and_a_right_code_resets(tmp_path: Path) -> None:
    api = Api(tmp_path / "strict", lockout_after=3)
    bad, good = AuthCall("passcode", passcode="000000"), AuthCall("passcode", passcode=totp())
    found = [status(await api.auth(call))[1] for call in (bad, bad, good, bad, bad, bad, good)]
    assert found == ["deny", "deny", "allow", "deny", "deny", "locked_out", "locked_out"]
    assert (await api.preauth(ALICE)).result == "deny"
    await api.service.stop()


@pytest_twisted.ensureDeferred
async def test_who_is_let_through_or_kept_out_is_not_asked(api: Api) -> None:
    api.service.add_user("carol", status="bypass")
    api.service.add_user("dave", status="disabled")
    for call in (PUSH, AuthCall("passcode", passcode="000000")):
        assert status(await api.auth(call, Who("carol"))) == ("allow", "bypass")
        assert status(await api.auth(call, Who("dave"))) == ("deny", "deny")
    assert status(await api.auth(PUSH, Who("x"), app(new_user_policy="allow"))) == ("allow", "bypass")


@pytest_twisted.ensureDeferred
async def test_a_client_that_hangs_up_withdraws_its_push_and_is_recorded(api: Api) -> None:
    answering = api.auth(PUSH)
    await api.service.only_push()
    answering.addErrback(lambda failure: None)
    answering.cancel()
    await api.settled()
    assert api.service.value("SELECT status FROM pushes") == "cancelled"
    assert [login.reason for login in api.logins()] == ["the client gave up"]


@pytest_twisted.ensureDeferred
async def test_nobody_is_let_in_whose_login_can_not_be_recorded(api: Api) -> None:
    api.service.change("DROP TABLE logins")
    with pytest.raises(Exception, match="logins"):
        await api.auth(AuthCall("passcode", passcode=totp()))
    assert api.service.value("SELECT last_step FROM devices") is None  # the code is not used up either
    with pytest.raises(Exception, match="logins"):
        await api.auth(AuthCall("sms"))


# ---------------------------------------------------------------- in the background


@pytest_twisted.ensureDeferred
async def test_progress_tells_news_at_once_then_waits_for_the_end(api: Api) -> None:
    txid = await api.begin(PUSH)
    assert status(await api.progress(txid)) == ("waiting", "pushed")
    polling = api.progress(txid)
    await api.decide()
    assert status(await polling) == ("allow", "allow")
    for _ in range(3):
        assert status(await api.progress(txid)) == ("allow", "allow")
    api.clock.advance(KEEP_SECONDS)
    assert await wrong(api.progress(txid)) == "txid"


@pytest_twisted.ensureDeferred
async def test_a_poll_is_held_and_few_of_them_reach_the_timeout(api: Api) -> None:
    txid = await api.begin(PUSH)
    await api.service.only_push()
    found = [await api.progress(txid)]
    while found[-1].result == "waiting":
        polling = api.progress(txid)
        api.service.now.now += HOLD_SECONDS
        api.clock.advance(HOLD_SECONDS - 0.1)
        await api.settled()
        assert polling.called == (len(found) > 60 // HOLD_SECONDS)
        api.clock.advance(0.1)
        found.append(await polling)
    assert status(found[-1]) == ("deny", "timeout")
    assert len(found) <= 20  # after which duo_unix gives up


@pytest_twisted.ensureDeferred
async def test_the_stages_of_a_call_are_told(api: Api) -> None:
    txid = await api.begin(AuthCall("phone"))
    await api.settled()
    assert status(await api.progress(txid)) == ("waiting", "calling")
    api.service.calls.answer()
    assert status(await api.progress(txid)) == ("waiting", "answered")
    polling = api.progress(txid)
    api.service.calls.end(CallEnd.FRAUD)
    assert status(await polling) == ("deny", "fraud")
    assert [report.factor for report in api.service.frauds.reports] == ["phone"]


@pytest_twisted.ensureDeferred
async def test_a_transaction_is_its_applications_own(api: Api) -> None:
    txid = await api.begin(PUSH)
    assert await wrong(api.progress(txid, app("other"))) == "txid"
    assert await wrong(api.progress("nonsense")) == "txid"
    await api.decide()
    await api.settled()


@pytest_twisted.ensureDeferred
async def test_several_polls_of_one_transaction_are_all_answered(api: Api) -> None:
    txid = await api.begin(PUSH)
    await api.progress(txid)
    polls = [api.progress(txid) for _ in range(3)]
    gone = api.progress(txid)
    gone.addErrback(lambda failure: None)
    gone.cancel()
    await api.decide()
    for poll in polls:
        assert status(await poll) == ("allow", "allow")


def test_transactions_are_bounded() -> None:
    clock = Clock()
    transactions = OpenTransactions(clock, most=2)
    opened = [transactions.open("ssh") for _ in range(2)]
    with pytest.raises(StoreUnavailable):
        transactions.open("ssh")
    transactions.end(opened[0], Progress("deny", "deny", ""))
    clock.advance(KEEP_SECONDS)
    transactions.open("ssh")
    assert len(transactions) == 2


# ---------------------------------------------------------------- verified pushes


@pytest.mark.parametrize(("is_right", "expected"), [(True, ("allow", "allow")), (False, ("deny", "deny"))])
@pytest_twisted.ensureDeferred
async def test_the_code_of_a_verified_push_is_typed_on_the_phone(
    api: Api, is_right: bool, expected: tuple[str, str]
) -> None:
    application = app(verified_push=True)
    prepared = await api.preauth(ALICE, application, verified_push=True, text_prompt=True)
    assert prepared.words["default"] == "verified_push1"
    code = prepared.verification_code
    call = AuthCall("push", txid=prepared.txid)
    answering = api.auth(call, application=application)
    await api.settled()
    (push,) = api.service.notifies.sent
    assert (push.mode, push.options, push.answer) == ("number", "", code)
    assert code not in repr(push) + push.detail
    await api.decide(entered=code if is_right else "x")
    assert status(await answering) == expected
    assert await wrong(api.auth(call, application=application)) == "txid"


@pytest_twisted.ensureDeferred
async def test_verified_pushes_are_prepared_where_the_policy_and_the_client_want_them(api: Api) -> None:
    bob = api.service.add_user("bob")
    api.service.add_phone(bob, app="")
    verified = app(verified_push=True)
    assert (await api.preauth(ALICE, verified)).txid == ""
    assert (await api.preauth(ALICE, app(), verified_push=True)).txid == ""
    assert (await api.preauth(Who("bob"), verified, verified_push=True)).txid == ""
    prepared = await api.preauth(ALICE, verified, verified_push=True)
    assert await wrong(api.auth(AuthCall("push", txid=prepared.txid), application=app("other"))) == "txid"
    api.clock.advance(61)
    assert await wrong(api.auth(AuthCall("push", txid=prepared.txid), application=verified)) == "txid"


# ---------------------------------------------------------------- enrollment


@pytest_twisted.ensureDeferred
async def test_enroll_makes_a_user_whose_activation_can_be_watched(api: Api) -> None:
    made = await api.api.enroll(app(), "CORP\\Henry", 60)
    assert (made.username, made.expires) == ("henry", api.service.now() + 60)
    assert re.fullmatch(r"DU[A-Z2-7]{18}", made.user_id)
    assert re.fullmatch(r"duo://[A-Za-z0-9]{20}-.*", made.activation_code)

    async def told(code: str = made.activation_code, user_id: str = made.user_id) -> str:
        return await api.api.enroll_status(app(), user_id, code)

    assert await told() == "waiting"
    assert await told("duo://x") == "invalid"
    assert await told(user_id=api.alice) == "invalid"
    api.service.now.now += 61
    assert await told() == "invalid"
    api.service.now.now -= 61
    api.service.change("UPDATE activations SET claimed = 1")
    assert await told() == "success"
    assert api.service.value("SELECT count(*) FROM phone_users") == 3


@pytest_twisted.ensureDeferred
async def test_enroll_makes_up_a_name_and_refuses_one_that_is_taken(api: Api) -> None:
    api.service.add_alias(api.alice, "al")
    made = await api.api.enroll(app(), "", 86_400)
    assert re.fullmatch(r"[0-9a-f]{32}", made.username)
    for name in ("alice", "CORP\\ALICE", "al"):
        assert "exists" in await wrong(Deferred.fromCoroutine(api.api.enroll(app(), name, 60)))
    assert "no user name" in await wrong(Deferred.fromCoroutine(api.api.enroll(app(), "a\x00b", 60)))
