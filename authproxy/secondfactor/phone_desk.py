"""The service's side of the phone's page: activation, what is asked, answers, what phones say."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from authproxy.model import new_login_id
from authproxy.secondfactor import phone_jobs
from authproxy.secondfactor.phone_api import (
    Answer,
    Answered,
    Claim,
    Claimed,
    Contact,
    PhoneRefused,
    PhoneView,
    ShownPush,
    Signed,
    Why,
)
from authproxy.secondfactor.phone_bus import PhoneBus
from authproxy.secondfactor.phone_claim import UserDisabled, claiming, new_web_app
from authproxy.secondfactor.phone_jobs import Asked, Pending, PhoneApp
from authproxy.secondfactor.phone_proof import Seen, check_form, check_signature, read_key
from authproxy.secondfactor.phone_test import passing
from authproxy.secondfactor.push import PushDesk
from authproxy.secondfactor.pushes import (
    Decided,
    NoSuchPush,
    PushMode,
    PushRequest,
    PushStatus,
    Target,
    TooLate,
    TooMany,
)
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.writer import Writer

TEST_APPLICATION: Final = "Test"
_DECISIONS: Final = {"approve": PushStatus.APPROVED, "deny": PushStatus.DENIED, "fraud": PushStatus.FRAUD}
_PERMISSIONS: Final = ("granted", "denied", "default", "unsupported")
_ENDS: Final = {
    PushStatus.APPROVED: "It was approved before.",
    PushStatus.DENIED: "It was denied before.",
    PushStatus.FRAUD: "It was reported before.",
    PushStatus.EXPIRED: "It has expired.",
    PushStatus.CANCELLED: "It was withdrawn.",
}


class SubscriptionRules(Protocol):
    def check(self, subscription: str) -> str:
        """What is to be kept of a Web Push subscription (JSON). Raises ValueError with what is wrong with it."""
        ...


class PhoneDesk:
    """Implements ``PhoneApi``."""

    def __init__(
        self,
        writer: Writer,
        seeds: SeedBox,
        pushes: PushDesk,
        bus: PhoneBus,
        rules: SubscriptionRules,
        push_key: Callable[[], Awaitable[str]],
        location: Callable[[str], str],
        now: Callable[[], float],
    ) -> None:
        """``push_key``: the service's public key of Web Push, base64url. ``location``: of an IP address, as text.
        ``now``: epoch seconds."""
        self._writer = writer
        self._seeds = seeds
        self._pushes = pushes
        self._bus = bus
        self._rules = rules
        self._push_key = push_key
        self._location = location
        self._now = now
        self._seen = Seen()

    # ------------------------------------------------------------ activation

    async def claim(self, signed: Signed, claim: Claim) -> Claimed:
        check_form(signed)
        read_key(claim.public_key)
        check_signature(signed, claim.public_key)
        new, secret = new_web_app(claim.public_key, claim.platform, self._seeds)
        try:
            done = await self._writer.run(claiming(claim.code, new, self._now()))
        except UserDisabled:
            raise _disabled() from None
        if done is None:
            raise PhoneRefused(Why.BAD_CODE, "This activation code is unknown, was used, or has expired.")
        self._pushes.wake(done.ended)
        if done.app.is_untested:
            with suppress(PhoneRefused):  # too many are open: the page has a button for another
                await self.send_test(done.app.phone_id)
        return Claimed(done.app.serial, done.app.label, done.app.usernames, secret)

    async def leave(self, signed: Signed) -> None:
        app = await self._identify(signed)
        self._pushes.wake(await self._writer.run(phone_jobs.leaving(app.phone_id, self._now())))

    # ------------------------------------------------------------ what is asked

    async def pushes(self, signed: Signed) -> PhoneView:
        app = await self._identify(signed)
        found = await self._writer.run(phone_jobs.showing(app, self._now(), new_nonce))
        return PhoneView(app.label, app.usernames, [self._shown(pending) for pending in found])

    def _shown(self, pending: Pending) -> ShownPush:
        push = pending.push
        detail: Mapping[str, Any] = json.loads(push.detail)
        return ShownPush(
            push.id,
            pending.nonce,
            push.username,
            push.application,
            push.client_ip,
            str(detail.get("location", "")) or self._location(push.client_ip),
            push.created,
            push.expires,
            push.mode,
            [option for option in push.options.split(",") if option],
            {str(key): str(value) for key, value in detail.items()},
        )

    # ------------------------------------------------------------ answers

    async def answer(self, signed: Signed, answer: Answer) -> Answered:
        app = await self._identify(signed)
        status = _DECISIONS.get(answer.decision)
        if status is None:
            raise PhoneRefused(Why.BAD_REQUEST, "There is no such decision.")
        asked = await self._writer.run(phone_jobs.asking(app.phone_id, answer.push_id))
        if asked is None or not asked[1] or asked[1] != answer.nonce:
            raise PhoneRefused(Why.NO_SUCH_PUSH, "This phone was not asked that.")
        decided = await decide(self._pushes, asked, status, app, answer.number, self._now())
        if isinstance(decided, PushStatus):
            raise PhoneRefused(Why.TOO_LATE, _ENDS[decided])
        if app.is_untested and decided.status == PushStatus.APPROVED:
            await self._writer.run(passing(app.phone_id, self._now()))
        return decided

    # ------------------------------------------------------------ what phones say of themselves

    async def contact(self, signed: Signed, contact: Contact) -> str:
        app, now = await self._identify(signed), self._now()
        if contact.permission not in _PERMISSIONS:
            raise PhoneRefused(Why.BAD_REQUEST, "There is no such permission.")
        subscription = app.subscription
        if contact.subscription is not None:
            subscription = self._checked(contact.subscription)
        offset = contact.clock / 1000 - now
        await self._writer.run(phone_jobs.noting(app, now, offset, contact.permission, subscription))
        return await self._push_key()

    def _checked(self, subscription: str) -> str:
        try:
            return self._rules.check(subscription) if subscription else ""
        except ValueError as error:
            raise PhoneRefused(Why.BAD_REQUEST, f"Notifications can't be sent there: {error}.") from None

    async def delivered(self, signed: Signed, push_id: str) -> None:
        app = await self._identify(signed)
        await self._writer.run(phone_jobs.delivered(app.phone_id, push_id, self._now()))

    async def try_out(self, signed: Signed) -> None:
        app = await self._identify(signed)
        await self.send_test(app.phone_id)

    async def send_test(self, phone_id: str) -> None:
        """A push that no login waits for. Raises PhoneRefused."""
        app = await self._writer.run(phone_jobs.finding_by_phone(phone_id))
        user = await self._writer.run(phone_jobs.first_user(phone_id))
        if app is None or user is None:
            raise PhoneRefused(Why.UNKNOWN_PHONE, "This phone is not activated.")
        target = Target(phone_id, app.label, detail={"type": TEST_APPLICATION})
        request = PushRequest(user.id, user.username, TEST_APPLICATION, "", "", new_login_id(), target)
        if isinstance(await self._pushes.open(request), TooMany):
            raise PhoneRefused(Why.TOO_MANY, "Too many requests were left unanswered. Wait a few minutes.")

    async def whose(self, signed: Signed) -> str:
        return (await self._identify(signed)).phone_id

    async def _identify(self, signed: Signed) -> PhoneApp:
        check_form(signed)
        app = await self._writer.run(phone_jobs.finding(signed.serial))
        if app is None or app.kind != "web":
            raise PhoneRefused(Why.UNKNOWN_PHONE, "This phone was removed. Ask for a new activation code.")
        check_signature(signed, app.public_key)
        self._seen.check(signed, self._now())
        if not app.usernames:
            raise _disabled()
        return app


async def decide(
    pushes: PushDesk, asked: Asked, status: PushStatus, app: PhoneApp, number: str, now: float
) -> Answered | PushStatus:
    """One decision by a phone of any kind; the status says how the push had ended before. An approval that was
    not heard may be given again to see the code."""
    push = asked[0]
    decided = await pushes.decide(push.id, status, f"phone:{app.phone_id}", number)
    match decided:
        case Decided(PushStatus.APPROVED):
            return Answered(PushStatus.APPROVED, push.answer if push.mode == PushMode.CODE else "")
        case Decided(ended):
            return Answered(ended)
        case NoSuchPush():
            return PushStatus.CANCELLED
        case TooLate(ended):
            is_same = ended is status is PushStatus.APPROVED and push.mode == PushMode.CODE and now < push.expires
            return Answered(ended, push.answer) if is_same else ended


def new_nonce() -> str:
    return secrets.token_urlsafe(24)


def _disabled() -> PhoneRefused:
    return PhoneRefused(Why.DISABLED, "The account of this phone is disabled.")
