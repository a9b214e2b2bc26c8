"""Phone calls that ask for a key: one for one login, which ends exactly once, by the key or by the clock."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from authproxy.config.settings_telephony import CallSettings
from authproxy.messaging.addresses import Addresses, new_token
from authproxy.messaging.gateway import CallUrls, Gateway, Happened, Heard, NotTaken, Ring, Say, Taken
from authproxy.messaging.notes import note
from authproxy.messaging.speech import spoken
from authproxy.secondfactor.gateways import Call, CallEnd, CallStage
from authproxy.secondfactor.reach import Phone, masked
from authproxy.secondfactor.telephony import Booked, Expense, Ledger, OverLimit
from authproxy.secondfactor.telephony_rate import TooOften

_PURPOSE: Final = "login"
_ENDS = {Happened.UNREACHED: CallEnd.NO_ANSWER, Happened.FAILED: CallEnd.FAILED}

_log = Logger()


class OpenCall:
    """A call that goes on. ``ended`` fires once; what is heard after that changes nothing."""

    __slots__ = ("asking", "call", "ended", "is_answered", "is_ending", "provider_id", "row", "urls")

    def __init__(self, call: Call, row: int, urls: CallUrls) -> None:
        self.call = call
        self.row = row
        self.urls = urls
        self.provider_id = ""
        self.is_answered = False
        self.is_ending = False  # the gateway knows that it is over, or hangs up by itself
        self.asking: Deferred[Taken | NotTaken] | None = None
        self.ended: Deferred[CallEnd] = Deferred()

    @property
    def phone(self) -> Phone:
        return self.call.phone

    def answered(self) -> bool:
        """Whether that is news."""
        is_news = not self.is_answered
        self.is_answered = True
        if is_news:
            self.call.heard(CallStage.ANSWERED)
        return is_news

    def end(self, end: CallEnd) -> None:
        if not self.ended.called:
            self.ended.callback(end)

    def end_without_key(self) -> None:
        self.end(CallEnd.NO_KEY if self.is_answered else CallEnd.NO_ANSWER)

    def expire(self) -> None:
        """Time is up, maybe while the gateway is still being asked for it."""
        self.end_without_key()
        if self.asking is not None:
            self.asking.cancel()


class GatewayCalls:
    """Implements ``Calls``. An open call is found by the secret in the address that the gateway was told; with its
    end it is forgotten."""

    def __init__(
        self, gateway: Gateway, ledger: Ledger, addresses: Addresses, settings: CallSettings, clock: IReactorTime
    ) -> None:
        self._gateway = gateway
        self._ledger = ledger
        self._addresses = addresses
        self._settings = settings
        self._clock = clock
        self._open: dict[str, OpenCall] = {}

    def __len__(self) -> int:
        return len(self._open)

    def place(self, call: Call) -> Deferred[CallEnd]:
        """See ``Calls``."""
        return Deferred.fromCoroutine(self._place(call))

    async def _place(self, call: Call) -> CallEnd:
        number = masked(call.phone.number)
        match await self._ledger.book(Expense("call", _PURPOSE, call.user_id, call.phone, call.login_id)):
            case OverLimit(why):
                _log.warn("no call to {number}: {why}", number=number, why=why, login=call.login_id)
                return CallEnd.LIMITED
            case TooOften():
                return CallEnd.TOO_OFTEN
            case Booked(row):
                pass
        token = new_token()
        open_ = self._open[token] = OpenCall(call, row, self._addresses.of_call(token))
        timer = self._clock.callLater(self._settings.seconds, open_.expire)
        call.heard(CallStage.CALLING)
        end: CallEnd | None = None
        try:
            end = await self._ring(open_)
        finally:
            del self._open[token]
            if timer.active():
                timer.cancel()
            self._close(open_, end)
        return end

    async def _ring(self, open_: OpenCall) -> CallEnd:
        """Asks the gateway for it; what happens then may be heard before the gateway has answered."""
        phone = open_.phone
        ring = Ring(
            number=phone.number,
            extension=phone.extension,
            predelay=phone.predelay or 0,
            postdelay=phone.postdelay or 0,
            text=spoken(self._settings, Say.ASK, open_.call.application),
            urls=open_.urls,
            seconds=self._settings.seconds,
        )
        open_.asking = Deferred.fromCoroutine(self._gateway.call(ring))
        try:
            taken = await open_.asking
        except CancelledError:
            if not open_.ended.called:
                raise  # the login was given up
            return await open_.ended
        match taken:
            case Taken(provider_id):
                open_.provider_id = provider_id
                note(self._ledger, open_.row, "sent", provider_id=provider_id)
                return await open_.ended
            case NotTaken(why):
                number, login = masked(phone.number), open_.call.login_id
                _log.error("no call to {number}: {why}", number=number, why=why, login=login)
                note(self._ledger, open_.row, "failed", why, refund=True)
                return CallEnd.FAILED

    def _close(self, open_: OpenCall, end: CallEnd | None) -> None:
        """``end``: None: the login was given up."""
        status = "cancelled" if end is None else str(end)
        _log.info(
            "call to {number}: {status}",
            number=masked(open_.phone.number),
            status=status,
            login=open_.call.login_id,
        )
        note(self._ledger, open_.row, status, refund=not open_.is_answered)
        if open_.provider_id and not open_.is_ending:
            Deferred.fromCoroutine(self._gateway.hang_up(open_.provider_id))

    # ------------------------------------------------------------ what the gateway tells

    def heard(self, token: str, heard: Heard) -> tuple[Say, OpenCall | None]:
        """What to say to it. None: there is no such call, or it has ended."""
        open_ = self._open.get(token)
        if open_ is None:
            return Say.NOTHING, None
        if heard.happened is Happened.RINGING:
            note(self._ledger, open_.row, "ringing")
        if heard.happened is Happened.ANSWERED and open_.answered():
            note(self._ledger, open_.row, "answered")
        if heard.key is not None:
            return self._pressed(open_, heard.key), open_
        if heard.happened in _ENDS:
            open_.is_ending = True
            open_.end(_ENDS[heard.happened])
        elif heard.happened is Happened.OVER:
            open_.is_ending = True
            open_.end_without_key()
        return Say.ASK, open_

    def _pressed(self, open_: OpenCall, key: str) -> Say:
        """The first key counts, however often it is told."""
        open_.answered()
        if open_.ended.called:
            return Say.NOTHING
        open_.is_ending = True
        if key == self._settings.confirm:
            open_.end(CallEnd.CONFIRMED)
            return Say.ACCEPTED
        if key == self._settings.fraud:
            open_.end(CallEnd.FRAUD)
            return Say.REPORTED
        open_.end(CallEnd.NO_KEY)
        return Say.DENIED
