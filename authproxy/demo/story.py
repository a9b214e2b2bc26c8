"""The story that the demonstration tells: real logins over UDP, their answers, and why."""

from __future__ import annotations

import time
from base64 import b32decode
from collections.abc import Callable

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from authproxy.demo.appliance import Answer, Appliance
from authproxy.demo.sample import ALICE, BOB
from authproxy.model import LoginRecord
from authproxy.radius.packet import ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT
from authproxy.secondfactor.passcode import hotp, step_at

_ANSWERS = {
    ACCESS_ACCEPT: "Access-Accept",
    ACCESS_REJECT: "Access-Reject",
    ACCESS_CHALLENGE: "Access-Challenge",
}
_STEP = 30


class WrongEnding(Exception):
    """A login of the demonstration did not end as it should have."""


class CodeGenerator:
    """Alice's phone: shows the code of the current half minute, or waits for the next one."""

    def __init__(self, secret: str) -> None:
        self._seed = b32decode(secret)
        self._last_shown = 0

    def fresh_code(self) -> str:
        """A code that was not shown before; the service accepts the next step's a little early."""
        step = max(step_at(time.time(), _STEP), self._last_shown + 1)
        self._last_shown = step
        return hotp(self._seed, step)


class Story:
    """Performs the logins on two appliances' behalf. ``decided`` gives the record of the newest login."""

    def __init__(
        self,
        clock: IReactorTime,
        vpn: Appliance,
        gateway: Appliance,
        phone: CodeGenerator,
        bypass_codes: list[str],
        approve_push: Callable[[], Deferred[object]],
        decided: Callable[[], LoginRecord],
        show: Callable[[str], None],
    ) -> None:
        """``vpn`` speaks to [radius_server_auto], ``gateway`` to [radius_server_challenge].

        ``bypass_codes``: two of Bob's.
        """
        self._clock = clock
        self._vpn = vpn
        self._gateway = gateway
        self._phone = phone
        self._bypass_codes = bypass_codes
        self._approve_push = approve_push
        self._decided = decided
        self._show = show

    async def tell(self) -> None:
        """Raises WrongEnding when a login is answered otherwise than it must be."""
        await self._wrong_password()
        code = await self._password_and_code()
        await self._same_code_again(code)
        await self._bypass()
        await self._challenge()
        await self._push()
        await self._retransmission()

    async def _wrong_password(self) -> None:
        self._title("A wrong password")
        self._end(await self._ask(ALICE.username, "guess,123456"), ACCESS_REJECT)

    async def _password_and_code(self) -> str:
        self._title("The right password and a code from the phone")
        code = self._phone.fresh_code()
        self._end(await self._ask(ALICE.username, f"{ALICE.password},{code}"), ACCESS_ACCEPT)
        return code

    async def _same_code_again(self, code: str) -> None:
        self._title("The same code once more, as a thief would try")
        self._end(await self._ask(ALICE.username, f"{ALICE.password},{code}"), ACCESS_REJECT)

    async def _bypass(self) -> None:
        self._title("Bob forgot his phone: a bypass code from the help desk (his password has a comma in it)")
        self._end(await self._ask(BOB.username, f"{BOB.password},{self._bypass_codes[0]}"), ACCESS_ACCEPT)

    async def _challenge(self) -> None:
        self._title("An appliance that asks in two steps")
        self._sends(ALICE.username, ALICE.password)
        asked = await self._gateway.ask(ALICE.username, ALICE.password)
        self._end(asked, ACCESS_CHALLENGE)
        code = self._phone.fresh_code()
        self._sends(ALICE.username, f"{code}   (with the State of the challenge)")
        self._end(await self._gateway.ask(ALICE.username, code, asked.state), ACCESS_ACCEPT)

    async def _push(self) -> None:
        self._title("A push request, answered by an administrator while the VPN waits")
        login = ensureDeferred(self._ask(ALICE.username, f"{ALICE.password},push"))
        await deferLater(self._clock, 0.3)
        await self._approve_push()
        self._end(await login, ACCESS_ACCEPT)

    async def _retransmission(self) -> None:
        self._title("The answer got lost, and the appliance sends the same request again")
        typed = f"{BOB.password},{self._bypass_codes[1]}"
        self._sends(BOB.username, typed)
        answer = await self._vpn.ask_twice(BOB.username, typed)
        self._end(answer, ACCESS_ACCEPT)
        if answer.repeats != 1:
            raise WrongEnding("the second answer was not the same as the first")
        self._show(
            "  The second datagram got the very same bytes back, though the code was used up: no second login."
        )

    # ------------------------------------------------------------ telling

    def _title(self, text: str) -> None:
        self._show(f"\n* {text}")

    async def _ask(self, username: str, typed: str) -> Answer:
        self._sends(username, typed)
        return await self._vpn.ask(username, typed)

    def _sends(self, username: str, typed: str) -> None:
        self._show(f"  User-Name {username}   User-Password {typed}")

    def _end(self, answer: Answer, expected: int) -> None:
        for line in answer.message.splitlines():
            self._show(f"  | {line}")
        record = self._decided()
        self._show(f"  -> {_ANSWERS[answer.code]} after {record.elapsed * 1000:.1f} ms, login {record.login_id}")
        for step in record.steps:
            self._show(f"     {step.at * 1000:7.1f} ms  {step.stage}: {step.result}  {step.detail}")
        if answer.code != expected:
            raise WrongEnding(f"{_ANSWERS[answer.code]} instead of {_ANSWERS[expected]}")
