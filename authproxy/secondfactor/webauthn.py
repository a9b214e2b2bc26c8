"""Ceremonies of WebAuthn: how a security key is registered, and how it proves itself at a login.

For the prompt, the portal and the Admin Panel alike; every function takes an ``sa.Connection`` of a change
(``office.change``), for challenges are used up. Registering, for somebody who is logged in::

    options = await office.change(lambda c: ceremonies.begin_registration(c, owner, session))
    # -> JSON to the browser (static/pages/webauthn.js), whose answer comes back as JSON:
    match await office.change(lambda c: ceremonies.finish_registration(c, owner, session, answer, name, actor)):
        case Registered(key): ...
        case NotProven(why): ...   # why.sentence is for the user, why for the log

Logging in::

    options = await office.change(lambda c: ceremonies.begin_authentication(c, owner, session))
    match await office.change(lambda c: ceremonies.finish_authentication(c, owner, session, answer)):
        case Proven(key, is_user_verified): ...
        case NotProven(why): ...

``session`` is any text that only this browser's session has (the hash of its cookie, say): a challenge is good for
one owner, one session, one purpose, once, and for a few minutes. Nothing of it travels by the browser but the
challenge itself. Outcomes are returned, never raised, so that a challenge stays used up. The library checks the
signature, the origin, the RP ID and the flags; what it leaves to us is here: one-shot challenges, the signature
counter, frames of other sites, who owns a credential, and whatever it raises at garbage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from authproxy.model import JsonValue
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.refusals import AlreadyThere, BadValue
from authproxy.secondfactor.security_keys import NewKey, Owner, add_key, keys_of, note_use
from authproxy.secondfactor.webauthn_challenges import VALID_SECONDS, Bound, Purpose, Taken, issue, take
from authproxy.secondfactor.webauthn_outcomes import NotProven, Proven, Registered, UserVerification, Why
from authproxy.secondfactor.webauthn_shapes import (
    credential_of,
    descriptor_of,
    has_odd_flags,
    is_backed_up,
    json_of,
    object_of,
    origin_of,
    transports_of,
)

__all__ = ["Ceremonies", "NotProven", "Proven", "Registered", "UserVerification", "Why"]

_LONGEST_CREDENTIAL: Final = 1023  # bytes; WebAuthn 7.1, step 25
_ALGORITHMS: Final = frozenset(CoseKey.supported_algorithms())


class Ceremonies:
    """One for the whole web side."""

    def __init__(
        self, base_url: str, now: Callable[[], float], *, name: str = "authproxy", origins: Sequence[str] = ()
    ) -> None:
        """``base_url``: ``https://host[:port]``: its host is what keys are bound to (the RP ID), and it is the
        origin; ``origins`` are others that lead to the same pages. ``now``: epoch seconds."""
        host = urlsplit(base_url).hostname or "localhost"
        self._origins = frozenset((origin_of(base_url), *map(origin_of, origins)))
        self._server = Fido2Server(
            PublicKeyCredentialRpEntity(id=host, name=name),
            attestation=AttestationConveyancePreference.NONE,
            verify_origin=self._origins.__contains__,
        )
        self._server.timeout = int(VALID_SECONDS * 1000)  # type: ignore[assignment]  # None until it is set
        self._now = now

    # ------------------------------------------------------------ registration

    def begin_registration(
        self,
        connection: sa.Connection,
        owner: Owner,
        session: str,
        verification: UserVerification = UserVerification.PREFERRED,
    ) -> dict[str, JsonValue]:
        """``{"publicKey": {...}}`` for ``navigator.credentials.create``."""
        bound = Bound(owner, session, Purpose.REGISTER)
        options, _ = self._server.register_begin(
            PublicKeyCredentialUserEntity(
                id=owner.handle, name=owner.name, display_name=owner.display_name or owner.name
            ),
            [descriptor_of(key) for key in keys_of(connection, owner)],
            resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
            user_verification=UserVerificationRequirement(verification),
            challenge=issue(connection, bound, verification, self._now()),
        )
        return json_of(options)

    def finish_registration(
        self,
        connection: sa.Connection,
        owner: Owner,
        session: str,
        answer: JsonValue,
        name: str,
        actor: str,
        address: str = "",
    ) -> Registered | NotProven:
        """``answer``: what the browser's ``credential.toJSON()`` gave. ``name``: how its owner calls the key; may
        be empty. ``actor``, ``address``: for the record."""
        bound = Bound(owner, session, Purpose.REGISTER)
        taken = take(connection, bound, answer, self._origins, self._now())
        if isinstance(taken, NotProven):
            return taken
        new = self._new_key(taken, answer)
        if isinstance(new, NotProven):
            return new
        try:
            return Registered(add_key(connection, owner, new, name, self._now(), actor, address))
        except AlreadyThere:
            return NotProven(Why.TAKEN)
        except BadValue as error:
            return NotProven(Why.UNFIT, str(error))

    def _new_key(self, taken: Taken, answer: JsonValue) -> NewKey | NotProven:
        try:
            said = RegistrationResponse.from_dict(object_of(answer))
            made = self._server.register_complete(_state(taken), said)
            credential = made.credential_data
            if credential is None or said.raw_id != credential.credential_id:
                return NotProven(Why.INVALID, "no credential, or another one")
            new = NewKey(
                bytes(credential.credential_id),
                cbor.encode(credential.public_key),
                made.counter,
                str(credential.aaguid),
                transports_of(answer),
                made.is_user_verified(),
                is_backed_up(made),
            )
            algorithm = credential.public_key.get(3)
        except Exception as error:
            return _flaw(taken, error)
        if algorithm not in _ALGORITHMS or has_odd_flags(made) or len(new.credential_id) > _LONGEST_CREDENTIAL:
            return NotProven(Why.INVALID, f"algorithm {algorithm}, flags {made.flags}")
        return new

    # ------------------------------------------------------------ login

    def begin_authentication(
        self,
        connection: sa.Connection,
        owner: Owner,
        session: str,
        verification: UserVerification = UserVerification.PREFERRED,
    ) -> dict[str, JsonValue]:
        """``{"publicKey": {...}}`` for ``navigator.credentials.get``."""
        bound = Bound(owner, session, Purpose.LOGIN)
        options, _ = self._server.authenticate_begin(
            [descriptor_of(key) for key in keys_of(connection, owner)],
            user_verification=UserVerificationRequirement(verification),
            challenge=issue(connection, bound, verification, self._now()),
        )
        return json_of(options)

    def finish_authentication(
        self, connection: sa.Connection, owner: Owner, session: str, answer: JsonValue, address: str = ""
    ) -> Proven | NotProven:
        """``answer``: what the browser's ``credential.toJSON()`` gave."""
        bound = Bound(owner, session, Purpose.LOGIN)
        taken = take(connection, bound, answer, self._origins, self._now())
        if isinstance(taken, NotProven):
            return taken
        keys = {key.credential_id: key for key in keys_of(connection, owner)}
        try:
            said = AuthenticationResponse.from_dict(object_of(answer))
            shown, handle = said.response.authenticator_data, said.response.user_handle
            key = keys.get(bytes(said.raw_id))
            if key is None or (handle and handle != owner.handle):
                return NotProven(Why.FOREIGN)
            self._server.authenticate_complete(_state(taken), [credential_of(key)], said)
        except Exception as error:
            return _flaw(taken, error)
        if has_odd_flags(shown):
            return NotProven(Why.INVALID, f"flags {shown.flags}")
        if (shown.counter or key.sign_count) and shown.counter <= key.sign_count:
            told: dict[str, JsonValue] = {"key": key.id, "counter": shown.counter, "stored": key.sign_count}
            note(connection, "system", "security key refused", owner.name, told, address=address)
            return NotProven(Why.COUNTER, f"{shown.counter} after {key.sign_count}")
        note_use(connection, key, shown.counter, shown.is_user_verified(), is_backed_up(shown), self._now())
        return Proven(key, shown.is_user_verified())


def _state(taken: Taken) -> dict[str, object]:
    return {
        "challenge": websafe_encode(taken.challenge),
        "user_verification": UserVerificationRequirement(taken.verification),
    }


def _flaw(taken: Taken, error: Exception) -> NotProven:
    """The library raises what it likes at an answer that it can't take."""
    text = str(error)
    if taken.verification is UserVerification.REQUIRED and "verified flag not set" in text.lower():
        return NotProven(Why.NOT_VERIFIED)
    return NotProven(Why.INVALID, f"{type(error).__name__}: {text}"[:200])
