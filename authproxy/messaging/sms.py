"""Text messages through the gateway: booked, sent, and what became of them."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from authproxy.messaging.addresses import Addresses
from authproxy.messaging.gateway import Gateway, Message, NotTaken, Taken
from authproxy.messaging.notes import note
from authproxy.secondfactor.gateways import Text, TextEnd
from authproxy.secondfactor.messages import Draft
from authproxy.secondfactor.outbox import Outbox
from authproxy.secondfactor.reach import masked
from authproxy.secondfactor.telephony import Booked, Expense, Ledger, OverLimit
from authproxy.secondfactor.telephony_rate import TooOften

_log = Logger()


class GatewayTexts:
    """Implements ``Texts``."""

    def __init__(
        self,
        gateway: Gateway,
        ledger: Ledger,
        addresses: Addresses,
        outbox: Outbox | None = None,
        sender: str = "",
    ) -> None:
        """``outbox``: keeps a copy of what goes out."""
        self._gateway = gateway
        self._ledger = ledger
        self._addresses = addresses
        self._outbox = outbox
        self._sender = sender

    def send(self, text: Text) -> Deferred[TextEnd]:
        """See ``Texts``."""
        return Deferred.fromCoroutine(self._send(text))

    async def _send(self, text: Text) -> TextEnd:
        number = masked(text.phone.number)
        expense = Expense("sms", text.purpose, text.user_id, text.phone, text.login_id)
        match await self._ledger.book(expense):
            case OverLimit(why):
                _log.warn("no message to {number}: {why}", number=number, why=why, login=text.login_id)
                return TextEnd.LIMITED
            case TooOften():
                return TextEnd.TOO_OFTEN
            case Booked(row):
                pass
        await text.before()
        message = Message(text.phone.number, text.body, self._addresses.of_message(row))
        copy = await self._keep(text)
        try:
            taken = await self._gateway.text(message)
        except CancelledError:
            note(self._ledger, row, "sent", "given up while the gateway was being asked")
            self._tell(copy, "")
            raise
        match taken:
            case Taken(provider_id):
                self._tell(copy, "")
                _log.info("message to {number} taken by the gateway", number=number, login=text.login_id)
                note(self._ledger, row, "sent", provider_id=provider_id)
                return TextEnd.ACCEPTED
            case NotTaken(why, is_sure):
                _log.error("no message to {number}: {why}", number=number, why=why, login=text.login_id)
                note(self._ledger, row, "failed", why, refund=is_sure)
                self._tell(copy, why)
                return TextEnd.FAILED

    async def _keep(self, text: Text) -> str:
        """The ID of the copy; empty without one."""
        if self._outbox is None:
            return ""
        to, secrets = text.phone.number, text.secrets
        draft = Draft("sms", text.purpose, to, text.body, "", "", secrets, text.user_id, sender=self._sender)
        return await self._outbox.keep_text(draft)

    def _tell(self, copy: str, problem: str) -> None:
        """How it went, for the record: nothing waits for it. ``problem`` empty: it is out."""
        if self._outbox is None or not copy:
            return
        told = self._outbox.failed(copy, problem) if problem else self._outbox.sent(copy)
        noting: Deferred[None] = Deferred.fromCoroutine(told)
        noting.addErrback(lambda failure: _log.error("a message's copy: {why}", why=failure.getErrorMessage()))
