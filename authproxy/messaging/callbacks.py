"""What the gateway tells through the web side: believed when it knows the address and proves who it is."""

from __future__ import annotations

from authproxy.config.settings_telephony import CallSettings
from authproxy.errors import StoreUnavailable
from authproxy.messaging.addresses import Addresses
from authproxy.messaging.calls import GatewayCalls
from authproxy.messaging.gateway import Came, Gateway, Reply
from authproxy.messaging.speech import spoken
from authproxy.secondfactor.telephony import Ledger

FORBIDDEN = Reply(403)
UNKNOWN = Reply(404)
LATER = Reply(503)


class Callbacks:
    """Implements ``HearsGateway``."""

    def __init__(
        self,
        gateway: Gateway,
        ledger: Ledger,
        addresses: Addresses,
        calls: GatewayCalls | None,
        settings: CallSettings,
    ) -> None:
        self._gateway = gateway
        self._ledger = ledger
        self._addresses = addresses
        self._calls = calls
        self._settings = settings

    async def text_report(self, row: str, token: str, came: Came) -> Reply:
        """See ``HearsGateway``."""
        known = self._addresses.row_of(row, token)
        if known is None:
            return UNKNOWN
        if not self._gateway.is_genuine(came):
            return FORBIDDEN
        report = self._gateway.read_report(came)
        if report.status:
            try:
                await self._ledger.note(known, report.status, report.detail)
            except StoreUnavailable:
                return LATER
        return Reply(204)

    async def call_step(self, token: str, step: str, came: Came) -> Reply:
        """See ``HearsGateway``. A call that is over is hung up, so that nobody listens to silence."""
        if self._calls is None:
            return UNKNOWN
        if not self._gateway.is_genuine(came):
            return FORBIDDEN
        say, open_ = self._calls.heard(token, self._gateway.read_call(step, came))
        text = spoken(self._settings, say, open_.call.application if open_ else "")
        postdelay = (open_.phone.postdelay or 0) if open_ else 0
        return self._gateway.say(step, say, self._addresses.of_call(token), text, postdelay)
