"""One login through the Auth API: what it asks for is found out first, then it goes on until it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from twisted.internet.defer import CancelledError

from authproxy.errors import StoreUnavailable
from authproxy.model import (
    Allowed,
    Entry,
    Factor,
    Journal,
    LoginRecord,
    Prompt,
    Reason,
    Refused,
    Trail,
    Verdict,
    new_login_id,
)
from authproxy.secondfactor import api_words
from authproxy.secondfactor.admission import Admission
from authproxy.secondfactor.api_login import push_detail, reach, wanted
from authproxy.secondfactor.api_policy import ApiPolicy
from authproxy.secondfactor.api_users import ApiUser, looking_up, name_of
from authproxy.secondfactor.authapi import Application, AuthCall, BadParameter, Progress, Who
from authproxy.secondfactor.gateways import CallStage
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.outofband import Asking, OutOfBand
from authproxy.secondfactor.passcodes import Passcodes, Tried, recorded
from authproxy.secondfactor.policy_factors import ALL_FACTORS, explained
from authproxy.secondfactor.policy_sections import PUSH
from authproxy.secondfactor.prepared import PreparedPushes
from authproxy.secondfactor.pushes import PushMode, Target
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.verification import Seals
from authproxy.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose login it is, as far as is known, and whence. ``name``: normalized."""

    application: str
    policy: ApiPolicy
    name: str
    client_ip: str
    hostname: str
    login_id: str
    trail: Trail = field(repr=False)

    def asking(self, user: Known) -> Asking:
        return Asking(
            user.user_id,
            user.username,
            self.application,
            self.client_ip,
            self.hostname,
            self.login_id,
            whence=self.client_ip,
        )


@dataclass(frozen=True, slots=True)
class Code:
    """A passcode to be tried."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToReach:
    """``target`` is what a push asks."""

    factor: Factor
    phone: Phone
    asking: Asking
    target: Target


@dataclass(frozen=True, slots=True)
class Ready:
    """A login that can go on by itself."""

    origin: Origin
    todo: Code | ToReach | Allowed | Refused


@dataclass(frozen=True, slots=True)
class Ended:
    """A login that was decided and recorded. ``progress``: what its user reads."""

    verdict: Allowed | Refused
    login: LoginRecord
    progress: Progress


class ApiLogins:
    def __init__(
        self,
        book: Rulebook,
        writer: Writer,
        seals: Seals,
        ways: OutOfBand,
        prepared: PreparedPushes,
        journal: Journal,
        announce: Callable[[LoginRecord], None],
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """``now``: epoch seconds. ``announce`` is told of every login that ended."""
        self._book = book
        self._writer = writer
        self._seals = seals
        self._ways = ways
        self._lines = ways.gateways.lines
        self._prepared = prepared
        self._journal = journal
        self._announce = announce
        self._now = now
        self._monotonic = monotonic

    @property
    def help_text(self) -> str:
        """What the account's settings tell users who need help; empty: nothing."""
        return self._book.rules.account.text("helpdesk_message")

    # ------------------------------------------------------------ what it asks for

    def origin(self, app: Application, who: Who, call: AuthCall) -> Origin:
        """Raises BadParameter."""
        policy, trail = ApiPolicy.of(app, self._book.rules), Trail(self._monotonic)
        name = name_of(who, policy.username_normalization)
        ip_address, hostname = _storable(call.ip_address), _storable(call.hostname)
        return Origin(app.name, policy, name, ip_address, hostname, new_login_id(), trail)

    async def find(self, origin: Origin, who: Who) -> tuple[Origin, ApiUser]:
        """Who it is. Raises BadParameter, StoreUnavailable."""
        admission = self.admission(origin)
        user = await self._writer.run(looking_up(origin.name, who.user_id, admission, self._lines, self._now()))
        if user is None:
            raise BadParameter("user_id")
        if isinstance(user.standing, Known):
            origin = replace(origin, policy=origin.policy.applied(user.standing.policy))
        return replace(origin, name=user.name), user

    def admission(self, origin: Origin) -> Admission:
        policy = origin.policy
        return Admission(self._book, origin.application, policy.own, origin.client_ip, policy.groups)

    async def prepare(self, app: Application, who: Who, call: AuthCall) -> Ready:
        """Raises BadParameter, StoreUnavailable."""
        asked = wanted(call)
        origin = self.origin(app, who, call)
        if asked.code and origin.name:
            return Ready(origin, Code(asked.code))
        origin, user = await self.find(origin, who)
        if asked.code:
            return Ready(origin, Code(asked.code))
        if not isinstance(user.standing, Known):
            return Ready(origin, user.standing)
        if asked.choice is None:
            return Ready(origin, Refused(Reason.NO_PASSCODE, detail="neither a passcode nor a factor's name"))
        reached = reach(asked, user.standing.phones, origin.policy.factors, self._lines)
        if isinstance(reached, Refused):
            return Ready(origin, explained(reached, user.standing.policy))
        if reached.factor is Factor.PUSH and not call.txid and PUSH not in user.standing.policy.factors.allowed:
            why = f"{user.standing.policy.who_decided('factors')}: the client shows no code for a verified push"
            return Ready(origin, Refused(Reason.FACTOR_NOT_ALLOWED, factor=Factor.PUSH, detail=why))
        assert reached.phone is not None
        return Ready(origin, self._to_reach(origin, user.standing, reached.factor, reached.phone, call))

    def _to_reach(self, origin: Origin, user: Known, factor: Factor, phone: Phone, call: AuthCall) -> ToReach:
        asking = origin.asking(user)
        target = Target(phone.id, phone.label, detail=push_detail(call))
        if factor is Factor.PUSH and call.txid:
            prepared = self._prepared.take(origin.application, user.username, call.txid)
            if prepared is None:
                raise BadParameter("txid")
            target = replace(target, mode=PushMode.NUMBER, answer=prepared.code)
        return ToReach(factor, phone, asking, target)

    # ------------------------------------------------------------ until it is recorded

    async def run(self, ready: Ready, told: Callable[[Progress], None]) -> Ended:
        """``told`` is told of each stage. The end is recorded before it is returned. Raises StoreUnavailable."""
        origin = ready.origin
        entry = self._journal.entry(partial(self._record_of, origin))
        try:
            tried = await self._decide(ready, entry, told)
        except CancelledError:
            with suppress(StoreUnavailable):
                await self.record(origin, Refused(Reason.GIVEN_UP, detail="the client is gone"))
            raise
        login = entry.recorded(tried.verdict)
        if login is None:
            login = await self.record(origin, tried.verdict)
        else:
            self._announce(login)
        return Ended(tried.verdict, login, api_words.final(tried.verdict, tried.has_locked))

    async def _decide(self, ready: Ready, entry: Entry, told: Callable[[Progress], None]) -> Tried:
        match ready.todo:
            case Code(code):
                admission, passcodes = self.admission(ready.origin), Passcodes(self._book, self._seals)
                trying = passcodes.trying(admission, ready.origin.name, code, ALL_FACTORS, self._now())
                return await self._writer.run(recorded(trying, entry))
            case ToReach(Factor.PUSH, phone, asking, target):
                told(api_words.pushed(phone.label, target.answer))
                return Tried(await self._ways.push(asking, target))
            case ToReach(Factor.PHONE, phone, asking):
                calling = partial(_calling, told, phone)
                return Tried(await self._ways.call(asking, phone, calling))
            case ToReach(_, phone, asking):
                failed = await self._ways.text(asking, phone)
                return Tried(failed or Refused(Reason.SMS_SENT, factor=Factor.SMS, detail=f"to {phone.label}"))
            case Allowed() | Refused() as verdict:
                return Tried(verdict)

    async def settle(self, origin: Origin, verdict: Allowed | Refused) -> Ended:
        """A verdict that was reached elsewhere. Raises StoreUnavailable."""
        return Ended(verdict, await self.record(origin, verdict), api_words.final(verdict))

    async def record(self, origin: Origin, verdict: Allowed | Refused) -> LoginRecord:
        """Durable when it returns. Raises StoreUnavailable."""
        login = self._record_of(origin, verdict)
        await self._journal.record(login)
        self._announce(login)
        return login

    def _record_of(self, origin: Origin, verdict: Verdict) -> LoginRecord:
        """Also called in the store's thread."""
        assert not isinstance(verdict, Prompt)
        is_allowed = isinstance(verdict, Allowed)
        reason = "" if isinstance(verdict, Allowed) else verdict.reason
        step = origin.trail.step("second factor", "allowed" if is_allowed else "refused", _told(verdict))
        return LoginRecord(
            login_id=origin.login_id,
            at=self._now(),
            section=origin.application,
            username=origin.name,
            nas=origin.hostname,
            client_ip=origin.client_ip or None,
            result="accept" if is_allowed else "reject",
            reason=reason,
            factor=verdict.factor,
            device=verdict.device if isinstance(verdict, Allowed) else "",
            steps=(*origin.trail.steps, step),
            elapsed=origin.trail.elapsed(),
        )


def _told(verdict: Allowed | Refused) -> str:
    match verdict:
        case Allowed(factor, _, device, detail=detail):
            told = f"{factor} {device}".strip()
            return f"{told}: {detail}" if detail else told
        case Refused(reason, detail=detail):
            return f"{reason}: {detail}" if detail else reason


def _storable(text: str) -> str:
    """Clients may send half characters, which no database takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _calling(told: Callable[[Progress], None], phone: Phone, stage: CallStage) -> None:
    told(api_words.calling(stage, phone))
