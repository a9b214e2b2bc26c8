"""The words of the Auth API, as the web's rooms use them: who is asked how, and what came of it.

``secondfactor.transactions`` implements :class:`AuthApi`; the endpoints under ``web/api`` only translate.
Results and status words are those of Duo's Auth API v2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from authproxy.errors import AuthproxyError


class BadParameter(AuthproxyError):
    """A request that can't be meant; ``name`` is the parameter at fault (or a reason, for ``message_detail``)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"bad request parameter: {name}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Application:
    """Who calls. ``type``: authapi, adminapi, unix, websdk, radius, ldap. ``permissions``: of an Admin API, see
    ``api_permissions``. ``redirect_uris``: where a prompt may lead back to; empty: anywhere. ``groups_allowed``:
    IDs of groups whose members may use it; empty: everybody. ``self_service``: the prompt leads to the portal."""

    name: str
    type: str
    ikey: str
    skey: bytes = field(repr=False)
    allow_v1_signatures: bool = False
    policy: Mapping[str, object] = field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    groups_allowed: tuple[str, ...] = ()
    self_service: bool = False


@dataclass(frozen=True, slots=True)
class Who:
    """Exactly one of both is given."""

    username: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class ApiDevice:
    """An entry of preauth's ``devices``. ``number`` is masked; ``sms_nextcode`` is empty when no code is open."""

    device: str
    type: str  # phone | token
    name: str
    display_name: str
    number: str
    capabilities: tuple[str, ...]
    sms_nextcode: str = ""


@dataclass(frozen=True, slots=True)
class Preauth:
    """``result``: auth, allow, deny or enroll. ``menu`` is the text prompt and ``words`` what may be answered,
    with ``default``: they are for clients that show text."""

    result: str
    message: str
    devices: tuple[ApiDevice, ...] = ()
    enroll_portal_url: str = ""
    menu: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    txid: str = ""  # of a verified push that was prepared
    verification_code: str = ""


@dataclass(frozen=True, slots=True)
class AuthCall:
    """What ``/auth/v2/auth`` asks. ``factor``: auto, push, phone, sms, passcode, prompt. ``word`` is the answer
    to a text prompt (``push2``, a passcode ...). ``pushinfo``: what the phone shows besides."""

    factor: str
    device: str = ""
    passcode: str = field(default="", repr=False)
    word: str = field(default="", repr=False)
    txid: str = ""
    ip_address: str = ""
    hostname: str = ""
    type: str = ""
    display_username: str = ""
    pushinfo: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """``result``: waiting, allow or deny. ``status``: pushed, calling, answered, allow, bypass, deny, timeout,
    fraud, locked_out, sent."""

    result: str
    status: str
    message: str


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A new user and the activation of their first phone; ``expires`` in epoch seconds."""

    user_id: str
    username: str
    activation_code: str = field(repr=False)
    activation_url: str = field(repr=False)
    activation_barcode: str = field(repr=False)
    expires: float


class AuthApi(Protocol):
    """One second-factor service, for callers that have proved which application they are. Every method may raise
    BadParameter and StoreUnavailable; none raises because of what a user typed."""

    async def preauth(self, app: Application, who: Who, call: AuthCall, *, text_prompt: bool = False,
                      verified_push: bool = False) -> Preauth: ...  # fmt: skip

    async def auth(self, app: Application, who: Who, call: AuthCall) -> Progress:
        """Waits for the end."""
        ...

    async def begin(self, app: Application, who: Who, call: AuthCall) -> str:
        """The txid of a transaction that goes on by itself."""
        ...

    async def progress(self, app: Application, txid: str) -> Progress:
        """Long poll: answers when there is news since this caller last asked, at most some seconds later. The end
        is told for a short while after it, then the txid is unknown (BadParameter ``txid``)."""
        ...

    async def enroll(self, app: Application, username: str, valid_seconds: int) -> Enrollment: ...

    async def enroll_status(self, app: Application, user_id: str, activation_code: str) -> str:
        """success, invalid or waiting."""
        ...
