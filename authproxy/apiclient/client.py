"""Signed calls to a Duo-style API: the clock's difference is learnt, what may be repeated is."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from authproxy.apiclient.envelope import Answer, Outage, Outcome, Refusal, read_envelope
from authproxy.apiclient.messages import HttpReply, HttpRequest
from authproxy.apiclient.signature import Signable, authorization, encoded
from authproxy.secret import Secret

PING: Final = "/auth/v2/ping"
_BAD_TIME = (40104, 40105)
_LONGEST_PAUSE = 8.0
_MOST_TRIES = 6

_log = Logger()


class SendsHttp(Protocol):
    async def send(self, request: HttpRequest, seconds: float) -> HttpReply | Outage: ...


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs, for which host, in which version (5: JSON; 2: a form)."""

    ikey: str
    skey: Secret
    host: str
    version: int = 5


@dataclass(frozen=True, slots=True)
class Call:
    """``is_repeatable``: asking twice is as good as once, so it may be asked again when no answer came."""

    method: str
    path: str
    params: Mapping[str, str]
    is_repeatable: bool = True
    is_poll: bool = False


class ApiClient:
    """One application of one service. ``now``: epoch seconds of this host; ``chance``: 0 to 1."""

    def __init__(
        self,
        keys: Keys,
        peer: SendsHttp,
        clock: IReactorTime,
        now: Callable[[], float],
        chance: Callable[[], float],
        pause: float = 0.3,
    ) -> None:
        """``pause``: seconds until a request without an answer is made once more."""
        self._keys = keys
        self._peer = peer
        self._clock = clock
        self._now = now
        self._chance = chance
        self._shortest = pause
        self.offset = 0.0  # seconds that the service's clock is ahead of ours

    @property
    def host(self) -> str:
        return self._keys.host

    async def call(self, call: Call, seconds: float) -> Outcome:
        """What came of it, within ``seconds`` with all repetitions. Never raises."""
        end = self._clock.seconds() + seconds
        has_set_clock = False
        for tries in range(1, _MOST_TRIES + 1):
            outcome = await self._once(call, end - self._clock.seconds())
            if isinstance(outcome, Refusal) and outcome.code in _BAD_TIME and not has_set_clock:
                has_set_clock = True
                pause = 0.0 if await self._learn_time(end - self._clock.seconds()) else None
            else:
                pause = self._pause(call, outcome, tries)
            if pause is None or self._clock.seconds() + pause >= end:
                return outcome
            await deferLater(self._clock, pause)
            if self._clock.seconds() >= end:
                return outcome
        return outcome

    def _pause(self, call: Call, outcome: Outcome, tries: int) -> float | None:
        """Seconds until the call is made again; None: never."""
        match outcome:
            case Refusal(status=429, retry_after=retry_after):
                wanted = self._retry_after(retry_after)
                return min(2 ** (tries - 1), _LONGEST_PAUSE) + self._chance() if wanted is None else wanted
            case Outage(was_sent=was_sent) if (
                tries == 1 and not call.is_poll and (call.is_repeatable or not was_sent)
            ):
                return self._shortest
        return None

    def _retry_after(self, header: str) -> float | None:
        """Seconds, from seconds or an HTTP date (RFC 9110 10.2.3)."""
        text = header.strip()
        if text.isascii() and text.isdigit() and len(text) < 6:
            return max(float(text), self._shortest)
        try:
            at = email.utils.parsedate_to_datetime(text).timestamp()
        except (ValueError, OverflowError):
            return None
        return max(at - self._now() - self.offset, self._shortest)

    # ------------------------------------------------------------ one request

    async def _once(self, call: Call, seconds: float) -> Outcome:
        begun = self._clock.seconds()
        reply = await self._peer.send(self._request(call), seconds)
        outcome = reply if isinstance(reply, Outage) else read_envelope(reply)
        _log.debug(
            "{host} {path}: {outcome} after {took:.3f} s",
            host=self.host,
            path=call.path,
            outcome="OK" if isinstance(outcome, Answer) else str(outcome),
            took=self._clock.seconds() - begun,
        )
        return outcome

    def _request(self, call: Call) -> HttpRequest:
        date = email.utils.formatdate(self._now() + self.offset)
        has_body, version = call.method == "POST", self._keys.version
        pairs = tuple(call.params.items())
        query = "" if has_body else encoded(pairs)
        headers = {"Date": date}
        body = b""
        if has_body and version == 5:
            headers["Content-Type"] = "application/json"
            body = json.dumps(call.params, sort_keys=True, separators=(",", ":")).encode("ascii")
        elif has_body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = encoded(pairs).encode("ascii")
        signed_pairs = () if has_body and version == 5 else pairs
        signable = Signable(call.method, self.host, call.path, date, signed_pairs, body)
        skey = self._keys.skey.reveal_bytes()
        headers["Authorization"] = authorization(self._keys.ikey, skey, signable, version)
        return HttpRequest(call.method, call.path, query, headers, body, call.is_poll)

    # ------------------------------------------------------------ the clock

    async def _learn_time(self, seconds: float) -> bool:
        """Asks the service what time it is. True if that is another time than we thought."""
        if seconds <= 0:
            return False
        reply = await self._peer.send(HttpRequest("GET", PING, "", {}, b""), seconds)
        outcome = reply if isinstance(reply, Outage) else read_envelope(reply)
        time = outcome.response.get("time") if isinstance(outcome, Answer) else None
        if not isinstance(time, int | float) or isinstance(time, bool) or not 0 < time < 2**33:
            return False
        before, self.offset = self.offset, time - self._now()
        _log.warn(
            "this host's clock and that of {host} differ by {seconds} s: requests are dated by theirs from now on;"
            " let both be set by NTP, as passcodes depend on the time",
            host=self.host,
            seconds=round(self.offset),
        )
        return abs(self.offset - before) > 1
