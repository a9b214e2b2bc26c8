"""Security keys in the prompt: logging in with one, and setting up a first one."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import Allowed, JsonValue, Reason, Refused
from authproxy.secondfactor.activations import has_device
from authproxy.secondfactor.api_logins import ApiLogins, Ended, Origin
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.authapi import Progress
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.outofband import OutOfBand
from authproxy.secondfactor.prompt_claims import SECURITY_KEY
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.security_keys import Owner, keys_of, user_owner
from authproxy.secondfactor.users import add_user, find_user
from authproxy.secondfactor.webauthn import Ceremonies, NotProven, Registered, UserVerification, Why
from authproxy.store.tables import users


class PromptKeys:
    """``session``: the prompt's. Every method may raise StoreUnavailable."""

    def __init__(self, office: Office, ceremonies: Ceremonies, logins: ApiLogins, ways: OutOfBand) -> None:
        self._office = office
        self._ceremonies = ceremonies
        self._logins = logins
        self._ways = ways

    async def preferences(self, user: Known) -> tuple[bool, str]:
        """Whether there is a key, and the way to log in that the user has chosen (``push:DP...``; "": none)."""
        owner = _owner(user)

        def reading(connection: sa.Connection) -> tuple[bool, str]:
            query = sa.select(users.c.default_method).where(users.c.id == user.user_id)
            return bool(keys_of(connection, owner)), connection.execute(query).scalar_one_or_none() or ""

        return await self._office.glance(reading)

    # ------------------------------------------------------------ login

    async def options(self, user: Known, session: str, verification: UserVerification) -> JsonValue:
        """What the browser asks the key."""
        owner = _owner(user)
        return await self._office.change(
            lambda connection: self._ceremonies.begin_authentication(connection, owner, session, verification)
        )

    async def login(self, origin: Origin, user: Known, session: str, answer: JsonValue) -> Ended:
        """``answer``: the key's. Recorded when it returns."""
        owner = _owner(user)
        proof = await self._office.change(
            lambda connection: self._ceremonies.finish_authentication(
                connection, owner, session, answer, origin.client_ip
            )
        )
        if isinstance(proof, NotProven):
            detail = f"{proof.why}: {proof.detail}" if proof.detail else str(proof.why)
            refused = Refused(Reason.BAD_SECURITY_KEY, factor=SECURITY_KEY, detail=detail)
            return await self._ended(origin, refused, proof.why.sentence)
        asking = origin.asking(user)
        return await self._ended(origin, await self._ways.admit(asking, SECURITY_KEY, proof.key.label), "")

    async def _ended(self, origin: Origin, verdict: Allowed | Refused, sentence: str) -> Ended:
        ended = await self._logins.settle(origin, verdict)
        return Ended(verdict, ended.login, Progress("deny", "deny", sentence)) if sentence else ended

    # ------------------------------------------------------------ a first key

    async def new_options(self, username: str, session: str, verification: UserVerification) -> JsonValue:
        """For a user who has nothing to log in with; makes the user if there is none. None: there is something
        by now."""

        def begin(connection: sa.Connection) -> JsonValue:
            owner = _newcomer(connection, username)
            if owner is None:
                return None
            return self._ceremonies.begin_registration(connection, owner, session, verification)

        return await self._office.change(begin)

    async def register(self, username: str, session: str, answer: JsonValue, address: str) -> Why | None:
        """None: it is registered. Of two who enroll the same user at a time only the first may."""

        def finish(connection: sa.Connection) -> Why | None:
            owner = _newcomer(connection, username)
            if owner is None:
                return Why.TAKEN
            actor = f"user:{username}"
            done = self._ceremonies.finish_registration(connection, owner, session, answer, "", actor, address)
            return None if isinstance(done, Registered) else done.why

        return await self._office.change(finish)


def _owner(user: Known) -> Owner:
    return user_owner(user.user_id, user.username)


def _newcomer(connection: sa.Connection, username: str) -> Owner | None:
    """``username``: normalized. None: has something to log in with, or can't be a user's name."""
    try:
        user = find_user(connection, username, "none")
    except NotFound:
        try:
            user = add_user(connection, username, "none")
        except BadValue:
            return None
        note(connection, f"user:{username}", "enroll begin", username)
    owner = user_owner(user.id, user.username)
    is_enrolled = connection.execute(sa.select(has_device(sa.literal(user.id)))).scalar_one()
    return None if is_enrolled or user.status == "disabled" else owner
