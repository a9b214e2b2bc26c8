"""Text messages through the gateway: booked, sent, and what became of them."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from authproxy.messaging.addresses import Addresses
from authproxy.messaging.gateway import Gateway, Message, NotTaken, Taken
from authproxy.messaging.notes import note
from authproxy.secondfactor.gateways import Text, TextEnd
from authproxy.secondfactor.reach import masked
from authproxy.secondfactor.telephony import Booked, Expense, Ledger, OverLimit

_log = Logger()


class GatewayTexts:
    """Implements ``Texts``."""

    def __init__(self, gateway: Gateway, ledger: Ledger, addresses: Addresses) -> None:
        self._gateway = gateway
        self._ledger = ledger
        self._addresses = addresses

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
            case Booked(row):
                pass
        message = Message(text.phone.number, text.body, self._addresses.of_message(row))
        try:
            taken = await self._gateway.text(message)
        except CancelledError:
            note(self._ledger, row, "sent", "given up while the gateway was being asked")
            raise
        match taken:
            case Taken(provider_id):
                _log.info("message to {number} taken by the gateway", number=number, login=text.login_id)
                note(self._ledger, row, "sent", provider_id=provider_id)
                return TextEnd.ACCEPTED
            case NotTaken(why, is_sure):
                _log.error("no message to {number}: {why}", number=number, why=why, login=text.login_id)
                note(self._ledger, row, "failed", why, refund=is_sure)
                return TextEnd.FAILED
