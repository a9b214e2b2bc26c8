"""The embedded second factor: statuses, passcodes, the menu, and the user's phones.

What the user reads tells nothing about the account: a refusal's message depends only on what was typed and on how
the section is set up, and who is not known is asked like a user without a phone. The detail is for the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred

from authproxy.model import (
    AUTO,
    Allowed,
    Ask,
    AuthRequest,
    Choice,
    Entry,
    Factor,
    Identity,
    JsonValue,
    Passcode,
    Prompt,
    Reason,
    Refused,
    Verdict,
)
from authproxy.secondfactor import prompts, verified
from authproxy.secondfactor.account import Account
from authproxy.secondfactor.admission import NOT_ENROLLED, Admission
from authproxy.secondfactor.enroll_links import EnrollLinks
from authproxy.secondfactor.gateways import AsksPush, Gateways
from authproxy.secondfactor.known import Known, load_known
from authproxy.secondfactor.menu import menu_text
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.outofband import Asking, OutOfBand
from authproxy.secondfactor.passcodes import Passcodes, recorded
from authproxy.secondfactor.policy_factors import allowed_factors, explained
from authproxy.secondfactor.policy_merge import Effective
from authproxy.secondfactor.prompts import EnrollAsked, MenuAsked, Open, Picked, ProofAsked
from authproxy.secondfactor.pushes import ANY_APPROVER, Target
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.resolution import Reached, resolve
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.verification import Seals
from authproxy.secondfactor.wording import (
    DENIED,
    SMS_PROMPT,
    code_prompt,
    enroll_prompt,
    number_prompt,
    refusal_message,
)
from authproxy.store.statements import Connection
from authproxy.store.writer import Writer
from authproxy.value import value

_NO_PHONE = "no phone of the user takes pushes: only an administrator can answer (`authproxy push`)"
_MOST_PROMPTS = 3
_NO_GATEWAYS = Gateways()


@value
class _Login:
    """``shown``: how many prompts the user has had so far."""

    who: Identity
    ask: Ask
    request: AuthRequest
    shown: int = 0

    def prompt(self, text: str, asked: prompts.Asked) -> Prompt:
        return Prompt(text, prompts.to_json(Open(self.ask, self.shown + 1, asked)))


class LocalSecondFactor:
    """Implements ``model.SecondFactor`` for one application (server section)."""

    def __init__(
        self,
        application: str,
        book: Rulebook,
        writer: Writer,
        seals: Seals,
        pushes: AsksPush,
        now: Callable[[], float],
        gateways: Gateways = _NO_GATEWAYS,
        links: EnrollLinks | None = None,
    ) -> None:
        """``now``: epoch seconds. ``links``: where to enroll, if users may do so by themselves."""
        self._application = application
        self._mode = book.service.username_normalization
        self._writer = writer
        self._now = now
        self._lines = gateways.lines
        self._book = book
        self._links = links
        self._passcodes = Passcodes(book, seals)
        self._ways = OutOfBand(book, writer, seals, pushes, gateways, now)

    async def begin(self, who: Identity, ask: Ask, request: AuthRequest) -> Verdict:
        """See ``model.SecondFactor``. Raises StoreUnavailable."""
        return await self._take(_Login(who, ask, request), ask.typed)

    async def answer(
        self, who: Identity, resume: Mapping[str, JsonValue], reply: str, request: AuthRequest
    ) -> Verdict:
        """See ``model.SecondFactor``. Raises StoreUnavailable."""
        open_ = prompts.from_json(resume)
        login = _Login(who, open_.ask, request, open_.count)
        match open_.asked:
            case ProofAsked() as proof:
                return await self._prove(login, proof, reply)
            case EnrollAsked():
                typed = prompts.read_reply(reply, ())
                return await self._take(login, typed if isinstance(typed, Passcode) else None)
            case MenuAsked(lines):
                return await self._take(login, prompts.read_reply(reply, lines))

    async def is_welcome(self, who: Identity) -> bool:
        """Whether the user is known, active or let through, and not locked out. Raises StoreUnavailable."""
        found = await self._look(self._admission(""), normalize(who.username, self._mode), DENIED)
        return isinstance(found, Known) or (isinstance(found, Allowed) and found.factor != NOT_ENROLLED)

    async def _take(self, login: _Login, typed: Picked | Choice | Passcode | None) -> Verdict:
        name, admission = normalize(login.who.username, self._mode), self._admission(login.request.client_ip)
        if isinstance(typed, Passcode):
            trying = self._passcodes.trying(admission, name, typed.code, login.ask.factors, self._now())
            tried = await self._writer.run(recorded(trying, login.ask.entry))
            return tried.verdict
        if typed is None and login.ask.can_prompt:
            return await self._prompt(login, admission, name)
        choice = Choice(typed.factor, typed.number) if isinstance(typed, Picked) else typed
        message = refusal_message(login.ask, choice, self._lines)
        known = await self._look(admission, name, message, login.ask.entry)
        if not isinstance(known, Known):
            return known
        factors = allowed_factors(known.policy, login.ask.factors)
        reached = resolve(typed or AUTO, known.phones, factors, self._lines, message)
        if isinstance(reached, Refused):
            return explained(reached, known.policy)
        return await self._reach(login, known, reached, message)

    # ------------------------------------------------------------ who may go on

    def _admission(self, client_ip: str | None) -> Admission:
        return Admission(self._book, self._application, None, client_ip or "")

    def _look(
        self, admission: Admission, name: str, message: str, entry: Entry | None = None
    ) -> Deferred[Known | Allowed | Refused]:
        """``entry``: where a verdict that is reached here and now is recorded, in the same transaction."""
        now = self._now()

        def job(connection: Connection) -> Known | Allowed | Refused:
            standing = admission.judge(connection, name, now, message)
            if isinstance(standing, Account):
                return load_known(connection, standing, now, self._lines)
            if entry is not None:
                entry.write(connection, standing)
            return standing

        return self._writer.run(job)

    # ------------------------------------------------------------ prompts

    async def _prompt(self, login: _Login, admission: Admission, name: str) -> Verdict:
        if login.shown >= _MOST_PROMPTS:
            detail = f"{login.shown} answers were neither an option nor a passcode"
            return Refused(Reason.NO_PASSCODE, detail=detail)
        known = await self._look(admission, name, "")
        match known:
            case Allowed():
                return known
            case Refused(reason=Reason.NOT_ENROLLED) if self._enrolls(login.ask, admission.of_strangers()):
                return self._enrollment(login, name)
            case Known() if self._enrolls(login.ask, known.policy) and not known.is_enrolled(self._lines):
                return self._enrollment(login, known.username)
            case Refused(reason=Reason.POLICY_DENIED | Reason.LOCATION_DENIED):
                return known
            case Refused():
                login.request.trail.add("second factor", "hopeless", f"{known.reason}: {known.detail}")
                return self._menu(login, None)
            case Known():
                return self._menu(login, known)

    def _menu(self, login: _Login, known: Known | None, above: str = "") -> Prompt:
        ask = login.ask
        policy = known.policy if known else self._admission(login.request.client_ip).of_strangers()
        factors = allowed_factors(policy, ask.factors)
        lines = prompts.menu_lines(known.phones if known else (), factors, self._lines)
        shown = [
            prompts.option(line, phone, known.hint(line.factor, line.phone_id) if known else "")
            for line, phone in lines
        ]
        text = menu_text(login.who.username, shown, Factor.PASSCODE in factors, ask.prompt_format)
        return login.prompt(f"{above}\n\n{text}" if above else text, MenuAsked(tuple(line for line, _ in lines)))

    def _enrolls(self, ask: Ask, policy: Effective) -> bool:
        return ask.can_enroll and self._links is not None and policy.new_user.behavior == "enroll"

    def _enrollment(self, login: _Login, name: str) -> Prompt:
        assert self._links is not None
        return login.prompt(enroll_prompt(self._links.link(name)), EnrollAsked())

    # ------------------------------------------------------------ reaching the user

    async def _reach(self, login: _Login, known: Known, reached: Reached, message: str) -> Verdict:
        asking = self._asking(login, known.user_id, known.username, message)
        login.request.trail.add(str(reached.factor), "asked", reached.phone.label if reached.phone else _NO_PHONE)
        match reached:
            case Reached(Factor.PUSH, None):
                return await self._ways.push(asking, ANY_APPROVER)
            case Reached(Factor.PUSH, Phone() as phone):
                return await self._push(login, known, asking, phone)
            case Reached(Factor.PHONE, Phone() as phone):
                return await self._ways.call(asking, phone)
            case Reached(_, phone):
                assert phone is not None
                return await self._text(login, known, asking, phone)

    async def _text(self, login: _Login, known: Known, asking: Asking, phone: Phone) -> Verdict:
        """Sending codes lets nobody in: they must be typed, now or in the next login."""
        failed = await self._ways.text(asking, phone)
        if failed is not None:
            return failed
        if login.ask.can_prompt and login.shown < _MOST_PROMPTS:
            admission = self._admission(login.request.client_ip)
            now_known = await self._look(admission, known.username, asking.message)
            return self._menu(login, now_known, SMS_PROMPT) if isinstance(now_known, Known) else now_known
        return Refused(Reason.SMS_SENT, asking.message, Factor.SMS, f"to {phone.label}")

    # ------------------------------------------------------------ pushes, plain and verified

    async def _push(self, login: _Login, known: Known, asking: Asking, phone: Phone) -> Verdict:
        mode = verified.mode_of(login.ask.verified_push, login.ask.can_prompt, known.policy)
        if mode == verified.NONE:
            return await self._ways.push(asking, Target(phone.id, phone.label))
        is_policy = login.ask.verified_push == verified.NONE
        if login.request.conversation is not None or (is_policy and not login.ask.can_prompt):
            detail = "verified_push needs a prompt, and this login can show none"
            if is_policy:
                detail += f" ({known.policy.who_decided('factors')})"
            return Refused(Reason.FACTOR_NOT_ALLOWED, asking.message, Factor.PUSH, detail)
        target = verified.target_of(mode, phone, known.policy.verified_push.digits)
        push = await self._ways.open_push(asking, target)
        if isinstance(push, Refused):
            return push
        text = number_prompt(phone.label, target.answer) if target.options else code_prompt(phone.label)
        return login.prompt(text, ProofAsked(push.id, phone.label))

    async def _prove(self, login: _Login, proof: ProofAsked, reply: str) -> Verdict:
        name = normalize(login.who.username, self._mode)
        asking = self._asking(login, "", name)
        push = await self._ways.ending(proof.push_id, asking)
        if isinstance(push, Refused):
            return push
        if verified.is_answered(push, reply):
            return await self._ways.admit(asking, Factor.PUSH, proof.device)
        return await self._writer.run(
            self._passcodes.wrong_proof(self._admission(login.request.client_ip), name, self._now())
        )

    def _asking(self, login: _Login, user_id: str, username: str, message: str = DENIED) -> Asking:
        request = login.request
        return Asking(
            user_id,
            username,
            self._application,
            request.client_ip or "",
            request.nas,
            request.login_id,
            message,
            request.whence,
        )
