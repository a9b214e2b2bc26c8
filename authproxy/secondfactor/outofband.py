"""Factors that reach the user on another way than the login: pushes, phone calls and text messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authproxy.model import Allowed, Factor, Reason, Refused
from authproxy.secondfactor import sms_codes
from authproxy.secondfactor.account import Account, note_login
from authproxy.secondfactor.admission import standing, unknown
from authproxy.secondfactor.gateways import (
    AsksPush,
    Call,
    CallEnd,
    CallStage,
    FraudReport,
    Gateways,
    Text,
    TextEnd,
)
from authproxy.secondfactor.joint import Joint
from authproxy.secondfactor.pushes import Push, PushMode, PushRequest, PushStatus, Target, TooMany
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.verification import Seals
from authproxy.secondfactor.wording import DENIED, passcode_message
from authproxy.store.statements import Connection
from authproxy.store.writer import Writer

_ENDS = {
    PushStatus.DENIED: Reason.PUSH_DENIED,
    PushStatus.FRAUD: Reason.PUSH_FRAUD,
    PushStatus.EXPIRED: Reason.TIMED_OUT,
    PushStatus.CANCELLED: Reason.TIMED_OUT,
}
_CALL_ENDS = {
    CallEnd.FRAUD: Reason.CALL_FRAUD,
    CallEnd.NO_KEY: Reason.CALL_DENIED,
    CallEnd.NO_ANSWER: Reason.TIMED_OUT,
    CallEnd.LIMITED: Reason.FACTOR_NOT_AVAILABLE,
    CallEnd.TOO_OFTEN: Reason.TOO_MANY_MESSAGES,
    CallEnd.FAILED: Reason.FACTOR_NOT_AVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Asking:
    """A login of a known user. ``message``: what is shown if it is refused."""

    user_id: str
    username: str
    application: str
    client_ip: str
    nas: str
    login_id: str
    message: str = DENIED
    whence: str = ""  # AuthRequest.whence


def unheard(_stage: CallStage) -> None:
    """For logins that nobody tells how far the call is."""


class OutOfBand:
    def __init__(
        self,
        book: Rulebook,
        writer: Writer,
        seals: Seals,
        pushes: AsksPush,
        gateways: Gateways,
        now: Callable[[], float],
    ) -> None:
        """``now``: epoch seconds."""
        self._book = book
        self._writer = writer
        self._seals = seals
        self._pushes = pushes
        self._now = now
        self._calls: Joint[CallEnd] = Joint()
        self.gateways = gateways

    # ------------------------------------------------------------ push

    async def push(self, asking: Asking, target: Target) -> Allowed | Refused:
        """Waits for the answer."""
        end = await self._pushes.begin(_request(asking, target))
        if isinstance(end, TooMany):
            return _too_many(end, asking)
        if end is not PushStatus.APPROVED:
            return _not_approved(end, asking)
        return await self.admit(asking, Factor.PUSH, target.label)

    async def open_push(self, asking: Asking, target: Target) -> Push | Refused:
        """Sends it, for a login that goes on later with :meth:`ending`."""
        opened = await self._pushes.open(_request(asking, target))
        return _too_many(opened, asking) if isinstance(opened, TooMany) else opened

    async def ending(self, push_id: str, asking: Asking) -> Push | Refused:
        """Waits until a push that was opened is approved."""
        ended = await self._pushes.ending(push_id)
        if ended is None:
            return _not_approved(PushStatus.CANCELLED, asking)
        push, status = ended
        return push if status is PushStatus.APPROVED else _not_approved(status, asking, push)

    # ------------------------------------------------------------ phone call

    async def call(
        self, asking: Asking, phone: Phone, heard: Callable[[CallStage], None] = unheard
    ) -> Allowed | Refused:
        """Calls, or joins the call that rings for the same user, application, appliance and connection."""
        calls = self.gateways.calls
        assert calls is not None
        call = Call(phone, asking.user_id, asking.username, asking.application, asking.login_id, heard)

        async def ring() -> CallEnd:
            end = await calls.place(call)
            if end is CallEnd.FRAUD and self.gateways.frauds is not None:
                self.gateways.frauds.raised(_fraud(asking))
            return end

        key = (asking.user_id, phone.id, asking.application, asking.nas, asking.whence or asking.login_id)
        end = await self._calls.wait(key, ring)
        if end is not CallEnd.CONFIRMED:
            return Refused(_CALL_ENDS[end], asking.message, Factor.PHONE, f"call to {phone.label}: {end}")
        return await self.admit(asking, Factor.PHONE, phone.label)

    # ------------------------------------------------------------ text message

    async def text(self, asking: Asking, phone: Phone) -> Refused | None:
        """Sends passcodes; None when the gateway has taken them."""
        end = await self.send_passcodes(asking.user_id, phone, asking.login_id)
        if end is TextEnd.ACCEPTED:
            return None
        reason = Reason.TOO_MANY_MESSAGES if end is TextEnd.TOO_OFTEN else Reason.FACTOR_NOT_AVAILABLE
        return Refused(reason, asking.message, Factor.SMS, f"SMS passcodes to {phone.label}: {end}")

    async def send_passcodes(self, user_id: str, phone: Phone, login_id: str = "") -> TextEnd:
        """A new batch, which ends the one before, unless a limit is in the way. There has to be a gateway for
        messages. Raises StoreUnavailable."""
        texts, service = self.gateways.texts, self._book.service
        assert texts is not None
        codes = sms_codes.new_codes(service.sms_batch)

        async def store() -> None:
            await self._writer.run(lambda connection: self._store(connection, user_id, phone.id, codes))

        message = passcode_message(service.sms_message, codes)
        return await texts.send(Text(phone, user_id, message, "passcodes", login_id, secrets=codes, before=store))

    def _store(self, connection: Connection, user_id: str, phone_id: str, codes: tuple[str, ...]) -> None:
        now, valid = self._now(), self._book.service.sms_valid_seconds
        hashes = {code: self._seals.code_hash(user_id, sms_codes.hashed(code)) for code in codes}
        sms_codes.store_batch(connection, user_id, phone_id, hashes, now, now + valid if valid else None)

    # ------------------------------------------------------------ the user said yes

    async def admit(self, asking: Asking, factor: str, device: str) -> Allowed | Refused:
        """The user may have been disabled or deleted meanwhile: that counts."""
        now = self._now()

        def job(connection: Connection) -> Allowed | Refused:
            found = standing(connection, asking.username, now, asking.message)
            if isinstance(found, Account):
                note_login(connection, found, now)
                return Allowed(factor, device=device)
            return found or unknown(asking.username, asking.message)

        return await self._writer.run(job)


def _request(asking: Asking, target: Target) -> PushRequest:
    return PushRequest(
        asking.user_id,
        asking.username,
        asking.application,
        asking.client_ip,
        asking.nas,
        asking.login_id,
        target,
        asking.whence,
    )


def _fraud(asking: Asking) -> FraudReport:
    return FraudReport(
        asking.user_id, asking.username, asking.application, asking.client_ip, asking.login_id, Factor.PHONE
    )


def _too_many(end: TooMany, asking: Asking) -> Refused:
    detail = f"{end.count} pushes of the last {end.seconds:g} s were not approved"
    return Refused(Reason.TOO_MANY_PUSHES, asking.message, Factor.PUSH, detail)


def _not_approved(status: PushStatus, asking: Asking, push: Push | None = None) -> Refused:
    detail = f"the push request ended as {status}"
    if push is not None and push.mode == PushMode.NUMBER and status is PushStatus.DENIED:
        detail += ", or with a wrong number"
    return Refused(_ENDS[status], asking.message, Factor.PUSH, detail)
