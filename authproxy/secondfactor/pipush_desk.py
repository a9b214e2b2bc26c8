"""The privacyIDEA Authenticator as a phone: enrollment, polls, answers.

The app polls, so nothing has to reach it. It looks when it is opened, and every three seconds while it is open if
its user has turned that on.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from twisted.internet.defer import Deferred

from authproxy.secondfactor import activations, phone_jobs
from authproxy.secondfactor.phone_api import PhoneRefused
from authproxy.secondfactor.phone_claim import NewApp, UserDisabled, claiming
from authproxy.secondfactor.phone_desk import decide
from authproxy.secondfactor.phone_jobs import Pending, PhoneApp
from authproxy.secondfactor.phone_test import Tests, nothing_tested, passing
from authproxy.secondfactor.pipush_api import Enrolled, Fields, Heard, PipushRefused
from authproxy.secondfactor.pipush_text import (
    DECLINE_REASON,
    Challenge,
    answer_text,
    challenge_object,
    is_signed,
    normalized,
    poll_text,
    public_key_text,
    read_public_key,
    read_time,
    refresh_text,
    shown_text,
)
from authproxy.secondfactor.push import PushDesk
from authproxy.secondfactor.pushes import PushMode, PushStatus
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.writer import Writer

PATH: Final = "/ttype/push"
NOT_ME: Final = "unknown_trigger"
_POLL_SECONDS, _REFRESH_SECONDS = 60.0, 300.0  # how far an app's clock may be off
_NONCE_BYTES = 20
_KEY_BITS = 2048
_PURPOSE = "pipush keys"

RunInThread = Callable[[Callable[[], rsa.RSAPrivateKey]], Deferred[rsa.RSAPrivateKey]]


def url_of(base_url: str) -> str:
    return normalized(base_url + PATH)


def serial_of(credential: str) -> str:
    """An enrollment's serial follows from its credential: nothing has to be kept until it is used."""
    return "AP" + base64.b32encode(hashlib.sha256(b"pipush serial " + credential.encode()).digest()[:15]).decode()


def new_credential() -> str:
    return os.urandom(20).hex()


class PipushDesk:
    """Implements ``PipushApi``."""

    def __init__(
        self,
        writer: Writer,
        seeds: SeedBox,
        pushes: PushDesk,
        base_url: str,
        location: Callable[[str], str],
        in_thread: RunInThread,
        now: Callable[[], float],
        tests: Tests = nothing_tested,
    ) -> None:
        """``in_thread``: runs what takes a tenth of a second. ``now``: epoch seconds. ``tests``: asks a phone for
        an answer."""
        self._writer = writer
        self._seeds = seeds
        self._pushes = pushes
        self._url = url_of(base_url)
        self._location = location
        self._in_thread = in_thread
        self._now = now
        self._tests = tests

    async def post(self, fields: Fields) -> Enrolled | Heard:
        match fields:
            case {"enrollment_credential": credential, "serial": serial, "pubkey": pubkey}:
                return await self._enroll(credential, serial, pubkey)
            case {"new_fb_token": token, "serial": _, "timestamp": timestamp, "signature": _}:
                app = await self._identify(fields, refresh_text(token, fields["serial"], timestamp))
                self._offset(timestamp, _REFRESH_SECONDS)
                return Heard(app is not None)  # there is nothing that such a token would be good for
            case {"serial": _, "nonce": nonce, "signature": _}:
                return await self._answer(fields, nonce)
        raise PipushRefused("not a request of the app")

    # ------------------------------------------------------------ enrollment

    async def _enroll(self, credential: str, serial: str, pubkey: str) -> Enrolled:
        public_key = read_public_key(pubkey)
        if public_key is None or serial != serial_of(credential):
            raise PipushRefused("an enrollment with a key or serial that is not one")
        if await self._writer.run(activations.peeking(credential, self._now())) is None:  # a key costs a lot
            raise PipushRefused("an enrollment that is unknown, used or expired")
        key = await self._in_thread(_new_key)
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = self._seeds.seal(_PURPOSE, serial, der)
        try:
            done = await self._writer.run(
                claiming(credential, NewApp("pipush", serial, public_key, "", sealed), self._now())
            )
        except UserDisabled:
            raise PipushRefused("an enrollment of a disabled user") from None
        if done is None:
            raise PipushRefused("an enrollment that is unknown, used or expired")
        self._pushes.wake(done.ended)
        if done.app.is_untested:
            with suppress(PhoneRefused):  # too many are open: the page has a button for another
                await self._tests(done.app.phone_id)
        return Enrolled(public_key_text(key))

    # ------------------------------------------------------------ polls

    async def poll(self, fields: Fields) -> Sequence[dict[str, str]]:
        timestamp = fields.get("timestamp", "")
        app = await self._identify(fields, poll_text(fields.get("serial", ""), timestamp))
        try:
            offset = self._offset(timestamp, _POLL_SECONDS)
        except PipushRefused:
            await self._note_clock(app, timestamp)
            raise
        found = await self._writer.run(phone_jobs.showing(app, self._now(), _new_nonce, offset))
        able = DECLINE_REASON in _names(fields.get("capabilities", ""))
        if not found:
            return []
        key = self._key(app)
        return [challenge_object(self._challenge(app, each), key, able) for each in found if _fits(each)]

    async def _note_clock(self, app: PhoneApp, timestamp: str) -> None:
        """For the help desk: why this app is told nothing."""
        said, now = read_time(timestamp), self._now()
        if said is not None:
            await self._writer.run(phone_jobs.noting(app, now, said - now, app.permission, app.subscription))

    def _challenge(self, app: PhoneApp, pending: Pending) -> Challenge:
        push = pending.push
        detail = json.loads(push.detail)
        place = str(detail.get("location", "")) or self._location(push.client_ip)
        whence = f" from {push.client_ip}" if push.client_ip else ""
        where = f" ({place})" if place else ""
        question = shown_text(f"Sign in as {push.username}{whence}{where}?")
        options = push.options.split(",") if push.mode == PushMode.NUMBER else ()
        return Challenge(
            pending.nonce, self._url, app.serial, question, shown_text(push.application) or "Sign-in", options
        )

    def _key(self, app: PhoneApp) -> rsa.RSAPrivateKey:
        assert app.server_key is not None
        return _loaded(self._seeds.unseal(_PURPOSE, app.serial, app.server_key))

    # ------------------------------------------------------------ answers

    async def _answer(self, fields: Fields, nonce: str) -> Heard:
        picked, reason = fields.get("presence_answer", ""), fields.get("decline_reason", "")
        is_decline = fields.get("decline", "0") not in ("", "0")
        text = answer_text(nonce, fields["serial"], is_decline, reason, picked)
        app = await self._identify(fields, text)
        asked = await self._writer.run(phone_jobs.asking_by_nonce(app.phone_id, nonce))
        if asked is None:
            raise PipushRefused("an answer to what was not asked")
        if picked and asked[0].mode != PushMode.NUMBER:  # a signed "decline" would pass for one of an approval
            raise PipushRefused("a number where none was asked for")
        status = PushStatus.APPROVED
        if is_decline:
            status = PushStatus.FRAUD if reason == NOT_ME else PushStatus.DENIED
        answered = await decide(self._pushes, asked, status, app, picked, self._now())
        if isinstance(answered, PushStatus):
            raise PipushRefused(f"too late: the push was {answered}", "This request was already answered.")
        if app.is_untested and answered.status == PushStatus.APPROVED:
            await self._writer.run(passing(app.phone_id, self._now()))
        return Heard(answered.status == status, answered.code)

    async def _identify(self, fields: Fields, text: str) -> PhoneApp:
        app = await self._writer.run(phone_jobs.finding(fields.get("serial", "")))
        if app is None or app.kind != "pipush":
            raise PipushRefused("an unknown serial")
        if not is_signed(app.public_key, fields.get("signature", ""), text):
            raise PipushRefused("a bad signature")
        if not app.usernames:
            raise PipushRefused("all users of the phone are disabled")
        return app

    def _offset(self, timestamp: str, most: float) -> float:
        """Seconds the app's clock is ahead."""
        said = read_time(timestamp)
        if said is None or abs(said - self._now()) > most:
            raise PipushRefused("a clock that is off, or an old request")
        return said - self._now()


def _fits(pending: Pending) -> bool:
    """The app can't have a number typed: only picked."""
    return pending.push.mode != PushMode.NUMBER or bool(pending.push.options)


def _names(text: str) -> list[object]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return names if isinstance(names, list) else []


def _new_nonce() -> str:
    return base64.b32encode(os.urandom(_NONCE_BYTES)).decode("ascii")


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, _KEY_BITS)


@lru_cache(maxsize=1024)
def _loaded(der: bytes) -> rsa.RSAPrivateKey:
    key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)  # it was ours all the time
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
