"""Users who have nothing to log in with yet, at the prompt: they set up a phone or a security key right there."""

from __future__ import annotations

from typing import Final

from authproxy.model import JsonValue
from authproxy.secondfactor.authapi import Progress
from authproxy.secondfactor.enroll_api import EnrollApi, Stage
from authproxy.secondfactor.enroll_links import VALID_SECONDS, EnrollLinks
from authproxy.secondfactor.prompt_attempts import Attempt
from authproxy.secondfactor.prompt_guests import Guest
from authproxy.secondfactor.prompt_keys import PromptKeys
from authproxy.secondfactor.wording import said

REGISTERED: Final = "registered"
_REGISTERED: Final = Progress("waiting", REGISTERED, said("Your security key is set up. Log in with it now."))


class Newcomers:
    """``guest``: one who may enroll. Every method may raise StoreUnavailable."""

    def __init__(self, links: EnrollLinks, enrolling: EnrollApi, keys: PromptKeys) -> None:
        self._links = links
        self._enrolling = enrolling
        self._keys = keys

    async def phone(self, guest: Guest) -> Stage:
        """How far the phone is that is being set up; looking changes nothing."""
        return await self._enrolling.look(self._ticket(guest))

    async def begin_phone(self, guest: Guest) -> None:
        """Waits for a phone from now on; one that has yet to answer its test is asked again."""
        await self._enrolling.begin(self._ticket(guest))

    async def key_options(self, guest: Guest) -> JsonValue:
        """What the browser asks the key. None: there is something to log in with by now."""
        return await self._keys.new_options(guest.user.name, guest.session.id, guest.policy.verification)

    async def key_answer(self, guest: Guest, answer: JsonValue) -> Attempt:
        """What the key said to that."""
        attempt, session, address = Attempt("key"), guest.session.id, guest.browser.address
        why = await self._keys.register(guest.user.name, session, answer, address)
        attempt.end(_REGISTERED if why is None else Progress("deny", "deny", why.sentence))
        return attempt

    def _ticket(self, guest: Guest) -> str:
        """The same each time."""
        return self._links.ticket(guest.user.name, guest.session.created + VALID_SECONDS)
