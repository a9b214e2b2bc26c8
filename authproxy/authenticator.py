"""One login, from request to recorded outcome: primary, policy, second factor, journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from authproxy.deadlines import Deadlines
from authproxy.errors import AuthproxyError, PrimaryUnavailable, SecondFactorUnavailable, StoreUnavailable
from authproxy.model import (
    ACCESS_DENIED,
    SUCCESS,
    Accept,
    Allowed,
    Ask,
    AuthRequest,
    Challenge,
    Challenges,
    Continue,
    Denied,
    Entry,
    Identity,
    Journal,
    LoginRecord,
    Outcome,
    PendingChallenge,
    Primary,
    Prompt,
    Reason,
    Refused,
    Reject,
    SecondFactor,
    Step,
    Typed,
    Verdict,
)
from authproxy.policy import Exempt, Forbidden, Rules, decide, is_factor_missing
from authproxy.typed import FieldReader
from authproxy.value import value

_log = Logger()


@value
class Decision:
    """An outcome, and what log and trail say about it. ``who``: whose password was right. ``record``: what the
    journal holds of it already."""

    outcome: Outcome
    reason: str = ""
    factor: str = ""
    device: str = ""
    who: Identity | None = None
    record: LoginRecord | None = None


def _accept(message: str, who: Identity) -> Accept:
    return Accept(message, who.attributes, who.sealed)


def _rejected(reason: Reason, message: str = ACCESS_DENIED, factor: str = "") -> Decision:
    return Decision(Reject(message, reason=reason), reason, factor)


class Authenticator:
    """The login pipeline of one server section. ``announce`` is told of every decided login. ``primary_only``: why
    a right password is enough for everybody now; empty if it is not."""

    def __init__(
        self,
        rules: Rules,
        field_reader: FieldReader,
        primary: Primary,
        second_factor: SecondFactor,
        challenges: Challenges,
        journal: Journal,
        announce: Callable[[LoginRecord], None],
        deadlines: Deadlines,
        wall_clock: Callable[[], float],
        primary_only: Callable[[], str] = lambda: "",
    ) -> None:
        self._rules = rules
        self._fields = field_reader
        self._primary = primary
        self._second_factor = second_factor
        self._challenges = challenges
        self._journal = journal
        self._announce = announce
        self._deadlines = deadlines
        self._wall_clock = wall_clock
        self._primary_only = primary_only

    async def start(self, request: AuthRequest, primary: Primary | None = None) -> Outcome:
        """A new login. See ``model.Authenticates``."""
        work = self._decide_new(request, primary or self._primary)
        return await self._conclude(request, await self._in_time(request, work))

    async def resume(self, state: bytes, request: AuthRequest) -> Outcome:
        """The answer to a challenge. See ``model.Authenticates``."""
        try:  # what has a conversation goes on by ``start``, as long as the front door knows it
            pending = None if request.conversation else await self._challenges.redeem(state)
        except StoreUnavailable as error:
            return await self._conclude(request, self._failed(request, "challenge", error, Reason.INTERNAL_ERROR))
        if pending is None or not _is_bound_to(pending, request):
            request.trail.add("challenge", "stale", "" if pending is None else "issued for another login")
            return await self._conclude(request, _rejected(Reason.STALE_CHALLENGE))
        same_login = replace(request, login_id=pending.login_id)
        work = self._decide_answer(pending, same_login)
        return await self._conclude(same_login, await self._in_time(same_login, work))

    # ------------------------------------------------------------ the three stages

    async def _decide_new(self, request: AuthRequest, primary: Primary) -> Decision:
        field = self._fields.read(request.password)
        if is_factor_missing(self._rules, field.typed) and not self._primary_only():
            request.trail.add("policy", "refused", "the password field names no factor and holds no passcode")
            return _rejected(Reason.NO_PASSCODE)
        try:
            who = await primary.check(request, field.password)
        except PrimaryUnavailable as error:
            return self._failed(request, "primary", error, Reason.PRIMARY_UNAVAILABLE)
        if isinstance(who, Continue):
            return Decision(who)
        if isinstance(who, Denied):
            request.trail.add("primary", "denied", _explained(who.reason, who.detail))
            return Decision(Reject(attributes=who.attributes, reason=who.reason), who.reason)
        request.trail.add("primary", "ok", who.dn or who.username)
        decision = await self._decide_more(request, who, field.typed)
        return decision if decision.who is who else replace(decision, who=who)

    async def _decide_more(self, request: AuthRequest, who: Identity, typed: Typed | None) -> Decision:
        match decide(self._rules, who, request.login_name, typed):
            case Exempt(why):
                request.trail.add("policy", "exempt", why)
                return Decision(_accept(SUCCESS, who), why, "exempt")
            case Forbidden() | Ask() if why := self._primary_only():
                return self._password_alone(request, who, why)
            case Forbidden(reason, detail):
                request.trail.add("policy", "refused", detail)
                return _rejected(reason)
            case Ask() as ask:
                if request.conversation is not None:  # its device shows no text of ours
                    ask = replace(ask, can_prompt=False, can_enroll=False)
                return await self._begin(request, who, ask)

    async def _begin(self, request: AuthRequest, who: Identity, ask: Ask) -> Decision:
        """The verdict on a passcode is reached in the store, and recorded there at once."""
        entry = self._journal.entry(partial(self._record_of, request, who))
        return await self._ask(
            request, who, self._second_factor.begin(who, replace(ask, entry=entry), request), entry
        )

    async def _decide_answer(self, pending: PendingChallenge, request: AuthRequest) -> Decision:
        if why := self._primary_only():
            return self._password_alone(request, pending.who, why)
        reply = request.password.decode("utf-8", "replace")
        answer = self._second_factor.answer(pending.who, pending.resume, reply, request)
        return await self._ask(request, pending.who, answer)

    def _password_alone(self, request: AuthRequest, who: Identity, why: str) -> Decision:
        """Primary-only mode: nobody is asked for more. Where a second factor would have to make up for doubt of
        whose password it was, there is none to do so."""
        if who.doubt:
            request.trail.add("policy", "refused", f"primary-only does not count: {who.doubt}")
            return _rejected(Reason.UNSUPPORTED)
        request.trail.add("policy", "primary-only", why)
        return Decision(_accept(SUCCESS, who), "primary-only", "primary-only")

    async def _ask(
        self, request: AuthRequest, who: Identity, question: Awaitable[Verdict], entry: Entry | None = None
    ) -> Decision:
        try:
            verdict = await question
        except SecondFactorUnavailable as error:
            return self._fall_back(request, who, error)
        except StoreUnavailable as error:  # our own database: failmode is for a service that can't be reached
            return self._failed(request, "second factor", error, Reason.SECOND_FACTOR_UNAVAILABLE)
        if isinstance(verdict, Prompt):
            return await self._challenge(request, who, verdict)
        counted = _counted(verdict, who)
        record = entry.recorded(verdict) if entry is not None else None
        if record is None:
            request.trail.add("second factor", *_told(counted))
        return _judged(counted, who, record)

    async def _challenge(self, request: AuthRequest, who: Identity, prompt: Prompt) -> Decision:
        pending = PendingChallenge(
            request.section, request.nas, request.username, who, prompt.resume, request.login_id
        )
        try:
            state = await self._challenges.issue(pending)
        except StoreUnavailable as error:
            return self._failed(request, "challenge", error, Reason.NOT_RECORDED)
        request.trail.add("second factor", "challenge", "waiting for the user's answer")
        return Decision(Challenge(prompt.text, state))

    # ------------------------------------------------------------ when something fails

    def _fall_back(self, request: AuthRequest, who: Identity, error: AuthproxyError) -> Decision:
        """``failmode``: what a right password is worth while nobody can be asked for more."""
        refusal = self._failed(request, "second factor", error, Reason.SECOND_FACTOR_UNAVAILABLE)
        if not self._rules.is_fail_open or who.doubt:
            return refusal
        request.trail.add("policy", "failmode safe", "the password alone was enough")
        return Decision(_accept(SUCCESS, who), "failmode", "failmode")

    def _failed(self, request: AuthRequest, stage: str, error: AuthproxyError, reason: Reason) -> Decision:
        request.trail.add(stage, "unavailable", str(error))
        _log.error("{section}: {stage}: {problem}", section=request.section, stage=stage, problem=str(error),
                   login=request.login_id)  # fmt: skip
        return _rejected(reason)

    async def _in_time(self, request: AuthRequest, work: Coroutine[Any, Any, Decision]) -> Decision:
        deciding: Deferred[Decision] = Deferred.fromCoroutine(work)
        try:
            return await self._deadlines.watch(deciding)
        except CancelledError:
            if request.trail.elapsed() < self._deadlines.seconds:  # it was cancelled by whom we work for
                request.trail.add("client", "gone", "nobody waits for the answer any more")
                return _rejected(Reason.GIVEN_UP)
            request.trail.add("deadline", "passed", "the appliance would stop waiting")
            return _rejected(Reason.TIMED_OUT)
        except Exception:
            _log.failure("{section}: internal error", section=request.section, login=request.login_id)
            request.trail.add("pipeline", "failed", "see the log")
            return _rejected(Reason.INTERNAL_ERROR)

    # ------------------------------------------------------------ the record

    async def _conclude(self, request: AuthRequest, decision: Decision) -> Outcome:
        """Records before answering: an Accept that could not be recorded is not given. What goes on is no
        login yet."""
        if isinstance(decision.outcome, Continue):
            return decision.outcome
        if decision.record is not None:
            self._announce(decision.record)
            return decision.outcome
        record = self._record(request, decision, request.trail.steps)
        try:
            await self._journal.record(record)
        except StoreUnavailable as error:
            if not isinstance(decision.outcome, Reject):
                decision = self._failed(request, "journal", error, Reason.NOT_RECORDED)
                record = self._record(request, decision, request.trail.steps)
        self._announce(record)
        return decision.outcome

    def _record_of(self, request: AuthRequest, who: Identity, verdict: Verdict) -> LoginRecord:
        """For the journal's entry: called in the store's thread, and for nothing if the transaction fails."""
        assert not isinstance(verdict, Prompt)
        counted = _counted(verdict, who)
        step = request.trail.step("second factor", *_told(counted))
        return self._record(request, _judged(counted, who), (*request.trail.steps, step))

    def _record(self, request: AuthRequest, decision: Decision, steps: Iterable[Step]) -> LoginRecord:
        return LoginRecord(
            login_id=request.login_id,
            at=self._wall_clock(),
            section=request.section,
            username=decision.who.username if decision.who and request.dn else request.login_name,
            nas=request.nas,
            client_ip=request.client_ip,
            result=type(decision.outcome).__name__.lower(),
            reason=decision.reason,
            factor=decision.factor,
            device=decision.device,
            steps=tuple(steps),
            elapsed=request.trail.elapsed(),
            dn=request.dn,
        )


def _counted(verdict: Allowed | Refused, who: Identity) -> Allowed | Refused:
    """What a verdict is worth for a user of whom there is doubt: only a factor that was given makes up for it."""
    if who.doubt and isinstance(verdict, Allowed) and not verdict.is_given:
        return Refused(Reason.UNSUPPORTED, detail=f"{verdict.factor} does not count: {who.doubt}")
    return verdict


def _judged(verdict: Allowed | Refused, who: Identity, record: LoginRecord | None = None) -> Decision:
    match verdict:
        case Allowed(factor, message, device):
            return Decision(_accept(message, who), "", factor, device, who, record)
        case Refused(reason, message, factor):
            return Decision(Reject(message, reason=reason), reason, factor, "", who, record)


def _told(verdict: Allowed | Refused) -> tuple[str, str]:
    """What the trail says of it: result and detail."""
    match verdict:
        case Allowed(factor, _, device, detail=detail):
            return "allowed", _explained(f"{factor} {device}".strip(), detail)
        case Refused(reason, _, _, detail):
            return "refused", _explained(reason, detail)


def _is_bound_to(pending: PendingChallenge, request: AuthRequest) -> bool:
    return (pending.section, pending.nas, pending.typed_username) == (
        request.section,
        request.nas,
        request.username,
    )


def _explained(reason: str, detail: str) -> str:
    return f"{reason}: {detail}" if detail else str(reason)
