from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from authproxy.authenticator import Authenticator
from authproxy.deadlines import Deadlines
from authproxy.errors import PrimaryUnavailable, SecondFactorUnavailable, StoreUnavailable
from authproxy.model import (
    Accept,
    Allowed,
    Ask,
    AuthRequest,
    Challenge,
    Denied,
    Factor,
    Identity,
    JsonValue,
    LoginRecord,
    Outcome,
    Passcode,
    Prompt,
    Reason,
    Refused,
    Reject,
    Trail,
    Verdict,
)
from authproxy.policy import Rules
from authproxy.store.memory import MemoryChallenges, MemoryJournal
from authproxy.typed import Appended, FieldReader
from tests.conftest import LoggedFailures

ALICE = Identity("alice", dn="uid=alice,dc=example", attributes=(b"\x19\x05abc",))
PROMPT = Prompt("Enter a passcode", {"tries": 1})


class Passwords:
    """A Primary that knows alice's password, ``secret``; or fails as it is told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked: list[bytes] = []

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied:
        self.asked.append(password)
        if self.failure is not None:
            raise self.failure
        return ALICE if password == b"secret" else Denied(Reason.BAD_PASSWORD, "data 52e", (b"\x12\x04no",))


class Factors:
    """A SecondFactor that gives the answers it was given, in turn; a Deferred among them is waited for."""

    def __init__(self, *answers: Verdict | Exception | Deferred[Verdict]) -> None:
        self._answers = list(answers)
        self.asked: list[Ask] = []
        self.replies: list[tuple[dict[str, JsonValue], str]] = []

    async def begin(self, who: Identity, ask: Ask, request: AuthRequest) -> Verdict:
        self.asked.append(ask)
        return await self._next()

    async def answer(
        self, who: Identity, resume: Mapping[str, JsonValue], reply: str, request: AuthRequest
    ) -> Verdict:
        self.replies.append((dict(resume), reply))
        return await self._next()

    async def _next(self) -> Verdict:
        match self._answers.pop(0):
            case Exception() as error:
                raise error
            case Deferred() as waiting:
                return await waiting
            case verdict:
                return verdict


class BrokenJournal(MemoryJournal):
    async def record(self, login: LoginRecord) -> None:
        raise StoreUnavailable("database or disk is full")


class Login:
    """An Authenticator with its surroundings."""

    def __init__(
        self,
        second_factor: Factors,
        primary: Passwords | None = None,
        rules: Rules | None = None,
        fields: FieldReader | None = None,
        journal: Any = None,
    ) -> None:
        self.clock = Clock()
        self.journal = journal or MemoryJournal()
        self.primary = primary or Passwords()
        self.announced: list[LoginRecord] = []
        self.primary_only = ""
        self.authenticator = Authenticator(
            rules or Rules(),
            fields or Appended(),
            self.primary,
            second_factor,
            MemoryChallenges(300, self.clock.seconds),
            self.journal,
            self.announced.append,
            Deadlines(self.clock, 55),
            self.clock.seconds,
            lambda: self.primary_only,
        )

    def request(self, password: bytes, **changes: Any) -> AuthRequest:
        trail = Trail(self.clock.seconds)
        asked = AuthRequest("K7Q2ABCDEF", "auto", "alice", password, "192.0.2.1", None, trail)
        return replace(asked, **changes)

    def start(self, password: bytes, **changes: Any) -> Deferred[Outcome]:
        return Deferred.fromCoroutine(self.authenticator.start(self.request(password, **changes)))

    def resume(self, state: bytes, reply: bytes, **changes: Any) -> Deferred[Outcome]:
        return Deferred.fromCoroutine(self.authenticator.resume(state, self.request(reply, **changes)))


def result(deferred: Deferred[Outcome]) -> Outcome:
    """What it has fired with; fails the test if it has not."""
    fired: list[Outcome] = []
    deferred.addCallback(fired.append)
    assert fired, "not decided yet"
    return fired[0]


def test_right_password_and_code_are_accepted_with_the_upstreams_attributes() -> None:
    factors = Factors(Allowed("passcode", device="token"))
    login = Login(factors)
    assert result(login.start(b"secret,123456")) == Accept("Success. Logging you in...", ALICE.attributes)
    assert factors.asked[0].typed == Passcode("123456")
    recorded = login.journal.logins
    assert recorded == login.announced
    assert (recorded[0].result, recorded[0].factor, recorded[0].device) == ("accept", "passcode", "token")
    assert [(step.stage, step.result) for step in recorded[0].steps] == [
        ("primary", "ok"),
        ("second factor", "allowed"),
    ]


def test_a_wrong_password_is_rejected_without_asking_the_second_factor() -> None:
    login = Login(Factors())
    assert result(login.start(b"wrong,123456")) == Reject("Access denied.", (b"\x12\x04no",))
    assert login.announced[0].reason == "bad password"


def test_a_refused_second_factor_is_a_reject_with_its_message() -> None:
    login = Login(Factors(Refused(Reason.PUSH_DENIED, "Login request denied.")))
    assert result(login.start(b"secret")) == Reject("Login request denied.")
    assert login.announced[0].reason == "push denied"


def test_concat_mode_refuses_a_bare_password_before_checking_it() -> None:
    login = Login(Factors(), rules=Rules(must_type_factor=True))
    assert isinstance(result(login.start(b"secret")), Reject)
    assert login.primary.asked == []


def test_an_exempt_user_is_accepted_by_password_alone_and_recorded_as_exempt() -> None:
    login = Login(Factors(), rules=Rules(exempt_usernames=frozenset({"alice"})))
    assert isinstance(result(login.start(b"secret")), Accept)
    assert login.journal.logins[0].factor == "exempt"
    assert isinstance(result(login.start(b"wrong")), Reject)


@pytest.mark.parametrize("typed", [b"secret,phone", b"secret,sms"])
def test_a_factor_that_the_section_does_not_allow_is_refused(typed: bytes) -> None:
    login = Login(Factors(), rules=Rules(factors=(Factor.PUSH,)))
    assert isinstance(result(login.start(typed)), Reject)
    assert login.announced[0].reason == "factor not allowed here"


# ---------------------------------------------------------------- challenges


def challenged(login: Login) -> Challenge:
    outcome = result(login.start(b"secret"))
    assert isinstance(outcome, Challenge)
    return outcome


def test_a_challenge_is_answered_once_and_keeps_its_login_id() -> None:
    factors = Factors(PROMPT, Allowed("passcode"))
    login = Login(factors, rules=Rules(can_prompt=True))
    challenge = challenged(login)
    assert challenge.text == "Enter a passcode"
    outcome = result(login.resume(challenge.state, b"123456", login_id="ANOTHERXXX"))
    assert outcome == Accept("Success. Logging you in...", ALICE.attributes)
    assert factors.replies == [({"tries": 1}, "123456")]
    assert [record.login_id for record in login.announced] == ["K7Q2ABCDEF"] * 2
    assert isinstance(result(login.resume(challenge.state, b"123456")), Reject)
    assert login.announced[-1].reason == "unknown, used or expired challenge"


@pytest.mark.parametrize("other", [{"nas": "192.0.2.2"}, {"username": "bob"}, {"section": "other"}])
def test_a_challenge_is_bound_to_section_appliance_and_user_and_spent_by_the_attempt(
    other: dict[str, str],
) -> None:
    login = Login(Factors(PROMPT), rules=Rules(can_prompt=True))
    challenge = challenged(login)
    assert isinstance(result(login.resume(challenge.state, b"123456", **other)), Reject)
    assert isinstance(result(login.resume(challenge.state, b"123456")), Reject)


def test_an_expired_or_invented_state_is_a_reject_never_a_new_login() -> None:
    login = Login(Factors(PROMPT), rules=Rules(can_prompt=True))
    challenge = challenged(login)
    login.clock.advance(301)
    assert isinstance(result(login.resume(challenge.state, b"123456")), Reject)
    assert isinstance(result(login.resume(b"x" * 24, b"secret,123456")), Reject)
    assert login.primary.asked == [b"secret"]


def test_a_second_prompt_is_a_second_challenge() -> None:
    login = Login(
        Factors(PROMPT, Prompt("Again", {"tries": 2}), Allowed("passcode")), rules=Rules(can_prompt=True)
    )
    again = result(login.resume(challenged(login).state, b"nonsense"))
    assert isinstance(again, Challenge)
    assert again.text == "Again"
    assert isinstance(result(login.resume(again.state, b"123456")), Accept)


# ---------------------------------------------------------------- primary-only mode


class Whoever(Passwords):
    """As an upstream server that accepts somebody, without saying whom."""

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied:
        return replace(ALICE, doubt="the device may be somebody else's")


@pytest.mark.parametrize("typed", [b"secret", b"secret,123456", b"secret,phone"])
def test_in_primary_only_mode_a_right_password_is_enough_and_nobody_is_asked(typed: bytes) -> None:
    login = Login(Factors(), rules=Rules(factors=(Factor.PASSCODE,), must_type_factor=True))
    login.primary_only = "until noon"
    assert result(login.start(typed)) == Accept("Success. Logging you in...", ALICE.attributes)
    (record,) = login.journal.logins
    assert (record.factor, record.reason) == ("primary-only", "primary-only")
    assert [(step.stage, step.result, step.detail) for step in record.steps][1:] == [
        ("policy", "primary-only", "until noon")
    ]
    assert isinstance(result(login.start(b"wrong")), Reject)
    login.primary_only = ""
    assert isinstance(result(login.start(b"secret")), Reject)


def test_in_primary_only_mode_an_open_challenge_is_answered_by_anything_from_who_has_it() -> None:
    login = Login(Factors(PROMPT), rules=Rules(can_prompt=True))
    challenge = challenged(login)
    login.primary_only = "until noon"
    assert isinstance(result(login.resume(b"x" * 24, b"123456")), Reject)
    assert isinstance(result(login.resume(challenge.state, b"")), Accept)


def test_in_primary_only_mode_the_exempt_are_exempt_and_who_is_in_doubt_stays_out() -> None:
    login = Login(Factors(), rules=Rules(exempt_usernames=frozenset({"alice"})))
    login.primary_only = "until noon"
    assert isinstance(result(login.start(b"secret")), Accept)
    assert login.announced[0].factor == "exempt"
    doubtful = Login(Factors(), Whoever())
    doubtful.primary_only = "until noon"
    assert isinstance(result(doubtful.start(b"secret")), Reject)
    assert "primary-only does not count" in doubtful.announced[0].steps[-1].detail


# ---------------------------------------------------------------- when something fails


def test_without_the_directory_nobody_gets_in_whatever_failmode_says(logged_failures: LoggedFailures) -> None:
    login = Login(Factors(), Passwords(PrimaryUnavailable("no answer from dc1")), Rules(is_fail_open=True))
    assert isinstance(result(login.start(b"secret")), Reject)
    assert login.announced[0].reason == "no answer from the primary server"


def test_failmode_safe_accepts_and_secure_rejects_when_the_second_factor_can_not_be_reached() -> None:
    for is_open, expected in ((True, Accept), (False, Reject)):
        login = Login(Factors(SecondFactorUnavailable("timed out")), rules=Rules(is_fail_open=is_open))
        assert isinstance(result(login.start(b"secret")), expected)
        assert login.announced[0].factor == ("failmode" if is_open else "")


def test_a_broken_database_never_fails_open() -> None:
    login = Login(Factors(StoreUnavailable("disk full")), rules=Rules(is_fail_open=True))
    assert isinstance(result(login.start(b"secret,123456")), Reject)


def test_an_accept_that_can_not_be_recorded_is_not_given() -> None:
    login = Login(Factors(Allowed("passcode")), journal=BrokenJournal())
    assert isinstance(result(login.start(b"secret,123456")), Reject)
    assert (login.announced[0].result, login.announced[0].reason) == ("reject", "the login could not be recorded")


def test_a_bug_in_a_room_is_a_reject_and_a_logged_failure(logged_failures: LoggedFailures) -> None:
    login = Login(Factors(RuntimeError("bug")))
    assert isinstance(result(login.start(b"secret,123456")), Reject)
    assert login.announced[0].reason == "internal error"
    assert len(logged_failures.flush()) == 1


def test_the_appliance_is_told_no_before_it_gives_up_and_a_late_approval_changes_nothing() -> None:
    approval: Deferred[Verdict] = Deferred()
    login = Login(Factors(approval))
    answer = login.start(b"secret")
    login.clock.advance(54)
    assert login.announced == []
    login.clock.advance(1)
    assert isinstance(result(answer), Reject)
    assert login.announced[0].reason == "no answer in time"
    approval.callback(Allowed("push"))
    assert len(login.announced) == 1
