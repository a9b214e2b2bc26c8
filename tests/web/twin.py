"""The second-factor service in memory, and a web listener in front of it: for tests of the web's own rooms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import duo_client
import trustme
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.authapi import (
    ApiDevice,
    Application,
    AuthCall,
    BadParameter,
    Enrollment,
    Preauth,
    Progress,
    Who,
)
from authproxy.tcp import open_socket
from authproxy.web.app import build
from authproxy.web.certificate import WebCertificate
from authproxy.web.listener import WebListener
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals
from authproxy.web.site import Site
from authproxy.web.source import Sources

T = TypeVar("T")
SKEY = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
PHONE = ApiDevice("DP1", "phone", "", "iOS (XXX-XXX-0100)", "XXX-XXX-0100", ("auto", "push", "sms"), "7")
TOKEN = ApiDevice("DH1", "token", "100001", "Token 100001", "", ())
MENU = "Duo two-factor login for alice\n\n 1. Push\n\nPasscode or option (1-1): "
CODE = "123456"
WAITING = Progress("waiting", "pushed", "Pushed a login request to your device...")
ALLOW = Progress("allow", "allow", "Success. Logging you in...")
DENY = Progress("deny", "deny", "Login request denied.")
WRONG = Progress("deny", "deny", "Incorrect passcode. Please try again.")


@dataclass
class TwinApi:
    """Implements ``AuthApi``. alice is asked, carol needs nothing, dave is disabled, everybody else may enroll; at
    broken the store is out of order. A push waits for :meth:`answer`. ``calls``: what was asked."""

    calls: list[tuple[Who, AuthCall]] = field(default_factory=list)
    ends: dict[str, Progress] = field(default_factory=dict)
    _waiting: list[Deferred[Progress]] = field(default_factory=list)

    async def preauth(
        self,
        app: Application,
        who: Who,
        call: AuthCall,
        *,
        text_prompt: bool = False,
        verified_push: bool = False,
    ) -> Preauth:
        self.calls.append((who, call))
        match who.username or who.user_id:
            case "alice" | "DU1":
                asked = Preauth("auth", "Account is active", (PHONE, TOKEN))
                if text_prompt:
                    asked = replace(asked, menu=MENU, words={"default": "push1", "1": "push1"})
                if verified_push:
                    asked = replace(asked, txid="prepared", verification_code="654321")
                return asked
            case "carol":
                return Preauth("allow", "Account is active")
            case "dave":
                return Preauth("deny", "Your account is disabled and cannot access this application.")
            case "broken":
                raise StoreUnavailable("the database is locked")
            case "bug":
                raise RuntimeError("a bug")
            case name if who.username:
                return Preauth("enroll", f"Enroll {name}", enroll_portal_url="https://localhost/enroll")
        raise BadParameter("user_id")

    async def auth(self, app: Application, who: Who, call: AuthCall) -> Progress:
        self.calls.append((who, call))
        if call.factor == "passcode":
            return ALLOW if call.passcode == CODE else WRONG
        if call.factor == "prompt" and call.word != "push1":
            return ALLOW if call.word == CODE else WRONG
        if call.device not in ("", "auto", PHONE.device):
            raise BadParameter("device")
        ended: Deferred[Progress] = Deferred()
        self._waiting.append(ended)
        return await ended

    def answer(self, end: Progress) -> int:
        """Ends what waits; how many there were."""
        waiting, self._waiting = self._waiting, []
        for ended in waiting:
            ended.callback(end)
        return len(waiting)

    async def begin(self, app: Application, who: Who, call: AuthCall) -> str:
        self.calls.append((who, call))
        self.ends["tx1"] = WAITING
        return "tx1"

    async def progress(self, app: Application, txid: str) -> Progress:
        if txid not in self.ends:
            raise BadParameter("txid")
        now, self.ends[txid] = self.ends[txid], ALLOW
        return now

    async def enroll(self, app: Application, username: str, valid_seconds: int) -> Enrollment:
        if username == "alice":
            raise BadParameter("username already exists")
        name = username or "made-up"
        return Enrollment("DU2", name, "duo://x-y", "https://h/activate/x", "https://h/qr", 1000.5 + valid_seconds)

    async def enroll_status(self, app: Application, user_id: str, activation_code: str) -> str:
        return "waiting" if activation_code == "duo://x-y" else "invalid"


APPS = {
    name: Application(name, kind, f"DI{name.upper():X<18}", SKEY.encode(), allow_v1_signatures=v1)
    for name, kind, v1 in (
        ("auth", "authapi", False),
        ("unix", "unix", True),
        ("strict", "unix", False),
        ("admin", "adminapi", False),
    )
}


class TwinApplications:
    async def find(self, ikey: str) -> Application | None:
        return next((app for app in APPS.values() if app.ikey == ikey), None)


@dataclass
class Now:
    """Epoch seconds that a test may shift."""

    shift: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.shift


@dataclass
class TwinWeb:
    """A listener on a free port of 127.0.0.1 with a certificate for ``localhost``."""

    listener: WebListener
    api: TwinApi
    now: Now
    ca: Path
    pictures: list[bytes]

    @classmethod
    async def start(
        cls,
        directory: Path,
        *,
        rate: int = 0,
        clock: IReactorTime | None = None,
        certificate: WebCertificate | None = None,
        trusted: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> TwinWeb:
        ca = trustme.CA()
        ca_file, pem = directory / "ca.pem", directory / "server.pem"
        ca.cert_pem.write_to_path(ca_file)
        ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
        api, now, pictures = TwinApi(), Now(), []

        async def logo() -> bytes | None:
            return pictures[0] if pictures else None

        rates, refusals = Rates(rate, monotonic), Refusals(monotonic)
        site = Site(api, TwinApplications(), rates, refusals, now, (b"api.test:8443",), logo=logo)
        spans = [(ip_address(trusted), ip_address(trusted))] if trusted else []
        sources = Sources(spans)
        listener = WebListener(
            build(site, sources),
            certificate or WebCertificate(pem, pem),
            open_socket("127.0.0.1", 0),
            sources,
            clock or Clock(),
        )
        await in_asyncio(listener.start())
        return cls(listener, api, now, ca_file, pictures)

    def client(self, kind: Any = duo_client.Auth, app: str = "auth", **changed: Any) -> Any:
        """An unmodified ``duo_client``."""
        given = {
            "ikey": APPS[app].ikey,
            "skey": SKEY,
            "host": "localhost",
            "port": self.listener.port,
            "ca_certs": str(self.ca),
        }
        return kind(**{**given, **changed})


def in_asyncio(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromFuture(asyncio.ensure_future(coroutine))


def called(function: Callable[..., T], *arguments: Any, **named: Any) -> Deferred[Any]:
    """In a thread, for it blocks."""
    return deferToThread(function, *arguments, **named)


async def error(function: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, Any]:
    """HTTP status and body of a call that must fail."""
    try:
        answered = await called(function, *arguments, **named)
    except RuntimeError as failure:
        return failure.status, failure.data  # type: ignore[attr-defined]
    raise AssertionError(f"answered {answered!r}")
