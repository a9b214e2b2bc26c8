"""Open challenges: what a RADIUS State stands for, until it is redeemed, once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from sqlalchemy import bindparam

from authproxy.model import Identity, PendingChallenge, Sealed, SqlValue
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import challenges
from authproxy.store.writer import Writer

STATE_LENGTH = 24
_SWEEP_EVERY = 60.0
_NONCE = 12  # bytes

_INSERT = compiled(
    challenges.insert().values(hash=bindparam("hash"), payload=bindparam("payload"), expires=bindparam("expires"))
)
_REDEEM = compiled(
    challenges.delete().where(challenges.c.hash == bindparam("hash")).returning(
        challenges.c.payload, challenges.c.expires
    )
)  # fmt: skip
_SWEEP = compiled(challenges.delete().where(challenges.c.expires <= bindparam("now")))


def new_state() -> bytes:
    """24 printable characters, 144 random bits."""
    return base64.urlsafe_b64encode(secrets.token_bytes(18))


class StoreChallenges:
    """Implements ``model.Challenges``. Only a State's hash is stored: who reads the database can't answer."""

    def __init__(self, writer: Writer, seconds: float, now: Callable[[], float]) -> None:
        """``seconds``: how long the user may take. ``now``: epoch seconds."""
        self._writer = writer
        self._seconds = seconds
        self._now = now
        self._next_sweep = 0.0

    async def issue(self, pending: PendingChallenge) -> bytes:
        state = new_state()
        now = self._now()
        sweep = now >= self._next_sweep
        if sweep:
            self._next_sweep = now + _SWEEP_EVERY
        row: dict[str, SqlValue] = {
            "hash": _hash(state),
            "payload": to_json(pending, state),
            "expires": now + self._seconds,
        }

        def insert(connection: Connection) -> None:
            if sweep:
                connection.execute(_SWEEP, {"now": now})
            connection.execute(_INSERT, row)

        await self._writer.run(insert)
        return state

    async def redeem(self, state: bytes) -> PendingChallenge | None:
        if len(state) != STATE_LENGTH:
            return None
        key = {"hash": _hash(state)}
        rows = await self._writer.run(lambda connection: connection.execute(_REDEEM, key).fetchall())
        if not rows:
            return None
        payload, expires = rows[0]
        assert isinstance(payload, str)
        assert isinstance(expires, float)
        return from_json(payload, state) if self._now() < expires else None


def _hash(state: bytes) -> bytes:
    return hashlib.sha256(state).digest()


def to_json(pending: PendingChallenge, state: bytes) -> str:
    """All of it; session keys from upstream are encrypted with the State, which is not stored."""
    who = pending.who
    return json.dumps(
        {
            "section": pending.section,
            "nas": pending.nas,
            "typed_username": pending.typed_username,
            "who": {
                "username": who.username,
                "dn": who.dn,
                "email": who.email,
                "attributes": [_text(raw) for raw in who.attributes],
                "exempt": who.exempt,
                "sealed": [[*one.key, one.how, _text(one.tag), _hidden(one.value, state)] for one in who.sealed],
                "doubt": who.doubt,
            },
            "resume": dict(pending.resume),
            "login_id": pending.login_id,
        }
    )


def from_json(payload: str, state: bytes) -> PendingChallenge:
    values = json.loads(payload)
    who = values.pop("who")
    attributes = tuple(base64.b64decode(raw) for raw in who.pop("attributes"))
    sealed = tuple(
        Sealed((vendor, type_), how, base64.b64decode(tag), _revealed(value, state))
        for vendor, type_, how, tag, value in who.pop("sealed")
    )
    return PendingChallenge(who=Identity(attributes=attributes, sealed=sealed, **who), **values)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _hidden(value: bytes, state: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
    return _text(nonce + _cipher(state).encrypt(nonce, value, None))


def _revealed(text: str, state: bytes) -> bytes:
    octets = base64.b64decode(text)
    return _cipher(state).decrypt(octets[:_NONCE], octets[_NONCE:], None)


def _cipher(state: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(hmac.digest(state, b"sealed attributes", "sha256"))
