"""Challenges of WebAuthn: each for one owner, one browser session and one purpose, once, for a few minutes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final, cast

import sqlalchemy as sa
from fido2.utils import websafe_decode
from fido2.webauthn import CollectedClientData

from authproxy.model import JsonValue
from authproxy.secondfactor import tickets
from authproxy.secondfactor.security_keys import Owner
from authproxy.secondfactor.webauthn_outcomes import NotProven, UserVerification, Why

VALID_SECONDS: Final = 300.0
_KIND = "webauthn"


class Purpose(StrEnum):
    REGISTER = "register"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a challenge holds for. ``session``: any text that only this browser's session has."""

    owner: Owner
    session: str
    purpose: Purpose

    @property
    def mark(self) -> str:
        """Hashed, for sessions are nobody's to read."""
        parts = (self.owner.kind, self.owner.id, self.purpose, self.session)
        return sha256("\x00".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Taken:
    """A challenge that an answer was made for; it is used up."""

    challenge: bytes
    verification: UserVerification


def issue(connection: sa.Connection, bound: Bound, verification: UserVerification, now: float) -> bytes:
    """32 random bytes."""
    challenge = secrets.token_bytes(32)
    payload: dict[str, JsonValue] = {"bound": bound.mark, "verification": str(verification)}
    tickets.issue(connection, _KIND, challenge, payload, now + VALID_SECONDS, now)
    return challenge


def take(
    connection: sa.Connection, bound: Bound, answer: JsonValue, origins: Collection[str], now: float
) -> Taken | NotProven:
    """Uses up the challenge that the browser's ``answer`` names, right or wrong; what the browser says about
    where it was made (its client data, WebAuthn 5.8.1) is checked here."""
    try:
        client = _client_data(answer)
        is_own_page = client.cross_origin is False and "topOrigin" not in json.loads(client.decode())
    except Exception as error:  # of many kinds, for it is an answer from outside
        return NotProven(Why.GARBAGE, repr(error)[:200])
    payload = tickets.take(connection, _KIND, client.challenge, now)
    if payload is None or payload["bound"] != bound.mark:
        return NotProven(Why.EXPIRED)
    if client.origin not in origins:
        return NotProven(Why.ORIGIN, repr(client.origin)[:200])
    if not is_own_page:
        return NotProven(Why.FRAME)
    return Taken(client.challenge, UserVerification(str(payload["verification"])))


def _client_data(answer: JsonValue) -> CollectedClientData:
    response = cast("dict[str, dict[str, str]]", answer)["response"]
    return CollectedClientData(websafe_decode(response["clientDataJSON"]))
