"""The second factor of a remote service: Duo's cloud, or another authproxy, by the Auth API v2.

The service knows the users and decides; here its devices are numbered, its menu is shown, and what it says is
passed on. Nothing but its ``allow`` lets anybody in; docs/cloud.md tells what happens when it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from authproxy.model import (
    ACCESS_DENIED,
    SUCCESS,
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
    Typed,
    Verdict,
)
from authproxy.secondfactor.authapi import ApiDevice, Preauth, Progress
from authproxy.secondfactor.joint import Joint
from authproxy.secondfactor.menu import menu_text, read_answer
from authproxy.secondfactor.remote_answers import verdict_of
from authproxy.secondfactor.remote_devices import first_choice, from_json, label, options, pick, to_json
from authproxy.secondfactor.remote_service import RemoteService

APPEND_PASSCODE = "Enter your password, a comma, and a passcode."
_MOST_PROMPTS = 3
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class RemoteRules:
    """How a section uses the service. ``sends_directory_name``: users are named as the directory spells them, not
    as they typed. ``application``: shown with a push, where it is not empty. ``hostname``: of this host."""

    sends_directory_name: bool = False
    application: str = ""
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class _Login:
    """What one login asks of the service; ``name`` is the user's for the service."""

    name: str
    ask: Ask
    request: AuthRequest
    prompts: int = 0

    def note(self, result: str, detail: str) -> None:
        self.request.trail.add("second-factor service", result, detail)


class RemoteSecondFactor:
    """Implements ``model.SecondFactor`` for one server section."""

    def __init__(self, service: RemoteService, rules: RemoteRules) -> None:
        self._service = service
        self._rules = rules
        self._asked: Joint[Progress | Refused] = Joint()

    async def begin(self, who: Identity, ask: Ask, request: AuthRequest) -> Verdict:
        """See ``model.SecondFactor``. Raises SecondFactorUnavailable."""
        name = self._name(who, request)
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            return Refused(Reason.NOT_ENROLLED, detail="no user of the service can have this name")
        return await self._preauth(_Login(name, ask, request))

    async def answer(
        self, who: Identity, resume: Mapping[str, JsonValue], reply: str, request: AuthRequest
    ) -> Verdict:
        """See ``model.SecondFactor``. Raises SecondFactorUnavailable."""
        login = _resumed(self._name(who, request), resume, request)
        if resume["kind"] == "enroll":
            return await self._preauth(login)
        devices = from_json(resume)
        typed = read_answer(reply, options(devices, login.ask.factors))
        if typed is None and login.prompts >= _MOST_PROMPTS:
            return Refused(
                Reason.NO_PASSCODE, detail=f"{login.prompts} answers were neither an option nor a passcode"
            )
        return await self._factor(replace(login, ask=replace(login.ask, typed=typed)), devices)

    async def is_welcome(self, who: Identity) -> bool:
        """Whether the service still knows the user as one who may log in with a second factor.

        Raises SecondFactorUnavailable.
        """
        found = await self._service.preauth({"username": who.username})
        return isinstance(found, Preauth) and found.result == "auth"

    def _name(self, who: Identity, request: AuthRequest) -> str:
        """LDAP clients type a DN: what the directory calls the user is then the only name there is."""
        return who.username if self._rules.sends_directory_name or request.dn else request.login_name

    # ------------------------------------------------------------ what the service says of the user

    async def _preauth(self, login: _Login) -> Verdict:
        found = await self._service.preauth(self._params(login))
        if isinstance(found, Refused):
            return found
        login.note(f"preauth {found.result}", found.message)
        match found.result:
            case "auth":
                return await self._factor(login, found.devices)
            case "allow":
                return Allowed("service policy", found.message or SUCCESS, is_given=False)
            case "enroll":
                return self._enroll(login, found)
            case "deny":
                return Refused(Reason.SERVICE_DENIED, found.message or ACCESS_DENIED, detail=found.message)
        return Refused(Reason.SERVICE_DENIED, detail=f"its result was {found.result!r}")

    def _enroll(self, login: _Login, found: Preauth) -> Verdict:
        text = f"{found.message or 'Enroll a device to go on.'} {found.enroll_portal_url}".strip()
        if not (login.ask.can_enroll and login.prompts < _MOST_PROMPTS):
            return Refused(Reason.NOT_ENROLLED, text, detail=found.message)
        return Prompt(f"{text}\n\nThen enter anything to go on", _resume("enroll", login, ()))

    # ------------------------------------------------------------ which factor

    async def _factor(self, login: _Login, devices: Sequence[ApiDevice]) -> Verdict:
        match self._chosen(login.ask, devices):
            case None:
                return _menu(login, devices)
            case Refused() as refused:
                return refused
            case Passcode(code):
                if Factor.PASSCODE not in login.ask.factors:
                    return _not_allowed(Factor.PASSCODE)
                return _verdict(await self._service.auth(self._passcode(login, code)), Factor.PASSCODE)
            case Choice(factor, number):
                assert factor is not None
                return await self._device(login, factor, number, devices)

    def _chosen(self, ask: Ask, devices: Sequence[ApiDevice]) -> Typed | Refused | None:
        """None: ask the user."""
        match ask.typed:
            case None if ask.can_prompt:
                return None
            case Choice(factor=None) | None:
                detail = "no allowed factor works without being typed"
                return first_choice(devices, ask.factors) or Refused(
                    Reason.NO_PASSCODE, APPEND_PASSCODE, detail=detail
                )
            case typed:
                return typed

    async def _device(self, login: _Login, factor: Factor, number: int, devices: Sequence[ApiDevice]) -> Verdict:
        if factor not in login.ask.factors:
            return _not_allowed(factor)
        device = pick(devices, factor, number)
        if device is None:
            detail = f"the service knows no device for {factor}{number}"
            return Refused(Reason.FACTOR_NOT_AVAILABLE, factor=factor, detail=detail)
        params = self._params(login) | {"factor": str(factor), "device": device.device}
        if factor is Factor.SMS:
            return self._sent(login, devices, await self._service.auth(params))
        return _verdict(await self._out_of_band(login, params), factor, label(device))

    async def _out_of_band(self, login: _Login, params: Mapping[str, str]) -> Progress | Refused:
        """Asks the user, or joins the question that they have been asked already for the same login: which it is
        only if it comes from the same address or session."""
        request = login.request
        key = (login.name, params["factor"], params["device"], request.nas, request.whence or request.login_id)
        shown = dict(params)
        if params["factor"] == Factor.PUSH:
            shown |= self._shown_with_push(login)

        def note(progress: Progress) -> None:
            login.note(progress.status, progress.message)

        return await self._asked.wait(key, lambda: self._service.ask(shown, note))

    def _sent(self, login: _Login, devices: Sequence[ApiDevice], progress: Progress | Refused) -> Verdict:
        """SMS codes went out: the user logs in again with one, or enters it now if they can be asked."""
        if isinstance(progress, Refused) or progress.status != "sent":
            return _verdict(progress, Factor.SMS)
        login.note("sent", progress.message)
        if not login.ask.can_prompt or login.prompts > _MOST_PROMPTS:
            return Refused(Reason.SMS_SENT, progress.message or ACCESS_DENIED, Factor.SMS)
        text = f"{progress.message or 'New SMS passcodes were sent.'}\n\nEnter a passcode"
        return Prompt(text, _resume("menu", login, devices))

    # ------------------------------------------------------------ parameters

    def _params(self, login: _Login) -> dict[str, str]:
        params = {"username": login.name}
        if login.request.client_ip:
            params["ipaddr"] = login.request.client_ip
        if self._rules.hostname:
            params["hostname"] = self._rules.hostname
        return params

    def _passcode(self, login: _Login, code: str) -> dict[str, str]:
        return self._params(login) | {"factor": "passcode", "passcode": code}

    def _shown_with_push(self, login: _Login) -> dict[str, str]:
        """What the phone shows: the name that the user typed, and where the login comes from."""
        request = login.request
        shown = {"pushinfo": urlencode({"Appliance": request.nas, "Login ID": request.login_id})}
        if self._rules.application:
            shown["type"] = self._rules.application
        if request.username != login.name and len(request.username) <= _LONGEST_NAME:
            shown["display_username"] = request.username
        return shown


def _verdict(progress: Progress | Refused, factor: Factor, device: str = "") -> Verdict:
    return (
        replace(progress, factor=factor) if isinstance(progress, Refused) else verdict_of(progress, factor, device)
    )


def _not_allowed(factor: Factor) -> Refused:
    return Refused(Reason.FACTOR_NOT_ALLOWED, factor=factor, detail="the section's factors do not include it")


# ---------------------------------------------------------------- the challenge


def _menu(login: _Login, devices: Sequence[ApiDevice]) -> Prompt:
    ask = login.ask
    takes_passcode = Factor.PASSCODE in ask.factors
    text = menu_text(login.name, options(devices, ask.factors), takes_passcode, ask.prompt_format)
    return Prompt(text, _resume("menu", login, devices))


def _resume(kind: str, login: _Login, devices: Sequence[ApiDevice]) -> dict[str, JsonValue]:
    """``kind``: menu (what is answered is an option or a passcode) or enroll (the answer means: done)."""
    return {
        "kind": kind,
        "factors": [str(factor) for factor in login.ask.factors],
        "can_enroll": login.ask.can_enroll,
        "format": login.ask.prompt_format,
        "prompts": login.prompts + 1,
        "devices": to_json(devices),
    }


def _resumed(name: str, resume: Mapping[str, JsonValue], request: AuthRequest) -> _Login:
    factors, prompts = resume["factors"], resume["prompts"]
    assert isinstance(factors, list)
    assert isinstance(prompts, int)
    allowed = tuple(Factor(str(factor)) for factor in factors)
    ask = Ask(None, allowed, True, str(resume["format"]), resume["can_enroll"] is True)
    return _Login(name, ask, request, prompts)
