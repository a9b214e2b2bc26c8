"""A second factor that keeps everything in memory: the twin of ``local`` for tests of other rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from authproxy.model import (
    Allowed,
    Ask,
    AuthRequest,
    Choice,
    Factor,
    Identity,
    JsonValue,
    Passcode,
    Prompt,
    Reason,
    Refused,
    Verdict,
)
from authproxy.secondfactor.menu import Option, menu_text, read_answer
from authproxy.secondfactor.names import normalize


@dataclass
class MemoryUser:
    """``codes`` are good once each. ``status``: active, bypass, disabled."""

    status: str = "active"
    codes: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)


class MemorySecondFactor:
    """Implements ``model.SecondFactor``. Pushes wait in ``pushes`` until :meth:`decide` is called."""

    def __init__(self, users: Mapping[str, MemoryUser], new_user_policy: str = "deny") -> None:
        """``users``: by normalized name."""
        self._users = users
        self._new_user_policy = new_user_policy
        self.pushes: list[tuple[str, Deferred[bool]]] = []

    def decide(self, username: str, approve: bool) -> int:
        """Answers the user's pending pushes; how many there were."""
        mine = [waiting for name, waiting in self.pushes if name == username]
        self.pushes = [(name, waiting) for name, waiting in self.pushes if name != username]
        for waiting in mine:
            waiting.callback(approve)
        return len(mine)

    async def begin(self, who: Identity, ask: Ask, request: AuthRequest) -> Verdict:
        name = normalize(who.username)
        user = self._users.get(name)
        if user is None:
            return (
                Allowed("not enrolled", is_given=False)
                if self._new_user_policy == "allow"
                else Refused(Reason.NOT_ENROLLED)
            )
        if user.status == "disabled":
            return Refused(Reason.USER_DISABLED)
        if user.status == "bypass":
            return Allowed("bypass status", is_given=False)
        match ask.typed:
            case Passcode(code):
                return _passcode(user, code)
            case None if ask.can_prompt:
                return _prompt(who, ask, 1)
            case Choice(factor) if factor is not None and factor not in ask.factors:
                return Refused(Reason.FACTOR_NOT_ALLOWED, factor=factor)
            case Choice(factor=Factor.PHONE | Factor.SMS as factor):
                return Refused(Reason.FACTOR_NOT_AVAILABLE, factor=factor)
            case _ if Factor.PUSH not in ask.factors:
                return Refused(Reason.NO_PASSCODE)
            case _:
                return await self._push(name)

    async def answer(
        self, who: Identity, resume: Mapping[str, JsonValue], reply: str, request: AuthRequest
    ) -> Verdict:
        factors = tuple(Factor(word) for word in str(resume["factors"]).split())
        prompts = int(str(resume["prompts"]))
        ask = Ask(read_answer(reply, _options(factors)), factors, True, str(resume["format"]))
        if ask.typed is None:
            return Refused(Reason.NO_PASSCODE) if prompts >= 3 else _prompt(who, ask, prompts + 1)
        return await self.begin(who, ask, request)

    async def _push(self, name: str) -> Verdict:
        waiting: Deferred[bool] = Deferred()
        self.pushes.append((name, waiting))
        if await waiting:
            return Allowed(Factor.PUSH)
        return Refused(Reason.PUSH_DENIED, factor=Factor.PUSH)


def _passcode(user: MemoryUser, code: str) -> Verdict:
    if code in user.codes:
        user.codes.remove(code)
        user.used.add(code)
        return Allowed("passcode")
    return Refused(Reason.REUSED_PASSCODE if code in user.used else Reason.BAD_PASSCODE, factor="passcode")


def _options(factors: tuple[Factor, ...]) -> list[Option]:
    return [Option(Factor.PUSH, 1, "your device")] if Factor.PUSH in factors else []


def _prompt(who: Identity, ask: Ask, prompts: int) -> Prompt:
    text = menu_text(who.username, _options(ask.factors), Factor.PASSCODE in ask.factors, ask.prompt_format)
    return Prompt(text, {"factors": " ".join(ask.factors), "format": ask.prompt_format, "prompts": prompts})
