"""The Auth API v2 of one remote service, in calls that a login understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from authproxy.apiclient.client import Call
from authproxy.apiclient.envelope import Answer, Outage, Outcome, Refusal
from authproxy.drops import Drops
from authproxy.errors import SecondFactorUnavailable
from authproxy.model import Reason, Refused
from authproxy.secondfactor.authapi import Preauth, Progress
from authproxy.secondfactor.remote_answers import WAITING, read_preauth, read_progress, read_txid

POLL_SECONDS: Final = 30.0  # then it is asked again: a connection that died unnoticed costs no more
_BLOCKING_SECONDS = 75.0  # services that hold the request until the user answers: a push lives 60 s
_SOONEST_AGAIN = 1.0
_LONGEST_PAUSE = 5.0
_MOST_UNKNOWN = 3
_BUSY = "The service is busy. Try again later."

_log = Logger()


class MakesCalls(Protocol):
    @property
    def host(self) -> str: ...

    async def call(self, call: Call, seconds: float) -> Outcome: ...


class RemoteService:
    """``seconds``: how long a call may take, but for those that wait for the user.

    Raises SecondFactorUnavailable, so that ``failmode`` decides, only when no user can have been asked anything.
    """

    def __init__(self, section: str, api: MakesCalls, seconds: float, clock: IReactorTime) -> None:
        self._section = section
        self._api = api
        self._seconds = seconds
        self._clock = clock
        self._complaints = Drops()

    async def preauth(self, params: Mapping[str, str]) -> Preauth | Refused:
        """Who this is to the service, and which devices they have."""
        match await self._api.call(Call("POST", "/auth/v2/preauth", params), self._seconds):
            case Answer(response):
                return read_preauth(response)
            case Refusal() as refusal:
                return self._refused(refusal)
            case Outage() as outage:
                return self._unavailable(outage)

    async def auth(self, params: Mapping[str, str]) -> Progress | Refused:
        """A factor that is decided at once: a passcode, or SMS to be sent."""
        call = Call("POST", "/auth/v2/auth", {**params, "async": "0"}, is_repeatable=False)
        return self._decided(await self._api.call(call, self._seconds))

    async def ask(self, params: Mapping[str, str], note: Callable[[Progress], None]) -> Progress | Refused:
        """A factor that waits for the user. ``note`` is told how it goes on; cancel to stop asking."""
        call = Call("POST", "/auth/v2/auth", {**params, "async": "1"}, is_repeatable=False)
        match await self._api.call(call, self._seconds):
            case Answer(response) if txid := read_txid(response):
                return await self._follow(txid, note)
            case Refusal(code=40002, detail=detail) if "async" in detail:
                blocking = Call(
                    call.method, call.path, {**params, "async": "0"}, is_repeatable=False, is_poll=True
                )
                return self._decided(await self._api.call(blocking, _BLOCKING_SECONDS))
            case outcome:
                return self._decided(outcome)

    def _decided(self, outcome: Outcome) -> Progress | Refused:
        match outcome:
            case Answer(response):
                return read_progress(response)
            case Refusal() as refusal:
                return self._refused(refusal)
            case Outage(why, was_sent=True):
                return Refused(Reason.SECOND_FACTOR_UNAVAILABLE, detail=f"{why}; the user may have been asked")
            case Outage() as outage:
                return self._unavailable(outage)

    def _unavailable(self, outage: Outage) -> Refused:
        """``failmode`` is for a service that can't be reached: who uses up our sockets must not get in by it."""
        if outage.is_ours:
            return Refused(Reason.SECOND_FACTOR_UNAVAILABLE, detail=f"{outage.why} (on this host)")
        raise SecondFactorUnavailable(f"{self._api.host}: {outage.why}")

    # ------------------------------------------------------------ waiting for the user

    async def _follow(self, txid: str, note: Callable[[Progress], None]) -> Progress | Refused:
        """Until the service has decided. That nobody answers for a while changes nothing: the user was asked."""
        polls, outages, unknown = 0, 0, 0
        call = Call("GET", "/auth/v2/auth_status", {"txid": txid}, is_poll=True)
        while True:
            begun = self._clock.seconds()
            outcome = await self._api.call(call, POLL_SECONDS)
            took = self._clock.seconds() - begun
            polls += 1
            match outcome:
                case Answer(response):
                    outages = unknown = 0
                    progress = read_progress(response)
                    if progress.result != WAITING:
                        return progress
                    note(progress)
                case Refusal(code=40002):  # how some services end a poll without news, or a txid they do not know
                    unknown = unknown + 1 if took < _SOONEST_AGAIN else 0
                    if unknown >= _MOST_UNKNOWN:
                        return Refused(Reason.SERVICE_REFUSED, detail=f"lost by the service: {outcome}")
                case Outage() | Refusal(status=429):
                    outages += 1
                case Refusal() as refusal:
                    return self._refused(refusal)
            await self._pause(polls, took, outages)

    async def _pause(self, polls: int, took: float, outages: int) -> None:
        """The first poll may be answered at once; after that, answers come when there is news."""
        if outages:
            await deferLater(self._clock, min(0.25 * 2 ** min(outages, 8), _LONGEST_PAUSE))
        elif polls > 1 and took < _SOONEST_AGAIN:
            await deferLater(self._clock, _SOONEST_AGAIN - took)

    # ------------------------------------------------------------ refusals

    def _refused(self, refusal: Refusal) -> Refused:
        """The service is there and said no to the request: that is never a reason to let anybody in."""
        remedy = _REMEDIES.get(refusal.code) or _REMEDIES.get(refusal.status, "")
        if remedy:
            self._complain(refusal, remedy)
        if refusal.status == 429:
            return Refused(Reason.SERVICE_REFUSED, _BUSY, detail=str(refusal))
        return Refused(Reason.SERVICE_REFUSED, detail=str(refusal))

    def _complain(self, refusal: Refusal, remedy: str) -> None:
        """Once a minute."""
        noted = self._complaints.note(self._api.host, str(refusal.code), self._clock.seconds())
        if noted is not None:
            _log.error(
                "{section}: {host} refused our request: {refusal}: {remedy} ({left_out} more of these before)",
                section=self._section,
                host=self._api.host,
                refusal=str(refusal),
                remedy=remedy,
                left_out=noted[1],
            )


_REMEDIES = {
    401: "check ikey, skey and api_host; until then logins are rejected, whatever failmode says",
    40104: "check this host's clock",
    40105: "check this host's clock",
    403: "check that ikey belongs to an application that may use the Auth API",
    404: "check that api_host is such a service",
    429: "it wants fewer requests of this application, or of this user",
}
